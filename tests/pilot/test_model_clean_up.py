"""What takes room in the model browser: shown, marked, asked about once, deleted as far as the disk lets it."""

import asyncio
import fcntl
import os
from pathlib import Path

from browsing import browse, status
from library.cache_layout import commit_of, is_whole, lay_out, repo_folder
from stage import Open, Stage

from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.storage.clean_up import CleanUp, CouldGo, Gone
from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.clean_up import CleanUpScreen
from lama_tui.ui.widgets.mark_list import MarkList

SHARED = {"tokenizer.json": b"t" * 3_072}
OLD, NEW = SHARED | {"model.safetensors": b"o" * 20_480}, SHARED | {"model.safetensors": b"n" * 30_720}
QUOTA = '[library]\nquota = "1KiB"\nlow_disk = 0\n'


def fill(name: str = "org/model") -> Path:
    """A model with an old revision, a part of nobody, and a file of no revision."""
    cache = hub_cache_folder()
    lay_out(cache, name, commit_of(1), OLD)
    lay_out(cache, name, commit_of(2), NEW, refs=("main",))
    repo = repo_folder(cache, name)
    for left, size in (("a" * 64 + ".part", 1_024), ("d" * 64, 512)):
        (repo / "blobs" / left).write_bytes(b"x" * size)
        os.utime(repo / "blobs" / left, (1, 1))
    return repo


async def clean_up(stage: Stage) -> CleanUpScreen:
    await browse(stage)
    await stage.press("c")
    await stage.until(lambda: isinstance(stage.app.screen, CleanUpScreen))
    screen = stage.app.screen
    assert isinstance(screen, CleanUpScreen)
    await stage.until(lambda: screen._room is not None and screen._freed is not None)
    await stage.until(lambda: "Measuring" not in status_of(screen))
    return screen


def status_of(screen: CleanUpScreen) -> str:
    return str(screen.query_one("#models-status").render())


async def mark(stage: Stage, screen: CleanUpScreen, kind: str, ref: str = "org/model") -> None:
    at = next(at for at, line in enumerate(screen._lines)
              if not line.heading and (line.each[0].kind, line.each[0].ref) == (kind, ref))  # fmt: skip
    screen.query_one(MarkList).highlighted = at
    await stage.until(lambda: screen.query_one(MarkList).highlighted == at)
    before = (kind, ref) in (screen._marked or ())
    await stage.press("space")
    await stage.until(lambda: ((kind, ref) in (screen._marked or ())) is not before)


async def test_what_is_marked_goes_and_nothing_else(workspace: Open) -> None:
    repo = fill()
    async with workspace(size=(100, 30), config=QUOTA) as stage:
        screen = await clean_up(stage)
        await stage.until_seen("Left behind", "[x]", "part of a download that ended", "never used here", "over it")
        await stage.until_seen("1 marked: 1.0 KiB would be freed")  # a part of nobody, and nothing else
        await mark(stage, screen, "old")
        await stage.until_seen("2 marked: 21.0 KiB would be freed", "There is no going back to")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, Ask))
        await stage.until_seen("21.0 KiB are freed", "Keep everything", "Delete it and free 21.0 KiB")
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is screen)
        assert (repo / "snapshots" / commit_of(1)).is_dir() and (repo / "blobs" / ("a" * 64 + ".part")).exists()
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, Ask))
        await stage.press("down", "enter")
        await stage.until(lambda: "21.0 KiB freed." in status_of(screen))
        assert is_whole(repo / "snapshots" / commit_of(2), NEW)
        assert [entry.name for entry in (repo / "snapshots").iterdir()] == [commit_of(2)]
        assert (repo / "blobs" / ("d" * 64)).exists()
        await stage.until(lambda: {each.kind for each in screen._room.could_go} == {"model", "orphan"})  # type: ignore[union-attr]
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))


async def test_with_a_model_goes_what_is_in_it_and_is_counted_once(workspace: Open) -> None:
    repo = fill()
    whole = sum(file.stat().st_size for file in repo.rglob("*") if file.is_file() and not file.is_symlink())
    async with workspace(size=(100, 30), config=QUOTA) as stage:
        screen = await clean_up(stage)
        for kind in ("old", "model", "orphan"):
            await mark(stage, screen, kind)
        await stage.until(lambda: screen._freed == whole)
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, Ask))
        await stage.press("down", "enter")
        await stage.until_seen("Nothing to clean up.", "freed.")
        assert not repo.exists()
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))
        browser = stage.app.screen
        assert isinstance(browser, ModelBrowser)
        await stage.until(lambda: "org/model" not in browser.installed.references)


async def test_what_cannot_go_stays_on_the_list(workspace: Open) -> None:
    """Another removal holds one of two models: the other one goes, and the list stays."""
    held, free = fill("org/held"), fill("org/free")
    descriptor = os.open(held, os.O_RDONLY)
    try:
        async with workspace(size=(100, 40), config="[library]\nlow_disk = 0\n") as stage:
            screen = await clean_up(stage)
            await mark(stage, screen, "old", "org/held")
            await mark(stage, screen, "old", "org/free")
            await stage.press("enter")
            await stage.until(lambda: isinstance(stage.app.screen, Ask))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            await stage.press("down", "enter")
            await stage.until_seen("org/held is being removed", "could not be removed")
            await stage.until(lambda: not screen._doing)
            assert not (free / "snapshots" / commit_of(1)).exists()
            assert is_whole(held / "snapshots" / commit_of(1), OLD)
            await stage.until(lambda: ("old", "org/held") in (screen._marked or ()))
            assert "org/held" in [each.ref for each in screen._room.could_go]  # type: ignore[union-attr]
    finally:
        os.close(descriptor)


async def test_the_mouse_marks_and_a_heading_marks_all_below_it(workspace: Open) -> None:
    fill("org/one"), fill("org/two")
    async with workspace(size=(80, 24), config="[library]\nlow_disk = 0\n") as stage:
        screen = await clean_up(stage)
        lines = screen.query_one(MarkList)
        heading = next(at for at, line in enumerate(screen._lines) if line.heading == "Old revisions")
        await stage.until_seen("free on the disk", "Files of no revision", "2 marked: ")  # and everything has its place
        await stage.pilot.click(lines, offset=(3, heading))
        await stage.until(lambda: {("old", "org/one"), ("old", "org/two")} <= (screen._marked or set()))
        await stage.pilot.click(lines, offset=(3, heading + 2))
        await stage.until(lambda: ("old", "org/two") not in (screen._marked or ()))
        await stage.pilot.click(lines, offset=(20, heading + 1))
        await stage.until(lambda: lines.highlighted == heading + 1)
        assert ("old", "org/one") in (screen._marked or ())
        lines.post_message(MarkList.MarkRequested(lines, heading + 2))  # of a click that was followed by another one
        await stage.until(lambda: ("old", "org/two") in (screen._marked or ()))
        assert lines.highlighted == heading + 1


async def test_nothing_to_clean_up(workspace: Open) -> None:
    async with workspace(size=(60, 20), config="[library]\nlow_disk = 0\n") as stage:
        await clean_up(stage)
        await stage.until_seen("Nothing to clean up.", "0 models take 0 B", "free on the disk")
        await stage.press("space", "enter")
        await stage.until_seen("Nothing is marked.")


async def test_a_low_disk_names_the_key(workspace: Open) -> None:
    fill()
    async with workspace(size=(120, 30), config='[library]\nlow_disk = "100000TiB"\n') as stage:
        browser = await browse(stage)
        await stage.until(lambda: "the disk is low" in status(browser) and "c makes room" in status(browser))
        screen = await clean_up_again(stage)
        await stage.until_seen("too little", "never used here")
        assert not any(key[0] == "model" for key in screen._marked or ())


async def clean_up_again(stage: Stage) -> CleanUpScreen:
    await stage.press("c")
    await stage.until(lambda: isinstance(stage.app.screen, CleanUpScreen) and stage.app.screen._room is not None)
    screen = stage.app.screen
    assert isinstance(screen, CleanUpScreen)
    return screen


async def test_it_stops_between_two(workspace: Open) -> None:
    """What was begun is ended; what was not stays, marked."""
    repos = {name: fill(name) for name in ("org/one", "org/two")}
    async with workspace(size=(80, 24), config="[library]\nlow_disk = 0\n") as stage:
        screen = await clean_up(stage)
        await mark(stage, screen, "part", "org/one")  # those were marked from the beginning
        await mark(stage, screen, "part", "org/two")
        for name in repos:
            await mark(stage, screen, "old", name)
        one = await screen._made()
        go_on = asyncio.Event()
        end = one._end

        async def slowly(each: CouldGo) -> Gone:
            await go_on.wait()
            return await end(each)

        one._end = slowly  # type: ignore[method-assign]

        async def made() -> CleanUp:
            return one

        screen._made = made
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, Ask))
        await stage.press("down", "enter")
        await stage.until_seen("Deleting 1 of 2", "esc stops it")
        await stage.press("escape")
        await stage.until_seen("stops after this one")
        go_on.set()
        await stage.until_seen("20.0 KiB freed. Stopped: 1 of 2 stay.")
        left = [name for name, repo in repos.items() if (repo / "snapshots" / commit_of(1)).exists()]
        assert len(left) == 1 and is_whole(repos[left[0]] / "snapshots" / commit_of(1), OLD)
        await stage.until(lambda: screen._marked == {("old", left[0])})
