"""What is told of what somebody did, outside of the model browser: it stands, it is true, and it reaches who left."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from browsing import browse, status
from stage import Open, Stage
from test_settings_screen import go_to, opened

from lama_tui.errors import ConfigError, StoreError
from lama_tui.events import ModelUnloaded
from lama_tui.ui.screens import talk as talk_module
from lama_tui.ui.screens.export_dialog import ExportDialog
from lama_tui.ui.screens.outliving import outliving
from lama_tui.ui.screens.settings.list import SettingList
from lama_tui.ui.screens.settings.rows import Row
from lama_tui.ui.widgets.notice import Notice

WRONG = ConfigError("The setting was not saved", "The disk is full.", "Make room.")


def told(stage: Stage) -> str:
    return str(stage.app.screen.query_one("#setting-told").render())


async def fails(*_: object) -> None:
    raise WRONG


async def test_what_is_wrong_with_a_setting_stands_though_the_list_is_read_again(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace(size=(120, 40)) as stage:
        screen = await opened(stage)
        monkeypatch.setattr(screen, "save", fails)
        row = await go_to(stage, "privacy.local_only")
        await stage.press("enter")
        await stage.until(lambda: "The disk is full." in told(stage))
        screen._rows = ()  # it is others now
        await screen._fill()
        await stage.pilot.pause()
        assert "The disk is full." in told(stage)
        await stage.press("down")
        await stage.until(lambda: screen.query_one(SettingList).row not in (None, row))
        await stage.until(lambda: "changes it" in told(stage) or "turns it over" in told(stage))
        await stage.press("up")
        await stage.until(lambda: "turns it over" in told(stage))


async def test_why_the_settings_cannot_be_read_stands(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace(size=(120, 40)) as stage:
        screen = await opened(stage)
        monkeypatch.setattr(screen, "find", fails)
        await screen._fill(changed=True)
        await stage.pilot.pause()
        assert "The disk is full." in told(stage)


@pytest.mark.slow
async def test_a_setting_that_is_saved_late_leaves_the_highlight_where_it_is(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace(size=(120, 40)) as stage:
        screen = await opened(stage)
        save, go_on, done = screen.save, asyncio.Event(), asyncio.Event()

        async def late(row: Row, text: str | None) -> None:
            await go_on.wait()
            await save(row, text)
            done.set()

        monkeypatch.setattr(screen, "save", late)
        await go_to(stage, "privacy.local_only")
        await stage.press("enter")
        await go_to(stage, "engine.threads")
        go_on.set()
        await done.wait()
        await stage.until(lambda: all(work.is_finished for work in stage.app.workers if work.group == "keep"))
        listed = screen.query_one(SettingList)
        assert listed.row is not None and listed.row.id == "engine.threads"


async def test_who_left_the_settings_hears_that_one_was_not_saved(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace(size=(120, 40)) as stage:
        screen = await opened(stage)
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def late(*_: object) -> None:
            begun.set()
            await go_on.wait()
            raise WRONG

        monkeypatch.setattr(screen, "save", late)
        await go_to(stage, "privacy.local_only")
        await stage.press("enter")
        await begun.wait()
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen and not screen.is_attached)
        go_on.set()
        await stage.until_seen("The setting was not saved. The disk is full. Make room.")


@pytest.mark.slow
async def test_who_left_an_export_hears_that_it_was_written(workspace: Open, tmp_path: Path) -> None:
    async with workspace(size=(120, 40)) as stage:
        go_on, begun = threading.Event(), threading.Event()

        def write(path: Path, replace: bool) -> None:
            begun.set()
            go_on.wait(60)

        dialog = ExportDialog(tmp_path / "a.md", write)
        await stage.app.push_screen(dialog)
        await stage.press("enter")
        await stage.until(begun.is_set)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen and not dialog.is_attached)
        go_on.set()
        await stage.until_seen("Written to ")


async def test_a_pin_is_told_once_it_is_kept(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace(size=(120, 40)) as stage:
        await stage.ask("hi")
        said: list[str] = []
        monkeypatch.setattr(stage.screen, "_tell", said.append)

        async def pin(*_: object) -> None:
            raise StoreError("The disk is full", "Nothing was saved.", "Make room.")

        monkeypatch.setattr(stage.conversations, "pin", pin)
        assert stage.screen._current is not None
        stage.screen._pin(stage.screen._current, stage.messages[0].id)
        await stage.until(lambda: stage.screen.query_one(Notice).has_class("-shown"))
        assert not said
        monkeypatch.undo()
        monkeypatch.setattr(stage.screen, "_tell", said.append)
        stage.screen._pin(stage.screen._current, stage.messages[0].id)
        await stage.until(lambda: said)
        assert said == ["This message stays in the model's view, with its turn."]
        await stage.until(lambda: stage.messages[0].pinned)


async def test_models_that_leave_are_told_of_on_any_screen_and_in_the_browser_by_itself(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk_module, "_ELSEWHERE", 3600)  # looked at below
    async with workspace(size=(120, 40)) as stage:
        assert stage.screen._opened is not None
        engine = stage.screen._opened.services.engine
        now = engine.figures().without(ModelUnloaded("org/one", 1024)).without(ModelUnloaded("org/two", 2048))
        then = now.without(ModelUnloaded("org/three", 3072))
        said: list[str] = []
        monkeypatch.setattr(stage.screen, "_tell", said.append)
        await opened(stage)
        monkeypatch.setattr(engine, "figures", lambda: now)
        stage.screen._look_around()
        stage.screen._look_around()
        assert said == ["one left memory: 1.0 KiB freed.", "two left memory: 2.0 KiB freed."]
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        browser = await browse(stage)
        monkeypatch.setattr(engine, "figures", lambda: then)
        stage.screen._look_around()
        await stage.until(lambda: "org/three left memory" in status(browser))
        assert len(said) == 2
        await stage.back()
        stage.screen._look_around()
        assert len(said) == 2


class Told:
    """What toasts are shown on."""

    is_running = True

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def notify(self, text: str, *, severity: str, markup: bool) -> None:
        assert not markup
        self.said.append((text, severity))


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (None, [("done\N{SYMBOL FOR ESCAPE}[31m", "information")]),
        (WRONG, [(str(WRONG), "error")]),
        (ValueError("a number"), [("expected a number", "error")]),
    ],
)
async def test_what_outlives_its_screen_is_told_and_the_rest_returned(
    raised: Exception | None, said: Sequence[tuple[str, str]]
) -> None:
    app: Any = Told()
    words: Mapping[str, Callable[[Any], str]] = {
        "told": lambda result: f"{result}",
        "failed": lambda e: f"expected {e}",
    }

    async def work(go_on: asyncio.Event) -> str:
        await go_on.wait()
        if raised is not None:
            raise raised
        return "done\x1b[31m"

    for leaves in (False, True):
        go_on = asyncio.Event()
        waits = asyncio.create_task(outliving(app, work(go_on), **words))
        await asyncio.sleep(0)
        if leaves:
            waits.cancel()
        go_on.set()
        if leaves or raised is not None:
            with pytest.raises((asyncio.CancelledError, type(raised) if raised is not None else KeyError)):
                await waits
        else:
            assert await waits == "done\x1b[31m"
        if not leaves:
            assert not app.said  # who waits tells it
    while not app.said:  # noqa: ASYNC110 - of a task that nobody waits for
        await asyncio.sleep(0)
    assert app.said == list(said)
