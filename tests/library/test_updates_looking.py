"""Looking for newer revisions: what differs, what is to be fetched, whom it asks and how often."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from lama_tui.errors import LamaError, ModelNotFoundError
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.hub import Hub
from lama_tui.library.hub.values import HubFile
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.installed import InstalledModel, describe
from lama_tui.library.model_table import ModelTable
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.updates import watch as watching
from lama_tui.library.updates.update import FileChange, Update, compare
from lama_tui.library.updates.updates import Updates, wanted_files
from lama_tui.library.updates.watch import UpdateWatch
from lama_tui.library.verify.record import FOUND
from lama_tui.paths import Paths
from lama_tui.store.database import Database
from tests.library.cached import COMMIT, lay_in_cache
from tests.library.hub import TestHub

REF = "org/tiny"
OLD = {"config.json": "{}", "model.safetensors": b"w" * 5000, "old.txt": "gone soon"}
NEW = {"config.json": '{"a": 1}', "model.safetensors": b"w" * 5000, "new.json": "[1, 2, 3]"}


@pytest.fixture
def hub_server() -> Iterator[TestHub]:
    with TestHub() as server:
        yield server


@pytest.fixture
async def hub(hub_server: TestHub) -> AsyncIterator[Hub]:
    hub = Hub(HubAccess(hub_server.endpoint), local_only=True)
    yield hub
    await hub.close()


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    opened = await Database.open(Paths.from_environment())
    yield opened
    await opened.close()


@pytest.fixture
def updates(database: Database) -> Updates:
    return Updates(database)


async def model(ref: str = REF) -> InstalledModel:
    return await describe(ref, Paths.from_environment())


async def test_a_newer_revision_is_told_with_what_differs(hub_server: TestHub, hub: Hub, updates: Updates) -> None:
    old = hub_server.add(REF, OLD)
    lay_in_cache(REF, OLD, old)
    same = await updates.look(await model(), hub)
    assert same is not None and same.newest == old and not same.offered(old)
    new = hub_server.add(REF, NEW)
    found = await updates.look(await model(), hub)
    assert found is not None and (found.installed, found.newest) == (old, new)
    assert found.changes == (
        FileChange("config.json", "changed", 8),
        FileChange("new.json", "added", 9),
        FileChange("old.txt", "removed"),
    )
    assert found.size == 8 + 9  # the weights are here
    assert [update.newest for update in await updates.offered([await model()])] == [new]


async def test_without_a_branch_there_is_nothing_newer(hub_server: TestHub, hub: Hub, updates: Updates) -> None:
    old = hub_server.add(REF, OLD)
    lay_in_cache(REF, OLD, old, ref=None)  # fetched at a commit
    assert await updates.look(await model(), hub) is None
    assert hub_server.asked() == []
    lay_in_cache(REF, {}, old, ref="v1")
    hub_server.add(REF, NEW, branch="v1")
    found = await updates.look(await model(), hub)
    assert found is not None and found.offered(old)
    assert await updates.look(await model("guide"), hub) is None


async def test_gone_back_from_is_not_offered_again(hub_server: TestHub, hub: Hub, updates: Updates) -> None:
    old, new = hub_server.add(REF, OLD), hub_server.add(REF, NEW)
    earlier = lay_in_cache(REF, OLD, old)
    with pytest.raises(ModelNotFoundError, match="no earlier revision"):
        await updates.go_back(await model())
    lay_in_cache(REF, NEW, new)
    hub_server.close()  # no network
    assert (await model()).revision == new
    assert await updates.go_back(await model()) == old
    back = await model()
    assert (back.revision, back.path) == (old, str(earlier))
    with pytest.raises(ModelNotFoundError):
        await updates.go_back(back)  # not forward again
    await updates._table.found(Update(REF, old, new, (FileChange("a", "added", 1),), 1, checked=1))
    assert await updates.offered([back]) == []
    newer = Update(REF, old, "f" * 40, (FileChange("a", "added", 1),), 1, checked=1)
    await updates._table.found(newer)
    assert [each.newest for each in await updates.offered([back])] == [newer.newest]


async def test_an_incomplete_revision_is_none_to_go_back_to(hub_server: TestHub, updates: Updates) -> None:
    old, new = hub_server.add(REF, OLD), hub_server.add(REF, NEW)
    earlier = lay_in_cache(REF, OLD, old)
    lay_in_cache(REF, NEW, new)
    (earlier / "old.txt").resolve().unlink()  # cleaned
    with pytest.raises(ModelNotFoundError):
        await updates.go_back(await model())


async def test_a_cache_that_cannot_be_written_changes_nothing(updates: Updates, hub_server: TestHub) -> None:
    old, new = hub_server.add(REF, OLD), hub_server.add(REF, NEW)
    lay_in_cache(REF, OLD, old)
    lay_in_cache(REF, NEW, new)
    refs = hub_cache_folder() / "models--org--tiny" / "refs"
    (refs / "main").unlink()
    refs.rmdir()
    refs.write_text("a file is in the way")
    os.utime(hub_cache_folder() / "models--org--tiny" / "snapshots" / old, (1, 1))
    with pytest.raises(LamaError, match="stays at"):
        await updates.go_back(await model())
    assert (await updates.known()) == {}


def test_bytes_that_are_here_under_another_name_cost_nothing() -> None:
    new = [HubFile("b", 10, "sha256", "h1"), HubFile("c", 20, "sha256", "h2"), HubFile("d", 20, "sha256", "h2")]
    changes, size = compare({"a": "h1"}, new, {"h1"})
    assert [(each.path, each.kind) for each in changes] == [
        *(("a", "removed"), ("b", "added"), ("c", "added"), ("d", "added"))
    ]
    assert size == 20
    assert compare({}, [], set()) == ((), 0)


def test_of_a_gguf_model_the_same_size_is_wanted_again() -> None:
    listing = [HubFile(path, 1, "sha256", path) for path in ("m-Q4_K_M.gguf", "m-Q8_0.gguf", "config.json")]
    wanted, patterns = wanted_files({"m-Q8_0.gguf": 1}, listing)
    assert {file.path for file in wanted} == {"m-Q8_0.gguf", "config.json"} and "m-Q8_0.gguf" in patterns
    wanted, patterns = wanted_files({"model.safetensors": 1}, listing[:1] + listing[2:])
    assert patterns == ()


def giving(hub: Hub | None) -> Callable[[], Awaitable[Hub | None]]:
    async def give() -> Hub | None:
        return hub

    return give


async def day_passes(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE updates SET checked = checked - 86400000")


async def test_the_hub_is_asked_once_a_day_and_news_are_told_once(
    hub_server: TestHub, hub: Hub, updates: Updates, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_APART", 0.0)
    old = hub_server.add(REF, OLD)
    lay_in_cache(REF, OLD, old)
    for name in (REF, "org/gone", "org/bad", "zoo/bad"):
        await ModelTable(database).note_use(name)
    lay_in_cache("org/gone", {"config.json": "x"})  # the hub has no such model (any more)
    for name in ("org/bad", "zoo/bad"):  # and lists these in a way that cannot be trusted
        lay_in_cache(name, {"config.json": "y"}, hub_server.add(name, {"config.json": "y"}))
        hub_server.add(name, {"config.json": "z"}, told={"config.json": {"path": "../a"}})
    told: list[Update] = []
    watch = UpdateWatch(updates, giving(hub), told.append)
    assert await watch.round() == watching.EVERY and told == []
    asked = len(hub_server.asked())
    new = hub_server.add(REF, NEW)
    assert watching.EVERY - 60 < await UpdateWatch(updates, giving(hub), told.append).round() <= watching.EVERY
    assert len(hub_server.asked()) == asked  # another start on the same day
    await day_passes(database)
    await watch.round()
    assert [update.newest for update in told] == [new]
    await day_passes(database)
    await watch.round()
    assert len(told) == 1
    await day_passes(database)
    hub_server.close()
    with pytest.raises(LamaError):
        await watch.round()  # it is tried again before the day is over


@pytest.mark.parametrize(
    "make",
    [
        lambda server: None,
        lambda server: Hub(HubAccess(server.endpoint, offline=True), local_only=False),
        lambda server: Hub(HubAccess("http://hub.example.invalid"), local_only=True),
    ],
    ids=["off", "offline", "local only"],
)
async def test_nobody_is_asked_where_that_is_not_wanted(
    hub_server: TestHub, updates: Updates, database: Database, make: Callable[[TestHub], Hub | None]
) -> None:
    lay_in_cache(REF, OLD, hub_server.add(REF, OLD))
    hub_server.add(REF, NEW)
    await ModelTable(database).note_use(REF)
    told: list[Update] = []
    hub = make(hub_server)
    try:
        await UpdateWatch(updates, giving(hub), told.append).round()
    except LamaError as error:
        assert "offline" in error.title or "ocal only" in error.title
    finally:
        if hub is not None:
            await hub.close()
    assert hub_server.asked() == [] and told == [] and await updates.known() == {}
    assert await updates.questions() == []


async def test_by_itself_only_what_lama_fetched_or_used_is_named(
    hub_server: TestHub, hub: Hub, updates: Updates, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_APART", 0.0)
    for name in ("org/fetched", "org/used", "org/gguf", "other/tool", "other/pinned"):
        lay_in_cache(name, OLD, hub_server.add(name, OLD))
        hub_server.add(name, NEW)
    snapshots, uses = SnapshotTable(database), ModelTable(database)
    await snapshots.record("org/fetched", COMMIT, "hub", hub_server.endpoint, "/", ())
    await snapshots.record("other/tool", COMMIT, "hub", FOUND, "/", ())  # a check looked at what another tool fetched
    await uses.note_use("org/used")
    await uses.note_use("org/gguf/a-Q4.gguf")
    await uses.pin("other/pinned", True)
    own = {"org/fetched", "org/used", "org/gguf"}
    assert await updates.own() == own
    told: list[Update] = []
    await UpdateWatch(updates, giving(hub), told.append).round()
    assert {update.ref for update in told} == own == (await updates.known()).keys()
    asked = [each.path for each in hub_server.asked()]
    assert len(asked) == 3 and not any("other" in path or "config.json" in path for path in asked)  # one request each
    assert [(each.wanted_by, each.models) for each in await updates.questions()] == [("lama", 3)]
    models = await updates.following([await model(name) for name in ("org/used", "other/tool", "guide")])
    assert [each.ref async for each, _ in updates.ask(models, hub)] == ["org/used", "other/tool"]
    assert [(each.wanted_by, each.models) for each in await updates.questions()] == [("person", 2), ("lama", 3)]
