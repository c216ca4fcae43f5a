"""Tiny models, and engines that are stopped when a test ends."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lama_tui.config.settings import EngineSettings
from lama_tui.engine.backend import Backend, GenerationRequest, LoadedModel, ModelSource, StepEvent
from lama_tui.engine.figures import EngineFigures
from lama_tui.engine.thread import Engine
from lama_tui.engine.worker import Worker
from lama_tui.events import StreamEvent, TextDelta
from lama_tui.types import ChatMessage, RequestId, Sampling
from tests.engine.fake import SIZE, FakeBackend
from tests.models import make_tiny_llama

PATIENCE = 60.0
"""Seconds after which a condition that does not come fails the test."""


async def until(condition: Callable[[], bool], what: str = "") -> None:
    """Wait for `condition`."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        await asyncio.sleep(0.002)


def text_of(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@dataclass
class Rig:
    """An engine over one kind of backend, and two models for it."""

    make_backend: Callable[[], Backend]
    first: ModelSource
    second: ModelSource
    engine: Engine = field(init=False)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.engine = Engine(self.make_backend)

    def request(
        self,
        source: ModelSource | None = None,
        *,
        tokens: int = 5,
        text: str = "hello",
        prefix: str = "",
        **sampling: object,
    ) -> GenerationRequest:
        return GenerationRequest(
            RequestId(f"r{next(self.numbers)}"),
            source or self.first,
            (ChatMessage("user", text),),
            Sampling(**{"temperature": 0.0, "max_tokens": tokens, **sampling}),  # type: ignore[arg-type]
            prefix,
        )

    def hold(self, call: str, idle_unload: float = 0.0) -> threading.Event:
        """From the second time on the backend waits with `load`'s progress and its end, or with `step`, until this is
        set: what is to be seen between lasts for a moment. Before the engine is used."""
        go, calls = threading.Event(), itertools.count()

        def wait() -> None:
            if next(calls):
                assert go.wait(PATIENCE), f"nobody let {call} go on"

        def make() -> Backend:
            backend = self.make_backend()
            load, step = backend.load, backend.step

            def held_load(source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
                def told(done: int, total: int) -> None:
                    wait()
                    progress(done, total)

                model = load(source, told)
                assert go.wait(PATIENCE), "nobody let it end"  # a small one is read in one piece
                return model

            def held_step() -> Sequence[StepEvent]:
                wait()
                return step()

            if call == "load":
                backend.load = held_load  # type: ignore[method-assign]
            else:
                backend.step = held_step  # type: ignore[method-assign]
            return backend

        self.engine = Engine(make, idle_unload=idle_unload)
        return go

    def linger(self, at: ModelSource) -> threading.Event:
        """Loading `at` does not end before this is set, and tells all the time how far it is. Before the engine is
        used."""
        go = threading.Event()

        def make() -> Backend:
            backend = self.make_backend()
            load = backend.load

            def lingering(source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
                def told(done: int, total: int) -> None:
                    progress(done, total)
                    while source == at and not go.wait(0.001):
                        progress(done, total)

                return load(source, told)

            backend.load = lingering  # type: ignore[method-assign]
            return backend

        self.engine = Engine(make)
        return go

    async def answer(self, request: GenerationRequest) -> list[StreamEvent]:
        return [event async for event in self.engine.generate(request)]

    async def watch(self, request: GenerationRequest, into: list[StreamEvent]) -> None:
        async for event in self.engine.generate(request):
            into.append(event)

    @property
    def running(self) -> int:
        return self.engine.figures().running


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[EngineFigures]:
    """All figures that engines publish, in their order: what stood for a moment too, however late a test looks."""
    seen: list[EngineFigures] = []

    def publish(worker: Worker, figures: EngineFigures) -> None:
        worker.__dict__["figures"] = figures
        seen.append(figures)

    kept = property(lambda worker: worker.__dict__["figures"], publish)
    monkeypatch.setattr(Worker, "figures", kept, raising=False)
    return seen


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("models")
    return make_tiny_llama(base / "one"), make_tiny_llama(base / "two", seed=2)


def mlx_backend() -> Backend:
    from lama_tui.engine.mlx_backend import MlxBackend

    return MlxBackend(EngineSettings(batch_size=64))


def mlx_rig(tiny_models: tuple[Path, Path]) -> Rig:
    one, two = tiny_models
    return Rig(mlx_backend, ModelSource("one", str(one)), ModelSource("two", str(two)))


@pytest.fixture
async def mlx(tiny_models: tuple[Path, Path]) -> AsyncIterator[Rig]:
    rig = mlx_rig(tiny_models)
    yield rig
    assert await rig.engine.stop(PATIENCE)


@pytest.fixture(params=["fake", "mlx"])
async def rig(request: pytest.FixtureRequest, tiny_models: tuple[Path, Path]) -> AsyncIterator[Rig]:
    """The contract's subject: both kinds of backend must behave alike."""
    if request.param == "mlx":
        rig = mlx_rig(tiny_models)
    else:
        rig = Rig(FakeBackend, ModelSource("one", "/one"), ModelSource("two", "/two"))
    yield rig
    assert await rig.engine.stop(PATIENCE)


def narrow_mlx_backend() -> Backend:
    """MLX with room for one model."""
    from lama_tui.engine.mlx_backend import MlxBackend

    class Narrow(MlxBackend):
        def needs(self, source: ModelSource) -> int:
            return 1

        def free(self) -> int:
            return 1 - len(self.loaded())

    return Narrow(EngineSettings(batch_size=64))


@pytest.fixture(params=["fake", "mlx"])
async def narrow(request: pytest.FixtureRequest, tiny_models: tuple[Path, Path]) -> AsyncIterator[Rig]:
    """As `rig`, where there is room for one model."""
    if request.param == "mlx":
        rig = Rig(narrow_mlx_backend, *(ModelSource(path.name, str(path)) for path in tiny_models))
    else:
        rig = Rig(lambda: FakeBackend(room=SIZE), ModelSource("one", "/one"), ModelSource("two", "/two"))
    yield rig
    assert await rig.engine.stop(PATIENCE)
