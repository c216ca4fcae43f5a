"""Looks for the prefill step with which a model reads fastest on this machine."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.pace import STEP_SECONDS
from lama_tui.engine.thread import Engine
from lama_tui.errors import InferenceError
from lama_tui.library.benchmarking.answers import Answers, BenchmarkProgress, Watch
from lama_tui.library.benchmarking.benchmark import WARM_UP
from lama_tui.library.installed import InstalledModel
from lama_tui.library.tuning_table import Tuning

STEPS = (64, 128, 256, 512, 1024, 2048, 4096)
"""Tokens; those that are tried."""
SECONDS = 10.0
"""How long one prompt may take to be read: what is slow is tuned on shorter ones."""
ENOUGH = 0.98
"""Of the best speed: the smallest step that reaches it wins, for others wait less for it and it stops sooner."""
RUNS = 3

_SHORTEST = 256  # tokens of a prompt


@dataclass(frozen=True, slots=True)
class Tried:
    """A step, in tokens, and the median of the speeds that it gave."""

    batch_size: int
    prefill_tok_s: float
    runs: tuple[float, ...]


async def tune(
    engine: Engine, model: InstalledModel, in_use: int, watch: Watch, *, runs: int = RUNS
) -> tuple[Tuning, tuple[Tried, ...]]:
    """The best step of `model`, against the one that is `in_use`, and all that were tried, the smallest first.

    All are measured by turns, each on prompts of its own. Raises a `LamaError`; cancelling ends the answer that runs.
    """
    answers = Answers(engine, ModelSource(model.ref, model.path, code=model.trusted), watch)
    loaded, device = await answers.load(WARM_UP, 0)
    try:
        room = loaded.context_window - 1 if loaded.context_window is not None else STEPS[-1]
        speed = await _read(answers, min(_SHORTEST, room), in_use, BenchmarkProgress("", 0, 0))
        length = min(STEPS[-1], room, max(_SHORTEST, int(speed * SECONDS)))
        steps = _worth_trying(length, speed, in_use)
        speeds: dict[int, list[float]] = {step: [] for step in steps}
        for run in range(runs):
            for number, step in enumerate(steps, 1):
                now = BenchmarkProgress("", run * len(steps) + number, runs * len(steps))
                speeds[step].append(await _read(answers, length, step, now))
    finally:
        await answers.forget()
    tried = [Tried(step, statistics.median(found), tuple(found)) for step, found in speeds.items()]
    best = chosen(tried)
    before = next(each for each in tried if each.batch_size == in_use)
    at = time.time_ns() // 1_000_000
    speed_before = before.prefill_tok_s
    tuning = Tuning(model.ref, device, best.batch_size, best.prefill_tok_s, in_use, speed_before, at)
    return tuning, tuple(tried)


def chosen(tried: Sequence[Tried]) -> Tried:
    """The smallest step that is about as fast as the fastest."""
    best = max(each.prefill_tok_s for each in tried)
    return min((each for each in tried if each.prefill_tok_s >= ENOUGH * best), key=lambda each: each.batch_size)


def _worth_trying(length: int, speed: float, in_use: int) -> list[int]:
    """The steps that differ on such a prompt: a step takes no longer than the engine lets it, whatever was set."""
    longest = min(length, 2 * int(speed * STEP_SECONDS))
    return sorted({in_use, STEPS[0], *(step for step in STEPS if step <= longest)})


async def _read(answers: Answers, length: int, step: int, at: BenchmarkProgress) -> float:
    """Tokens a second."""
    text = await answers.prompt(length)
    await answers.forget()
    source = replace(answers.source, batch_size=step)
    usage = (await answers.answer(text, 1, at, source)).usage
    if not usage.prefill_tok_s:
        raise InferenceError("The model read nothing", "The prompt was known already.", "Try again.")
    return usage.prefill_tok_s
