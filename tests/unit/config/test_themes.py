"""Theme files: what is read, what is derived, what is wrong, and what is told."""

import os
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lama_tui.config.themes import COLOURS, TERMINAL_COLOURS, ThemeFile, load_themes, read_theme, signature
from lama_tui.errors import ConfigError
from lama_tui.paths import Paths, shipped_themes

SHIPPED = sorted(shipped_themes().glob("*.toml"))


def test_what_is_shipped() -> None:
    themes = [read_theme(file) for file in SHIPPED]
    assert len(themes) >= 8
    assert {"lama-dark", "lama-light", "contrast-dark", "contrast-light", "terminal"} <= {t.name for t in themes}
    assert [theme.name for theme in themes if theme.ansi] == ["terminal"]
    assert sum(theme.dark and not theme.ansi for theme in themes) >= 4
    assert sum(not theme.dark for theme in themes) >= 4


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.from_environment({"LAMA_HOME": str(tmp_path)})
    found.user_themes.mkdir(parents=True)
    return found


def write(paths: Paths, stem: str, **changed: str) -> Path:
    lines = {"name": f'"{stem}"', "dark": "true", **dict.fromkeys(COLOURS, '"#AABBCC"')} | changed
    file = paths.user_themes / f"{stem}.toml"
    file.write_text("\n".join(f"{key} = {value}" for key, value in lines.items()))
    return file


def test_without_own_themes(tmp_path: Path) -> None:
    themes = load_themes(Paths.from_environment({"LAMA_HOME": str(tmp_path / "nowhere")}))
    assert themes.problems == ()
    assert themes.choose("lama-light")[0].name == "lama-light"


def test_own_themes_come_first(paths: Paths) -> None:
    write(paths, "mine")
    write(paths, "lama-dark", variables='{border = "#112233"}')
    themes = load_themes(paths)
    assert themes.problems == ()
    assert themes.choose("mine") == (read_theme(paths.user_themes / "mine.toml"), None)
    assert themes.choose("lama-dark")[0].variables["border"] == "#112233"
    assert themes.by_name["mine"].primary == "#aabbcc"


def test_ten_colours_are_a_theme(paths: Paths) -> None:
    theme = read_theme(write(paths, "mine", foreground='"#ffffff"', background='"#000000"', primary='"#336699"'))
    assert theme.variables["foreground-muted"] == "#b2b2b2"
    assert theme.variables["block-cursor-background"] == "#336699"
    assert theme.variables["block-cursor-foreground"] == "#000000"
    assert not theme.ansi


def test_the_terminals_own_colours(paths: Paths) -> None:
    own = dict.fromkeys(COLOURS, '"ansi_default"') | {"primary": '"ansi_bright_blue"'}
    theme = read_theme(write(paths, "mine", **own))
    assert theme.ansi
    assert theme.primary == "ansi_bright_blue"
    colours = [value for key, value in theme.variables.items() if not key.endswith("-text-style")]
    assert set(colours) <= set(TERMINAL_COLOURS)


def test_an_unknown_theme_falls_back_and_says_so() -> None:
    chosen, problem = load_themes(Paths.from_environment({"LAMA_HOME": "/nonexistent"})).choose("lama-drak")
    assert chosen.name == "lama-dark"
    assert "Did you mean `lama-dark`?" in str(problem)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"primary": '"red"'}, "`primary`"),
        ({"primary": '"ansi_red"'}, "`primary`"),
        ({"primary": "3"}, "`primary`"),
        ({"primary": '"#12345"'}, "`primary`"),
        ({"background": '"ansi_default"'}, 'such as "ansi_blue"'),
        ({"dark": '"yes"'}, "`dark`"),
        ({"name": '"other"'}, "`name`"),
        ({"primray": '"#000000"'}, "Did you mean `primary`?"),
        ({"variables": '{border = "red; } * { display: none"}'}, "`variables.border`"),
        ({"variables": '{boarder = "#000000"}'}, "Did you mean `border`?"),
        ({"variables": '{block-cursor-text-style = "loud"}'}, "`variables.block-cursor-text-style`"),
        ({"variables": '{block-cursor-text-style = ""}'}, "`variables.block-cursor-text-style`"),
        ({"variables": "3"}, "`variables`"),
        ({"accent": '"'}, "cannot be read"),
    ],
)
def test_a_broken_theme_is_named_and_left_out(paths: Paths, changed: dict[str, str], named: str) -> None:
    file = write(paths, "broken", **changed)
    themes = load_themes(paths)
    assert "broken" not in themes.by_name
    assert list(themes.broken) == ["broken"]
    assert themes.problems[0].title.startswith(file.name) and str(file) in themes.problems[0].hint
    assert named in str(themes.problems[0])
    assert themes.choose("broken")[0].name == "lama-dark"


def test_a_missing_colour_is_named(paths: Paths) -> None:
    file = paths.user_themes / "half.toml"
    file.write_text('name = "half"\ndark = true\n')
    with pytest.raises(ConfigError, match="`primary`"):
        read_theme(file)


@pytest.mark.parametrize("stem", ["a,b", "two words", "x" * 65, "\u202eabc", "[red]", "a\x1bb"])
def test_names_that_no_theme_can_have(paths: Paths, stem: str) -> None:
    """Textual takes a comma for the next name, and what is shown is text of the person's disk."""
    write(paths, stem)
    themes = load_themes(paths)
    assert not themes.by_name.keys() - {file.stem for file in SHIPPED}
    assert "letters, digits" in themes.problems[0].detail


def test_the_signature_follows_the_files(paths: Paths) -> None:
    empty = signature(paths)
    file = write(paths, "mine")
    written = signature(paths)
    assert written != empty
    assert signature(paths) == written
    os.utime(file, ns=(1, 1))
    assert signature(paths) not in (empty, written)
    (paths.user_themes / "notes.txt").write_text("not a theme")
    (paths.user_themes / "gone.toml").symlink_to("nowhere")
    assert len(signature(paths)) == 1
    assert signature(Paths.from_environment({"LAMA_HOME": "/nonexistent"})) == ()


TEXT = st.text(string.printable, max_size=12)
VALUE = st.one_of(TEXT, st.integers(), st.booleans(), st.sampled_from([*TERMINAL_COLOURS, "#102030", "#fff", "none"]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=400), TEXT.map(str.encode)))
def test_any_bytes_are_a_theme_or_a_problem(paths: Paths, data: bytes) -> None:
    file = paths.user_themes / "any.toml"
    file.write_bytes(data)
    check(file)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(colours=st.dictionaries(st.sampled_from(["name", "dark", *COLOURS]), VALUE), own=st.dictionaries(TEXT, VALUE))
def test_any_values_are_a_theme_or_a_problem(paths: Paths, colours: dict[str, object], own: dict[str, object]) -> None:
    import tomlkit

    values: dict[str, object] = {"name": "any", "dark": True} | dict.fromkeys(COLOURS, "#aabbcc") | colours
    file = paths.user_themes / "any.toml"
    file.write_text(tomlkit.dumps(values | ({"variables": own} if own else {})))
    check(file)


def check(file: Path) -> None:
    """What is read can be drawn with; what is not says which file."""
    from textual.color import Color

    from lama_tui.ui.palette import Palette
    from lama_tui.ui.themes import to_textual

    try:
        theme = read_theme(file)
    except ConfigError as error:
        assert file.name in error.title and str(file) in error.hint
        assert (error.title + error.detail + error.hint).isprintable()
        return
    assert isinstance(theme, ThemeFile)
    Palette.of(theme)
    for name, value in to_textual(theme).to_color_system().generate().items():
        if name in theme.variables and not name.endswith("-text-style"):
            Color.parse(value)
