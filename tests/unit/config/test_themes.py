"""Theme files, and that the shipped ones can be read: contrast after WCAG 2.2, 1.4.3."""

from pathlib import Path

import pytest

from lama_tui.config.themes import COLOURS, load_themes, read_theme
from lama_tui.errors import ConfigError
from lama_tui.paths import Paths, shipped_themes

SHIPPED = sorted(shipped_themes().glob("*.toml"))
GROUNDS = ("background", "surface", "panel")
WRITTEN = tuple(colour for colour in COLOURS if colour not in GROUNDS)


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", 0 to 1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


def test_both_themes_are_shipped() -> None:
    assert {file.stem for file in SHIPPED} >= {"lama-dark", "lama-light"}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_themes_can_be_read(file: Path) -> None:
    theme = read_theme(file)
    for ground in GROUNDS:
        for colour in WRITTEN:
            assert contrast(getattr(theme, colour), getattr(theme, ground)) >= 4.5, (colour, ground)
        assert contrast(theme.variables["foreground-muted"], getattr(theme, ground)) >= 4.5, ground
        assert contrast(theme.foreground, getattr(theme, ground)) >= 7, ground
    assert (luminance(theme.background) < 0.5) == theme.dark
    assert theme.background != "#000000"
    for name in ("block-cursor", "block-cursor-blurred", "input-selection", "input-cursor"):
        pair = theme.variables[f"{name}-foreground"], theme.variables[f"{name}-background"]
        assert contrast(*pair) >= 4.5, name


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
    assert themes.choose("lama-dark")[0].variables == {"border": "#112233"}
    assert themes.by_name["mine"].primary == "#aabbcc"


def test_an_unknown_theme_falls_back_and_says_so() -> None:
    chosen, problem = load_themes(Paths.from_environment({"LAMA_HOME": "/nonexistent"})).choose("lama-drak")
    assert chosen.name == "lama-dark"
    assert "Did you mean `lama-dark`?" in str(problem)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"primary": '"red"'}, "`primary`"),
        ({"dark": '"yes"'}, "`dark`"),
        ({"name": '"other"'}, "`name`"),
        ({"primray": '"#000000"'}, "Did you mean `primary`?"),
        ({"variables": '{border = "red; } * { display: none"}'}, "`variables.border`"),
        ({"variables": "3"}, "`variables`"),
        ({"accent": '"'}, "cannot be read"),
    ],
)
def test_a_broken_theme_is_named_and_left_out(paths: Paths, changed: dict[str, str], named: str) -> None:
    file = write(paths, "broken", **changed)
    themes = load_themes(paths)
    assert "broken" not in themes.by_name
    assert len(themes.problems) == 1
    assert str(themes.problems[0]).startswith(str(file))
    assert named in str(themes.problems[0])
    assert themes.choose("broken")[0].name == "lama-dark"


def test_a_missing_colour_is_named(paths: Paths) -> None:
    file = paths.user_themes / "half.toml"
    file.write_text('name = "half"\ndark = true\n')
    with pytest.raises(ConfigError, match="`primary`"):
        read_theme(file)
