"""`lama ls`: the models on this machine."""

import argparse
import asyncio
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.config.key_names import key_of
from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import Settings
from lama_tui.paths import Paths
from lama_tui.types import GUIDE
from lama_tui.ui.figures import UNKNOWN, ago, parameters, size

if TYPE_CHECKING:
    from lama_tui.cli.known import Known
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.model_table import ModelUse
    from lama_tui.library.storage.usage import LibraryUsage, ModelStorage

_KNOWN = ("USED", "PINNED", "VERIFIED", "UPDATE")


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("ls", help="list the models on this machine")
    parser.add_argument("--json", action="store_true", help="one array")
    parser.set_defaults(verb=ls)


def ls(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """List what can be used, then what cannot and why, and what all of them take."""
    return asyncio.run(_ls(arguments, paths, loaded))


async def _ls(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    from lama_tui.cli.known import known
    from lama_tui.library.installed import installed_models
    from lama_tui.library.storage.usage import library_usage
    from lama_tui.monitor.presence import present

    models = await installed_models(paths)
    usage = await library_usage(paths)
    store = await known(paths, models)
    held = {model.model for instance in present(paths.run) for model in instance.loaded}
    rows = [(model, store.of(model), model.ref in held) for model in models]
    if arguments.json:
        output.json_document([_json(model, about, held, usage.of(model.ref)) for model, about, held in rows])
        return 0
    usable = [row for row in rows if row[0].usable]
    if usable:
        now = time.time_ns() // 1_000_000
        output.table(
            ("MODEL", "FORMAT", "PARAMS", "BITS", "SIZE", "CONTEXT", "LOADED", "FITS", *_KNOWN),
            [_row(model, about, held, now) for model, about, held in usable],
            right=(2, 3, 4, 5),
        )
    unusable = [model for model in models if not model.usable]
    if unusable:
        output.line("\nNot usable:" if usable else "Not usable:")
        told = [(m.ref, m.quantization or "", size(m.size), m.problem) for m in unusable]
        output.table(("MODEL", "QUANT", "SIZE", "WHY"), told, right=(2,))
    if not any(model.ref != GUIDE for model, _, _ in usable):
        output.line(
            "\nThe guide only knows this app. Get a real model: `lama search` finds some, `lama pull` fetches one,\n"
            "for example lama pull mlx-community/Qwen3-0.6B-4bit\n"
            "or put a folder with an MLX model into " + output.home_as_tilde(paths.models)
        )
    if usage.models:
        output.line()
        for text in _totals(usage):
            output.line(text)
        for text in await _warnings(usage, store.uses, held, loaded.settings):
            output.line(text)
    return 0


def _totals(usage: "LibraryUsage") -> list[str]:
    """What everything takes, and what of it could go without a model less."""
    count = len(usage.models)
    shared = f", {size(usage.shared)} of it shared and counted once" if usage.shared else ""
    lines = [f"{count:,} model{'' if count == 1 else 's'}: {size(usage.total)} on disk{shared}"]
    if old := [model for model in usage.models if model.old]:
        lines.append(
            f"{size(sum(model.old for model in old))} are old revisions"
            f" (`lama rm REF --old-revisions`: {', '.join(model.ref for model in old[:3])}{'…' if old[3:] else ''})"
        )
    if left := sum(model.parts + model.orphaned for model in usage.models):
        lines.append(
            f"{size(left)} are parts of files, or files without a model: `lama rm --clean` removes what nobody needs"
        )
    return lines


async def _warnings(
    usage: "LibraryUsage", uses: "Mapping[str, ModelUse]", held: Collection[str], settings: Settings
) -> list[str]:
    """That models take more than they should, what could go, and that the disk is nearly full."""
    from lama_tui.library.hub_cache import hub_cache_folder
    from lama_tui.library.storage.quota import disk_room, quota_state

    lines = []
    room = await disk_room(hub_cache_folder(), settings.library.low_disk)
    lacking = room.lacking if room is not None else 0
    state = quota_state(usage, uses, settings.library.quota, {*held, settings.model}, lacking)
    if state.over:
        lines.append(f"That is {size(state.over)} over the quota of {size(state.quota)}.")
    if room is not None and room.low:
        lines.append(f"The disk runs low: {size(room.free)} of {size(room.total)} are free.")
    if state.suggestions:
        lines.append("Longest unused, could go:")
    for each in state.suggestions:
        what = " --old-revisions" if each.old_revisions else ""
        lines.append(f"  lama rm {each.ref}{what}  {size(each.freed)}")
    if lines:
        key = key_of("models.clean", settings.keys)
        lines.append(
            f"`lama rm --clean` removes what nobody needs; {key} in the model browser shows everything that could go."
        )
    return lines


def _json(model: "InstalledModel", known: "Known", loaded: bool, storage: "ModelStorage | None") -> dict[str, object]:
    return {
        "ref": model.ref,
        "path": model.path or None,
        "format": model.format,
        "params": model.params,
        "bits": model.bits,
        "quantization": model.quantization,
        "size": model.size,
        "context": model.context,
        "loaded": loaded,
        "fits": model.fits,
        "problem": model.problem or None,
        "revision": model.revision,
        "last_used": known.last_used,
        "pinned": known.pinned,
        "verified": known.verified,
        "update": known.update or None,
        "disk": storage.size if storage else None,
        "old_revisions": storage.old if storage else None,
    }


def _row(model: "InstalledModel", known: "Known", loaded: bool, now: int) -> tuple[str, ...]:
    return (
        output.home_as_tilde(model.ref),
        model.format or UNKNOWN,
        parameters(model.params),
        UNKNOWN if model.bits is None else str(model.bits),
        size(model.size),
        UNKNOWN if model.context is None else f"{model.context:,}",
        _yes_or_no(loaded),
        _yes_or_no(model.fits),
        ago(known.last_used, now),
        _yes_or_no(known.pinned),
        _yes_or_no(known.verified),
        _yes_or_no(None if known.update is None else bool(known.update)),
    )


def _yes_or_no(value: bool | None) -> str:
    return UNKNOWN if value is None else "yes" if value else "no"
