"""`config.toml`, the environment and flags become settings, and problems name file and key."""

import dataclasses
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lama_tui.config.document import describe
from lama_tui.config.loader import LoadedSettings, load_settings
from lama_tui.config.settings import GIB, ProviderSettings, Settings
from lama_tui.config.values import PROVIDER_READERS, READERS, show_duration, show_size
from lama_tui.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.from_environment({"LAMA_HOME": str(tmp_path)})
    found.config.mkdir()
    return found


def load(paths: Paths, text: str | bytes, environment: dict[str, str] | None = None, **flags: object) -> LoadedSettings:
    paths.config_file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings(paths, environment or {}, {key.replace("__", "."): value for key, value in flags.items()})


def only_problem(loaded: LoadedSettings) -> str:
    """The one problem; the settings are then the defaults that stay on this machine."""
    assert len(loaded.problems) == 1, [str(problem) for problem in loaded.problems]
    assert loaded.settings.privacy.local_only
    defaults = dataclasses.replace(Settings(), privacy=loaded.settings.privacy)
    assert loaded.settings == defaults
    return str(loaded.problems[0])


def test_every_setting_has_a_reader() -> None:
    known = {key for key in READERS if "." not in key}
    for section in dataclasses.fields(Settings()):
        value = getattr(Settings(), section.name)
        if dataclasses.is_dataclass(value):
            known |= {section.name}
            names = {f"{section.name}.{field.name}" for field in dataclasses.fields(value)}
            assert names == {key for key in READERS if key.startswith(f"{section.name}.")}
    assert known | {"providers", "keys", "key_preset"} == {field.name for field in dataclasses.fields(Settings)}
    assert set(PROVIDER_READERS) == {field.name for field in dataclasses.fields(ProviderSettings)}


def test_no_file_is_fine(paths: Paths) -> None:
    loaded = load_settings(paths, {})
    assert loaded == LoadedSettings(Settings())


def test_the_whole_file(paths: Paths) -> None:
    loaded = load(
        paths,
        """
        model = "work:big"
        theme = "lama-light"
        [generation]
        temperature = 0
        max_tokens = 100
        [engine]
        threads = 4
        idle_unload = "90s"
        prompt_cache_ram = "512MiB"
        prompt_cache_disk = "1.5GiB"
        [providers.work]
        kind = "openai"
        endpoint = "https://api.example.org/v1/"
        model = "big"
        key_env = "WORK_API_KEY"
        timeout_first = 30
        [library]
        downloads = "pause-on-battery"
        [privacy]
        wipe = true
        [keys]
        "conversation.new" = "f12"
        models.open = "ctrl+b"
        """,
    )
    assert loaded.problems == ()
    settings = loaded.settings
    assert (settings.model, settings.theme, settings.generation.temperature) == ("work:big", "lama-light", 0.0)
    assert (settings.engine.idle_unload, settings.engine.prompt_cache_ram) == (90.0, GIB // 2)
    assert (settings.engine.prompt_cache_disk, settings.engine.batch_size) == (GIB * 3 // 2, 512)
    work = settings.providers["work"]
    assert (work.endpoint, work.timeout_first, work.timeout_token) == ("https://api.example.org/v1", 30.0, 60.0)
    assert settings.library.downloads == "pause-on-battery"
    assert settings.privacy.wipe
    assert not settings.privacy.local_only
    assert settings.keys == {"conversation.new": "f12", "models.open": "ctrl+b"}


def test_the_order_is_file_environment_flag(paths: Paths) -> None:
    environment = {"LAMA_MODEL": "from-environment", "LAMA_THEME": "from-environment", "LAMA_LOCAL_ONLY": "1"}
    file = 'model = "from-file"\ntheme = "from-file"\n[generation]\nmax_tokens = 7'
    loaded = load(paths, file, environment, model="from-flag", theme=None)
    assert loaded.problems == ()
    assert (loaded.settings.model, loaded.settings.theme) == ("from-flag", "from-environment")
    assert loaded.settings.privacy.local_only
    shown = {setting.key: (setting.value, setting.source) for setting in describe(loaded)}
    assert shown["model"] == ("from-flag", "flag")
    assert shown["theme"] == ("from-environment", "LAMA_THEME")
    assert shown["generation.max_tokens"] == (7, str(paths.config_file))
    assert shown["engine.idle_unload"] == ("10m", "default")
    assert shown["engine.prompt_cache_disk"] == ("8GiB", "default")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("modle = 'x'", "Did you mean `model`?"),
        ("[engine]\nthread = 3", "Did you mean `threads`?"),
        ("[enigne]\nthreads = 3", "Did you mean `engine`?"),
        ("[engine]\nthreads = '3'", "`engine.threads`"),
        ("[engine]\nthreads = true", "`engine.threads`"),
        ("[engine]\nthreads = -1", "from 0 to 1024"),
        ("[engine]\nmemory_limit = nan", "`engine.memory_limit`"),
        ("[engine]\nidle_unload = 10", '"10m"'),
        ("[engine]\nprompt_cache_ram = 'lots'", '"2GiB"'),
        ("[engine]\nprompt_cache_ram = 1.5", "`engine.prompt_cache_ram`"),
        ("[generation]\ntemperature = inf", "`generation.temperature`"),
        ("engine = 3", "[engine]"),
        ("[library]\ndownloads = 'never'", "pause-on-battery"),
        ("[providers.work]\nkind = 'openai'", "`providers.work.endpoint` is missing"),
        ("[providers.work]\nkind = 'openai'\nendpoint = 'ftp://x'", "`providers.work.endpoint`"),
        ("[providers.work]\nkind = 'openai'\nendpoint = 'https://me:pw@x/v1'", "without user"),
        ("[providers.work]\nkind = 'openai'\nendpoint = 'http://[::1'", "`providers.work.endpoint`"),
        ("[providers.work]\nkind = 'opnai'\nendpoint = 'http://x'", '"openai"'),
        ("[providers.'a/b']\nkind = 'openai'\nendpoint = 'http://x'", "Choose another name"),
        ("[providers.local]\nkind = 'openai'\nendpoint = 'http://x'", "Choose another name"),
        ("[keys]\n'conversation.nwe' = 'f2'", "Did you mean `conversation.new`?"),
        ("[keys]\n'conversation.new' = 3", "`keys.conversation.new`"),
        ("model = 'x", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
        (b"model = '\xff'", "UTF-8"),
        ("#" * (1 << 20) + "\n", "larger"),
        ("'\\u001b[2J' = 1", "is not a setting"),
    ],
)
def test_problems_name_file_and_key(paths: Paths, text: str | bytes, named: str) -> None:
    problem = only_problem(load(paths, text))
    assert problem.startswith(str(paths.config_file))
    assert named in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "api_key = 'sk-aaaaaaaaaaaaaaaa'",
        "[providers.work]\nkind = 'openai'\nendpoint = 'http://x'\napi_key = 'sk-aaaaaaaaaaaaaaaa'",
        "[providers.work]\nkind = 'openai'\nendpoint = 'http://x'\nkey_env = 'sk-aaaaaaaaaaaaaaaa'",
        "[keys]\nopenai = 'sk-aaaaaaaaaaaaaaaa'",
    ],
)
def test_a_key_in_the_file_is_refused_and_never_repeated(paths: Paths, text: str) -> None:
    problem = only_problem(load(paths, text))
    assert "Keys never go in this file" in problem
    assert "aaaa" not in problem


@pytest.mark.parametrize(
    "text",
    ["[privacy]\nlocal_only = 'yes'", "[privacy]\nlocal_olny = true", "privacy = 1", "[privacy]\nwipe = 'no'"],
)
def test_bad_privacy_is_strict_privacy(paths: Paths, text: str) -> None:
    loaded = load(paths, text, {"LAMA_LOCAL_ONLY": "0"}, privacy__local_only=False)
    only_problem(loaded)
    assert loaded.settings.privacy.wipe


def test_an_error_elsewhere_keeps_wipe_and_stays_local(paths: Paths) -> None:
    loaded = load(paths, "oops = 1\n[privacy]\nlocal_only = false\nwipe = true")
    only_problem(loaded)
    assert loaded.settings.privacy.wipe


def test_flags_still_count_with_a_broken_file(paths: Paths) -> None:
    loaded = load(paths, "oops = 1", model="guide", theme="lama-light")
    assert loaded.settings.theme == "lama-light"
    assert loaded.settings.privacy.local_only


def test_a_bad_variable_is_named_and_strict(paths: Paths) -> None:
    loaded = load(paths, "", {"LAMA_LOCAL_ONLY": "perhaps"})
    assert str(loaded.problems[0]).startswith("LAMA_LOCAL_ONLY")
    assert loaded.settings.privacy.local_only


def test_a_bad_flag_is_named(paths: Paths) -> None:
    loaded = load(paths, "", generation__temperature=9.0)
    assert "command line" in str(loaded.problems[0])
    assert loaded.settings.generation.temperature == 0.7


def test_a_file_that_cannot_be_read(paths: Paths) -> None:
    paths.config_file.mkdir()
    assert "cannot be read" in only_problem(load_settings(paths, {}))
    paths.config_file.rmdir()
    os.mkfifo(paths.config_file)
    assert "cannot be read" in only_problem(load_settings(paths, {}))


@pytest.mark.parametrize(("seconds", "text"), [(600, "10m"), (90, "90s"), (7200, "2h"), (0, "0s"), (0.5, "0.5s")])
def test_durations_are_shown_as_written(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


@given(st.integers(0, 1 << 50))
def test_sizes_read_back(count: int) -> None:
    assert READERS["engine.prompt_cache_ram"](show_size(count)) == count


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.binary(max_size=200))
def test_any_bytes_give_settings(paths: Paths, data: bytes) -> None:
    loaded = load(paths, data)
    assert loaded.settings.privacy.local_only == bool(loaded.problems)


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=4,
)


@given(st.sampled_from([*READERS.values(), *PROVIDER_READERS.values()]), VALUES)
def test_readers_return_or_say_what_they_expect(reader: object, value: object) -> None:
    try:
        reader(value)  # type: ignore[operator]
    except ValueError as error:
        assert str(error)
