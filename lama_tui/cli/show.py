"""`lama show REF`: one model in full."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import ModelNotFoundError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import UNKNOWN, parameters, size

if TYPE_CHECKING:
    from lama_tui.library.installed import InstalledModel

_FIELDS = (
    *("ref", "path", "revision", "format", "architecture", "params", "bits", "size", "context"),
    *("license", "verified", "signature", "fits", "problem"),
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
        return _show_hub(arguments, loaded, error)
    if arguments.card:
        return _show_card(model, arguments.json)
    if arguments.json:
        values: dict[str, object] = {name: getattr(model, name) for name in _FIELDS}
        output.json_document(values | {"path": model.path or None, "problem": model.problem or None})
    else:
        width = max(map(len, _FIELDS))
        for name, text in _lines(model):
            output.line(f"{name:<{width}}  {clean_row(text)}")
    if model.problem:
        asyncio.run(resolve(arguments.model, paths))  # raises, with what to do
    return 0


def _show_hub(arguments: argparse.Namespace, loaded: LoadedSettings, missing: ModelNotFoundError) -> int:
    """It is not here: the hub may know it. Raises `missing` where it is not one of the hub's, or offline."""
    from lama_tui.cli.show_hub import show_hub
    from lama_tui.library.hub.access import HubAccess
    from lama_tui.library.hub.client import is_repo

    repo = arguments.model.strip()
    if "/" not in repo or not is_repo(repo) or HubAccess.from_environment().offline:
        raise missing
    return show_hub(repo, loaded.settings.privacy.local_only, as_json=arguments.json, card=arguments.card)


def _show_card(model: "InstalledModel", as_json: bool) -> int:
    """The model card in its folder."""
    from lama_tui.library.hub.card import read_card

    text = read_card(Path(model.path))
    if as_json:
        output.json_document({"ref": model.ref, "revision": model.revision, "card": text})
    else:
        output.write(text)
    return 0


def _lines(model: "InstalledModel") -> list[tuple[str, str]]:
    lines = [
        ("model", model.ref),
        ("path", output.home_as_tilde(model.path) if model.path else UNKNOWN),
        ("revision", model.revision or UNKNOWN),
        ("format", model.format or UNKNOWN),
        ("architecture", model.architecture or UNKNOWN),
        ("parameters", parameters(model.params)),
        ("bits", UNKNOWN if model.bits is None else str(model.bits)),
        ("size", size(model.size)),
        ("weights", size(model.weights)),
        ("context", UNKNOWN if model.context is None else f"{model.context:,} tokens"),
        ("license", model.license or UNKNOWN),
        ("verified", UNKNOWN if model.verified is None else "yes" if model.verified else "no"),
        ("signature", model.signature or UNKNOWN),
        ("fits", UNKNOWN if model.fits is None else "yes" if model.fits else "no, not in the memory that is free now"),
    ]
    return [*lines, ("problem", model.problem)] if model.problem else lines
