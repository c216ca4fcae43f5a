"""Every screen stands in every width, down to a single cell."""

import pytest
from stage import Open, Stage

from lama_tui.ui.screens.settings.fields import Field
from lama_tui.ui.screens.settings.list import SettingList

SCREENS = ["ctrl+p", "f1", "f3", "f4", "f6", "f7", "f8", "ctrl+f", "ctrl+l", "ctrl+r"]


async def stands(stage: Stage) -> None:
    """Both ways, because what was laid out before is kept."""
    here = stage.app.screen
    for width in (12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 4, 3, 2, 1, 80):
        await stage.pilot.resize_terminal(width, 24)
        assert stage.app.size.width == width and stage.app.screen is here
    assert stage.app._exception is None


@pytest.mark.parametrize("key", [*SCREENS[:4], *(pytest.param(key, marks=pytest.mark.slow) for key in SCREENS[4:])])
async def test_every_screen_stands_in_every_width(workspace: Open, key: str) -> None:
    async with workspace(size=(80, 24)) as stage:
        await stage.ask("hi")
        await stage.press(key)
        await stage.until(lambda: stage.app.screen is not stage.screen)
        await stands(stage)


async def test_the_choices_of_a_setting_stand_in_every_width(workspace: Open) -> None:
    async with workspace(size=(80, 24)) as stage:
        await stage.press("f4")
        await stage.until(lambda: stage.app.screen.query(SettingList) and stage.app.screen.query_one(SettingList).row)
        listed = stage.app.screen.query_one(SettingList)
        while listed.row is None or listed.row.kind != "choice":
            before = listed.row
            await stage.press("down")
            assert listed.row is not before
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen.query_one(Field).row is not None)
        await stands(stage)
