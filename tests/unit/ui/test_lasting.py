"""Notifications: one whose time is over must not make a timer that never ends."""

import asyncio
from time import time

from textual.app import App
from textual.widgets._toast import Toast

from lama_tui.ui.terminal.lasting import LastingNotification


def test_what_is_left_is_never_less_than_a_moment() -> None:
    over = LastingNotification("over", timeout=1.0, raised_at=time() - 5)
    assert over.has_expired and over.time_left > 0
    fresh = LastingNotification("fresh", timeout=60.0)
    assert not fresh.has_expired and 50 < fresh.time_left <= 60


async def test_a_toast_whose_time_ended_as_it_was_made_goes() -> None:
    async with App[None]().run_test() as pilot:
        await pilot.app.mount(Toast(LastingNotification("late", timeout=1.0, raised_at=time() - 1.0001)))
        async with asyncio.timeout(20):
            while pilot.app.query(Toast):  # noqa: ASYNC110 - Textual does not tell
                await asyncio.sleep(0.01)
