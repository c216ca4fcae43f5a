"""`lama pull REF`: get a model from the hub, by the queue that all instances share."""

import argparse
import asyncio
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.cli.logged import run_logged
from lama_tui.cli.quantizations import said_of
from lama_tui.cli.signed import look
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import DownloadError, LamaError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import duration, of_total, size, speed

if TYPE_CHECKING:
    from lama_tui.library.downloads.job import Job, JobId
    from lama_tui.library.downloads.queue import Downloads
    from lama_tui.services import Services

_BAR = 16  # cells
_STEP = 10  # percent between two plain lines


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("pull", help="get a model from the hub, or go on with it")
    parser.add_argument("model", metavar="REF", help="as the hub names it: ORG/NAME")
    parser.add_argument("--revision", metavar="R", default="main", help="a branch, tag or commit; usually main")
    parser.add_argument(
        "--file", metavar="PATTERN", dest="files", action="append", default=[],
        help="only files that match, such as '*Q8_0*.gguf'; may be given several times. Without it, of a repo with"
        " several GGUF quantizations one is fetched: Q4_K_M where there is one",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="JSON lines; the last one is the result")
    parser.set_defaults(verb=pull)


def pull(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Add it to the queue, or join who fetches it already, and watch until it is here."""
    shown: Shown = _Json(arguments.model) if arguments.json else Lines(_again(arguments))
    try:
        return run_logged(_pull(arguments, shown, paths, loaded), paths, debug=arguments.debug)
    except LamaError as error:
        shown.end(arguments.model, None, None, error)
        raise


async def _pull(arguments: argparse.Namespace, shown: "Shown", paths: Paths, loaded: LoadedSettings) -> int:
    from lama_tui.services import open_services

    services = await open_services(paths, loaded)
    try:
        await check_allowed(services, arguments.model)
        if not (arguments.files or arguments.json):
            hub = await services.hub()
            if said := await said_of(hub, arguments.model, arguments.revision):
                output.note(said)
        downloads = await services.downloads(adopt=False)
        job = await downloads.add(arguments.model, arguments.revision, files=arguments.files)
        ended = await until_done(downloads, job, shown, _again(arguments))
        await look(services, ended.ref, ended.commit, _path(ended))
    finally:
        await services.close()
    shown.end(ended.ref, ended, _path(ended), None)
    if not arguments.json:
        await note_problem(ended.ref, paths)
    return 0


async def note_problem(ref: str, paths: Paths) -> None:
    """Say why a model that is here now cannot be used, where it cannot."""
    from lama_tui.library.installed import describe

    if problem := (await describe(ref, paths)).problem:
        output.note(f"{ref} cannot be used here: {problem}")


async def check_allowed(services: "Services", reference: str) -> None:
    """Raise a `LamaError` for what no hub has, and where none may be asked."""
    from lama_tui.types import GUIDE

    if reference == GUIDE:
        raise DownloadError("The guide is part of lama", "It is here already", "`lama run guide` asks it")
    if "://" in reference:
        raise DownloadError("This is an address", "Models of the hub are named ORG/NAME", "`lama import` takes it")
    access = (await services.hub()).access
    check_reachable(access.host, access.offline, services.settings.privacy.local_only)


def check_reachable(host: str, offline: bool, local_only: bool) -> None:
    """Raise `DownloadError` where nothing may be fetched from `host`: who waits at a prompt is told at once."""
    from lama_tui.providers.address import is_loopback

    if offline:
        raise DownloadError("Nothing is fetched in offline mode", "HF_HUB_OFFLINE is set", "Unset it, and try again")
    if local_only and not is_loopback(host):
        raise DownloadError(
            "Local only is on",
            f"{host} is not on this machine, and nothing was sent or looked up",
            "Set privacy.local_only = false to fetch models",
        )


async def until_done(downloads: "Downloads", job: "JobId", shown: "Shown", again: str) -> "Job":
    """Show how it stands until it is here. Raises its error where it failed; ctrl+c leaves it to go on `again`."""
    try:
        ended = await watch(downloads, job, shown)
    except asyncio.CancelledError:
        await leave_be(downloads, job, shown)
        raise
    if ended.error is not None:
        raise ended.error
    if ended.state != "done":
        what = "import" if ended.kind == "import" else "download"
        raise DownloadError(f"The {what} of {ended.ref} is {ended.state}", "Somebody wished that", f"`{again}` goes on")
    return ended


async def watch(downloads: "Downloads", job: "JobId", shown: "Shown") -> "Job":
    """Show how it stands until it has ended, or somebody else paused it."""
    changed = asyncio.Event()
    unsubscribe = downloads.subscribe(lambda _: changed.set())
    began = False
    try:
        while True:
            changed.clear()
            now = await downloads.job(job)
            if now is None:
                raise DownloadError("The download was taken off the list", "Somebody wished that", "Begin it again")
            if now.ended or (began and now.state == "paused"):
                return now
            began |= now.state != "paused"
            await asyncio.to_thread(shown.show, now)  # it may be a pipe that nobody reads
            await changed.wait()
    finally:
        unsubscribe()


async def leave_be(downloads: "Downloads", job: "JobId", shown: "Shown") -> None:
    """Ctrl+c: what this process fetches is paused; what another one does goes on."""
    now = await downloads.job(job)
    if now is None or now.ended:
        return
    if now.owner is not None and not now.mine:
        shown.leave(f"Another lama ({now.owner.partition('-')[0]}) goes on with it.")
        return
    await downloads.pause(job)
    for _ in range(50):
        now = await downloads.job(job)
        if now is None or now.state == "paused":
            break
        await asyncio.sleep(0.1)
    shown.leave("")


def _path(job: "Job") -> str | None:
    from lama_tui.library.downloads.layout import RepoFolder
    from lama_tui.library.hub_cache import hub_cache_folder

    return None if job.commit is None else str(RepoFolder(hub_cache_folder(), job.ref).snapshot(job.commit))


def _again(arguments: argparse.Namespace) -> str:
    """The command that goes on."""
    words = ["lama", "pull", arguments.model]
    if arguments.revision != "main":
        words += ["--revision", arguments.revision]
    for pattern in arguments.files:
        words += ["--file", pattern]
    return shlex.join(words)


class Shown:
    """What is written of a download."""

    def show(self, job: "Job") -> None:
        """How it stands now."""

    def leave(self, why: str) -> None:
        """Ctrl+c came; `why` it is not paused."""

    def end(self, ref: str, job: "Job | None", path: str | None, error: LamaError | None) -> None:
        """It is here, or failed."""


class Lines(Shown):
    """A bar on a terminal, else a line now and then."""

    def __init__(self, again: str) -> None:
        self._again = again
        self.progress = output.Progress()
        self._last: Sequence[object] = ()

    def show(self, job: "Job") -> None:
        """How it stands now."""
        if self.progress.is_seen:
            self.progress.show(bar(job))
            return
        percent = _percent(job)
        step = None if percent is None else int(percent // _STEP * _STEP)
        if not self.is_news(job.state, job.why, step):
            return
        if job.state != "running":
            output.line(f"{job.ref}: {job.state}{f', {job.why}' if job.why else ''}{next_try(job)}")
        elif step is not None:
            output.line(f"{job.ref}: {step} % of {size(job.total_bytes)}, {job.files_done} of {job.files} files")

    def is_news(self, *said: object) -> bool:
        """Whether something else is to be said than the last time."""
        before, self._last = self._last, said
        return said != before

    def leave(self, why: str) -> None:
        """Ctrl+c came."""
        self.progress.clear()
        output.note(why or f"Paused: what came stays. `{self._again}` goes on, and so does the workspace.")

    def end(self, ref: str, job: "Job | None", path: str | None, error: LamaError | None) -> None:
        """It is here, or failed."""
        self.progress.clear()
        if job is not None:
            output.line(
                f"{ref} is here, every file checked: {size(job.total_bytes)} in {output.home_as_tilde(path or '')}"
            )


class _Json(Shown):
    """JSON lines."""

    def __init__(self, ref: str) -> None:
        self._ref = ref

    def leave(self, why: str) -> None:
        output.json_line({
            "type": "result", "ref": self._ref, "state": "running" if why else "paused", "revision": None,
            "path": None, "bytes": None, "files": None, "error": None,
        })  # fmt: skip

    def show(self, job: "Job") -> None:
        output.json_line({
            "type": "progress", "ref": job.ref, "state": job.state, "why": job.why or None, "retry_at": job.retry_at,
            "bytes": job.done_bytes, "total": job.total_bytes, "files_done": job.files_done, "files": job.files,
            "rate": job.rate, "left": job.left, "file": job.now or None,
        })  # fmt: skip

    def end(self, ref: str, job: "Job | None", path: str | None, error: LamaError | None) -> None:
        said = error and {"kind": error.kind, "title": error.title, "detail": error.detail, "hint": error.hint}
        output.json_line({
            "type": "result", "ref": ref, "state": "failed" if error else "done", "revision": job and job.commit,
            "path": path,
            "bytes": job and job.total_bytes, "files": job and job.files, "error": said,
        })  # fmt: skip


def _percent(job: "Job") -> float | None:
    if job.total_bytes is None:
        return None
    return 100 * job.done_bytes / job.total_bytes if job.total_bytes else 100.0


def next_try(job: "Job") -> str:
    """When it is tried again, to stand behind why it waits."""
    import time

    return "" if job.retry_at is None else f", tried again in {duration(max(0.0, job.retry_at / 1000 - time.time()))}"


def bar(job: "Job") -> str:
    """One line of a terminal: a bar, files, bytes, rate, time left; or why it waits."""
    percent = _percent(job)
    if job.state != "running":
        return f"{job.state}{next_try(job)}: {clean_row(job.why)}" if job.why else job.state
    if percent is None:
        return clean_row(job.now) if job.done_bytes else f"asking for {job.ref}…"
    full = round(_BAR * percent / 100)
    left = "" if job.left is None else f", {duration(job.left)} left"
    rate = "" if job.rate is None else f", {speed(job.rate)}"
    files = f" {job.files_done}/{job.files}" if job.files is not None else ""
    doing = f", {clean_row(job.now)}" if job.kind == "import" and job.now else ""
    return (
        f"{'█' * full}{'░' * (_BAR - full)} {percent:.0f} %{files}"
        f" {of_total(job.done_bytes, job.total_bytes)}{rate}{left}{doing}"
    )
