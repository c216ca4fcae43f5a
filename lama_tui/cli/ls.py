"""`lama ls`: the models on this machine."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths
from lama_tui.types import GUIDE
from lama_tui.ui.figures import UNKNOWN, parameters, size

if TYPE_CHECKING:
    from lama_tui.library.installed import InstalledModel


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("ls", help="list the models on this machine")
    parser.add_argument("--json", action="store_true", help="one array")
    parser.set_defaults(verb=ls)


def ls(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """List what can be used, then what cannot and why."""
    from lama_tui.library.installed import installed_models
    from lama_tui.monitor.presence import present

    models = asyncio.run(installed_models(paths))
    held = {model.model for instance in present(paths.run) for model in instance.loaded}
    if arguments.json:
        output.json_document([_json(model, model.ref in held) for model in models])
        return 0
    usable = [model for model in models if model.usable]
    if usable:
        output.table(
            ("MODEL", "FORMAT", "PARAMS", "BITS", "SIZE", "CONTEXT", "LOADED", "FITS"),
            [_row(model, model.ref in held) for model in usable],
            right=(2, 3, 4, 5),
        )
    unusable = [model for model in models if not model.usable]
    if unusable:
        output.line("\nNot usable:" if usable else "Not usable:")
        output.table(("MODEL", "SIZE", "WHY"), [(m.ref, size(m.size), m.problem) for m in unusable], right=(1,))
    if not any(model.ref != GUIDE for model in usable):
        output.line(
            "\nThe guide only knows this app. Get a real model into the hub's cache, for example with\n"
            "  hf download mlx-community/Qwen3-0.6B-4bit\n"
            "or put a folder with an MLX model into " + output.home_as_tilde(paths.models)
        )
    return 0


def _json(model: "InstalledModel", loaded: bool) -> dict[str, object]:
    return {
        "ref": model.ref,
        "path": model.path or None,
        "format": model.format,
        "params": model.params,
        "bits": model.bits,
        "size": model.size,
        "context": model.context,
        "loaded": loaded,
        "fits": model.fits,
        "problem": model.problem or None,
    }


def _row(model: "InstalledModel", loaded: bool) -> tuple[str, ...]:
    return (
        output.home_as_tilde(model.ref),
        model.format or UNKNOWN,
        parameters(model.params),
        UNKNOWN if model.bits is None else str(model.bits),
        size(model.size),
        UNKNOWN if model.context is None else f"{model.context:,}",
        "yes" if loaded else "no",
        UNKNOWN if model.fits is None else "yes" if model.fits else "no",
    )
