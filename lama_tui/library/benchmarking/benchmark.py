"""One benchmark: prompts of given lengths, read and answered several times by the engine, like any other answer.

The first answer warms up and is not counted. Figures are those that every answer has (`Usage`); a model that ends
an answer early is measured on what it said.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from lama_tui.engine.backend import LoadedModel, ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.library.benchmarking.answers import Answers, BenchmarkProgress, MeasuredAnswer, Watch
from lama_tui.library.installed import InstalledModel
from lama_tui.library.measurement_table import Measurement
from lama_tui.types import Usage

__all__ = ["BenchmarkProgress", "Result", "benchmark"]

PROMPT_TOKENS = (128, 1024)
TOKENS = 64
RUNS = 3
WARM_UP = 8  # tokens


@dataclass(frozen=True, slots=True)
class Result:
    """What one length of prompt gave. `measured` are the medians, `runs` what each run said.

    `skipped` says why there are none. Of several answers `together` the speeds are of all of them in sum, the time to
    the first token is the median, and `runs` has the answers of all runs.
    """

    asked: int
    measured: Measurement | None
    runs: tuple[Usage, ...] = ()
    skipped: str = ""
    together: int = 1


async def benchmark(
    engine: Engine,
    model: InstalledModel,
    watch: Watch,
    *,
    prompt_tokens: Sequence[int] = PROMPT_TOKENS,
    tokens: int = TOKENS,
    runs: int = RUNS,
    experts: int = 0,
    together: Sequence[int] = (1,),
    batch_size: int = 0,
    ran: Callable[[int, Measurement], None] = lambda asked, so_far: None,
    keep: Callable[[Measurement], Awaitable[None]] | None = None,
) -> tuple[Result, ...]:
    """Measure `model` with each length of prompt, and so many answers `together`; its prefill step is `batch_size`
    tokens, 0: that of the settings.

    Of one answer alone `keep` gets the medians of a length as soon as they are there, and `ran` after each run the
    length that was asked for with the medians of its runs so far.
    Waits behind what the engine does. Raises a `LamaError`; cancelling ends the answers that run.
    """
    answers = Answers(engine, ModelSource(model.ref, model.path, batch_size=batch_size, code=model.trusted), watch)
    total, number = len(prompt_tokens) * len(together) * runs, 0
    loaded, device = await answers.load(WARM_UP, total)
    results = []
    try:
        for length, at_once in ((length, at_once) for at_once in together for length in prompt_tokens):
            if loaded.context_window is not None and length + tokens > loaded.context_window:
                why = f"{length:,} tokens and an answer do not fit into its context of {loaded.context_window:,}"
                results.append(Result(length, None, skipped=why, together=at_once))
                number += runs
                continue
            figures: list[Usage] = []
            usages: list[Usage] = []
            for _ in range(runs):
                number += 1
                of_run, seen = await _run(answers, length, tokens, at_once, BenchmarkProgress("", number, total))
                figures.append(of_run)
                usages += seen
                measured = _medians(model, loaded, device, figures, experts)
                if at_once == 1:
                    ran(length, measured)
            results.append(Result(length, measured, tuple(usages), together=at_once))
            if at_once == 1 and keep is not None:
                await keep(measured)
    finally:
        await answers.forget()
    return tuple(results)


async def _run(
    answers: Answers, length: int, tokens: int, at_once: int, at: BenchmarkProgress
) -> tuple[Usage, list[Usage]]:
    """One run: what it says in all, and of each answer."""
    texts = [await answers.prompt(length) for _ in range(at_once)]
    await answers.forget()
    if at_once == 1:
        alone = (await answers.answer(texts[0], tokens, at)).usage
        return alone, [alone]
    read = await answers.together(texts, 1, at)
    # asked again they begin at once: their prompts are remembered
    written = await answers.together(texts, tokens, at)
    return _in_all(read, written), [_joined(*pair) for pair in zip(read, written, strict=True)]


def _in_all(read: Sequence[MeasuredAnswer], written: Sequence[MeasuredAnswer]) -> Usage:
    """Several answers as if they were one: all tokens in the time that all took."""
    new = sum((each.usage.prompt_tokens or 0) - (each.usage.cached_tokens or 0) for each in read)
    made = sum((each.usage.completion_tokens or 0) - 1 for each in written)
    reading = _span([each.asked for each in read], [each.began for each in read])
    writing = _span([each.began for each in written], [each.ended for each in written])
    return Usage(
        prompt_tokens=int(_median(each.usage.prompt_tokens for each in read) or 0),
        cached_tokens=int(_median(each.usage.cached_tokens for each in read) or 0),
        completion_tokens=int(_median(each.usage.completion_tokens for each in written) or 0),
        prefill_tok_s=new / reading if new and reading else None,
        decode_tok_s=made / writing if made > 0 and writing else None,
        ttft_ms=_median(each.usage.ttft_ms for each in read),
        peak_memory=max((each.usage.peak_memory or 0 for each in (*read, *written)), default=0) or None,
    )


def _joined(read: MeasuredAnswer, written: MeasuredAnswer) -> Usage:
    """How one of several was read, and how it was written."""
    return replace(
        read.usage, completion_tokens=written.usage.completion_tokens, decode_tok_s=written.usage.decode_tok_s
    )


def _span(starts: Sequence[float | None], ends: Sequence[float | None]) -> float | None:
    """Seconds from the first start to the last end; None where one is not known."""
    if None in starts or None in ends:
        return None
    span = max(end for end in ends if end is not None) - min(start for start in starts if start is not None)
    return span if span > 0 else None


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
