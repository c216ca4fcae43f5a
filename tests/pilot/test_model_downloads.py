"""The queue in the model browser: how far each download is, what its keys do, and how its end is told."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from browsing import status
from hub_world import REAL, downloads_section, hub_of, state_of
from stage import Open, Stage
from textual.geometry import Region

from lama_tui.library.downloads.job import Job
from lama_tui.ui.screens.models import browser as browser_module
from lama_tui.ui.screens.models import queue as queue_module
from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.downloads import DownloadsSection
from lama_tui.ui.widgets.long_list import LongList
from lama_tui.ui.widgets.status_line import StatusLine

SLOW = {"rate": 5_000}  # bytes a second, of half a million: it does not end while somebody looks


async def begin(stage: Stage) -> None:
    """Download it as any part of lama may."""
    assert stage.screen._opened is not None
    await stage.screen.queue_of(stage.screen._opened.services).add(REAL)


def lines(section: DownloadsSection) -> str:
    """What the list shows of its first job."""
    return "\n".join(str(line) for line in section._draw(0, 100))


def browser(stage: Stage) -> ModelBrowser:
    assert isinstance(stage.app.screen, ModelBrowser)
    return stage.app.screen


async def test_it_is_shown_paused_given_up_and_tried_again(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        hub.trouble("/resolve/.*safetensors", **SLOW)
        async with workspace(size=(100, 30)) as stage:
            assert stage.screen._queue_of_downloads is None  # nothing is followed while nothing is downloaded
            await begin(stage)
            await stage.until(lambda: stage.screen.query_one(StatusLine).downloads.startswith("↓"))
            section = await downloads_section(stage)
            await stage.until_seen("downloading", "KiB/s", "left", "1 download  ·", "model.safetensors")
            await stage.press("p")
            await stage.until(lambda: state_of(stage, REAL) == "paused")
            await stage.until_seen("‖", "paused", "p goes on with it")
            assert "0.0 of" not in lines(section)  # what came so far still counts
            await stage.press("delete")
            await stage.until(lambda: "It has not ended" in status(browser(stage)))
            await stage.press("p")
            await stage.until(lambda: state_of(stage, REAL) == "running")
            await stage.press("x")
            await stage.until(lambda: isinstance(stage.app.screen, Ask))
            await stage.until_seen("Go on downloading", "Give it up and keep", "Give it up and delete")
            await stage.press("enter")  # what is highlighted first changes nothing
            await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))
            assert state_of(stage, REAL) == "running"
            await stage.press("x")
            await stage.until(lambda: isinstance(stage.app.screen, Ask))
            await stage.press("down", "enter")
            await stage.until(lambda: state_of(stage, REAL) == "cancelled")
            await stage.until_seen("given up")
            hub.behave()
            await stage.press("r")
            await stage.until(lambda: state_of(stage, REAL) == "done")
            await stage.until_seen("✓", "is here", "enter lets it answer here")
            await stage.until(lambda: stage.screen.query_one(StatusLine).downloads == "")
            await stage.press("enter")
            await stage.until(lambda: stage.app.screen is stage.screen)
            await stage.until(lambda: stage.screen._current is not None and stage.screen._current.model == REAL)
            section = await downloads_section(stage)
            shutil.rmtree(tmp_path / "hub" / "hub")
            await stage.press("enter")
            await stage.until_seen(f"{REAL} is not on this machine")
            assert isinstance(stage.app.screen, ModelBrowser)
            await stage.press("delete")
            await stage.until_seen("Nothing is being downloaded", "lama pull")


async def test_a_failure_says_what_to_do(workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        hub.trouble("/resolve/", status=403, headers={"X-Error-Code": "GatedRepo"})
        async with workspace(size=(80, 24)) as stage:
            await begin(stage)
            await stage.until(lambda: state_of(stage, REAL) == "failed")
            await stage.until_seen("f11")  # told where one is, whatever that is
            await downloads_section(stage)
            await stage.until_seen("✕", "asks for an agreement first", "→", "r tries again")
            hub.behave()
            await stage.press("r")
            await stage.until(lambda: state_of(stage, REAL) == "done")


async def test_what_was_left_goes_on_at_the_next_start(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        hub.trouble("/resolve/.*safetensors", **SLOW)
        async with workspace(size=(100, 30)) as stage:
            await begin(stage)
            await stage.until(lambda: state_of(stage, REAL) == "running")
        hub.behave()
        async with workspace(size=(100, 30)) as stage:
            await stage.until(lambda: state_of(stage, REAL) == "done")
            await stage.until_seen(f"{REAL} is here")


@pytest.mark.slow
async def test_only_what_changed_is_drawn_and_not_more_than_twice_a_second(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(browser_module, "_LOOK_AT_QUEUE", 3600)  # what others do is told too
    with hub_of(monkeypatch, tmp_path) as hub:
        hub.trouble("/resolve/.*safetensors", **SLOW)
        async with workspace(size=(100, 30)) as stage:
            await begin(stage)
            section = await downloads_section(stage)
            await stage.until_seen("KiB/s")
            assert queue_module.PACE >= 0.5
            monkeypatch.setattr(queue_module, "PACE", 3600)  # told by hand below: a busy machine keeps no time
            queue = stage.screen._queue_of_downloads
            assert queue is not None
            heard: list[Job] = []
            told: list[float] = []
            assert stage.screen._opened is not None
            (await stage.screen._opened.services.downloads()).subscribe(heard.append)
            queue.follow(lambda: told.append(0.0))
            drawn: list[object] = []
            list_ = section.query_one(LongList)
            refresh = list_.refresh

            def refreshed(*regions: Region, **how: Any) -> LongList:
                drawn.extend(regions)
                return refresh(*regions, **how)

            monkeypatch.setattr(list_, "refresh", refreshed)
            shown = section._jobs[0].done_bytes
            await stage.until(lambda: len(heard) >= 6 and heard[-1].done_bytes >= shown + 2048)  # which is to be seen
            await stage.until(lambda: list_._drawn)
            assert len(told) <= 1  # the one that was on its way
            queue._tell()
            assert drawn and len(drawn) <= len(told)  # the lines of one entry, and none for what stayed as it was
            assert all(getattr(region, "height", 0) == 2 for region in drawn)
