"""Single settings are changed in `config.toml`; everything else in it stays."""

import errno
import os
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.config.about import ABOUT, ABOUT_PROVIDER, about
from lama_tui.config.document import describe
from lama_tui.config.edit import set_values
from lama_tui.config.key_presets import PRESETS
from lama_tui.config.loader import LoadedSettings, load_settings, problems_of_text
from lama_tui.config.settings import Settings
from lama_tui.config.template import commented_template, make_file
from lama_tui.config.values import PROVIDER_READERS, READERS, show_duration, show_size, typed
from lama_tui.errors import ConfigError
from lama_tui.paths import Paths

FILE = """# my settings
model = "guide" # the small one

# how it writes
[generation]
temperature = 0.5   # calm
[providers.work]
kind = "openai" # theirs
endpoint = "https://api.example.org/v1"
[keys]
"help.open" = "f12" # nearer
# the end
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(FILE)
    return file


def comments(text: str) -> list[str]:
    return [f"#{line.partition('#')[2]}" for line in text.splitlines() if "#" in line]


def test_one_value_is_changed_and_nothing_else(file: Path) -> None:
    set_values(file, {"generation.temperature": 0.1})
    assert file.read_text() == FILE.replace("temperature = 0.5", "temperature = 0.1")
    set_values(file, {"generation.temperature": 0.5})
    assert file.read_text() == FILE


def test_a_key_is_added_and_taken_out_again(file: Path) -> None:
    set_values(
        file, {"theme": "lama-light", "engine.parallel": 2, "providers.work.max_tokens": 9, "keys.app.quit": "ctrl+b"}
    )
    document = tomllib.loads(file.read_text())
    assert (document["theme"], document["engine"], document["keys"]["app.quit"]) == (
        "lama-light", {"parallel": 2}, "ctrl+b",
    )  # fmt: skip
    assert comments(file.read_text()) == comments(FILE)
    set_values(file, dict.fromkeys(["theme", "engine.parallel", "providers.work.max_tokens", "keys.app.quit"]))
    assert {**tomllib.loads(file.read_text()), "engine": None} == {**tomllib.loads(FILE), "engine": None}


def test_keys_without_quotes_are_found(file: Path) -> None:
    file.write_text('[keys]\nhelp.open = "f12" # nearer\nhelp.other = 1\n'.replace("help.other = 1\n", ""))
    set_values(file, {"keys.help.open": "ctrl+b"})
    assert file.read_text() == '[keys]\nhelp.open = "ctrl+b" # nearer\n'
    set_values(file, {"keys.help.open": None})
    assert load_settings_of(file).settings.keys == {}


def load_settings_of(file: Path) -> LoadedSettings:
    return LoadedSettings(Settings(), problems_of_text(file.read_text(), file.name))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"generation.temperature": 7}, "number from 0 to 2"),
        ({"themee": "x"}, "not a setting"),
        ({"keys.app.quit": "f12"}, "also the key of"),
        ({"keys.app.quit": "q"}, "needed for typing"),
        ({"providers.work.endpoint": None}, "missing"),
        ({"model": "sk-12345678901234"}, "API key"),
        ({"generation": 3}, "section"),
        ({"model": "a\nb"}, "one line"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(file: Path, values: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match="not saved") as raised:
        set_values(file, values)  # type: ignore[arg-type]
    assert why in str(raised.value) and "sk-1234" not in str(raised.value)
    assert file.read_text() == FILE


@pytest.mark.parametrize("broken", ["[[[", "themee = 1", "model = 3", "\udc80"])
def test_a_broken_file_is_left_as_it_is(file: Path, broken: str) -> None:
    file.write_bytes(broken.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match="not saved"):
        set_values(file, {"generation.temperature": 0.3})
    assert file.read_bytes() == broken.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("number", "why", "hint"),
    [
        (errno.ENOSPC, "No space left", "Free some space"),
        (errno.EROFS, "Read-only file system", "writable"),
        (errno.EIO, "Input/output error", "Look at"),
    ],
)
def test_a_disk_that_does_not_take_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int, why: str, hint: str
) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(ConfigError, match="not saved") as raised:
        set_values(file, {"theme": "lama-light"})
    assert why in raised.value.detail and "Errno" not in raised.value.detail
    assert hint in raised.value.hint
    assert file.read_text() == FILE and [*file.parent.iterdir()] == [file]


WORDS = st.text("abcdefghij ", max_size=12).map(lambda text: f"# {text}".rstrip())
VALUES: dict[str, st.SearchStrategy[object]] = {
    "model": st.sampled_from(["guide", "org/model", "work:big", 'a"b', "x\\y"]),
    "theme": st.sampled_from(["lama-dark", "lama-light"]),
    "generation.temperature": st.floats(0, 2),
    "generation.top_p": st.floats(0.01, 1),
    "generation.max_tokens": st.integers(1, 10_000_000),
    "engine.threads": st.integers(0, 1024),
    "engine.memory_limit": st.floats(0.05, 1),
    "engine.idle_unload": st.integers(1, 10**6).map(show_duration),
    "engine.prompt_cache_ram": st.integers(0, 2**40).map(show_size),
    "library.downloads": st.sampled_from(["always", "pause-on-battery"]),
    "library.concurrent_files": st.integers(1, 16),
    "library.check_updates": st.sampled_from(["daily", "off"]),
    "library.integrity": st.sampled_from(["weekly", "off"]),
    "library.quota": st.integers(0, 2**45).map(show_size),
    "library.low_disk": st.integers(0, 2**40).map(show_size),
    "library.require_signatures": st.sampled_from(["never", "warn", "always"]),
    "privacy.local_only": st.booleans(),
    "workspace.mouse": st.booleans(),
    "workspace.conversations": st.booleans(),
    "workspace.monitor": st.sampled_from(["pane", "strip", "off"]),
    "keys.preset": st.sampled_from(PRESETS),
}
SETTING = st.sampled_from(sorted(VALUES)).flatmap(lambda key: st.tuples(st.just(key), VALUES[key]))


def toml(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value).lower() if isinstance(value, bool) else repr(value)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file that can be read, with comments wherever they may be."""
    chosen = dict(draw(st.lists(SETTING, max_size=8)))
    sections: dict[str, list[str]] = {"": []}
    for key, value in chosen.items():
        section, _, name = key.rpartition(".")
        line = f"{name} = {toml(value)}"
        if draw(st.booleans()):
            line += f" {draw(WORDS)}"
        lines = sections.setdefault(section, [])
        lines += [draw(WORDS)] * draw(st.integers(0, 2)) + [line]
    text = [*sections.pop("")]
    for section, lines in sections.items():
        text += [draw(st.sampled_from(["", "\n"])) + f"[{section}] {draw(WORDS)}", *lines]
    return "\n".join([*text, draw(WORDS), ""])


@given(files(), st.lists(SETTING, min_size=1, max_size=4), st.booleans())
def test_any_change_keeps_all_comments_and_all_other_keys(
    text: str, changes: list[tuple[str, object]], take_out: bool
) -> None:
    assert not problems_of_text(text, "x")
    values = {key: None if take_out else value for key, value in changes}
    changed = after(text, values)
    before, now = flat(tomllib.loads(text)), flat(tomllib.loads(changed))
    assert {key: now.get(key) for key in values} == values
    assert {key: now[key] for key in now if key not in values} == {
        key: before[key] for key in before if key not in values
    }
    gone = [line for line in text.splitlines() if take_out and any(is_line_of(line, key) for key in values)]
    kept = Counter(comments(changed))
    assert Counter(comments(text)) - Counter(comments("\n".join(gone))) <= kept <= Counter(comments(text))


def after(text: str, values: dict[str, object]) -> str:
    """What a file says when it was changed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_text(text)
        set_values(file, values)  # type: ignore[arg-type]
        return file.read_text()


def is_line_of(line: str, key: str) -> bool:
    return line.strip().startswith(f"{key.rpartition('.')[2]} =")


def flat(document: dict[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in document.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


# --- what each key is about, and the file that is made of it --------------------------------


def test_every_setting_is_explained_in_a_sentence() -> None:
    assert set(ABOUT) == set(READERS)
    assert set(ABOUT_PROVIDER) == set(PROVIDER_READERS)
    for explained in (*ABOUT.values(), *ABOUT_PROVIDER.values()):
        assert explained.text[0].isupper() and explained.text.endswith(".")
    assert about("providers.some-name.key_env") is ABOUT_PROVIDER["key_env"]


def test_the_template_changes_nothing_and_every_line_of_it_can_be_used() -> None:
    template = commented_template()
    assert not problems_of_text(template, "x")
    assert flat(tomllib.loads(template)) == {}
    lines = [line.removeprefix("# ") for line in template.splitlines()]
    used = [line for line in lines if line.startswith("[") or " = " in line]
    assert not problems_of_text("\n".join(used), "x")
    document = flat(tomllib.loads("\n".join(used)))
    defaults = {setting.key: setting.value for setting in describe(LoadedSettings(Settings()))}
    assert {key: document[key] for key in defaults} == defaults


def test_a_new_file_is_private_and_an_old_one_is_left_alone(tmp_path: Path) -> None:
    file = Paths.from_environment({"LAMA_HOME": str(tmp_path)}).config_file
    make_file(file)
    assert file.read_text() == commented_template()
    assert file.stat().st_mode & 0o777 == 0o600
    set_values(file, {"theme": "lama-light"})
    make_file(file)
    assert 'theme = "lama-light"' in file.read_text()
    loaded = load_settings(Paths.from_environment({"LAMA_HOME": str(tmp_path)}), {})
    assert loaded.settings.theme == "lama-light" and not loaded.problems


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be made"):
        make_file(tmp_path / "config" / "config.toml")


@pytest.mark.parametrize(
    ("key", "words", "value"),
    [
        ("generation.temperature", "0.2", 0.2),
        ("generation.temperature", "1", 1),
        ("generation.max_tokens", "500", 500),
        ("engine.idle_unload", "90s", "90s"),
        ("engine.prompt_cache_ram", "512MiB", "512MiB"),
        ("engine.prompt_cache_ram", "1024", "1024"),
        ("privacy.local_only", "true", True),
        ("model", "7", "7"),
        ("workspace.monitor", "strip", "strip"),
    ],
)
def test_what_is_typed_becomes_a_value_of_the_file(key: str, words: str, value: object) -> None:
    assert typed(READERS[key], words) == value and type(typed(READERS[key], words)) is type(value)
    assert not problems_of_text(f"{key} = {toml(value)}", "x")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("generation.temperature", "hot"),
        ("generation.temperature", "nan"),
        ("generation.temperature", "inf"),
        ("generation.max_tokens", "0.5"),
        ("generation.max_tokens", "9" * 5000),
        ("engine.idle_unload", "soon"),
        ("privacy.local_only", "yes"),
        ("workspace.monitor", ""),
        ("model", " "),
    ],
)
def test_what_cannot_be_meant_says_what_is_expected(key: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        typed(READERS[key], words)
    assert len(str(raised.value)) < 100


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    set_values(link, {"generation.temperature": 0.1})
    assert link.is_symlink() and "0.1" in file.read_text()
