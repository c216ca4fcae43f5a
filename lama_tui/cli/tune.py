"""`lama bench REF --tune`: finds the prefill step with which a model reads fastest here, and keeps it for the model."""

import argparse
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.cli.logged import run_logged
from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths
from lama_tui.ui.figures import benchmark_step, rate

if TYPE_CHECKING:
    from lama_tui.library.benchmarking.tune import Tried
    from lama_tui.library.tuning_table import Tuning

_THREADS = "MLX divides the work among the processor's cores itself: there are no threads to tune."


def tune(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Measure and keep, or forget what was kept. Raises a `LamaError`."""
    if arguments.forget:
        return run_logged(_forget(arguments, paths, loaded), paths, debug=arguments.debug)
    tuning, tried = run_logged(_tune(arguments, paths, loaded), paths, debug=arguments.debug)
    if arguments.json:
        output.json_document(_json(tuning, tried))
        return 0
    output.line(f"{tuning.ref} on {tuning.device}, medians of {len(tried[0].runs)} runs:")
    output.table(("STEP", "PREFILL"), [(f"{each.batch_size:,}", rate(each.prefill_tok_s)) for each in tried], (0, 1))
    if tuning.batch_size == tuning.before:
        output.line(f"\nSteps of {tuning.batch_size:,} tokens, as before, are best: that is kept for this model.")
    else:
        gain = 100 * (tuning.prefill_tok_s / tuning.before_tok_s - 1)
        output.line(
            f"\nBefore: steps of {tuning.before:,} tokens, {rate(tuning.before_tok_s)}."
            f" Now: {tuning.batch_size:,} tokens, {rate(tuning.prefill_tok_s)} ({gain:+.0f} %),"
            " kept for this model; smaller steps are taken where they are as fast."
        )
    output.line(f"{_THREADS} `lama bench {tuning.ref} --tune --forget` undoes this.")
    return 0


async def _tune(
    arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings
) -> "tuple[Tuning, tuple[Tried, ...]]":
    from lama_tui.library.benchmarking.tune import tune
    from lama_tui.library.installed import describe
    from lama_tui.services import open_services

    model = await describe(arguments.model, paths)
    services, progress = await open_services(paths, loaded), output.Progress()
    try:
        source = await services.resolve(arguments.model)  # raises where it may not be loaded, with what to do
        found = await tune(
            services.engine,
            await services.trusting(model),
            source.batch_size or loaded.settings.engine.batch_size,
            lambda at: progress.show(f"{model.ref}: {benchmark_step(at)}"),
            runs=arguments.runs,
        )
        await (await services.tunings()).record(found[0])
        return found
    finally:
        progress.clear()
        await services.close()


async def _forget(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    from lama_tui.library.installed import describe
    from lama_tui.services import open_services

    model = await describe(arguments.model, paths)
    services = await open_services(paths, loaded)
    try:
        known = paths.database.exists() and await (await services.tunings()).forget(model.ref)
    finally:
        await services.close()
    step = loaded.settings.engine.batch_size
    if arguments.json:
        output.json_document({"ref": model.ref, "batch_size": step, "tuned": False, "forgotten": known})
    elif known:
        output.line(f"{model.ref} reads prompts in steps of {step:,} tokens again (engine.batch_size).")
    else:
        output.line(f"{model.ref} was not tuned: it reads in steps of {step:,} tokens (engine.batch_size).")
    return 0


def _json(tuning: "Tuning", tried: "tuple[Tried, ...]") -> dict[str, object]:
    return {
        "ref": tuning.ref,
        "device": tuning.device,
        "batch_size": tuning.batch_size,
        "prefill_tok_s": tuning.prefill_tok_s,
        "before": tuning.before,
        "before_tok_s": tuning.before_tok_s,
        "threads": None,
        "tried": [
            {"batch_size": each.batch_size, "prefill_tok_s": each.prefill_tok_s, "runs": list(each.runs)}
            for each in tried
        ],
        "at": tuning.at,
    }
