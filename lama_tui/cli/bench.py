"""`lama bench REF`: how fast a model of this machine reads and writes; kept for estimates of others like it."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.cli.logged import run_logged
from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths
from lama_tui.ui.figures import benchmark_step, milliseconds, rate, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lama_tui.library.benchmarking.benchmark import Result
    from lama_tui.types import Usage

_LONGEST = 1_000_000


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("bench", help="measure how fast a model is on this machine")
    parser.add_argument("model", metavar="REF", help="guide, a hub id or a folder")
    parser.add_argument(
        "--prompt-tokens", metavar="N[,N…]", type=_lengths, default=(128, 1024), help="lengths of prompts (128,1024)"
    )
    parser.add_argument("--tokens", metavar="N", type=_count, default=64, help="length of each answer (64)")
    parser.add_argument("--runs", metavar="N", type=_count, default=3, help="runs of each length; medians count (3)")
    parser.add_argument(
        "--together", metavar="N[,N…]", type=_lengths, help="how many answers at once (1,2,4 up to engine.parallel)"
    )
    parser.add_argument("--tune", action="store_true", help="find the best prefill step for this model, and keep it")
    parser.add_argument("--forget", action="store_true", help="with --tune: read as the settings say again")
    parser.add_argument("--json", action="store_true", help="one object")
    parser.set_defaults(verb=bench)


def bench(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Measure, show and keep. Raises a `LamaError`."""
    if arguments.tune or arguments.forget:
        from lama_tui.cli.tune import tune

        return tune(arguments, paths, loaded)
    results, batch_size = run_logged(_bench(arguments, paths, loaded), paths, debug=arguments.debug)
    alone = [result for result in results if result.together == 1]
    several = [result for result in results if result.together > 1]
    if arguments.json:
        output.json_document(
            {
                "ref": arguments.model,
                "batch_size": batch_size or loaded.settings.engine.batch_size,
                "tuned": bool(batch_size),
                "results": [_json(result) for result in alone],
                "together": [_json(result) | {"together": result.together} for result in several],
            }
        )
        return 0
    for skipped in dict.fromkeys((result.asked, result.skipped) for result in results if result.skipped):
        output.line(f"{skipped[0]:,} tokens were not tried: {skipped[1]}.")
    measured = [result.measured for result in results if result.measured is not None]
    if measured:
        output.line(f"{arguments.model} on {measured[0].device}, {_of(arguments.runs)}:")
        _table(alone)
        if any(result.measured for result in several):
            output.line("\nSeveral answers together, tokens of all of them:" if alone else "Tokens of all answers:")
            _table(several)
        tuned = f"tuned on this machine; `lama bench {arguments.model} --tune --forget` undoes that"
        step = batch_size or loaded.settings.engine.batch_size
        output.line(f"\nPrompts are read in steps of {step:,} tokens ({tuned if batch_size else 'engine.batch_size'}).")
    return 0 if measured else 1


def _table(results: "Sequence[Result]") -> None:
    """The figures of what was measured."""
    rows = [(result.together, result.measured) for result in results if result.measured is not None]
    if not rows:
        return
    several = any(together > 1 for together, _ in rows)
    output.table(
        (*(["TOGETHER"] if several else []), "PROMPT", "ANSWER", "PREFILL", "DECODE", "FIRST TOKEN", "PEAK MEMORY"),
        [
            (
                *([f"{together:,}"] if several else []),
                f"{each.prompt_tokens:,}",
                f"{each.completion_tokens:,}",
                rate(each.prefill_tok_s),
                rate(each.decode_tok_s),
                milliseconds(each.ttft_ms),
                size(each.peak_memory),
            )
            for together, each in rows
        ],
        right=range(7),
    )


async def _bench(
    arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings
) -> "tuple[tuple[Result, ...], int]":
    """What was measured, and the prefill step that was tuned for the model, 0: none."""
    from lama_tui.library.benchmarking.benchmark import benchmark
    from lama_tui.library.benchmarking.known import experts_in
    from lama_tui.library.installed import describe
    from lama_tui.services import open_services

    model = await describe(arguments.model, paths)
    services, progress = await open_services(paths, loaded), output.Progress()
    try:
        source = await services.resolve(arguments.model)  # raises where it may not be loaded, with what to do
        experts = await asyncio.to_thread(experts_in, Path(source.folder))
        table = await services.measurements()
        results = await benchmark(
            services.engine,
            await services.trusting(model),
            lambda at: progress.show(f"{model.ref}: {benchmark_step(at)}"),
            prompt_tokens=arguments.prompt_tokens,
            tokens=arguments.tokens,
            runs=arguments.runs,
            experts=experts or 0,
            together=arguments.together or _at_once(loaded.settings.engine.parallel),
            batch_size=source.batch_size,
            keep=table.record,
        )
        return results, source.batch_size
    finally:
        progress.clear()
        await services.close()


def _at_once(parallel: int) -> tuple[int, ...]:
    """1, 2, 4 and so on, and at last as many as decode together."""
    powers = [1 << power for power in range(parallel.bit_length()) if 1 << power < parallel]
    return (*powers, parallel)


def _of(runs: int) -> str:
    return "one run" if runs == 1 else f"medians of {runs} runs"


def _json(result: "Result") -> dict[str, object]:
    measured = result.measured
    names = (
        *("device", "prompt_tokens", "completion_tokens", "prefill_tok_s", "decode_tok_s", "ttft_ms", "peak_memory"),
        *("weights", "at"),
    )
    values: dict[str, object] = {name: getattr(measured, name, None) for name in names}
    runs = [_run_json(usage) for usage in result.runs]
    return {"asked": result.asked, **values, "runs": runs, "skipped": result.skipped or None}


def _run_json(usage: "Usage") -> dict[str, object]:
    names = (
        "prompt_tokens",
        "cached_tokens",
        "completion_tokens",
        "prefill_tok_s",
        "decode_tok_s",
        "ttft_ms",
        "peak_memory",
    )
    return {name: getattr(usage, name) for name in names}


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= _LONGEST:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return value


def _lengths(text: str) -> tuple[int, ...]:
    """Lengths between commas, each once."""
    return tuple(dict.fromkeys(_count(part) for part in text.split(",")))
