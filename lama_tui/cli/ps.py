"""`lama ps`: what every lama that runs has loaded and is doing."""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import UNKNOWN, duration, model_name, percent, rate, size

if TYPE_CHECKING:
    from lama_tui.monitor.presence import LoadedNow, Presence

_HEADER = ("PID", "RUNS FOR", "MODEL", "MEMORY", "DOING", "LEAVES MEMORY")
_EMPTY = "No lama is running on this machine. `lama` opens one."

Row = tuple[str, str, str, str]
"""Of a model: its name, its memory, what it does, when it leaves memory."""


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("ps", help="list what every running lama has loaded and is doing")
    parser.add_argument("--json", action="store_true", help="one array")
    parser.set_defaults(verb=ps, tolerates_problems=True)


def ps(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """List the instances that live, and clean up after those that are gone."""
    from lama_tui.monitor.presence import present, remove_left

    remove_left(paths.run)
    instances, now = present(paths.run), time.time_ns() // 1_000_000
    if arguments.json:
        output.json_document([_json(instance) for instance in instances])
    elif not instances:
        output.line(_EMPTY)
    else:
        _show(instances, now)
    return 0


def _show(instances: "Sequence[Presence]", now: int) -> None:
    """A table, or where that is too wide for the terminal a list."""
    told = [(each, duration(max(0, now - each.started) / 1000), _rows(each, now)) for each in instances]
    table = [(str(each.pid), since, *row) for each, since, rows in told for row in rows]
    if output.table_width(_HEADER, table) <= _columns():
        output.table(_HEADER, table, right=(0, 3))
    else:
        for each, since, rows in told:
            output.line(f"{each.pid}, for {since}:")
            for model, *about in rows:
                output.line(f"  {clean_row(model)}\n    " + ", ".join(text for text in about if text != UNKNOWN))
    for each in instances:
        if each.memory is not None and each.loaded:
            output.line(f"{each.pid} uses {size(each.memory)}: {_parts(each)}.")


def _rows(instance: "Presence", now: int) -> list[Row]:
    """Each model of an instance, then what it loads; one that has none says so."""
    rows = [_row(model, instance, now) for model in instance.loaded]
    if instance.loading:
        share = 100 * instance.loaded_bytes / instance.total_bytes if instance.total_bytes > 0 else None
        doing = "loading…" if share is None else f"loading {percent(share)}"
        rows.append((model_name(instance.loading), size(instance.loaded_bytes or None), doing, UNKNOWN))
    if not rows:
        rows.append(("nothing loaded", UNKNOWN, "idle", UNKNOWN))
    if instance.waiting:
        model, memory, doing, leaves = rows[0]
        doing = "" if doing == "idle" else f"{doing}, "
        rows[0] = (model, memory, f"{doing}{instance.waiting:,} waiting", leaves)
    return rows


def _row(model: "LoadedNow", instance: "Presence", now: int) -> Row:
    running = "idle"
    if model.running:
        running = f"{model.running:,} {'answer' if model.running == 1 else 'answers'}"
        if model.running == instance.running and instance.decode_tok_s is not None:
            running += f" at {rate(instance.decode_tok_s)}"
    leaves = "stays"
    if model.pinned:
        leaves = "pinned"
    elif model.unload_at is not None:
        leaves = f"in {duration(max(0, model.unload_at - now) / 1000)}"
    elif model.running:
        leaves = UNKNOWN
    return (model_name(model.model), size(model.weights), running, leaves)


def _parts(instance: "Presence") -> str:
    """What the memory of an instance is made of."""
    known = [("weights", sum(model.weights for model in instance.loaded))]
    known += [("running answers", instance.kv or 0), ("remembered prompts", instance.prompts or 0)]
    return ", ".join(f"{size(count)} of {name}" for name, count in known if count)


def _columns() -> int:
    """How wide lines may be; in a pipe or a file as wide as they like."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


def _json(instance: "Presence") -> dict[str, object]:
    loading = {"model": instance.loading, "done": instance.loaded_bytes, "total": instance.total_bytes or None}
    return {
        "pid": instance.pid,
        "started": instance.started,
        "models": [
            {
                "model": model.model,
                "device": model.device,
                "weights": model.weights,
                "running": model.running,
                "pinned": model.pinned,
                "unload_at": model.unload_at,
            }
            for model in instance.loaded
        ],
        "loading": loading if instance.loading else None,
        "running": instance.running,
        "waiting": instance.waiting,
        "decode_tok_s": instance.decode_tok_s if instance.running else None,
        "memory": instance.memory,
        "kv": instance.kv,
        "prompts": instance.prompts,
    }
