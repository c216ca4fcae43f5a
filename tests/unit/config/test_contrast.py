"""Contrast of everything that the workspace draws, in every shipped theme: WCAG 2.2, 1.4.3 and 1.4.6.

The theme of the terminal's own colours is left out: what they are, only the terminal knows. That it leaves
its text and background to the terminal is tested instead.
"""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from rich.style import Style

from lama_tui.config.themes import COLOURS, ThemeFile, read_theme
from lama_tui.paths import PACKAGE, shipped_themes
from lama_tui.ui.palette import Palette
from lama_tui.ui.themes import to_textual

THEMES = {file.stem: read_theme(file) for file in sorted(shipped_themes().glob("*.toml"))}
OF_OUR_CHOOSING = [theme for theme in THEMES.values() if not theme.ansi]
GROUNDS = ("background", "surface", "panel")
READ = 4.5
READ_WELL = 7.0
NOT_TEXT = {"rule"}
"""Styles of lines that part, not of what is read."""


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", 0 to 1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def least(theme: ThemeFile) -> float:
    return READ_WELL if theme.name.startswith("contrast-") else READ


def grounds(theme: ThemeFile) -> dict[str, str]:
    """Everything that text of any colour is drawn on."""
    highlights = ("block-cursor-blurred-background", "input-selection-background", "screen-selection-background")
    return {name: getattr(theme, name) for name in GROUNDS} | {
        name: theme.variables[name] for name in (*highlights, "block-hover-background")
    }


every_theme = pytest.mark.parametrize("theme", OF_OUR_CHOOSING, ids=lambda theme: theme.name)


def test_the_formula() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


@every_theme
def test_every_colour_of_text_on_everything_it_can_stand_on(theme: ThemeFile) -> None:
    texts = {name: getattr(theme, name) for name in COLOURS if name not in GROUNDS}
    texts["foreground-muted"] = theme.variables["foreground-muted"]
    for name, text in texts.items():
        for where, ground in grounds(theme).items():
            assert contrast(text, ground) >= least(theme), (name, where, round(contrast(text, ground), 2))
    for ground in GROUNDS:
        assert contrast(theme.foreground, getattr(theme, ground)) >= READ_WELL, ground


@every_theme
def test_every_style_of_the_transcript(theme: ThemeFile) -> None:
    palette = Palette.of(theme)
    for field in fields(palette):
        style: Style = getattr(palette, field.name)
        assert style.color is not None
        if field.name in NOT_TEXT:
            continue
        own = [style.bgcolor.name] if style.bgcolor is not None else list(grounds(theme).values())
        for ground in own:
            assert contrast(style.color.name, ground) >= least(theme), (field.name, ground)


@every_theme
def test_highlights_cursors_and_selections(theme: ThemeFile) -> None:
    for name in ("block-cursor", "block-cursor-blurred", "input-selection", "input-cursor", "screen-selection"):
        pair = theme.variables[f"{name}-foreground"], theme.variables[f"{name}-background"]
        assert contrast(*pair) >= least(theme), name


@every_theme
def test_edges_of_what_has_the_focus_are_seen(theme: ThemeFile) -> None:
    for ground in GROUNDS:
        assert contrast(theme.primary, getattr(theme, ground)) >= 3, ground


@every_theme
def test_dark_is_dark(theme: ThemeFile) -> None:
    assert (luminance(theme.background) < 0.5) == theme.dark
    assert theme.background != "#000000"


def css_rules() -> list[tuple[str, str, str]]:
    """File, selector and body of every rule of our style sheets, nested ones on their own."""
    rules = []
    for sheet in sorted((PACKAGE / "ui" / "styles").glob("*.tcss")):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.S)
        rules += [(sheet.name, s.strip(), body) for s, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text)]
    return rules


@every_theme
def test_every_pair_in_the_style_sheets(theme: ThemeFile) -> None:
    """Text on the background of the same rule, else on any background there is."""
    variables = to_textual(theme).to_color_system().generate() | dict(theme.variables)
    seen = 0
    for sheet, selector, body in css_rules():
        declared = dict(re.findall(r"(?<![\w-])(color|background)\s*:\s*([^;]+);", body))
        colour = declared.get("color", "").strip()
        if not colour.startswith("$") or " " in colour or "disabled" in selector:
            continue
        name = declared.get("background", "").strip()
        own = name.startswith("$") and " " not in name
        on = [variables[name[1:]]] if own else [getattr(theme, ground) for ground in GROUNDS]
        for ground in on:
            seen += 1
            assert contrast(variables[colour[1:]].lower(), ground.lower()) >= least(theme), (sheet, selector)
    assert seen > 10


def _styled_colours() -> set[str]:
    """The variables that our widgets write text in."""
    found: set[str] = set()
    for file in (PACKAGE / "ui").rglob("*.py"):
        found |= set(re.findall(r'"(?:bold |italic |dim )*\$([a-z-]+)', file.read_text()))
    return found - {"border-blurred"}  # lines, never text


@every_theme
def test_every_colour_that_widgets_write_in(theme: ThemeFile) -> None:
    variables = to_textual(theme).to_color_system().generate() | dict(theme.variables)
    assert {"primary", "warning", "foreground-muted"} <= _styled_colours()
    for name in _styled_colours():
        if name.endswith(("background", "surface", "panel")):
            continue
        for ground in GROUNDS:
            pair = variables[name].lower(), getattr(theme, ground)
            assert contrast(*pair) >= least(theme), (name, ground)


def test_the_terminals_own_text_on_its_own_background() -> None:
    theme = THEMES["terminal"]
    assert {theme.foreground, theme.background, theme.surface, theme.panel} == {"ansi_default"}
    palette = Palette.of(theme)
    backgrounds = {style.bgcolor.name for f in fields(palette) if (style := getattr(palette, f.name)).bgcolor}
    assert backgrounds == {"default"}
    highlight = theme.variables["block-cursor-foreground"], theme.variables["block-cursor-background"]
    assert highlight == ("ansi_black", "ansi_cyan")


# --- colour blindness: Viénot, Brettel and Mollon 1999 (protan, deutan), on linear RGB ------------------

_SEEN: dict[str, tuple[tuple[float, float, float], ...]] = {
    "protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, -0.0), (0.00401, -0.00401, 1.0)),
    "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, -0.0), (-0.02234, 0.02234, 1.0)),
}


def _linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _lab(linear: list[float]) -> tuple[float, float, float]:
    """CIE L*a*b* (D65) of linear sRGB."""
    r, g, b = (min(1.0, max(0.0, c)) for c in linear)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def apart(one: str, other: str, eyes: str) -> float:
    """How far two colours are apart (CIE 1976 ΔE) for eyes without one kind of cones."""
    matrix = _SEEN[eyes]
    seen = [_lab([sum(m * c for m, c in zip(row, _linear(x), strict=True)) for row in matrix]) for x in (one, other)]
    return sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5


@pytest.mark.parametrize("eyes", sorted(_SEEN))
@pytest.mark.parametrize("name", ["clear-dark", "clear-light"])
def test_right_and_wrong_stay_apart_for_colour_blind_eyes(name: str, eyes: str) -> None:
    theme = THEMES[name]
    for one, other in (("success", "error"), ("success", "warning"), ("primary", "error"), ("primary", "secondary")):
        assert apart(getattr(theme, one), getattr(theme, other), eyes) >= 25, (one, other)


def test_the_measure_of_apart_knows_red_from_green() -> None:
    assert apart("#00a000", "#b05000", "deutan") < 25 < apart("#0072b2", "#d55e00", "deutan")


def test_the_shipped_files_say_what_they_are() -> None:
    for file in sorted(shipped_themes().glob("*.toml")):
        assert Path(file).read_text().startswith("# "), file.name
