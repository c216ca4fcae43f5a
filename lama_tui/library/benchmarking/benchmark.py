"""One benchmark: prompts of given lengths, read and answered several times by the engine, like any other answer.

The first answer warms up and is not counted. Figures are those that every answer has (`Usage`); a model that ends
an answer early is measured on what it said.
"""

import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from lama_tui.engine.backend import GenerationRequest, LoadedModel, ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.errors import InferenceError
from lama_tui.events import ModelLoading, PromptProgress, StreamFinished, UsageUpdated
from lama_tui.library.installed import InstalledModel
from lama_tui.library.measurement_table import Measurement
from lama_tui.types import ChatMessage, RequestId, Sampling, Usage

PROMPT_TOKENS = (128, 1024)
TOKENS = 64
RUNS = 3

_WORDS = ("river", "stone", "winter", "garden", "letter", "music", "window", "bridge", "forest", "silver", "morning")
_TASK = "\n\nGo on with this list for as long as you can."
_WARM_UP = 8  # tokens


@dataclass(frozen=True, slots=True)
class BenchmarkProgress:
    """Where a benchmark is: `run` of `runs` of all lengths together, 0 while it loads and warms up.

    `done` of `total` are bytes while it loads and tokens of the prompt or the answer then; `total` 0 is unknown.
    """

    doing: str
    run: int
    runs: int
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What one length of prompt gave. `measured` are the medians, `runs` what each run said.

    `skipped` says why there are none.
    """

    asked: int
    measured: Measurement | None
    runs: tuple[Usage, ...] = ()
    skipped: str = ""


Watch = Callable[[BenchmarkProgress], None]


async def benchmark(
    engine: Engine,
    model: InstalledModel,
    watch: Watch,
    *,
    prompt_tokens: Sequence[int] = PROMPT_TOKENS,
    tokens: int = TOKENS,
    runs: int = RUNS,
    experts: int = 0,
    ran: Callable[[int, Measurement], None] = lambda asked, so_far: None,
    keep: Callable[[Measurement], Awaitable[None]] | None = None,
) -> tuple[Result, ...]:
    """Measure `model`; `keep` gets the medians of a length as soon as they are there, and `ran` after each run the
    length that was asked for with the medians of its runs so far.

    Waits behind what the engine does. Raises a `LamaError`; cancelling ends the answer that runs.
    """
    source = ModelSource(model.ref, model.path)
    total = len(prompt_tokens) * runs
    watch(BenchmarkProgress("loading", 0, total))
    await _run(engine, source, "Hello.", _WARM_UP, watch, BenchmarkProgress("warming up", 0, total))
    loaded = next((each for each in engine.figures().loaded if each.reference == model.ref), None)
    device = engine.figures().device
    if loaded is None or device is None:
        raise InferenceError(f"{model.ref} left memory", "Something else was loaded meanwhile.", "Try again.")
    results = []
    for at, length in enumerate(prompt_tokens):
        if loaded.context_window is not None and length + tokens > loaded.context_window:
            why = f"{length:,} tokens and an answer do not fit into its context of {loaded.context_window:,}"
            results.append(Result(length, None, skipped=why))
            continue
        usages = []
        for run in range(runs):
            number = at * runs + run + 1
            text = await _prompt(engine, source, length, number)
            usages.append(await _run(engine, source, text, tokens, watch, BenchmarkProgress("", number, total)))
            measured = _medians(model, loaded, device.name, usages, experts)
            ran(length, measured)
        results.append(Result(length, measured, tuple(usages)))
        if keep is not None:
            await keep(measured)
    return tuple(results)


async def _run(
    engine: Engine, source: ModelSource, text: str, tokens: int, watch: Watch, at: BenchmarkProgress
) -> Usage:
    """The figures of one answer."""
    sampling = Sampling(temperature=0.0, max_tokens=tokens, seed=0)
    request = GenerationRequest(RequestId(uuid.uuid4().hex), source, (ChatMessage("user", text),), sampling)
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            match event:
                case ModelLoading():
                    watch(BenchmarkProgress("loading", 0, at.runs, event.done, event.total))
                case PromptProgress():
                    watch(BenchmarkProgress(at.doing or "reading", at.run, at.runs, event.done, event.total))
                case UsageUpdated():
                    done = event.usage.completion_tokens or 0
                    watch(BenchmarkProgress(at.doing or "writing", at.run, at.runs, done, tokens))
                case StreamFinished():
                    return event.usage
    raise InferenceError("The answer did not end", "The engine was closed meanwhile.", "Try again.")


async def _prompt(engine: Engine, source: ModelSource, length: int, number: int) -> str:
    """A message that makes a prompt of at most `length` tokens, template included, and of hardly less; of more only
    where the task alone has more.

    Each has another beginning, so that nothing of it was read before.
    """

    async def count(size: int) -> int:
        counted = await engine.count(source, (ChatMessage("user", text[:size] + _TASK),))
        if counted is None:
            raise InferenceError(
                f"{source.reference} left memory", "Something else was loaded meanwhile.", "Try again."
            )
        return counted

    words = [f"List {number}:", *(_WORDS[(at * 7 + at // 11 + number) % len(_WORDS)] for at in range(length * 2))]
    text = " ".join(words)
    low, high = 0, len(text)
    while low < high:  # tokenizers differ: look for the length
        middle = (low + high + 1) // 2
        if await count(middle) <= length:
            low = middle
        else:
            high = middle - 1
    return text[:low] + _TASK


def _medians(
    model: InstalledModel, loaded: LoadedModel, device: str, usages: Sequence[Usage], experts: int
) -> Measurement:
    return Measurement(
        ref=model.ref,
        revision=model.revision or "",
        device=device,
        architecture=model.architecture,
        params=model.params,
        bits=model.bits,
        weights=loaded.weights,
        prompt_tokens=int(_median(usage.prompt_tokens for usage in usages) or 0),
        completion_tokens=int(_median(usage.completion_tokens for usage in usages) or 0),
        prefill_tok_s=_median(usage.prefill_tok_s for usage in usages),
        decode_tok_s=_median(usage.decode_tok_s for usage in usages),
        ttft_ms=_median(usage.ttft_ms for usage in usages),
        peak_memory=max((usage.peak_memory for usage in usages if usage.peak_memory is not None), default=None),
        at=time.time_ns() // 1_000_000,
        experts=experts,
        runs=len(usages),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
