"""Which models have a newer revision, what changed in it, fetching it and going back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from lama_tui.errors import LamaError
from lama_tui.library.downloads.job import Job
from lama_tui.library.installed import InstalledModel
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.models import jobs
from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.asking import Asking, silence
from lama_tui.ui.screens.models.asking import lines as lines_of_asking
from lama_tui.ui.screens.models.catalogue import Catalogue
from lama_tui.ui.screens.models.queue import Queue
from lama_tui.ui.screens.models.section import Details, Section, named
from lama_tui.ui.screens.models.table import fact, pad, shortened
from lama_tui.ui.screens.outliving import outliving
from lama_tui.ui.widgets.long_list import LongList

if TYPE_CHECKING:
    from lama_tui.library.updates.update import Update
    from lama_tui.library.updates.updates import Revisions

NEWER, LATEST = "▲", "✓"
_CHANGES = {"added": "+", "changed": "~", "removed": "-"}
_COMMIT = 10
"""Characters of a commit in a sentence."""


@dataclass(frozen=True, slots=True)
class UpdateRow:
    """A model that came from the hub. `update` is what the hub said when it was asked last."""

    model: InstalledModel
    update: "Update | None" = None
    revisions: "Revisions | None" = None
    job: Job | None = None

    @property
    def is_newer(self) -> bool:
        """Whether there is something to fetch."""
        return self.update is not None and self.update.offered(self.model.revision)

    @property
    def gone_back(self) -> bool:
        """Whether a person went back from the newest: not offered by itself, but there for who wants it again."""
        update = self.update
        return update is not None and update.refused == update.newest != self.model.revision


class UpdatesSection(Section):
    """The models that came from the hub, those with news first, and what changed in the highlighted one."""

    BINDINGS = bindings("updates")
    KEYS = ("updates.update", "updates.rollback", "updates.check")

    def __init__(self, catalogue: Catalogue, queue: Queue, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._catalogue = catalogue
        self._queue = queue
        self._models: Sequence[InstalledModel] = ()
        self._updates: Mapping[str, Update] = {}
        self._revisions: Mapping[str, Revisions] = {}
        self._rows: list[UpdateRow] | None = None
        self._doing = ""
        self._asking = Asking()
        self._own: frozenset[str] = frozenset()
        self._done: frozenset[int] = frozenset()
        self._now = 0
        self._drawn = self._drawn_asking = Content("")
        self._unfollow: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """When the hub is asked, and below it the list beside the details."""
        yield Static("", id="updates-asking", markup=False)
        with Container(classes="models-body"):
            yield Static("", id="updates-empty", classes="models-empty", markup=False)
            yield LongList(self._draw, id="updates-lines")
            with Details(id="updates-details", classes="models-details"):
                yield Static("", id="updates-about", classes="models-text", markup=False)

    def on_mount(self) -> None:
        """Look what is here and what is known."""
        self._unfollow = self._queue.follow(self._job_changed)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._unfollow()

    def appear(self) -> None:
        """Look again: something may have come."""
        self._look()

    @property
    def _list(self) -> LongList:
        return self.query_one(LongList)

    def _job_changed(self) -> None:
        """A fetch went on; look again when one is done."""
        done = frozenset(job.id for job in self._queue.jobs if job.state == "done")
        if done - self._done:
            self._look()
        self._done = done
        self._show()

    @work(exclusive=True, group="updates-look")
    async def _look(self) -> None:
        with self.notice.catching():
            await self._read()
        self._rows = self._rows or []
        self._show()

    async def _read(self) -> None:
        """What is here, and what the hub said when it was asked last."""
        from lama_tui.library.updates.updates import whole_repo

        updates = await self._catalogue.updates()
        installed = [model.installed for model in await self._catalogue.find() if model.installed is not None]
        repos = map(whole_repo, (model for model in installed if model.revision is not None))
        self._models = tuple({repo.ref: repo for repo in repos}.values())  # of several GGUF files their repo, once
        self._updates = await updates.known()
        found = {model.ref: await updates.revisions(model) for model in self._models}
        self._revisions = {ref: revisions for ref, revisions in found.items() if revisions is not None}
        following = await updates.following(self._models)
        self._own = await updates.own()
        check_updates, local_only = self._catalogue.asking
        access = (await self._catalogue.hub()).access
        self._asking = Asking(
            len(following),
            sum(model.ref in self._own for model in following),
            silence(check_updates, local_only, access),
            access.host,
            await updates.questions(),
        )
        self._show()

    # --- what is shown -------------------------------------------------------------

    def _show(self) -> None:
        chosen = self._chosen()
        rows = [
            UpdateRow(model, self._updates.get(model.ref), self._revisions.get(model.ref), self._job(model.ref))
            for model in self._models
        ]
        self._rows = sorted(rows, key=lambda row: (not row.is_newer, row.model.ref))
        self._now = time.time_ns() // 1_000_000
        asking = Content("\n").join(lines_of_asking(self._asking, self._now, key_at(self, "updates.check")))
        if not asking.is_same(self._drawn_asking):
            self._drawn_asking = asking
            self.query_one("#updates-asking", Static).update(asking)
        empty = self.query_one("#updates-empty", Static)
        empty.display = not self._rows
        self.set_class(not self._rows, "-bare")
        if not self._rows:
            hub = (key_at(self, "hub.open"), "bold $primary")
            empty.update(
                Content.assemble(
                    "No model here came from the hub, so none can be newer.\n\n", hub, " searches the hub."
                )
            )
        at = next((at for at, row in enumerate(self._rows) if chosen and row.model.ref == chosen.model.ref), None)
        self._list.show(len(self._rows), at)
        self._show_details()
        self.post_message(self.StatusChanged())

    def _job(self, ref: str) -> Job | None:
        job = self._queue.job_of(ref)
        return job if job is not None and not job.ended else None

    def _draw(self, at: int, room: int) -> list[Content]:
        row = (self._rows or [])[at]
        name = clean_line(row.model.ref, 300)
        width = max(8, min(room - 24, max(room // 2, 30)))
        if row.job is not None:
            mark, style = jobs.MARKS[row.job.state]
            said, mark_style = jobs.progress(row.job, self._now), style
        elif row.is_newer and row.update is not None:
            count = len(row.update.changes)
            mark, mark_style = NEWER, "$accent"
            said = f"newer: {figures.size(row.update.size)} in {count} file{'s' if count != 1 else ''}"
        elif row.revisions is not None and row.revisions.follows is None:
            mark, mark_style, said = " ", "", "stays at its commit"
        elif row.update is None:
            by_hand = f"asked about only by {key_at(self, 'updates.check')}"
            mark, mark_style, said = " ", "", "not asked yet" if row.model.ref in self._own else by_hand
        elif row.gone_back:
            mark, mark_style, said = " ", "", "you went back from the newest"
        else:
            mark, mark_style, said = LATEST, "$success", f"newest, {figures.ago(row.update.checked, self._now)}"
        line = Content.assemble((f"{mark} ", mark_style), pad(name, width), "  ", (said, mark_style))
        return [line.truncate(room, ellipsis=True)]

    @on(LongList.Highlighted)
    @on(Details.Resized)
    def _show_details(self) -> None:
        row = self._chosen()
        text = Content("") if row is None else Content("\n").join(self._about(row))
        if not text.is_same(self._drawn):
            self._drawn = text
            self.query_one("#updates-about", Static).update(text)

    def _about(self, row: UpdateRow) -> list[Content]:
        width = max(20, self.query_one("#updates-details").scrollable_content_region.width)
        text = [Content.styled(clean_line(row.model.ref, 300), "bold $primary")]
        if row.job is not None:
            text.append(Content.styled(jobs.progress(row.job, self._now), "$accent"))
        elif row.is_newer and row.update is not None:
            update = (key_at(self, "updates.update"), "bold $primary")
            text.append(Content.assemble(update, f" fetches {figures.size(row.update.size)}"))
        if row.revisions is not None and row.revisions.earlier is not None:
            back = (key_at(self, "updates.rollback"), "bold $primary")
            text.append(Content.assemble(back, f" goes back to {row.revisions.earlier[:_COMMIT]}"))
        facts = [("Installed", clean_line(row.model.revision or figures.UNKNOWN, 80))]
        if row.update is not None:
            facts += [
                ("On the hub", clean_line(row.update.newest, 80)),
                ("Asked", figures.ago(row.update.checked, self._now)),
            ]
            if row.gone_back:
                again = f"{key_at(self, 'updates.update')} takes it again"
                facts.append(("Gone back", f"you went back from the newest: it is not offered by itself; {again}"))
        if row.revisions is not None:
            facts.append(("Follows", row.revisions.follows or "nothing: it stays at its commit"))
        text += [Content(""), *(line for name, value in facts for line in fact(name, value, width))]
        if row.is_newer and row.update is not None:
            text += [Content(""), Content.styled("What changed", "bold")]
            for change in row.update.changes:
                size = f"{figures.size(change.size):>9}" if change.size is not None else " " * 9
                path = shortened(clean_line(change.path, 400), max(8, width - 13))
                text.append(
                    Content.assemble((f"{_CHANGES[change.kind]} ", "bold"), (size, "$foreground-muted"), f"  {path}")
                )
        return text

    @property
    def status(self) -> str | Content:
        """What was said last, else how many are newer."""
        if self._doing:
            return self.beside(Content.styled(self._doing, "$accent"))
        if self._said or self._rows is None:
            return self._said or "Looking…"
        newer = [row.update.size for row in self._rows if row.is_newer and row.update is not None]
        if newer:
            return f"{len(newer)} newer  ·  {figures.size(sum(newer))} to fetch"
        return f"{key_at(self, 'updates.check')} asks the hub what is newer." if self._rows else ""

    # --- actions -------------------------------------------------------------------

    def _chosen(self) -> UpdateRow | None:
        at = self._list.highlighted
        return self._rows[at] if self._rows and at is not None and at < len(self._rows) else None

    @work(exclusive=True, group="updates-ask")
    async def action_check(self) -> None:
        """Ask the hub about every model, one after the other."""
        said = ""
        self.say("")
        try:
            with self.notice.catching():
                updates, hub = await self._catalogue.updates(), await self._catalogue.hub()
                models = await updates.following(self._models)
                missed: list[LamaError] = []
                told = 0

                def doing() -> None:
                    self._doing = f"Asking {hub.access.host}: {told + len(missed) + 1} of {len(models)}…"
                    self.post_message(self.StatusChanged())

                doing()
                try:
                    async for _, found in updates.ask(models, hub):
                        if isinstance(found, LamaError):
                            missed.append(found)
                        else:
                            told += 1
                        if told + len(missed) < len(models):
                            doing()
                except LamaError as error:  # it would say nothing of the others either
                    missed.append(error)
                if missed:
                    self.notice.add(missed[0])
                    said = f"The hub told nothing of {len(models) - told} of {len(models)} models."
                await self._read()
        finally:
            self._doing = ""
            self.say_first(said)

    @work(group="updates-wish")
    async def action_update(self) -> None:
        """Say what is fetched, and put it into the queue."""
        row = self._chosen()
        if row is None:
            return
        if row.job is not None or row.update is None or not (row.is_newer or row.gone_back):
            busy = "It is being fetched." if row.job is not None else "Nothing newer is known of it."
            self.say(f"{busy} {key_at(self, 'updates.check')} asks the hub." if row.job is None else busy)
            return
        update, free = row.update, await self._catalogue.free_space()
        room = f"The disk has {figures.size(free)} free." if free is not None else ""
        count = len(update.changes)
        answer = await self.app.push_screen_wait(
            Ask(
                f"Update {named(row.model.ref)}",
                [
                    Content(f"{figures.size(update.size)} are fetched; {count} files differ. {room}"),
                    Content(f"From {update.installed[:_COMMIT]} to {update.newest[:_COMMIT]}."),
                    Content("It goes on answering meanwhile; the revision of now stays, to go back to."),
                ],
                [("", "Stay at the revision of now"), ("update", f"Fetch {figures.size(update.size)} and update")],
            )
        )
        if answer:
            with self.notice.catching():
                updates = await self._catalogue.updates()
                said = f"{named(row.model.ref)} is in the queue: {key_at(self, 'downloads.open')} shows it."
                wish = self._queue.wish(lambda downloads: updates.fetch(row.model, downloads))
                await outliving(self.app, wish, lambda _: said)
                self.say(said)

    @work(group="updates-wish")
    async def action_rollback(self) -> None:
        """Ask, and go back; nothing is fetched."""
        row = self._chosen()
        if row is None:
            return
        if row.revisions is None or row.revisions.earlier is None:
            self.say("There is no earlier revision of it on this machine.")
            return
        now, earlier = row.revisions.in_force[:_COMMIT], row.revisions.earlier[:_COMMIT]
        answer = await self.app.push_screen_wait(
            Ask(
                f"Go back with {named(row.model.ref)}",
                [Content(f"From {now} to {earlier}, which is here: nothing is fetched or deleted.")],
                [("", f"Stay at {now}"), ("back", f"Go back to {earlier}")],
            )
        )
        if answer:
            with self.notice.catching():
                said = f"{named(row.model.ref)} is at {earlier} again. Loaded anew, it answers with that."
                updates = await self._catalogue.updates()
                await outliving(self.app, updates.go_back(row.model), lambda _: said)
                self.say(said)
                await self._read()
