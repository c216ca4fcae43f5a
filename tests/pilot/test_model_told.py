"""What the model browser tells of what somebody did: it stands until it was read, whatever ends or leaves meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browsing import browse, status
from hub_world import REAL, hub_of, hub_section, repos
from stage import Open, Stage
from test_model_browser import Waiting, back, put

from lama_tui.engine.thread import Engine
from lama_tui.events import ModelUnloaded
from lama_tui.types import GUIDE
from lama_tui.ui.screens.models import browser as browser_module
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.hub import HubSection
from lama_tui.ui.screens.models.shelf import Shelf
from lama_tui.ui.screens.models.updates import UpdatesSection
from tests.library.cached import lay_in_cache

MIB = 1024**2


def engine_of(stage: Stage) -> Engine:
    assert stage.screen._opened is not None
    return stage.screen._opened.services.engine


def leave(stage: Stage, monkeypatch: pytest.MonkeyPatch, *models: str) -> None:
    """Let models have left memory."""
    now = engine_of(stage).figures()
    for model in models:
        now = now.without(ModelUnloaded(model, 3 * MIB))
    monkeypatch.setattr(engine_of(stage), "figures", lambda: now)


async def at(stage: Stage, browser: ModelBrowser, section: str) -> None:
    """Go to a section with the keys."""
    while browser.section.id != section:
        before = browser.section
        await stage.press("right_square_bracket")
        await stage.until(lambda before=before: browser.section is not before)  # type: ignore[misc]
    await stage.pilot.pause()


async def test_what_leaves_memory_by_itself_is_said_behind_what_was_done(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_module, "_LOOK", 3600)  # looked at below
    async with workspace(size=(160, 40)) as stage:
        browser = await browse(stage)
        await stage.press("p")
        await stage.until(lambda: "Pinned: " in status(browser))
        leave(stage, monkeypatch, "org/one", "org/two")  # within one look
        browser._follow()
        both = "org/one left memory and gave back 3.0 MiB. org/two left memory and gave back 3.0 MiB."
        await stage.until(lambda: both in status(browser))
        assert status(browser).startswith("Pinned: it is kept")
        await at(stage, browser, "downloads")  # and there, not in a section that nobody sees
        assert "left memory" not in status(browser)
        leave(stage, monkeypatch, "org/three")
        browser._follow()
        await stage.until(lambda: "org/three left memory" in status(browser))


async def test_the_end_of_a_load_and_what_was_done_meanwhile_are_both_told(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace(size=(160, 30)) as stage:
        waiting = Waiting()
        monkeypatch.setattr(engine_of(stage), "load", waiting.load)
        browser = await browse(stage)
        await stage.press("l")
        await stage.until(lambda: waiting.begun)
        await stage.press("p")
        await stage.until(lambda: "Loading guide…" in status(browser) and "Pinned: " in status(browser))
        leave(stage, monkeypatch, "org/other")
        waiting.let.set()
        await stage.until(lambda: "guide is loaded: " in status(browser))
        assert "org/other left memory" in status(browser) and "Pinned: " in status(browser)


@pytest.mark.slow
async def test_what_a_check_found_is_still_there_when_one_comes_back(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace(size=(160, 30)) as stage:
        browser = await browse(stage)
        go_on = asyncio.Event()

        class Verification:
            async def levels(self, *_: object, **__: object) -> AsyncIterator[Any]:
                await go_on.wait()
                for none in list[Any]():
                    yield none

        async def verification() -> Verification:
            return Verification()

        monkeypatch.setattr(browser._catalogue, "verification", verification)
        await stage.press("v")
        await stage.until(lambda: "Checking guide…" in status(browser))
        await stage.press("p")
        await stage.until(lambda: "Checking guide…" in status(browser) and "Pinned: " in status(browser))
        await at(stage, browser, "downloads")
        leave(stage, monkeypatch, GUIDE, "org/other")  # the check loaded one, for which the other had to go
        go_on.set()
        await stage.until(lambda: browser.installed.checking is None)
        await at(stage, browser, "installed")
        assert status(browser) == "guide: everything checked is right. org/other left memory and gave back 3.0 MiB."
        await at(stage, browser, "downloads")
        await at(stage, browser, "installed")
        assert "checked" not in status(browser)  # it was read


@pytest.mark.slow
async def test_what_ends_while_a_section_opens_is_told_there(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace(size=(160, 30)) as stage:
        browser = await browse(stage)
        opening = asyncio.Event()
        browser._heard("It was said before.")
        await stage.until(lambda: status(browser) == "It was said before.")
        container = browser.query_one("#models-section")
        mount = container.mount

        async def late(section: Any) -> None:
            await opening.wait()
            await mount(section)

        monkeypatch.setattr(container, "mount", late)
        browser._go_to(2)
        browser._heard("guide is loaded: at last.")
        opening.set()
        await stage.until(lambda: browser.section is not browser.installed)
        await stage.until(lambda: status(browser) == "guide is loaded: at last.")


async def test_what_ends_as_the_browser_closes_is_told_in_the_workspace(workspace: Open) -> None:
    async with workspace(size=(160, 30)) as stage:
        browser = await browse(stage)
        browser.dismiss(None)
        browser._memory.listener("guide is loaded: in time.")
        await back(stage)
        await stage.until_seen("guide is loaded: in time.")


@pytest.mark.slow
async def test_what_was_asked_for_is_done_where_one_leaves_at_once(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace(size=(160, 30)) as stage:
        put(stage, "tiny")
        browser = await browse(stage)
        catalogue, begun, go_on = browser._catalogue, asyncio.Event(), asyncio.Event()
        set_default = catalogue.set_default

        async def late(reference: str) -> str:
            begun.set()
            await go_on.wait()
            return await set_default(reference)

        monkeypatch.setattr(catalogue, "set_default", late)
        await stage.press("down", "d")
        await begun.wait()
        await stage.press("escape")
        await back(stage)
        await stage.until(lambda: not browser.is_attached)
        go_on.set()
        await stage.until_seen("New conversations begin with tiny.")
        assert 'model = "tiny"' in stage.paths.config_file.read_text()


@pytest.mark.slow
async def test_who_empties_the_filter_does_not_take_back_what_is_said_next(workspace: Open) -> None:
    async with workspace(size=(160, 30)) as stage:
        browser = await browse(stage)
        await stage.press("slash")
        await stage.until(lambda: browser.query_one("#models-filter").has_focus)
        await stage.press("g")
        await stage.until(lambda: browser.installed._filter.value == "g")
        assert browser.installed.put_away()
        browser.installed.say("It is pinned.")
        for _ in range(3):
            await stage.pilot.pause()
        await stage.until(lambda: status(browser) == "It is pinned.")


@pytest.mark.slow
async def test_asking_about_updates_keeps_what_was_done_meanwhile(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        lay_in_cache(REAL, {"config.json": "{}"}, hub.add(REAL, {"config.json": "{}"}))
        async with workspace(size=(160, 30)) as stage:
            browser = await browse(stage)
            await at(stage, browser, "updates")
            section = browser.query_one(UpdatesSection)
            await stage.until(lambda: section._rows)
            held = hub.trouble("/api/models/", hold=0)
            await stage.press("r")
            await stage.until(lambda: "Asking 127.0.0.1: 1 of 1…" in status(browser))
            section.say("It is in the queue.")
            await stage.until(lambda: "Asking 127.0.0.1: 1 of 1…  ·  It is in the queue." in status(browser))
            held.release()
            await stage.until(lambda: not section._doing)
            await stage.until(lambda: status(browser) == "It is in the queue.")


@pytest.mark.slow
async def test_advice_that_comes_late_leaves_the_highlight_on_its_model(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go_on = asyncio.Event()

    async def late(shelf: Shelf, machine: object) -> list[Any]:
        await go_on.wait()
        return [SimpleNamespace(model=section._listing.models[-1])]

    monkeypatch.setattr(Shelf, "recommend", late)
    with hub_of(monkeypatch, tmp_path, others=6):
        async with workspace(size=(120, 40)) as stage:
            await stage.press("f10")
            await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))
            browser = stage.app.screen
            assert isinstance(browser, ModelBrowser)
            await stage.until(lambda: browser.section.id == "hub" and repos(browser.section))  # type: ignore[arg-type]
            section: Any = browser.section
            before = repos(section)
            section._list.focus()
            await stage.press("down", "down")
            await stage.until(lambda: section._list.highlighted == 2)
            go_on.set()
            await stage.until(lambda: section._listing.leads)
            await stage.until(lambda: all(work.is_finished for work in stage.app.workers if work.group == "hub"))
            assert repos(section) != before
            assert section.chosen().repo == before[2]


@pytest.mark.slow
async def test_advice_that_was_given_up_for_words_is_asked_for_again(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = asyncio.Event()

    async def first_late(shelf: Shelf, machine: object) -> list[Any]:
        if not asked.is_set():
            asked.set()
            await asyncio.Event().wait()
        return [SimpleNamespace(model=stage.app.screen.query_one(HubSection)._listing.models[-1])]

    monkeypatch.setattr(Shelf, "recommend", first_late)
    with hub_of(monkeypatch, tmp_path, others=6):
        async with workspace(size=(120, 40)) as stage:
            await stage.press("f10")
            await stage.until(asked.is_set)
            await stage.press(*"real")
            browser: Any = stage.app.screen
            await stage.until(lambda: repos(browser.section) == [REAL])
            browser.section._field.value = ""
            await stage.until(lambda: browser.section._listing.leads)


@pytest.mark.slow
async def test_asking_which_quantizations_there_are_takes_back_only_itself(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        hub.add("org/Tiny-GGUF", {"Tiny-Q4_0.gguf": b"GGUF"}, tags=("gguf",))
        async with workspace(size=(120, 40)) as stage:
            section = await hub_section(stage)
            section._list.focus()
            held = hub.trouble("/revision/", status=503, hold=0)
            await stage.press("f")
            await stage.until(lambda: repos(section) == ["org/Tiny-GGUF"])
            await stage.press("d")
            await stage.until_seen("Asking the hub which quantizations")
            section.say("Another one is in the queue.")
            held.release()
            await stage.until_seen("The hub has a problem")
            await stage.until_seen("Another one is in the queue.")
