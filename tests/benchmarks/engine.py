"""What the engine does with several requests and with what it remembers: `python -m tests.benchmarks.engine [SHAPE…]`.

Drives the backend as the engine's thread does, without the event loop, beside mlx-lm's own parts on the same network
in the same memory: by turns, after the same warm-up, on one processor. All in one thread. Both take the likeliest
token; all make text of it but `BatchGenerator`. What counts is the median of the ratios of neighbours: the machine
changes its speed in seconds, for both alike, and the ratio of the fastest of nine was off by up to 5 % by chance.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("MLX_DISABLE_COMPILE", "1")

from lama_tui.config.settings import EngineSettings
from lama_tui.engine.backend import GenerationRequest, ModelSource
from lama_tui.engine.mlx_backend import MlxBackend
from lama_tui.engine.prompt_files import PromptFiles
from lama_tui.events import StreamFailed, StreamFinished, TextDelta
from lama_tui.paths import guide_weights
from lama_tui.types import ChatMessage, RequestId, Sampling, Usage
from tests.models import make_tiny_llama

SHAPES = {
    "small": {"hidden": 128, "layers": 2, "heads": 4},
    "usual": {"hidden": 192, "layers": 4, "heads": 4},
    "deep": {"hidden": 128, "layers": 8, "heads": 4},
}
"""Random Llamas: 0.4, 1.6 and 1.4 million parameters."""
USUAL = "usual"
GUIDE = "guide"
"""Its window is too short for a long history: only its speed is measured."""

TOKENS = 200
TOGETHER = 100
"""Tokens of each of four answers: their ratio is steady sooner."""
HISTORY = 1000
LONG = 4000


@dataclass(frozen=True, slots=True)
class Beside:
    """Tokens a second of each round: ours, and theirs directly before or after it."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def speed(self) -> float:
        """The median of ours."""
        return median(self.ours)

    @property
    def ratio(self) -> float:
        """The median of all rounds."""
        return median(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Speeds:
    """Of one answer alone, and of four together."""

    one: Beside
    four: Beside


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds. `warm` and `restarted` against `cold` are times to the first token of the second turn and the first."""

    cold: float
    warm: float
    restarted: float
    question: float
    beside_long: float
    chunk: float
    cancel: float
    unloaded: float

    @property
    def waited(self) -> float:
        """How long a short question beside a long prompt takes, of what it may: twice its time and a chunk."""
        return self.beside_long / (2 * self.question + self.chunk)


@dataclass(frozen=True, slots=True)
class Found:
    """Of one shape; `waits` is None for one with a short window."""

    shape: str
    speeds: Speeds
    waits: Waits | None


@contextmanager
def on_one_processor() -> Iterator[None]:
    """Keep all threads of this process on one processor, where the system can be told so.

    The thread that builds a step and the one that computes it hand each other work every few microseconds. On one
    processor they are as fast as on two, and always so: on two they are half as slow again in some runs, by chance.
    """
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)

    def keep_on(processors: set[int]) -> None:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setaffinity(int(thread.name), processors)

    keep_on({max(before)})
    try:
        yield
    finally:
        keep_on(before)


def words(chance: random.Random, count: int) -> str:
    """Text of so many tokens: one a character."""
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(count))


class Bench:
    """A backend with a model."""

    def __init__(self, folder: Path, prompts: Path) -> None:
        self.source = ModelSource("bench", str(folder))
        self.prompts = prompts
        self.chance = random.Random(0)
        self.numbers = 0
        self.backend = self.open()

    def open(self) -> MlxBackend:
        """A backend with the model loaded, which never ends an answer by itself."""
        backend = MlxBackend(EngineSettings(), PromptFiles(self.prompts, 2**30))
        backend.open()
        backend.load(self.source, lambda done, total: None)
        backend._runs[self.source.reference].model.tokenizer.eos_token_ids = set()
        return backend

    def request(self, *texts: str, tokens: int = 10, conversation: int = 0) -> GenerationRequest:
        self.numbers += 1
        messages = tuple(ChatMessage("assistant" if n % 2 else "user", text) for n, text in enumerate(texts))
        sampling = Sampling(temperature=0.0, max_tokens=tokens)
        return GenerationRequest(
            RequestId(str(self.numbers)), self.source, messages, sampling, conversation=conversation
        )

    def run(self, requests: Sequence[GenerationRequest]) -> tuple[dict[RequestId, str], dict[RequestId, Usage]]:
        """Answer all of them together."""
        texts, usages = {request.id: "" for request in requests}, {}
        for request in requests:
            self.backend.begin(request)
        while len(usages) < len(requests):
            for made in self.backend.step():
                if isinstance(made.event, StreamFailed):
                    raise made.event.error
                if isinstance(made.event, TextDelta):
                    texts[made.request] += made.event.text
                if isinstance(made.event, StreamFinished):
                    usages[made.request] = made.event.usage
        return texts, usages

    def first_token(self, request: GenerationRequest) -> tuple[str, float]:
        """The answer, and seconds from the request to its first token."""
        texts, usages = self.run([request])
        return texts[request.id], (usages[request.id].ttft_ms or 0.0) / 1000


def _decode_speeds(bench: Bench, rounds: int, rounds_of_four: int) -> Speeds:
    """By turns, ours first and then theirs first."""
    from mlx_lm.generate import BatchGenerator, stream_generate

    model = bench.backend._runs[bench.source.reference].model
    network, tokenizer = model.network, model.tokenizer

    def prompt(text: str) -> Any:
        return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True)

    def one_alone(texts: Sequence[str]) -> float:
        parts = stream_generate(network, tokenizer, prompt(texts[0]), max_tokens=TOKENS)
        times = [time.perf_counter() for _ in parts]
        return (len(times) - 1) / (times[-1] - times[0])

    def one(texts: Sequence[str]) -> float:
        _, usages = bench.run([bench.request(texts[0], tokens=TOKENS)])
        return max(usage.decode_tok_s or 0.0 for usage in usages.values())

    def four_alone(texts: Sequence[str]) -> float:
        began, made, left = time.perf_counter(), 0, len(texts)
        generator = BatchGenerator(network, max_tokens=TOGETHER, prefill_step_size=512)
        generator.insert([prompt(text) for text in texts])
        while left:
            for response in generator.next()[1]:
                made, left = made + 1, left - (response.finish_reason is not None)
        generator.close()
        return made / (time.perf_counter() - began)

    def four(texts: Sequence[str]) -> float:
        began = time.perf_counter()
        _, usages = bench.run([bench.request(text, tokens=TOGETHER) for text in texts])
        made = sum(usage.completion_tokens or 0 for usage in usages.values())
        return made / (time.perf_counter() - began)

    def beside(ours: Callable[[Sequence[str]], float], theirs: Callable[[Sequence[str]], float], rounds: int) -> Beside:
        found: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds + 1):
            texts = [words(bench.chance, 30 + 10 * each) for each in range(4)]
            ways = [(ours, found[0]), (theirs, found[1])]
            for way, speeds in ways if number % 2 else ways[::-1]:
                speed = way(texts)
                if number:  # the first is the warm-up
                    speeds.append(speed)
        return Beside(tuple(found[0]), tuple(found[1]))

    return Speeds(beside(one, one_alone, rounds), beside(four, four_alone, rounds_of_four))


def _remembering(bench: Bench, rounds: int) -> tuple[float, float, list[tuple[str, str]]]:
    """Seconds to the first token of a first turn, of which nothing is known, and of the second; and the first turns,
    which are on the disk then."""
    cold, warm, left = [], [], []
    for number in range(1, rounds + 1):
        history = words(bench.chance, HISTORY)
        answer, seconds = bench.first_token(bench.request(history, conversation=number))
        cold.append(seconds)
        warm.append(bench.first_token(bench.request(history, answer, "and then?", conversation=number))[1])
        left.append((history, answer))
        while bench.backend.rest():
            pass
    return min(cold), min(warm), left


def _after_a_restart(folder: Path, prompts: Path, left: Sequence[tuple[str, str]]) -> float:
    """Seconds to the first token of their second turns, in a thread that has computed nothing yet."""
    bench = Bench(folder, prompts)
    try:
        bench.first_token(bench.request("warm up"))
        return min(
            bench.first_token(bench.request(*turn, "but why?", conversation=number + 1))[1]
            for number, turn in enumerate(left)
        )
    finally:
        bench.backend.close()


def _beside_a_long_prompt(bench: Bench, rounds: int) -> tuple[float, float, float, float]:
    """Seconds: a short question alone, beside a long prompt, a chunk of that, and a cancel."""
    alone, beside, chunks, cancels = [], [], [], []
    for _ in range(rounds):
        alone.append(bench.first_token(bench.request(words(bench.chance, 20), tokens=2))[1])
    for _ in range(rounds):
        long = bench.request(words(bench.chance, LONG), tokens=2)
        bench.backend.begin(long)
        for _ in range(3):
            began = time.perf_counter()
            bench.backend.step()
            chunks.append(time.perf_counter() - began)
        beside.append(bench.first_token(bench.request(words(bench.chance, 20), tokens=2))[1])
        began = time.perf_counter()
        bench.backend.cancel(long.id)
        cancels.append(time.perf_counter() - began)
    return median(alone), median(beside), median(chunks), max(cancels)


def _unloaded(bench: Bench) -> float:
    """The share of the weights' bytes that unloading gives back."""
    import mlx.core as mx

    (model,) = bench.backend.loaded()
    bench.backend.shrink_prompts(bench.backend.memory().prompts or 0)  # they would be counted with the weights
    before = mx.get_active_memory()
    bench.backend.unload(model.reference)
    return (before - mx.get_active_memory()) / model.weights


def _in_a_thread(work: Callable[..., Any], *arguments: object) -> Any:
    """MLX's streams belong to a thread, and end with the backend that closes there."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work, *arguments).result()


def _first_life(folder: Path, prompts: Path, rounds: int, few: int, is_long: bool) -> tuple[Any, ...]:
    bench = Bench(folder, prompts)
    try:
        with on_one_processor():
            speeds = _decode_speeds(bench, rounds, min(rounds, 5))
        if not is_long:
            return speeds, None, (), 0.0
        remembered = _remembering(bench, few)
        return speeds, remembered, _beside_a_long_prompt(bench, few), _unloaded(bench)
    finally:
        bench.backend.close()


def _measure(shape: str, rounds: int) -> Found:
    few = min(rounds, 2 if shape == USUAL else 1)  # what nothing is known of takes long to read
    with tempfile.TemporaryDirectory() as temporary:
        prompts = Path(temporary) / "prompts"
        if shape == GUIDE:
            folder = guide_weights()
        else:
            folder = make_tiny_llama(Path(temporary) / shape, window=16_384, **SHAPES[shape])
        found = _in_a_thread(_first_life, folder, prompts, rounds, few, shape != GUIDE)
        speeds, remembered, waits, unloaded = found
        if remembered is None:
            return Found(shape, speeds, None)
        cold, warm, left = remembered
        restarted = _in_a_thread(_after_a_restart, folder, prompts, left)
        return Found(shape, speeds, Waits(cold, warm, restarted, *waits, unloaded))


def measure(rounds: int = 9, shapes: Sequence[str] = (GUIDE, *SHAPES)) -> list[Found]:
    """All shapes, one after the other. Of one answer alone there are as many `rounds`, of what takes long fewer."""
    return [_measure(shape, rounds) for shape in shapes]


def main() -> None:
    for found in measure(shapes=sys.argv[1:] or (GUIDE, *SHAPES)):
        speeds, waits = found.speeds, found.waits
        print(f"{found.shape}")
        for name, other, pairs in (
            ("one request  ", "stream_generate", speeds.one),
            ("four requests", "BatchGenerator ", speeds.four),
        ):
            print(f"  {name}     {pairs.speed:8.0f} tok/s, {other} {median(pairs.theirs):8.0f}"
                  f"   ratio {pairs.ratio:.3f}")  # fmt: skip
        if waits is None:
            continue
        print(f"  second turn       {1000 * waits.warm:8.0f} ms,    cold            {1000 * waits.cold:8.0f}"
              f"   {waits.cold / waits.warm:.0f} times sooner")  # fmt: skip
        print(f"  after a restart   {1000 * waits.restarted:8.0f} ms"
              f"                               {waits.cold / waits.restarted:.0f} times sooner")  # fmt: skip
        print(f"  a short question  {1000 * waits.question:8.0f} ms,    beside a long   {1000 * waits.beside_long:8.0f}"
              f"   {waits.waited:.2f} of what it may (chunk {1000 * waits.chunk:.0f} ms)")  # fmt: skip
        print(f"  cancelling        {1000 * waits.cancel:8.1f} ms;  unloading gives back {waits.unloaded:.1%}")


if __name__ == "__main__":
    main()
