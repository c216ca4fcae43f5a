"""What widgets drew goes with them."""

import gc
import weakref

import pytest
from textual._styles_cache import StylesCache
from textual.app import App
from textual.color import Color
from textual.screen import Screen
from textual.widgets import Static

from lama_tui.ui.terminal import forgetting


class Drawn(Screen[None]):
    """One that has drawn something."""

    def compose(self):  # type: ignore[no-untyped-def]
        yield Static("drawn")


async def test_what_a_closed_screen_drew_goes() -> None:
    forgetting.install()
    async with App[None]().run_test() as pilot:
        drew = []
        for _ in range(3):
            await pilot.app.push_screen(screen := Drawn())
            await pilot.pause()
            drew.append(weakref.ref(screen.query_one(Static)._styles_cache))
            assert drew[-1]()._cache  # type: ignore[union-attr]
            del screen
            await pilot.app.pop_screen()
            await pilot.pause()
        gc.collect()
        # of the last one Textual may still know what it sent
        assert [each() for each in drew[:-1]] == [None, None]


def test_it_is_installed_once_and_says_the_same() -> None:
    forgetting.install()
    shared = vars(StylesCache)["get_inner_outer"]
    forgetting.install()
    assert vars(StylesCache)["get_inner_outer"] is shared
    inner, outer = StylesCache().get_inner_outer(Color(1, 2, 3), Color(4, 5, 6, 0.5))
    assert inner.background == Color(1, 2, 3) + Color(4, 5, 6, 0.5) and outer.background == Color(1, 2, 3)


def test_a_textual_that_has_mended_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def mended(self: object, base: Color, background: Color) -> None: ...

    monkeypatch.setattr(StylesCache, "get_inner_outer", mended)
    forgetting.install()
    assert vars(StylesCache)["get_inner_outer"] is mended
    monkeypatch.delattr(StylesCache, "get_inner_outer")
    forgetting.install()
    assert "get_inner_outer" not in vars(StylesCache)
