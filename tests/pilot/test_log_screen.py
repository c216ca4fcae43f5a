"""The log screen, and a task of the screen that fails without taking the screen with it."""

import asyncio
import logging

import pytest
from chat.scripted import Step
from stage import Open, Stage

from lama_tui.errors import LamaError, ProviderTimeout
from lama_tui.events import StreamStarted
from lama_tui.paths import Paths
from lama_tui.types import Place
from lama_tui.ui.screens.log import LogScreen

log = logging.getLogger("lama_tui.somewhere")


async def opened(stage: Stage) -> LogScreen:
    await stage.press("f8")
    await stage.until(lambda: isinstance(stage.app.screen, LogScreen) and stage.app.screen._count >= 0)
    screen = stage.app.screen
    assert isinstance(screen, LogScreen)
    return screen


async def test_without_troubles_it_says_so(workspace: Open) -> None:
    async with workspace() as stage:
        await opened(stage)
        await stage.until_seen("Nothing went wrong since lama was opened", "esc closes")
        await stage.until_gone("y copies")
        await stage.press("y")
        await stage.until_seen("There is nothing to copy.")
        await stage.press("t")
        await stage.until_seen("y copies", "back to the list")
        await stage.press("escape")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)


async def test_problems_are_listed_newest_first_and_shown_whole(workspace: Open, paths: Paths) -> None:
    long = "why it happened " * 30
    async with workspace(size=(100, 40)) as stage:
        stage.app.tell(LamaError("First of all", long, "do this"))
        stage.app.tell(LamaError("Second to none"))
        await opened(stage)
        await stage.until_seen("Second to none", "First of all")
        await stage.press("down")
        await stage.until_seen("→ do this")
        seen = stage.seen()
        assert seen.index("Second to none") < seen.index("First of all")
        assert seen.count("happened") == 30  # wrapped, not cut
        await stage.press("y")
        file = paths.state / "clipboard.txt"
        await stage.until(file.exists)
        assert long.strip() in file.read_text()


async def test_an_answer_that_failed_is_in_it(workspace: Open) -> None:
    failing: list[Step] = [StreamStarted("x", Place("x", True)), ProviderTimeout("No answer came", "30 s", "Try again")]
    async with workspace(failing) as stage:
        await stage.ask("hello")
        await opened(stage)
        await stage.until_seen("No answer came", "30 s")


async def test_what_goes_wrong_meanwhile_appears(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lama_tui.ui.screens.log._LOOK", 0.05)
    async with workspace() as stage:
        stage.app.tell(LamaError("One"))
        stage.app.tell(LamaError("Another"))
        screen = await opened(stage)
        await stage.press("down")
        await stage.until(lambda: screen._entry is not None and screen._entry.title == "One")
        log.warning("a probe hangs [/nope] \x1b[2J")
        await stage.until_seen("a probe hangs [/nope] ␛[2J (somewhere)")
        assert screen._entry is not None
        assert screen._entry.title == "One"  # what is read stays


async def test_the_end_of_the_file(workspace: Open, paths: Paths) -> None:
    paths.state.mkdir(parents=True)
    lines = [f"line {number} \x1b]52;c;x\x07 sk-abcdefghijklmnop" for number in range(5000)]
    paths.log.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe end")
    async with workspace(size=(100, 40)) as stage:
        await opened(stage)
        await stage.press("t")
        await stage.until_seen("line 4999", "[redacted]", "end")
        await stage.until_gone("abcdefgh")
        await stage.press("t")
        await stage.until_seen("Nothing went wrong")


@pytest.mark.parametrize("spoil", ["missing", "folder", "empty"])
async def test_a_file_that_cannot_be_shown(workspace: Open, paths: Paths, spoil: str) -> None:
    if spoil == "folder":
        paths.log.mkdir(parents=True)
    elif spoil == "empty":
        paths.state.mkdir(parents=True)
        paths.log.touch()
    async with workspace(size=(160, 40)) as stage:
        await opened(stage)
        await stage.press("t")
        await stage.until_seen("is empty" if spoil == "empty" else "cannot be read")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
async def test_many_at_every_size(workspace: Open, size: tuple[int, int]) -> None:
    async with workspace(size=size) as stage:
        for number in range(300):
            log.warning("trouble %d of many, with a rather long text that no list can show on one line", number)
        await opened(stage)
        await stage.until_seen("trouble 299", "esc closes")
        await stage.press("pagedown", "G", "end", "t", "t", "escape")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)


async def test_a_task_that_fails_is_told_and_the_screen_stays(workspace: Open) -> None:
    async with workspace(faults=True) as stage:

        async def fail() -> None:
            await asyncio.sleep(0)
            raise RuntimeError("the [/floor] is lava, sk-abcdefghijklmnop")

        stage.screen.run_worker(fail())
        await stage.until_seen("Something in lama failed", "RuntimeError: the [/floor] is lava", "f8 says more")
        await stage.until_gone("abcdefgh")
        await stage.press("escape")
        await stage.ask("hello")
        await stage.until_seen("An answer.")
        await opened(stage)
        await stage.until_seen("A task of the screen failed", "Something in lama failed")
        assert [type(fault) for fault in stage.app.faults] == [RuntimeError]


async def test_a_log_file_that_cannot_be_read_says_what_to_do(workspace: Open, paths: Paths) -> None:
    assert not paths.log.exists()
    async with workspace() as stage:
        await opened(stage)
        await stage.press("t")
        await stage.until_seen("cannot be read", "→ Give yourself access", "LAMA_HOME")
