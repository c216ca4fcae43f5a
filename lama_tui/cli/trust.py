"""`lama trust [REF [SHA256]]`: read the program that a model brings, agree to run it, or take that back.

Nothing is asked: the digest that it takes is printed beside the code, so that no script agrees to what nobody read.
"""

import argparse
import asyncio
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import ModelError, UntrustedCodeError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import ago, size

if TYPE_CHECKING:
    from lama_tui.engine.model_code import ModelCode
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.trusted_code import Trust
    from lama_tui.services import Services

_BAD_USAGE = 2


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser(
        "trust", help="read the program that a model brings, and let it run or not", allow_abbrev=False
    )
    parser.add_argument(
        "model", metavar="REF", nargs="?", help="a model that brings a program; without it, all trusted"
    )
    parser.add_argument(
        "digest", metavar="SHA256", nargs="?", help="run exactly this code: as `lama trust REF` shows it"
    )
    parser.add_argument("--withdraw", action="store_true", help="do not run it any more")
    parser.add_argument("--json", action="store_true", help="one object; without REF one array")
    parser.set_defaults(verb=trust)


def trust(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Show, agree or take back. Raises a `ModelError` where there is no such program, or another one by now."""
    if arguments.withdraw and (arguments.model is None or arguments.digest is not None):
        output.error("Name the model whose program is not to run any more: lama trust REF --withdraw")
        return _BAD_USAGE
    return asyncio.run(_trust(arguments, paths, loaded))


async def _trust(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    from lama_tui.services import open_services

    services = await open_services(paths, loaded)
    try:
        if arguments.model is None:
            await _list(services, paths, as_json=arguments.json)
        elif arguments.withdraw:
            await _withdraw(arguments, services)
        else:
            await _one(arguments, paths, services)
    finally:
        await services.close()
    return 0


async def _list(services: "Services", paths: Paths, *, as_json: bool) -> None:
    known = paths.database.exists()  # nothing makes a store to say that it is empty
    trusted = await (await services.trusted_code()).all() if known else {}
    if as_json:
        rows = [{"ref": ref, "sha256": each.digest, "trusted_at": each.at} for ref, each in trusted.items()]
        output.json_document(rows)
    elif not trusted:
        output.line("No program of a model is trusted.")
    else:
        now = time.time_ns() // 1_000_000
        output.table(("model", "trusted", "sha256"), [(ref, ago(at.at, now), at.digest) for ref, at in trusted.items()])


async def _withdraw(arguments: argparse.Namespace, services: "Services") -> None:
    """What is not here any more can be withdrawn too, by the name that the list shows."""
    from lama_tui.errors import ModelNotFoundError
    from lama_tui.library.installed import describe

    try:
        ref = (await describe(arguments.model, services.paths)).ref
    except ModelNotFoundError:
        ref = arguments.model
    known = services.paths.database.exists() and await (await services.trusted_code()).withdraw(ref)
    if arguments.json:
        output.json_document({"ref": ref, "trusted": False, "withdrawn": known})
    elif known:
        output.line(f"The program of {clean_row(ref)} does not run any more.")
    else:
        output.line(f"No program of {clean_row(ref)} was trusted.")


async def _one(arguments: argparse.Namespace, paths: Paths, services: "Services") -> None:
    from lama_tui.engine.model_files import read_code
    from lama_tui.library.installed import describe, source_of

    model = await describe(arguments.model, paths)
    source_of(model)  # raises where it cannot be used, with what to do
    code = await asyncio.to_thread(read_code, Path(model.path))
    if code is None:
        raise ModelError(f"{model.ref} brings no program", "Nothing of it is to be trusted.", "Use it as it is.")
    if arguments.digest is not None:
        if arguments.digest.strip().lower() != code.digest:
            raise UntrustedCodeError(
                f"That is not the program of {model.ref}",
                f"It has the SHA-256 {code.digest} now.",
                f"Read it: `lama trust {_typed(model.ref)}`.",
            )
        await (await services.trusted_code()).trust(model.ref, code.digest)
    known = await (await services.trusted_code()).of(model.ref) if paths.database.exists() else None
    if arguments.json:
        output.json_document(_values(model, code, known))
    elif arguments.digest is not None:
        output.line(
            f"The program of {clean_row(model.ref)} runs from now on, until it changes."
            f" `lama trust {_typed(model.ref)} --withdraw` takes that back."
        )
    else:
        _show(model, code, known)


def _show(model: "InstalledModel", code: "ModelCode", known: "Trust | None") -> None:
    """What would run, all of it, and last how to agree."""
    ref = _typed(model.ref)
    for file in code.files:
        output.line(f"──── {clean_row(file.name)}, {size(len(file.data))}, SHA-256 {file.sha256}")
        text = file.text
        output.write(
            "(compiled: it cannot be read)\n" if text is None else text if text.endswith("\n") else f"{text}\n"
        )
    output.line("────")
    revision = f" at revision {clean_row(code.revision)}" if code.revision else ""
    others = ", which may load the others" if len(code.files) > 1 else ""
    output.line(f"Loading {clean_row(model.ref)}{revision} runs {code.files[0].name}{others}.")
    output.line("It can then do everything that you can do here: read, change, delete and send your files.")
    if known is not None and known.digest == code.digest:
        when = ago(known.at, time.time_ns() // 1_000_000)
        output.line(f"You agreed to that {when}. To take it back: lama trust {ref} --withdraw")
        return
    if known is not None:
        output.line("It is not the program that you agreed to: something of it changed since.")
    output.line(f"If you have read it and want that: lama trust {ref} {code.digest}")


def _typed(ref: str) -> str:
    """A reference as a shell takes it."""
    return shlex.quote(clean_row(ref))


def _values(model: "InstalledModel", code: "ModelCode", known: "Trust | None") -> dict[str, object]:
    agreed = known is not None and known.digest == code.digest
    return {
        "ref": model.ref,
        "revision": model.revision,
        "runs": code.files[0].name,
        "sha256": code.digest,
        "trusted": agreed,
        "trusted_at": known.at if known is not None and agreed else None,
        "files": [
            {"path": file.name, "size": len(file.data), "sha256": file.sha256, "text": file.text} for file in code.files
        ],
    }
