"""How many colours are sent, and what becomes of a style where there are none."""

import pytest
from rich.color import ColorSystem
from rich.style import Style

from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import Settings
from lama_tui.paths import Paths
from lama_tui.ui.app import LamaApp
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.terminal.colours import ALL, FEW, MANY, NONE, OWN_COLOURS, colours, theme_instead
from lama_tui.ui.terminal.ink import ink_of


@pytest.mark.parametrize(
    ("environment", "number"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ALL),
        ({"TERM": "xterm", "COLORTERM": " 24bit "}, ALL),
        ({"TERM": "xterm-kitty"}, ALL),
        ({"TERM": "xterm-ghostty"}, ALL),
        ({"TERM": "alacritty"}, ALL),
        ({"TERM": "xterm-direct"}, ALL),
        ({"TERM": "xterm-256color"}, MANY),
        ({"TERM": "tmux-256color", "COLORTERM": "yes"}, MANY),
        ({"TERM": "screen-256color", "COLORTERM": "truecolor", "STY": "1.x"}, MANY),
        ({"TERM": "screen.xterm-kitty", "STY": "1.x"}, FEW),
        ({"TERM": "screen"}, FEW),
        ({"TERM": "linux"}, FEW),
        ({"TERM": "xterm-16color"}, FEW),
        ({}, FEW),
        ({"TERM": "vt220"}, NONE),
        ({"TERM": "xterm-mono", "COLORTERM": "truecolor"}, NONE),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "0"}, NONE),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": ""}, ALL),
    ],
)
def test_the_environment_tells(environment: dict[str, str], number: int) -> None:
    assert colours(environment) == number
    assert theme_instead(environment) == (OWN_COLOURS if number in (NONE, FEW) else "")


@pytest.mark.parametrize(
    ("style", "ink"),
    [
        ("red", ""),
        ("bold red", "1"),
        ("default on default", ""),
        ("black on cyan", "7"),
        ("underline #ffffff on #101010", "4;7"),
        ("reverse red", "7"),
        ("reverse black on cyan", ""),  # a cursor in what is reversed
    ],
)
def test_without_colours_attributes_are_left(style: str, ink: str) -> None:
    assert ink_of(Style.parse(style), None) == ink
    assert ink_of(Style.parse(f"{style} link https://a.example"), None).partition("\x1f")[::2] == (
        ink,
        "https://a.example",
    )
    assert not {"7"} & set(ink_of(Style.parse("black on cyan"), ColorSystem.STANDARD).split(";"))


@pytest.mark.parametrize(
    ("flag", "sources", "colourless", "theme"),
    [
        (None, {}, "", OWN_COLOURS),
        (None, {"theme": "config.toml"}, "", "lama-dark"),
        ("lama-light", {}, "", "lama-light"),
        ("lama-light", {"theme": "config.toml"}, "1", OWN_COLOURS),
    ],
)
async def test_the_terminals_own_colours_unless_one_chose(
    monkeypatch: pytest.MonkeyPatch, flag: str | None, sources: dict[str, str], colourless: str, theme: str
) -> None:
    monkeypatch.setenv("NO_COLOR", colourless)
    loaded = LoadedSettings(Settings(), (), sources)
    options = WorkspaceOptions(theme=flag, theme_instead=OWN_COLOURS)
    app = LamaApp(Paths.from_environment(), loaded, options)
    assert app.theme == theme
    app.use_theme("harbour")  # the settings say so now
    assert app.theme == (OWN_COLOURS if colourless else "harbour")
