"""When models were used and which are pinned, kept in the database."""

from lama_tui.library.model_table import ModelTable, ModelUse
from lama_tui.paths import Paths
from lama_tui.store.database import Database


async def test_nothing_is_known_at_first(database: Database) -> None:
    assert await ModelTable(database).all() == {}


async def test_use_and_pins_do_not_disturb_each_other(database: Database) -> None:
    models = ModelTable(database)
    await models.pin("a/b", True)
    assert (await models.all())["a/b"] == ModelUse(None, True)
    await models.note_use("a/b")
    first = (await models.all())["a/b"]
    assert first.pinned and first.last_used is not None
    await models.pin("a/b", False)
    await models.note_use("a/b")
    second = (await models.all())["a/b"]
    assert not second.pinned and second.last_used is not None and second.last_used >= first.last_used


async def test_a_clock_that_was_set_back_does_not_take_a_use_back(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO models (ref, last_used) VALUES ('guide', ?)", (2**62,))
    await ModelTable(database).note_use("guide")
    assert (await ModelTable(database).all())["guide"].last_used == 2**62


async def test_any_reference_is_kept_as_it_is(database: Database) -> None:
    models = ModelTable(database)
    for reference in ("'; DROP TABLE models; --", "[/nope]", "模型", "x" * 5000, ""):
        await models.pin(reference, True)
        assert (await models.all())[reference].pinned


async def test_it_is_there_when_opened_again(paths: Paths) -> None:
    for expected in ({}, {"guide": ModelUse(None, True)}):
        database = await Database.open(paths)
        try:
            assert await ModelTable(database).all() == expected
            await ModelTable(database).pin("guide", True)
        finally:
            await database.close()
