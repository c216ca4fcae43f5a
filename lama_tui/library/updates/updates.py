"""Newer revisions of installed models: asks the hub, keeps what it said, has them fetched, and goes back.

An update is fetched by the queue of downloads: whole files, those whose hash is not here yet. Parts of files, which
the hub's Xet storage could give, are not fetched: the protocol is the hub client's own (`hf_xet`), which writes files
whole and could not be seen to fetch less against a hub on loopback.
"""

import asyncio
import glob
import time
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lama_tui.errors import AuthError, DownloadError, LamaError, ModelError, ModelNotFoundError, StoreError
from lama_tui.library.downloads.job import JobId, JobKind
from lama_tui.library.downloads.job_table import JobTable
from lama_tui.library.downloads.plan import choose
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.values import HubDetails, HubFile
from lama_tui.library.hub_cache import repo_at
from lama_tui.library.installed import InstalledModel
from lama_tui.library.model_table import ModelTable
from lama_tui.library.snapshot_table import SnapshotTable
from lama_tui.library.updates import revisions
from lama_tui.library.updates.update import FileChange, Question, Update, WantedBy, compare
from lama_tui.library.updates.update_table import UpdateTable
from lama_tui.library.verify.record import FOUND, record_of

if TYPE_CHECKING:
    from lama_tui.store.database import Database

OF_ONE = (ModelError, AuthError, DownloadError)
"""Why the hub tells nothing of one model; after other errors it tells nothing of the others either."""


class AsksHub(Protocol):
    """What is asked of the hub."""

    access: HubAccess

    async def listing(self, repo: str, revision: str = "main") -> HubDetails:
        """The files of one revision of one model. Raises a `LamaError`."""


class Fetches(Protocol):
    """What is asked of the queue of downloads."""

    async def add(
        self, ref: str, revision: str = "main", kind: JobKind = "download", files: Sequence[str] = ()
    ) -> JobId:
        """Put a fetch in line. Raises a `LamaError`."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """What is here of a model: the revision in force, the branch that it follows (None: it stays at its commit), and
    the revision that one can go back to."""

    in_force: str
    follows: str | None
    earlier: str | None


class Updates:
    """What is known of newer revisions, and what is done about it. Every method may raise `StoreError`."""

    def __init__(self, database: "Database") -> None:
        self._table = UpdateTable(database)
        self._snapshots = SnapshotTable(database)
        self._jobs = JobTable(database)
        self._uses = ModelTable(database)

    async def offered(self, models: Collection[InstalledModel]) -> Sequence[Update]:
        """The updates that are known of `models`, without asking anybody; not those that were gone back from."""
        known = await self._table.all()
        found = [known[model.ref] for model in models if model.ref in known]
        in_force = {model.ref: model.revision for model in models}
        return [update for update in found if update.offered(in_force[update.ref])]

    async def known(self) -> Mapping[str, Update]:
        """Everything that the hub said when it was last asked, by reference."""
        return await self._table.all()

    async def own(self) -> frozenset[str]:
        """The repos of the hub that lama fetched, or that a conversation had a model of. In the background the hub is
        asked about these only: the names of what other tools keep in the shared cache are not lama's to tell."""
        fetched = {each.ref for each in await self._snapshots.all() if each.kind == "hub" and each.source != FOUND}
        used = {ref for ref, use in (await self._uses.all()).items() if use.last_used is not None}
        return frozenset(fetched | {"/".join(ref.split("/")[:2]) for ref in used})  # of a GGUF file its repo

    async def following(self, models: Iterable[InstalledModel]) -> Sequence[InstalledModel]:
        """Those that have newer revisions to ask for, each repo once; others stay at their commit."""
        repos = {repo.ref: repo for repo in map(whole_repo, models)}
        here = {ref: await self.revisions(repo) for ref, repo in repos.items()}
        return [repos[ref] for ref, found in here.items() if found is not None and found.follows is not None]

    async def questions(self) -> Sequence[Question]:
        """When the hub was last asked, the newest first."""
        return await self._table.questions()

    async def note_question(self, wanted_by: WantedBy, models: int) -> None:
        """The hub is told the names of so many models now."""
        await self._table.note_question(wanted_by, models)

    async def ask(
        self, models: Sequence[InstalledModel], hub: AsksHub
    ) -> AsyncGenerator[tuple[InstalledModel, "Update | LamaError | None"]]:
        """Ask the hub about one model after the other, as a person wants it; the answer may be why it tells nothing of
        one. Raises the `LamaError` after which there is no use in asking about the others."""
        asked = 0
        for model in models:
            found: Update | LamaError | None
            try:
                found = await self.look(model, hub)
            except OF_ONE as error:
                found = error
            if found is not None:
                asked += 1
                await self.note_question("person", asked)
            yield model, found

    async def look(self, model: InstalledModel, hub: AsksHub) -> Update | None:
        """Ask the hub about one model and keep the answer. None: it is no model that has newer revisions.

        Raises a `LamaError`; what was known stays then.
        """
        model = whole_repo(model)
        here = await self.revisions(model)
        if here is None or here.follows is None:
            return None
        details = await hub.listing(model.ref, here.follows)
        changes, size = await self._differing(model, details) if details.commit != here.in_force else ((), 0)
        now = time.time_ns() // 1_000_000
        await self._table.found(Update(model.ref, here.in_force, details.commit, changes, size, checked=now))
        return await self._table.of(model.ref)

    async def _differing(self, model: InstalledModel, details: HubDetails) -> tuple[tuple[FileChange, ...], int]:
        """What differs of the files that would be fetched, and the bytes to fetch."""
        record = await record_of(model, self._snapshots)
        installed = {path: file.hash for path, file in record.files.items()}
        wanted, _ = wanted_files(installed, details.files)
        there, fetched = {file.path for file in details.files}, {file.path for file in wanted}
        kept = {path: hash_ for path, hash_ in installed.items() if path not in there or path in fetched}
        return compare(kept, wanted, await asyncio.to_thread(_held, model.ref))

    async def not_told(self, model: InstalledModel) -> None:
        """The hub was asked and does not tell: it is not to be asked again at once."""
        model = whole_repo(model)
        if model.revision is not None:
            now = time.time_ns() // 1_000_000
            await self._table.found(Update(model.ref, model.revision, model.revision, checked=now))

    async def fetch(self, model: InstalledModel, downloads: Fetches) -> JobId:
        """Have the newest revision fetched. It is in force when all of it is there, and not before. Raises a
        `LamaError`."""
        model = whole_repo(model)
        here = await self.revisions(model)
        if here is None or here.follows is None:
            raise _stays(model)
        record = await record_of(model, self._snapshots)
        _, patterns = wanted_files(record.files, ())
        await self._table.will_leave(model.ref, here.in_force)
        return await downloads.add(model.ref, here.follows, kind="update", files=patterns)

    async def revisions(self, model: InstalledModel) -> Revisions | None:
        """What is here of `model`; None where it did not come from the hub."""
        model = whole_repo(model)
        if model.revision is None or not model.path:
            return None
        known = await self._table.of(model.ref)
        return await asyncio.to_thread(_revisions, model.ref, model.revision, known)

    async def go_back(self, model: InstalledModel) -> str:
        """Put the revision in force that was so before, and return it; no network. Raises a `LamaError`."""
        model = whole_repo(model)
        here = await self.revisions(model)
        if here is None:
            raise _stays(model)
        if here.earlier is None:
            raise ModelNotFoundError(
                f"There is no earlier revision of {model.ref} here",
                f"Only {here.in_force[:12]} is on this machine",
                "`lama pull REF` with --revision fetches another one by its commit",
            )
        jobs = [row.job for row in await self._jobs.jobs() if row.job.ref == model.ref]
        if any(job.state in ("queued", "running", "waiting") for job in jobs):
            raise DownloadError(
                f"{model.ref} is being fetched",
                "What comes would be put in force at the end",
                "Wait for it, or pause or cancel it under the downloads, and go back then",
            )
        try:
            await asyncio.to_thread(revisions.switch, revisions.folder_of(model.ref), here.earlier)
        except OSError as error:
            raise StoreError(
                f"{model.ref} stays at {here.in_force[:12]}",
                f"The hub's cache cannot be written: {error.strerror or error}",
                "Check its permissions and the space on the disk",
            ) from error
        await self._table.went_back(model.ref, here.in_force, here.earlier)
        return here.earlier


def whole_repo(model: InstalledModel) -> InstalledModel:
    """Of a GGUF file in a repo the repo itself: it is what has revisions, and is updated with all of them."""
    at = repo_at(Path(model.path)) if model.path else None
    return model if at is None else InstalledModel(at[0], str(at[1]), model.revision)


def wanted_files(
    installed: Collection[str] | Mapping[str, object], newest: Sequence[HubFile]
) -> tuple[Sequence[HubFile], tuple[str, ...]]:
    """The files that an update fetches, and the patterns that say so to the queue; none: what it takes by itself.

    Of a GGUF model one of many sizes is here: the same one is wanted again.
    """
    weights = [path for path in installed if path.lower().endswith(".gguf")]
    patterns = (*map(glob.escape, sorted(weights)), "*.json", "*.jinja", "*.md") if weights else ()
    return (choose(newest, patterns) if newest else ()), patterns


def _revisions(ref: str, in_force: str, known: Update | None) -> Revisions:
    folder = revisions.folder_of(ref)
    others = revisions.others_here(folder, in_force)
    remembered = [revision for revision in reversed(known.before) if revision in others] if known is not None else []
    left = known.refused if known is not None else None
    earlier = next((revision for revision in (*remembered, *others) if revision != left), None)
    return Revisions(in_force, revisions.followed(folder, in_force), earlier)


def _held(ref: str) -> frozenset[str]:
    """The names of the blobs that are here whole."""
    blobs: Path = revisions.folder_of(ref).blob("x").parent
    try:
        return frozenset(path.name for path in blobs.iterdir())
    except OSError:
        return frozenset()


def _stays(model: InstalledModel) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"{model.ref} has no newer revisions",
        "It was not fetched from the hub, or at a fixed commit",
        f"`lama pull {model.ref}` fetches what the hub has now",
    )
