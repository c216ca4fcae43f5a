"""What is downloaded: how far each is, why one waits, what to do about one that failed."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from lama_tui.errors import LamaError
from lama_tui.library.downloads.job import Job, JobId, JobState
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.models import hub_details, jobs
from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.queue import Queue
from lama_tui.ui.screens.models.section import Details, Section, named
from lama_tui.ui.screens.models.table import fact, pad
from lama_tui.ui.screens.outliving import outliving
from lama_tui.ui.widgets.long_list import LongList

if TYPE_CHECKING:
    from lama_tui.library.downloads.queue import Downloads

_BAR = (10, 30)
"""Cells of a bar, at least and at most."""


class DownloadsSection(Section):
    """Two lines for each, and below the list what there is to say of the highlighted one."""

    BINDINGS = bindings("downloads")

    _KEYS_OF: Mapping[JobState, tuple[str, ...]] = {
        "queued": ("downloads.pause", "downloads.cancel"),
        "running": ("downloads.pause", "downloads.cancel"),
        "paused": ("downloads.pause", "downloads.cancel"),
        "waiting": ("downloads.retry", "downloads.pause", "downloads.cancel"),
        "done": ("downloads.use", "downloads.forget"),
        "failed": ("downloads.retry", "downloads.forget"),
        "cancelled": ("downloads.retry", "downloads.forget"),
    }

    def __init__(
        self,
        queue: Queue,
        check_usable: Callable[[str], Awaitable[None]],
        *,
        id: str | None = None,  # noqa: A002 - the name that Textual uses
    ) -> None:
        super().__init__(id=id)
        self._queue = queue
        self._check_usable = check_usable
        self._jobs: list[Job] = []
        self._now = 0
        self._drawn = Content("")
        self._wanted: JobId | None = None
        self._use: dict[JobId, str | None] = {}
        """Of those that are here: why one cannot answer; empty where it can, None while that is looked up."""
        self._unfollow: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """The list, and the details below it."""
        yield Static("", id="downloads-empty", markup=False)
        yield LongList(self._draw, 2, id="downloads-lines")
        with Details(id="downloads-details"):
            yield Static("", id="downloads-about", classes="models-text", markup=False)

    def on_mount(self) -> None:
        """Open the queue, and follow it."""
        self._unfollow = self._queue.follow(self._show)
        self._open()

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._unfollow()

    @work(exclusive=True, group="queue")
    async def _open(self) -> None:
        with self.notice.catching():
            await self._queue.open()
        self._show()

    def appear(self) -> None:
        """Others may have added some."""
        self._use.clear()  # what could answer may have been removed
        self._open()

    @property
    def _list(self) -> LongList:
        return self.query_one(LongList)

    def go_to_job(self, job: JobId) -> None:
        """Highlight a job, as soon as it is listed."""
        self._wanted = job
        self._show()

    @property
    def keys(self) -> Sequence[str]:
        """What can be done with the highlighted one."""
        job = self._chosen()
        return self._KEYS_OF[job.state] if job is not None else ()

    @property
    def labels(self) -> Mapping[str, str]:
        """What pauses also goes on."""
        job = self._chosen()
        return {"downloads.pause": "Resume"} if job is not None and job.state == "paused" else {}

    # --- what is shown -------------------------------------------------------------

    def _show(self) -> None:
        chosen = self._chosen()
        self._jobs = list(self._queue.jobs)
        self._now = time.time_ns() // 1_000_000
        wanted = self._wanted if self._wanted is not None else chosen.id if chosen is not None else None
        at = next((at for at, job in enumerate(self._jobs) if job.id == wanted), None)
        if at is not None:
            self._wanted = None
        empty = self.query_one("#downloads-empty", Static)
        empty.display = not self._jobs
        if not self._jobs:
            hub = Content.assemble((key_at(self, "hub.open"), "bold $primary"), " searches the hub; ")
            disk = Content.assemble(
                (key_at(self, "models.import"), "bold $primary"),
                " imports a model from this disk or an address; ",
            )
            empty.update(
                Content.assemble(
                    "Nothing is being downloaded.\n\n", hub, disk, ("lama pull ORG/NAME", "$accent"),
                    " in a shell downloads too, and is shown here.\nDownloads go on while you chat, and when lama is"
                    " started again.",
                )
            )  # fmt: skip
        if at is None and self._list.highlighted is not None:
            at = min(self._list.highlighted, max(0, len(self._jobs) - 1))
        self._list.show(len(self._jobs), at)
        self._show_details()
        self.post_message(self.StatusChanged())

    def _draw(self, at: int, room: int) -> list[Content]:
        """The two lines of a job."""
        job = self._jobs[at]
        mark, style = jobs.MARKS[job.state]
        part = jobs.share(job)
        right = jobs.percent(part) if part is not None else ""
        name_width = max(8, min(room - 8, max(room // 2, min(room - 40, 72))))
        first = Content.assemble(
            (f"{mark} ", style),
            (pad(jobs.title(job), name_width), "bold"),
            "  ",
            Content.styled(jobs.state(job, self._now), style),
            Content.styled(f"  from {jobs.origin(job)}" if job.kind == "import" else "", "$foreground-muted"),
        ).truncate(room, ellipsis=True)
        if job.ended:
            when = figures.ago(job.updated, self._now)
            return [first, Content.styled(f"  {jobs.amount(job)}  {when}", "$foreground-muted")]
        width = max(_BAR[0], min(_BAR[1], room // 4))
        said = "  ".join(filter(None, (right, jobs.amount(job), jobs.pace(job))))
        second = Content.assemble("  ", jobs.bar(part, width), f"  {said}")
        return [first, second.truncate(room, ellipsis=True)]

    @on(LongList.Highlighted)
    @on(Details.Resized)
    def _show_details(self) -> None:
        job = self._chosen()
        text = Content("") if job is None else Content("\n").join(self._about(job))
        if not text.is_same(self._drawn):
            self._drawn = text
            self.query_one("#downloads-about", Static).update(text)
        self.post_message(self.StatusChanged())  # other keys matter

    def _about(self, job: Job) -> list[Content]:
        width = max(20, self.query_one("#downloads-details").scrollable_content_region.width)
        text: list[Content] = []
        if job.error is not None and job.state == "failed":
            text += hub_details.trouble(job.error)
            text.append(Content.assemble((key_at(self, "downloads.retry"), "bold $primary"), " tries again."))
        elif job.state == "done":
            text += self._said_of_use(job)
        elif job.state == "cancelled":
            text.append(Content.assemble((key_at(self, "downloads.retry"), "bold $primary"), " begins it again."))
        elif job.state == "paused":
            goes_on = "begins it again" if jobs.is_local(job) else "goes on with it"
            text.append(Content.assemble((key_at(self, "downloads.pause"), "bold $primary"), f" {goes_on}."))
        elif job.state == "waiting":
            now = Content.assemble((key_at(self, "downloads.retry"), "bold $primary"), " tries at once.")
            text += [Content(jobs.state(job, self._now)), now]
        facts = [] if job.kind != "import" else [("Import", "from elsewhere than the hub")]
        if job.files is not None or job.kind != "import":
            files = f"{job.files_done:,} of {job.files:,}" if job.files is not None else figures.UNKNOWN
            facts.append(("Files", files))
        if job.now and job.state == "running":
            facts.append(("Now", clean_line(job.now, 200)))
        if not job.ended and job.owner is not None and not job.mine:
            facts.append(("Done by", f"another lama ({clean_line(job.owner, 60)})"))
        if job.attempts > 1:
            facts.append(("Tries", str(job.attempts)))
        facts.append(("From", jobs.origin(job)))
        if revision := clean_line(f"{job.revision} {job.commit or ''}", 120).strip():
            facts.append(("Revision", revision))
        facts.append(("Asked for", figures.ago(job.created, self._now)))
        return text + [line for name, value in facts for line in fact(name, value, width)]

    def _said_of_use(self, job: Job) -> list[Content]:
        """Whether it can answer, which is looked up when it is first asked: nothing until that is known."""
        if job.id not in self._use:
            self._use[job.id] = None
            self._look_at_use(job)
        problem = self._use[job.id]
        if problem is None:
            return []
        if problem:
            return [Content.styled(problem, "$foreground-muted")]
        return [Content.assemble((key_at(self, "downloads.use"), "bold $primary"), " lets it answer here.")]

    @work(group="downloads-usable")
    async def _look_at_use(self, job: Job) -> None:
        try:
            await self._check_usable(job.ref)
        except LamaError as error:
            self._use[job.id] = clean_line(f"{error.title}: {error.detail}" if error.detail else error.title, 300)
        else:
            self._use[job.id] = ""
        self._show_details()

    @property
    def status(self) -> str | Content:
        """What was said last, else all of it together."""
        return self._said or str(jobs.Total.of(self._jobs))

    # --- actions -------------------------------------------------------------------

    def _chosen(self) -> Job | None:
        at = self._list.highlighted
        return self._jobs[at] if at is not None and at < len(self._jobs) else None

    async def _see_through(self, wish: "Callable[[Downloads], Awaitable[object]]") -> None:
        """Ask it of the queue, also where one leaves at once. Raises `LamaError`."""
        await outliving(self.app, self._queue.wish(wish))

    @work(group="wish")
    async def action_pause(self) -> None:
        """Pause it, or go on with it."""
        job = self._chosen()
        if job is None or job.ended:
            self.say("" if job is None else "It has ended: there is nothing to pause.")
            return
        with self.notice.catching():
            if job.state == "paused":
                await self._see_through(lambda downloads: downloads.resume(job.id))
                self.say(f"{named(job.ref)} goes on.")
            else:
                await self._see_through(lambda downloads: downloads.pause(job.id))
                stays = "it begins again when it goes on" if jobs.is_local(job) else "what is here stays"
                self.say(f"{named(job.ref)} is paused: {stays}.")

    @work(group="wish")
    async def action_cancel(self) -> None:
        """Ask what becomes of the parts, and give it up."""
        job = self._chosen()
        if job is None or job.ended:
            self.say("" if job is None else f"It has ended: {key_at(self, 'downloads.forget')} takes it off the list.")
            return
        if answer := await self.app.push_screen_wait(_giving_up(job)):
            with self.notice.catching():
                await self._see_through(lambda downloads: downloads.cancel(job.id, keep_parts=answer == "keep"))
                self.say(f"{named(job.ref)} was given up.")

    @work(group="wish")
    async def action_retry(self) -> None:
        """Try again now."""
        job = self._chosen()
        if job is None or job.state not in ("failed", "waiting", "cancelled"):
            self.say("" if job is None else "There is nothing to try again.")
            return
        with self.notice.catching():
            await self._see_through(lambda downloads: downloads.retry(job.id))
            self.say(f"{named(job.ref)} is tried again.")

    @work(group="wish")
    async def action_forget(self) -> None:
        """Take it off the list."""
        job = self._chosen()
        if job is None or not job.ended:
            self.say("" if job is None else f"It has not ended: {key_at(self, 'downloads.cancel')} gives it up.")
            return
        ended = [each.id for each in self._jobs if each.ended]
        answer: str | None = "one"
        if len(ended) > 1:
            answer = await self.app.push_screen_wait(
                Ask(
                    "Forget",
                    [Content("What is forgotten is off this list; files stay as they are.")],
                    [
                        ("", "Leave the list as it is"),
                        ("one", f"Forget {named(job.ref)}"),
                        ("all", f"Forget all {len(ended)} that have ended"),
                    ],
                )
            )
        if answer:
            self.say("")
            with self.notice.catching():
                await outliving(self.app, self._queue.forget(ended if answer == "all" else [job.id]))

    @on(LongList.Chosen)
    @work(exclusive=True, group="downloads-use")
    async def action_use(self) -> None:
        """Let the model answer in this conversation."""
        job = self._chosen()
        if job is not None and job.state == "done":
            with self.notice.catching():
                await self._check_usable(job.ref)  # it may have been removed since, or be in a format for others
                self.post_message(self.UseRequested(job.ref))
        elif job is not None:
            self.say("It is not here yet.")


def _giving_up(job: Job) -> Ask:
    """Ask what becomes of what is on the disk by now."""
    here, title = figures.size(job.done_bytes), f"Give up {named(job.ref)}"
    if jobs.is_local(job):
        return Ask(
            title,
            [Content(f"What was made of it by now is removed; {jobs.origin(job)} stays as it is.")],
            [("", "Go on importing"), ("delete", "Give it up")],
        )
    again = "imported" if job.kind == "import" else "downloaded"
    return Ask(
        title,
        [Content(f"{here} of it are on the disk by now, some of it parts of files that are not whole.")],
        [
            ("", f"Go on {again.removesuffix('ed')}ing"),
            ("keep", f"Give it up and keep the {here}: {again} again, it goes on from there"),
            ("delete", f"Give it up and delete the {here}"),
        ],
    )
