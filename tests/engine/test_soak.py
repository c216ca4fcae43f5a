"""Two hundred turns of several conversations on several models, with everything that can go wrong: slow."""

import asyncio
import logging
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from lama_tui.config.settings import EngineSettings
from lama_tui.engine.backend import GenerationRequest, LoadedModel, ModelSource, StepEvent, never
from lama_tui.engine.mlx_backend import MlxBackend
from lama_tui.engine.thread import Engine
from lama_tui.errors import LamaError
from lama_tui.events import StreamFinished, TextDelta
from lama_tui.types import ChatMessage, RequestId, Sampling
from tests.engine.conftest import PATIENCE, until
from tests.models import make_tiny_llama

TURNS, WARM_UP, WINDOW = 200, 40, 50
PROMPTS = 2 * 1024**2
"""Bytes for remembered prompts: full before the warm-up is over."""
MODELS_IN_MEMORY = 2
HANGS = 60.0


class Faulty(MlxBackend):
    """The real backend, with room for two models, that fails now and then at every call, and inside of the network."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(EngineSettings(batch_size=64, prompt_cache_ram=PROMPTS))
        self.chance = chance
        self.is_on = True
        self.short = 0
        self.faults: Counter[str] = Counter()

    def fault(self, name: str, rate: float) -> None:
        if self.is_on and self.chance.random() < rate:
            self.faults[name] += 1
            raise self.chance.choice(
                [RuntimeError("[malloc] on purpose"), ValueError("on purpose"), KeyError("purpose")]
            )

    def needs(self, source: ModelSource) -> int:
        self.fault("needs", 0.02)
        return 1

    def free(self) -> int:
        return MODELS_IN_MEMORY - len(self.loaded())

    def pressure(self) -> int:
        if self.is_on and self.chance.random() < 0.01:
            self.faults["pressure"] += 1
            self.short = self.chance.randrange(8)
        self.short = max(0, self.short - 1)
        return 1000 if self.short else 0

    def load(self, source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
        def watched(done: int, total: int) -> None:
            progress(done, total)
            self.fault("loading", 0.02)

        model = super().load(source, watched)
        network = self._runs[source.reference].model.network
        fault = self.fault

        def call(this: Any, *arguments: Any, **named: Any) -> Any:
            fault("network", 0.001)
            return type(this).__base__.__call__(this, *arguments, **named)

        network.__class__ = type("Faulty", (type(network),), {"__call__": call})
        return model

    def unload(self, reference: str) -> int:
        self.fault("unload", 0.05)
        return super().unload(reference)

    def begin(self, request: GenerationRequest, given_up: Callable[[], bool] = never) -> None:
        self.fault("begin", 0.02)
        super().begin(request, given_up)

    def step(self) -> Sequence[StepEvent]:
        self.fault("step", 0.001)
        return super().step()

    def cancel(self, request: RequestId) -> Sequence[StepEvent]:
        events = super().cancel(request)
        self.fault("cancel", 0.05)
        return events


class People:
    """Who asks, waits, changes their mind, forks and switches."""

    def __init__(self, engine: Engine, models: list[ModelSource], chance: random.Random) -> None:
        self.engine, self.models, self.chance = engine, models, chance
        self.conversations: list[tuple[ChatMessage, ...]] = [()] * 5
        self.turns = 0
        self.ends: Counter[str] = Counter()

    async def round(self) -> None:
        """One to five turns at once, and now and then a model that is unloaded by hand meanwhile."""
        turns = [self.turn(at) for at in self.chance.sample(range(5), self.chance.randint(1, 5))]
        others = [self.unload()] if self.chance.random() < 0.1 else []
        await asyncio.wait_for(asyncio.gather(*turns, *others), HANGS)

    async def unload(self) -> None:
        try:
            await self.engine.unload(self.chance.choice(self.models).reference)
        except LamaError:
            self.ends["not unloaded"] += 1

    async def turn(self, at: int) -> None:
        chance, thread = self.chance, self.conversations[at]
        if chance.random() < 0.2:  # a fork: another conversation's beginning
            other = chance.choice(self.conversations)
            thread = other[: 2 * chance.randint(0, len(other) // 2)]
        if len(thread) > 10:
            thread = thread[2:]
        thread = (*thread, ChatMessage("user", chance.choice("abcdef") * chance.randint(1, 120)))
        source = self.models[at % 3] if chance.random() < 0.8 else chance.choice(self.models)
        sampling = Sampling(0.0, chance.randint(1, 40), seed=1 if chance.random() < 0.1 else None)
        number = self.turns = self.turns + 1
        request = GenerationRequest(RequestId(f"t{number}"), source, thread, sampling, conversation=at + 1)
        text, leave_after = "", chance.choice([0, 1, 2, 5, 20]) if chance.random() < 0.25 else 10**9
        end = "left"
        try:
            async with aclosing(self.engine.generate(request)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        text += event.text
                    if isinstance(event, StreamFinished):
                        end = event.reason
                    leave_after -= 1
                    if leave_after < 0:
                        break
        except LamaError as error:
            end = type(error).__name__
        self.ends[end] += 1
        self.conversations[at] = (*thread, ChatMessage("assistant", text))


def at_rest(engine: Engine) -> bool:
    figures = engine.figures()
    return (figures.running, figures.waiting) == (0, 0) and figures.memory is not None and figures.memory.kv == 0


def grown(measured: dict[int, int]) -> float:
    """The last turns against the first after the warm-up, by their median."""
    first = [size for turns, size in measured.items() if WARM_UP < turns <= WARM_UP + WINDOW]
    last = [size for turns, size in measured.items() if turns > WARM_UP + TURNS - WINDOW]
    return statistics.median(last) / statistics.median(first)


@pytest.fixture(autouse=True)
def no_records() -> Iterator[None]:
    """pytest keeps what is logged, tracebacks and all; a log file does not."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [6, 2026])
async def test_two_hundred_turns(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    import mlx.core as mx

    chance = random.Random(seed)
    folders = [make_tiny_llama(tmp_path / name, hidden=96, seed=at) for at, name in enumerate(["one", "two", "three"])]
    backend = Faulty(random.Random(seed + 1))
    engine = Engine(lambda: backend)
    people = People(engine, [ModelSource(folder.name, str(folder)) for folder in folders], chance)
    active: dict[int, int] = {}  # bytes after so many turns, with all models in memory that there is room for
    beside: dict[int, int] = {}  # of these what is not remembered prompts, which come and go as they should
    prompts = 0
    try:
        while people.turns < WARM_UP + TURNS:
            await people.round()
            await until(lambda: at_rest(engine), "all have ended and no KV is left")
            figures = engine.figures()
            assert figures.memory is not None and len(figures.loaded) <= MODELS_IN_MEMORY
            prompts = max(prompts, figures.memory.prompts or 0)
            if len(figures.loaded) == MODELS_IN_MEMORY:
                active[people.turns] = mx.get_active_memory()
                beside[people.turns] = active[people.turns] - (figures.memory.prompts or 0)
        backend.is_on, backend.short = False, 0
        for source in people.models:  # whatever happened, all of them answer
            request = GenerationRequest(
                RequestId(source.reference), source, (ChatMessage("user", "hi"),), Sampling(0, 3)
            )
            last = [event async for event in engine.generate(request)][-1]
            assert isinstance(last, StreamFinished) and last.usage.completion_tokens == 3
    finally:
        assert await engine.stop(PATIENCE)
    with capsys.disabled():
        print(f"\nsoak {seed}: {people.turns} turns, ends {dict(people.ends)}, faults {dict(backend.faults)}")
        print(
            f"  last 50 turns against first 50: active memory {grown(active):.3f}, without prompts {grown(beside):.3f}"
        )
        print(f"  remembered prompts {prompts:,} bytes at most, of {PROMPTS:,}")
    assert sum(people.ends[end] for end in people.ends if end != "not unloaded") == people.turns, "an end for everyone"
    assert sum(backend.faults.values()) > 10 and len(backend.faults) >= 4, "things did go wrong"
    assert prompts <= PROMPTS
    assert 0.95 < grown(beside) < 1.05
