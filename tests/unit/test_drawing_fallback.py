"""Thin drawing stands on insides of Textual: this one is understood, and of another one it is told."""

import pytest
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.strip import Strip

from lama_tui.cli.terminal_checks import check_drawing
from lama_tui.ui.terminal.drawing import Drawing, obstacle


def test_this_textual_is_understood() -> None:
    """Fails when an upgrade would make lama fall back to stock drawing."""
    assert obstacle() == ""
    assert Drawing().is_thin
    assert check_drawing().status == "ok"


def renamed(update: type) -> type:
    """An update that keeps what it draws under other names."""
    return type(update.__name__, (), {"__init__": lambda self, *arguments: None})


def swapped(self: LayoutUpdate, strips: list[list[Strip]], region: object) -> None:
    """The strips of a row turned round."""
    self.strips, self.region = [row[::-1] for row in strips[::-1]], region  # type: ignore[assignment]


@pytest.mark.parametrize("change", ["hook", "layout", "chops", "order", "segments"])
def test_another_textual_is_drawn_by_itself(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    match change:
        case "hook":
            monkeypatch.setattr(App, "_display", lambda self, screen: None)
        case "layout":
            monkeypatch.setattr("textual._compositor.LayoutUpdate", renamed(LayoutUpdate))
        case "chops":
            monkeypatch.setattr("textual._compositor.ChopsUpdate", renamed(ChopsUpdate))
        case "order":
            monkeypatch.setattr(LayoutUpdate, "__init__", swapped)
        case "segments":
            monkeypatch.delattr(Strip, "__init__")
    why = obstacle()
    assert why
    drawing = Drawing()
    assert not drawing.is_thin
    check = check_drawing()
    assert check.status == "warning" and why in check.value and check.hint
