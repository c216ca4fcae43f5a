"""`lama import SOURCE`: a model from an address, a folder, a GGUF file or an archive, into lama's own models."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.cli.pull import note_problem
from lama_tui.cli.signed import look
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import ModelError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.security.log import open_log
from lama_tui.ui.figures import of_total, size

if TYPE_CHECKING:
    from lama_tui.library.importing.imports import Imported
    from lama_tui.library.importing.work import ImportProgress


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("import", help="bring in a model from elsewhere", allow_abbrev=False)
    parser.add_argument("source", metavar="SOURCE", help="a folder, a .gguf file, a zip or tar archive, or an address")
    parser.add_argument("--name", metavar="N", default="", help="what it is called here; else after its source")
    parser.add_argument("--sha256", metavar="H", default="", help="refuse a file whose hash is another")
    parser.add_argument("--link", action="store_true", help="leave the files where they are and link to them")
    parser.add_argument(
        "--insecure-http", action="store_true", help="fetch over http: anybody on the way can change it"
    )
    parser.add_argument("--json", action="store_true", help="one object")
    parser.set_defaults(verb=import_)


def import_(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Import, and say what is there now. Raises a `LamaError` that says what is wrong with the source."""
    log = open_log(paths, arguments.debug)
    try:
        done = asyncio.run(_import(arguments, paths, loaded))
    finally:
        log.close()
    if arguments.json:
        output.json_document(_json(done))
    else:
        how = "linked" if done.linked else "imported"
        count = f"{len(done.files)} file{'s' if len(done.files) != 1 else ''}"
        place = clean_row(output.home_as_tilde(done.path))
        output.line(f"{done.ref}: {count}, {size(done.size)}, {how} into {place}")
        asyncio.run(note_problem(done.ref, paths))
    return 0


async def _import(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> "Imported":
    from lama_tui.library.importing.fetch import is_address
    from lama_tui.services import open_services

    services = await open_services(paths, loaded)
    progress = output.Progress()

    def watch(now: "ImportProgress") -> None:
        so_far = of_total(now.done, now.total) if now.total else size(now.done) if now.done else "…"
        progress.show(f"{now.step} {so_far} {now.now}")
        if now.news and not progress.is_seen:  # else it would look as if nothing went on
            output.note(now.now)

    try:
        imports = services.imports()
        if not is_address(arguments.source):
            done = await imports.add(
                Path(arguments.source), name=arguments.name, sha256=arguments.sha256, link=arguments.link, watch=watch
            )
        elif arguments.link:
            raise ModelError("What is elsewhere cannot be linked", "--link is for files on this disk.", "Leave it out.")
        else:
            done = await imports.fetch(
                arguments.source, name=arguments.name, sha256=arguments.sha256, insecure_http=arguments.insecure_http,
                watch=watch,
            )  # fmt: skip
        progress.clear()
        if services.settings.library.require_signatures == "warn":  # "always" has refused it already
            await look(services, done.ref, None, None)
        return done
    finally:
        progress.clear()
        await services.close()


def _json(done: "Imported") -> dict[str, object]:
    return {
        "ref": done.ref,
        "path": str(done.path),
        "source": done.source,
        "revision": done.revision,
        "size": done.size,
        "linked": done.linked,
        "files": [{"path": file.path, "size": file.size, "sha256": file.hash} for file in done.files],
    }
