"""While a model is read, the engine's figures tell how far it is; afterwards they tell nothing of it."""

import asyncio

from lama_tui.events import ModelLoading
from tests.engine.conftest import Rig, until


async def test_a_load_is_in_the_figures_while_it_lasts(rig: Rig) -> None:
    seen: list[ModelLoading] = []

    def look() -> bool:
        if (loading := rig.engine.figures().loading) is not None:
            seen.append(loading)
        return bool(seen)

    looked = rig.hold("load")
    load = asyncio.create_task(rig.engine.load(rig.first))
    while not load.done():
        if look():
            looked.set()
        await asyncio.sleep(0)
    await load
    assert {loading.model for loading in seen} == {"one"}
    assert [loading.done for loading in seen] == sorted(loading.done for loading in seen)
    assert all(loading.done <= loading.total for loading in seen)
    await until(lambda: rig.engine.figures().loading is None)
    assert [model.reference for model in rig.engine.figures().loaded] == ["one"]


async def test_an_abandoned_load_leaves_the_figures(rig: Rig) -> None:
    looked = rig.hold("load")
    load = asyncio.create_task(rig.engine.load(rig.first))
    await until(lambda: rig.engine.figures().loading is not None)
    load.cancel()
    looked.set()
    await asyncio.gather(load, return_exceptions=True)
    await until(lambda: rig.engine.figures().loading is None)
