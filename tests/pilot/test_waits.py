"""Everything that takes long is told with how far it is, and can be stopped."""

import asyncio
import re

import pytest
from chat.scripted import Step, says
from stage import Open, Stage
from textual.geometry import Region

from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import ConnectionLost
from lama_tui.events import (
    ModelLoading,
    PromptProgress,
    ReasoningDelta,
    StreamFinished,
    StreamStarted,
    TextDelta,
)
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from lama_tui.types import Place, Usage
from lama_tui.ui.screens.leaving import LeavingScreen
from lama_tui.ui.widgets.status_line import StatusLine

GIB = 1024**3


async def lasts(stage: Stage, what: str, seconds: int = 1) -> None:
    """Wait until it says that this has lasted so long, or longer: who is late misses a second."""

    def told() -> bool:
        found = re.search(rf"{re.escape(what)} · (\d+) s", stage.seen())
        return found is not None and int(found[1]) >= seconds

    await stage.until(told, every=0.03)


def status(stage: Stage) -> StatusLine:
    return stage.screen.query_one(StatusLine)


def held(*steps: Step) -> tuple[list[Step], asyncio.Event]:
    """A script that waits after its steps until it is let go."""
    go = asyncio.Event()
    return [*steps, go, TextDelta("there"), StreamFinished("stop", Usage())], go


STARTED = StreamStarted("scripted", Place("script", True))


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        (ModelLoading("big", GIB, 4 * GIB), ["1.0 GiB of 4.0 GiB", "25 %", "loading 25 %"]),
        (PromptProgress(512, 2048), ["reading 512 of 2,048 tokens", "25 %", "reading 25 %"]),
        (STARTED, ["waiting for the model"]),
        (ReasoningDelta("hm"), ["thinking"]),
    ],
)
async def test_an_answer_tells_what_it_does_and_for_how_long(workspace: Open, step: Step, seen: list[str]) -> None:
    script, _ = held(step)
    async with workspace(script, size=(120, 30)) as stage:
        await stage.say("hello")
        await stage.until_seen(*seen, "esc stops")
        await lasts(stage, "esc stops")
        await stage.press("escape")
        await stage.until_seen("stopped")
        await stage.until(lambda: not stage.chat.running_ids())


@pytest.mark.slow
async def test_a_second_costs_only_its_own_cells(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    script, go = held(ModelLoading("big"))
    async with workspace(script, size=(120, 30)) as stage:
        await stage.say("hello")
        await lasts(stage, "esc stops")
        redrawn: list[tuple[str, int]] = []
        for widget in (status(stage), stage.transcript):
            refresh = widget.refresh

            def recorded(*regions: Region, _refresh=refresh, _widget=widget, **more: object) -> object:
                redrawn.append((type(_widget).__name__, sum(region.area for region in regions) or 10_000))
                return _refresh(*regions, **more)

            monkeypatch.setattr(widget, "refresh", recorded)
        await lasts(stage, "esc stops", 3)
        assert {name for name, _ in redrawn} == {"StatusLine", "Transcript"}
        assert max(cells for _, cells in redrawn) < 10
        go.set()
        await stage.idle()


async def test_opening_the_store_slowly(workspace: Open, paths: Paths) -> None:
    go = asyncio.Event()

    async def slowly(paths: Paths, loaded: LoadedSettings) -> Services:
        await go.wait()
        return await open_services(paths, loaded)

    async with workspace(wait=False, opener=slowly) as stage:
        await stage.until_seen("opening your conversations · ctrl+q quits")
        await lasts(stage, "quits")
        go.set()
        await stage.opened()
        await stage.until_gone("opening your conversations · ")


async def test_switching_slowly_can_be_stopped(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace() as stage:
        await stage.ask("hello")
        await stage.press("ctrl+n")
        await stage.until(lambda: not stage.messages)
        never = asyncio.Event()
        messages = stage.conversations.messages

        async def hang(*arguments: object) -> object:
            await never.wait()

        monkeypatch.setattr(stage.conversations, "messages", hang)
        stage.sidebar.focus()
        await stage.until(lambda: stage.sidebar.highlighted is not None)
        await stage.press("enter")
        await stage.until_seen("opening the conversation · esc stops")
        await stage.press("escape")
        await stage.until_gone("opening the conversation")
        assert not stage.messages
        monkeypatch.setattr(stage.conversations, "messages", messages)
        await stage.press("enter") if stage.sidebar.has_focus else None
        stage.sidebar.focus()
        await stage.press("enter")
        await stage.until(lambda: stage.messages)


async def test_stopping_slowly(workspace: Open) -> None:
    async with workspace(says("one")) as stage:
        go = asyncio.Event()
        stage.scripted.deaf = True
        stage.scripted.scripts = [[STARTED, TextDelta("one"), go, StreamFinished("stop", Usage())]]
        await stage.say("hello")
        await stage.until_seen("writing · esc stops")

        async def slowly() -> None:
            await go.wait()

        stage.screen._do(slowly(), what="stopping")
        await stage.until_seen("stopping")
        go.set()
        await stage.until_gone("stopping")
        await stage.idle()


async def test_quitting_slowly_says_so_and_need_not_be_waited_for(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace() as stage:
        go = asyncio.Event()
        close = stage.chat.close

        async def slowly() -> None:
            await go.wait()
            await close()

        monkeypatch.setattr(stage.chat, "close", slowly)
        await stage.press("f1")
        await stage.press("ctrl+q")
        await stage.until_seen("Saving…", "ctrl+q leaves without waiting")
        await lasts(stage, "Saving…")
        await stage.until(lambda: isinstance(stage.app.screen, LeavingScreen))
        await stage.press("escape", "x", "enter")
        assert isinstance(stage.app.screen, LeavingScreen)
        await stage.press("ctrl+q")
        await stage.until(lambda: not stage.app.is_running)
        go.set()


async def test_quitting_slowly_ends_by_itself(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace() as stage:
        go = asyncio.Event()
        close = stage.chat.close

        async def slowly() -> None:
            await go.wait()
            await close()

        monkeypatch.setattr(stage.chat, "close", slowly)
        await stage.press("ctrl+q")
        await stage.until_seen("Saving…")
        go.set()
        await stage.until(lambda: not stage.app.is_running)


# --- somebody who looks elsewhere -----------------------------------------------------------------------


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written to the terminal beside frames."""
    found: list[str] = []
    monkeypatch.setattr("textual.drivers.headless_driver.HeadlessDriver.write", lambda self, data: found.append(data))
    for name in ("TMUX", "STY", "VTE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return found


def notes(written: list[str]) -> list[str]:
    return [data for data in written if data == "\a" or "\x1b]9;" in data or "777" in data]


ANY = '[workspace]\nnotify_after = "0s"\n'


@pytest.mark.parametrize(
    ("config", "ending", "note"),
    [
        (ANY, StreamFinished("stop", Usage()), "\a"),
        (ANY + 'notify = "osc"\n', StreamFinished("stop", Usage()), "\x1b]9;lama: an answer is there: hello\a"),
        (ANY + 'notify = "osc"\n', ConnectionLost("Gone"), "\x1b]9;lama: an answer failed: hello\a"),
        (ANY + 'notify = "off"\n', StreamFinished("stop", Usage()), ""),
        ('[workspace]\nnotify_after = "1h"\n', StreamFinished("stop", Usage()), ""),
    ],
)
async def test_a_long_answer_calls_back(
    workspace: Open, written: list[str], config: str, ending: Step, note: str
) -> None:
    go = asyncio.Event()
    script: list[Step] = [STARTED, TextDelta("nothing of this is told"), go, ending]
    async with workspace(script, config=config) as stage:
        await stage.say("hello")
        await stage.until_seen("nothing of this is told")
        stage.app.app_focus = False  # a key would bring it back
        go.set()
        await stage.idle()
        await stage.until(lambda: all(w.is_finished for w in stage.app.workers if w.group == "ended"))
        await stage.pilot.pause()
        await stage.until(lambda: notes(written) == ([note] if note else []))


async def test_who_looks_is_not_called(workspace: Open, written: list[str]) -> None:
    async with workspace(config=ANY) as stage:
        assert stage.app.app_focus  # as in terminals that never say
        await stage.ask("hello")
        await stage.pilot.pause()
        await stage.until(lambda: notes(written) == [])


async def test_who_stopped_it_is_not_called(workspace: Open, written: list[str]) -> None:
    script, _ = held(STARTED, TextDelta("one"))
    async with workspace(script, config=ANY) as stage:
        await stage.say("hello")
        await stage.until_seen("writing")
        await stage.press("escape")
        stage.app.app_focus = False
        await stage.until(lambda: not stage.chat.running_ids())
        await stage.until_seen("stopped")
        await stage.until(lambda: notes(written) == [])
