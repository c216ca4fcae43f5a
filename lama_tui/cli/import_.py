"""`lama import SOURCE`: a model from an address, a folder, a GGUF file or an archive, into lama's own models."""

import argparse
import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.cli.pull import Lines, bar, check_reachable, next_try, note_problem, until_done
from lama_tui.cli.signed import look
from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.security.log import open_log
from lama_tui.ui.figures import of_total, size

if TYPE_CHECKING:
    from lama_tui.library.downloads.job import Job
    from lama_tui.library.importing.imports import Imported
    from lama_tui.library.importing.work import ImportProgress
    from lama_tui.services import Services


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
    try:
        done = await (_fetch if is_address(arguments.source) else _copy)(arguments, services)
        if services.settings.library.require_signatures == "warn":  # "always" has refused it already
            await look(services, done.ref, None, None)
        return done
    finally:
        await services.close()


async def _copy(arguments: argparse.Namespace, services: "Services") -> "Imported":
    """From this disk: here and now, not in the queue, for nobody else has to go on with it. Ctrl+c leaves nothing."""
    progress = output.Progress()

    def watch(now: "ImportProgress") -> None:
        so_far = of_total(now.done, now.total) if now.total else size(now.done) if now.done else "…"
        progress.show(f"{now.step} {so_far} {now.now}")

    try:
        return await services.imports().add(
            Path(arguments.source), name=arguments.name, sha256=arguments.sha256, link=arguments.link, watch=watch
        )
    finally:
        progress.clear()


async def _fetch(arguments: argparse.Namespace, services: "Services") -> "Imported":
    """From an address: a job of the queue that all instances share."""
    from urllib.parse import urlsplit

    from lama_tui.library.hub.access import is_offline
    from lama_tui.providers.address import is_loopback

    imports = services.imports()
    flags = {"name": arguments.name, "sha256": arguments.sha256, "insecure_http": arguments.insecure_http}
    await imports.check(arguments.source, link=arguments.link, **flags)
    host = urlsplit(arguments.source).hostname or ""
    check_reachable(host, is_offline() and not is_loopback(host), services.settings.privacy.local_only)
    downloads = await services.downloads(adopt=False)
    job = await downloads.add_import(arguments.source, **flags)
    shown = _Shown(_again(arguments))
    try:
        return await imports.imported((await until_done(downloads, job, shown, _again(arguments))).ref)
    finally:
        shown.clear()


class _Shown(Lines):
    """A bar on a terminal, else a note of what it waits for; the result alone goes to stdout."""

    def show(self, job: "Job") -> None:
        """How it stands now."""
        if self.progress.is_seen:
            self.progress.show(bar(job))
        elif self.is_news(job.state, job.why) and job.why:
            output.note(f"{job.ref}: {job.state}, {clean_row(job.why)}{next_try(job)}")

    def clear(self) -> None:
        """Take the bar away."""
        self.progress.clear()


def _again(arguments: argparse.Namespace) -> str:
    """The command that goes on."""
    words = ["lama", "import", arguments.source]
    for flag, value in (("--name", arguments.name), ("--sha256", arguments.sha256)):
        words += [flag, value] if value else []
    return shlex.join([*words, "--insecure-http"] if arguments.insecure_http else words)


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
