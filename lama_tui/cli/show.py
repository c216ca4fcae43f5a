"""`lama show REF`: one model in full."""

import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import ModelNotFoundError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import UNKNOWN, ago, parameters, size

if TYPE_CHECKING:
    from lama_tui.cli.known import Known
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.storage.usage import ModelStorage

_FIELDS = (
    *("ref", "path", "revision", "format", "architecture", "params", "bits", "quantization", "size", "context"),
    *("license", "fits", "problem"),
)


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("show", help="show a model, of this machine or of the hub")
    parser.add_argument("model", metavar="REF", help="guide, a hub id or a folder")
    parser.add_argument("--card", action="store_true", help="what its publisher wrote about it")
    parser.add_argument("--json", action="store_true", help="one object")
    parser.set_defaults(verb=show)


def show(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Show what its files say. Raises `ModelFormatError` afterwards where it cannot be used."""
    from lama_tui.library.installed import describe, resolve

    try:
        model = asyncio.run(describe(arguments.model, paths))
    except ModelNotFoundError as error:
        return _show_hub(arguments, paths, loaded, error)
    if arguments.card:
        return _show_card(model, arguments.json)
    if arguments.json:
        output.json_document(asyncio.run(_values(model, paths)))
    else:
        lines = asyncio.run(_lines(model, paths))
        width = max(len(name) for name, _ in lines)
        for name, text in lines:
            output.line(f"{name:<{width}}  {clean_row(text)}")
    if model.problem:
        asyncio.run(resolve(arguments.model, paths))  # raises, with what to do
    return 0


def _show_hub(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings, missing: ModelNotFoundError) -> int:
    """It is not here: the hub may know it. Raises `missing` where that cannot be, or the hub may not be asked."""
    from lama_tui.cli.show_hub import show_hub
    from lama_tui.library.hub.access import HubAccess
    from lama_tui.library.hub.client import is_repo

    repo, local_only = arguments.model.strip(), loaded.settings.privacy.local_only
    if "/" not in repo or not is_repo(repo) or not HubAccess.from_environment().may_be_asked(local_only):
        raise missing
    return show_hub(repo, local_only, paths=paths, as_json=arguments.json, card=arguments.card)


def _show_card(model: "InstalledModel", as_json: bool) -> int:
    """The model card in its folder."""
    from lama_tui.library.hub.card import read_card

    text = read_card(Path(model.path))
    if as_json:
        output.json_document({"ref": model.ref, "revision": model.revision, "card": text})
    else:
        output.write(text)
    return 0


async def _known(model: "InstalledModel", paths: Paths) -> "Known":
    from lama_tui.cli.known import known
    from lama_tui.library.benchmarking.known import experts_in

    experts = await asyncio.to_thread(experts_in, Path(model.path)) if model.path else None
    return (await known(paths, [model])).of(model, experts)


async def _storage(model: "InstalledModel", paths: Paths) -> "ModelStorage | None":
    from lama_tui.library.storage.usage import library_usage

    return (await library_usage(paths)).of(model.ref)


async def _values(model: "InstalledModel", paths: Paths) -> dict[str, object]:
    known, storage = await _known(model, paths), await _storage(model, paths)
    speed = known.speed
    return {name: getattr(model, name) for name in _FIELDS} | {
        "path": model.path or None,
        "problem": model.problem or None,
        "verified": known.verified,
        "signature": known.signature,
        "last_used": known.last_used,
        "pinned": known.pinned,
        "update": known.update or None,
        "disk": storage.size if storage else None,
        "frees": storage.alone if storage else None,
        "old_revisions": [each.revision for each in storage.revisions if each.old] if storage else [],
        "decode_tok_s": speed.decode_tok_s if speed else None,
        "speed_source": speed.source if speed else None,
        "batch_size": known.tuning.batch_size if known.tuning else None,
        "code": model.code or None,
        "code_trusted": known.trusted == model.code if model.code else None,
    }


async def _lines(model: "InstalledModel", paths: Paths) -> list[tuple[str, str]]:
    from lama_tui.cli.known import speed_line, step_line

    known, storage = await _known(model, paths), await _storage(model, paths)
    lines = [
        ("model", model.ref),
        ("path", output.home_as_tilde(model.path) if model.path else UNKNOWN),
        ("revision", model.revision or UNKNOWN),
        ("format", model.format or UNKNOWN),
        ("architecture", model.architecture or UNKNOWN),
        ("parameters", parameters(model.params)),
        ("bits", UNKNOWN if model.bits is None else str(model.bits)),
        *([("quantization", model.quantization)] if model.quantization else []),
        *([("program", _program(model, known.trusted))] if model.code else []),
        ("size", size(model.size)),
        ("weights", size(model.weights)),
        ("context", UNKNOWN if model.context is None else f"{model.context:,} tokens"),
        ("license", model.license or UNKNOWN),
        ("verified", UNKNOWN if known.verified is None else "yes" if known.verified else "no"),
        ("signature", known.signature or UNKNOWN),
        ("fits", UNKNOWN if model.fits is None else "yes" if model.fits else "no, not in the memory that is free now"),
        ("speed", speed_line(known.speed)),
        *([("read in", step_line(known.tuning))] if known.tuning else []),
        ("used", ago(known.last_used, time.time_ns() // 1_000_000) + (", pinned" if known.pinned else "")),
        ("update", UNKNOWN if known.update is None else str(known.update) if known.update else "none"),
    ]
    if storage is not None:
        old = f", {size(storage.old)} of old revisions" if storage.old else ""
        shared = storage.size - storage.alone
        also = f", {size(shared)} shared with other models" if shared else ""
        lines.append(("on disk", f"{size(storage.size)}{old}{also}"))
    return [*lines, ("problem", model.problem)] if model.problem else lines


def _program(model: "InstalledModel", trusted: str) -> str:
    """What it brings that would run."""
    if trusted == model.code:
        return f"its own, which you trust: `lama trust {model.ref}` shows it"
    changed = "; it changed since you trusted it" if trusted else ""
    return f"its own, which does not run before you trust it{changed}: `lama trust {model.ref}` shows it"
