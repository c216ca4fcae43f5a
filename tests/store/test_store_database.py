"""Opening, migrating, refusing, backing up and checking real database files."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lama_tui.errors import StoreError
from lama_tui.paths import Paths
from lama_tui.store.checks import quick_check
from lama_tui.store.database import Database
from lama_tui.store.migrate import Migration, migrate, read_migrations

LATEST = len(read_migrations())
TABLE = Migration(LATEST + 1, "CREATE TABLE later (x);")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


async def test_a_new_home_is_private_and_tuned(paths, database):
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO conversations (title, model, created, updated) VALUES ('', '', 0, 0)")
    files = [paths.database, *paths.data.glob("lama.db-*"), *(paths.data / "instances").iterdir()]
    assert len(files) == 5  # with log, shared memory, gate and this instance
    assert {mode(file) for file in files} == {0o600}
    assert {mode(folder) for folder in (paths.data, paths.data / "instances")} == {0o700}
    async with database.transaction() as connection:
        for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 5000)):
            assert [tuple(row) for row in await connection.execute_fetchall(f"PRAGMA {pragma}")] == [(value,)]


async def test_a_file_that_others_could_read_is_closed_to_them(paths):
    await (await Database.open(paths)).close()
    paths.database.chmod(0o644)
    paths.data.chmod(0o755)
    await (await Database.open(paths)).close()
    assert (mode(paths.database), mode(paths.data)) == (0o600, 0o700)


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1), (True, 2)])
async def test_durable_is_synchronous_full(database, durable, level):
    async with database.transaction(durable=not durable):
        pass
    async with database.transaction(durable=durable) as connection:
        assert [row[0] for row in await connection.execute_fetchall("PRAGMA synchronous")] == [level]


async def test_transactions_are_undone_by_errors_and_never_interleaved(database):
    async def insert(title: str, fail: bool) -> None:
        async with database.transaction() as connection:
            sql = "INSERT INTO conversations (title, model, created, updated) VALUES (?, '', 0, 0)"
            await connection.execute(sql, (title,))
            await asyncio.sleep(0.001)
            await connection.execute(sql, (title,))
            if fail:
                raise RuntimeError(title)

    await asyncio.gather(*(insert(str(n), n % 2 == 1) for n in range(10)), return_exceptions=True)
    rows = [row["title"] for row in await database.read("SELECT title FROM conversations ORDER BY id")]
    assert rows == [title for n in range(0, 10, 2) for title in (str(n), str(n))]


async def test_a_cancelled_transaction_leaves_nothing_and_blocks_nobody(database):
    for turns in range(12):  # cancel at every await on the way

        async def insert() -> None:
            async with database.transaction(durable=True) as connection:
                await connection.execute(
                    "INSERT INTO conversations (title, model, created, updated) VALUES ('x', '', 0, 0)"
                )
                await asyncio.Event().wait()

        task = asyncio.create_task(insert())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.transaction() as connection:
            assert connection.in_transaction
    assert not await database.read("SELECT * FROM conversations")


async def test_the_reader_cannot_write(database):
    with pytest.raises(StoreError):
        await database.read("DELETE FROM conversations")


async def test_after_close_there_is_an_error_not_a_crash(paths):
    database = await Database.open(paths)
    await database.close()
    await database.close()
    with pytest.raises(StoreError, match="closed"):
        await database.read("SELECT 1")
    with pytest.raises(StoreError, match="closed"):
        async with database.transaction():
            pass
    assert [file.name for file in (paths.data / "instances").iterdir()] == ["gate"]


# -- what is not a database of ours


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(min_size=1, max_size=5000))
@example(content=b"x")
@example(content=b"SQLite format 3\x00" + bytes(4000))
def test_garbage_is_refused_by_name_and_left_alone(tmp_path, content):
    paths = Paths.from_environment({"LAMA_HOME": str(tmp_path)})
    paths.data.mkdir(exist_ok=True)
    paths.database.write_bytes(content)
    with pytest.raises(StoreError, match=r"lama\.db"):
        asyncio.run(Database.open(paths))
    assert paths.database.read_bytes() == content
    assert sorted(path.name for path in paths.data.iterdir()) == ["instances", "lama.db"]


async def test_another_programs_database_is_refused(paths):
    paths.data.mkdir(parents=True)
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = paths.database.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        await Database.open(paths)
    assert paths.database.read_bytes() == before


async def test_a_folder_in_place_of_the_file(paths):
    paths.database.mkdir(parents=True)
    with pytest.raises(StoreError, match=r"lama\.db"):
        await Database.open(paths)


async def test_damage_is_found(paths, database, conversations):
    for _ in range(50):
        conversation = await conversations.create()
        await conversations.add_turn(conversation, "words " * 200, "m")
    await quick_check(paths.database)
    await database.close()
    with paths.database.open("r+b") as file:
        file.seek(4096 * 6)
        file.write(os.urandom(4096 * 20))
    with pytest.raises(StoreError, match="damaged"):
        await quick_check(paths.database)


# -- versions


async def test_a_newer_schema_is_refused_naming_both_versions(paths):
    await (await Database.open(paths)).close()
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.execute("PRAGMA user_version=77")
    with pytest.raises(StoreError, match=f"version 77.*up to {LATEST}"):
        await Database.open(paths)
    assert version(paths.database) == 77


async def test_a_migration_backs_up_first(paths, conversations, database):
    await conversations.create("kept")
    await database.close()
    migrate(paths.database, [*read_migrations(), TABLE], ())
    assert version(paths.database) == LATEST + 1
    (backup,) = (paths.data / "backups").iterdir()
    assert (version(backup), mode(backup)) == (LATEST, 0o600)
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT title FROM conversations").fetchall() == [("kept",)]


async def test_a_migration_that_fails_changes_nothing(paths):
    await (await Database.open(paths)).close()
    bad = Migration(LATEST + 1, "CREATE TABLE later (x); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(sqlite3.Error):
        migrate(paths.database, [*read_migrations(), bad], ())
    assert version(paths.database) == LATEST
    with closing(sqlite3.connect(paths.database)) as connection:
        assert not connection.execute("SELECT * FROM sqlite_master WHERE name = 'later'").fetchall()


def test_migrations_are_numbered(tmp_path):
    (tmp_path / "0001_a.sql").write_text("")
    (tmp_path / "0003_b.sql").write_text("")
    with pytest.raises(ValueError, match="not numbered"):
        read_migrations(tmp_path)


HOLD = """
import asyncio, sys
from lama_tui.paths import Paths
from lama_tui.store.database import Database

async def main():
    database = await Database.open(Paths.from_environment())
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await database.close()

asyncio.run(main())
"""


def hold(paths: Paths) -> subprocess.Popen[bytes]:
    """Another instance that has the database open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "LAMA_HOME": str(paths.data.parent)},
    )
    assert process.stdout.readline() == b"open\n"
    return process


async def test_a_database_that_another_holds_is_not_migrated_until_that_one_is_gone(paths, monkeypatch):
    await (await Database.open(paths)).close()
    newer = (*read_migrations(), TABLE)
    monkeypatch.setattr("lama_tui.store.database.read_migrations", lambda: newer)
    with hold(paths) as other:
        with pytest.raises(StoreError, match=rf"pid {other.pid} "):
            await Database.open(paths)
        assert version(paths.database) == LATEST
        other.kill()
        other.wait()
    # What it left behind does not count: its lock is gone with it.
    assert any(file.name.startswith(f"{other.pid}-") for file in (paths.data / "instances").iterdir())
    database = await Database.open(paths)
    assert version(paths.database) == LATEST + 1
    assert await database.live_instances() == {database.instance}
    await database.close()


async def test_two_instances_see_each_other(paths, database):
    with hold(paths) as other:
        names = await database.live_instances()
        assert {name.partition("-")[0] for name in names} == {str(os.getpid()), str(other.pid)}
        other.stdin.close()
        other.wait()
    assert await database.live_instances() == {database.instance}


# -- other processes


async def test_a_lock_that_another_program_keeps_is_told(paths, database):
    async with database.transaction() as connection:
        pass
    await database._writer.execute("PRAGMA busy_timeout=50")
    with closing(sqlite3.connect(paths.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            async with database.transaction() as connection:
                await connection.execute("DELETE FROM conversations")
        assert await database.read("SELECT count(*) FROM conversations")  # reading goes on
        other.rollback()
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM conversations")


WRITE = """
import asyncio
from lama_tui.conversations.table import Conversations
from lama_tui.paths import Paths
from lama_tui.store.database import Database

async def main():
    database = await Database.open(Paths.from_environment())
    conversations = Conversations(database)
    for n in range(60):
        conversation = await conversations.create()
        _, answer = await conversations.add_turn(conversation, f"question {n}", "m")
        await conversations.checkpoint(answer, "half", "")
        await conversations.finish(answer, "complete", text="whole")
    await database.close()

asyncio.run(main())
"""


def test_two_processes_write_at_once(paths):
    env = {**os.environ, "LAMA_HOME": str(paths.data.parent)}
    both = [
        subprocess.Popen([sys.executable, "-c", WRITE], env=env, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in both:
        assert (process.communicate(timeout=300)[1], process.returncode) == ("", 0)
    with closing(sqlite3.connect(paths.database)) as connection:
        states = connection.execute("SELECT role, state, count(*) FROM messages GROUP BY role, state").fetchall()
        assert states == [("assistant", "complete", 120), ("user", "complete", 120)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
