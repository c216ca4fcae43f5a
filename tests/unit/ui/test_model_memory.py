"""Loading and unloading: one wish at a time, with its progress, and how it ends."""

import asyncio
from dataclasses import dataclass, field

from lama_tui.engine.backend import LoadedModel, ModelSource
from lama_tui.engine.figures import EngineFigures
from lama_tui.errors import LamaError, ModelNotFoundError
from lama_tui.events import ModelLoading
from lama_tui.ui.screens.models.memory import ModelMemory

LOADED = LoadedModel("one", "/one", "cpu", 3 * 1024**2, 512, 1.25, mapped=False)


@dataclass
class FakeEngine:
    """Loads when it is let."""

    now: EngineFigures = field(default_factory=EngineFigures)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)

    def figures(self) -> EngineFigures:
        return self.now

    async def load(self, source: ModelSource) -> LoadedModel:
        self.asked.append(source.reference)
        await self.let.wait()
        return LOADED

    async def unload(self, reference: str) -> int:
        self.asked.append(f"-{reference}")
        await self.let.wait()
        return 2 * 1024**2


async def resolve(reference: str) -> ModelSource:
    if reference == "missing":
        raise ModelNotFoundError("missing is not on this machine")
    return ModelSource(reference, f"/{reference}")


def made(engine: FakeEngine) -> tuple[ModelMemory, list[str | LamaError]]:
    heard: list[str | LamaError] = []
    return ModelMemory(engine, resolve, heard.append), heard  # type: ignore[arg-type]


async def settled(memory: ModelMemory) -> None:
    async with asyncio.timeout(60):
        while memory.wish is not None:  # noqa: ASYNC110 - nobody notifies
            await asyncio.sleep(0)


async def test_a_load_tells_how_far_it_is_and_what_came_of_it() -> None:
    engine = FakeEngine()
    memory, heard = made(engine)
    assert memory.doing == "" and not memory.stop()
    memory.load("one")
    await asyncio.sleep(0)
    assert memory.doing == "Loading one…"
    engine.now = EngineFigures(loading=ModelLoading("one", 512 * 1024, 1024 * 1024))
    assert memory.doing == "Loading one: 512 KiB of 1.0 MiB, 50 %"
    engine.now = EngineFigures(running=1)
    assert "waits for the running answer" in memory.doing
    memory.unload("one")  # one wish at a time
    engine.let.set()
    await settled(memory)
    assert engine.asked == ["one"]
    assert heard == ["one is loaded: 3.0 MiB of weights in 1.2 s."]


async def test_unloading_tells_what_it_freed() -> None:
    engine = FakeEngine()
    memory, heard = made(engine)
    engine.let.set()
    memory.unload("one")
    await settled(memory)
    assert heard == ["one left memory and gave back 2.0 MiB."]


async def test_a_stopped_load_tells_what_is_in_memory() -> None:
    engine = FakeEngine(EngineFigures(loaded=(LOADED,)))
    memory, heard = made(engine)
    memory.load("two")
    await asyncio.sleep(0)
    assert memory.stop()
    await settled(memory)
    assert heard == ["Stopped. In memory now: one."]
    memory.load("two")
    assert memory.wish is not None
    engine.let.set()
    await settled(memory)
    assert engine.asked == ["two", "two"]


async def test_stopped_before_it_began() -> None:
    memory, heard = made(FakeEngine())
    memory.load("two")
    assert memory.stop()
    await settled(memory)
    assert heard == ["Stopped. In memory now: no model."]


async def test_what_fails_is_handed_on() -> None:
    memory, heard = made(FakeEngine())
    memory.load("missing")
    await settled(memory)
    assert isinstance(heard[0], ModelNotFoundError) and memory.wish is None
