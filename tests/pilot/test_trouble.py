"""What is wrong is said where the eye is, and the workspace works all the same."""

import sqlite3
from contextlib import closing

import pytest
from stage import Open, Stage

from lama_tui.errors import ConfigError, LamaError, StoreError
from lama_tui.paths import Paths
from lama_tui.ui.widgets.notice import Notice
from lama_tui.ui.widgets.status_line import StatusLine


def notice(stage: Stage) -> Notice:
    return stage.screen.query_one(Notice)


def notes(stage: Stage) -> tuple[str, ...]:
    return stage.screen.query_one(StatusLine).status.notes


async def test_a_broken_config_keeps_everything_local_and_says_so(workspace: Open) -> None:
    async with workspace(config="modle = 'x'\n[/nope]\n") as stage:
        await stage.until_seen("config.toml", "esc puts this away")
        await stage.until(lambda: "local only" in notes(stage))
        await stage.ask("hello")
        await stage.until_seen("An answer.")
        await stage.press("escape")
        await stage.until(lambda: not notice(stage).display)
        assert "local only" in notes(stage)


async def test_several_problems_wait_their_turn(workspace: Open) -> None:
    async with workspace(config="one = 1\ntwo = 2\ntheme = 'nowhere'\n") as stage:
        await stage.until_seen("`one` is not a setting", "more")
        await stage.press("escape")
        await stage.until_seen("`two` is not a setting")
        for _ in range(5):
            await stage.press("escape")
        await stage.until(lambda: not notice(stage).display)


async def test_the_same_problem_is_said_once(workspace: Open) -> None:
    async with workspace() as stage:
        for _ in range(3):
            notice(stage).add(LamaError("The disk is full", "no room", "make some"))
        await stage.until_seen("The disk is full", "no room", "→ make some")
        await stage.until_gone("more")
        await stage.press("escape")
        await stage.until_gone("The disk is full")


async def test_a_hostile_problem(workspace: Open) -> None:
    async with workspace(size=(60, 20)) as stage:
        notice(stage).add(ConfigError("[/nope] \x1b[2J" + "漢" * 500, "x" * 10_000, "\u202eabc\n" * 50))
        await stage.until_seen("[/nope]", "␛[2J", "esc puts this away")
        await stage.until(lambda: stage.composer.region.area)
        await stage.press("a", "enter")
        await stage.until(lambda: stage.scripted.requests)


def newer(paths: Paths) -> None:
    paths.data.mkdir(parents=True)
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.executescript("PRAGMA application_id = 0x6C616D61; PRAGMA user_version = 999; CREATE TABLE x (y);")


def foreign(paths: Paths) -> None:
    paths.data.mkdir(parents=True)
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.executescript("CREATE TABLE x (y);")


def garbage(paths: Paths) -> None:
    paths.data.mkdir(parents=True)
    paths.database.write_bytes(b"\x1b]52;garbage" * 1000)


def smashed(paths: Paths) -> None:
    paths.data.mkdir(parents=True)
    paths.database.write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)


def no_folder(paths: Paths) -> None:
    paths.data.parent.mkdir(parents=True)
    paths.data.write_text("a file, where a folder belongs")


def a_folder(paths: Paths) -> None:
    paths.database.mkdir(parents=True)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (newer, "newer"),
        (foreign, "another program"),
        (garbage, "is not a"),
        (smashed, ""),
        (no_folder, ""),
        (a_folder, ""),
    ],
)
async def test_without_its_store_it_works_and_says_that_nothing_is_kept(
    workspace: Open,
    paths: Paths,
    spoil,
    why: str,  # type: ignore[no-untyped-def]
) -> None:
    spoil(paths)
    before = paths.database.read_bytes() if paths.database.is_file() else None
    async with workspace() as stage:
        await stage.until_seen("Nothing is saved this time", why)
        await stage.until(lambda: "not saved" in notes(stage))
        await stage.press("escape")
        await stage.ask("hello")
        await stage.until_seen("An answer.")
        temporary = stage.screen._opening._temporary
        assert temporary is not None
        assert temporary.is_dir()
        assert temporary.stat().st_mode & 0o077 == 0
    assert not temporary.exists()
    assert (paths.database.read_bytes() if paths.database.is_file() else None) == before


async def test_a_temporary_store_that_cannot_be_made_either(
    workspace: Open, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    garbage(paths)
    nowhere = paths.data.parent / "no-such-folder"
    monkeypatch.setattr("tempfile.tempdir", str(nowhere))
    async with workspace(wait=False, faults=True) as stage:
        await stage.until_seen("And no temporary store")
        await stage.until(lambda: stage.app.faults)
        await stage.press("ctrl+q")
        await stage.until(lambda: not stage.app.is_running)


async def test_an_answer_that_cannot_be_saved_yet_is_shown_and_said(workspace: Open) -> None:
    async with workspace() as stage:
        error = StoreError("The disk is full", "", "Make room")
        stage.chat._emit(1, 1, __import__("lama_tui.events").events.SaveDelayed(error))  # type: ignore[arg-type]
        await stage.until_seen("The disk is full", "Make room")
