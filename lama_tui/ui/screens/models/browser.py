"""The model browser: the models that are here, those of the hub, what is fetched, and what is newer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from lama_tui.errors import LamaError
from lama_tui.events import ResourceSample
from lama_tui.library.downloads.job import JobId
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.screens.above import Above
from lama_tui.ui.screens.models import jobs
from lama_tui.ui.screens.models.catalogue import Catalogue
from lama_tui.ui.screens.models.installed import InstalledSection
from lama_tui.ui.screens.models.memory import ModelMemory
from lama_tui.ui.screens.models.queue import Queue
from lama_tui.ui.screens.models.section import Section
from lama_tui.ui.screens.models.sections import SECTIONS, Sections
from lama_tui.ui.screens.models.shelf import Shelf
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.notice import Notice

_LOOK = 0.25
"""Seconds between looks at what the engine does."""

_LOOK_AT_QUEUE = 2.0
"""Seconds between looks at what other programs download, while this is open."""

_EVERYWHERE = ("models.import", "models.next_section", "models.previous_section")
"""Bindings that do something in every section."""


class ModelBrowser(Above[str | None]):
    """Returns the reference of the model to use in this conversation, or None."""

    CSS_PATH = "../../styles/models.tcss"
    BINDINGS = [*bindings("models"), *bindings("dialog")]
    SCOPES = ("models", "dialog")
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(
        self,
        catalogue: Catalogue,
        shelf: Shelf,
        queue: Queue,
        memory: ModelMemory,
        subscribe: Callable[[Callable[[ResourceSample], None]], Callable[[], None]],
        current: str,
        section: str = SECTIONS[0],
        words: str = "",
        importing: str | None = None,
    ) -> None:
        """`words` are looked for on the hub; `importing`, where it is not None, is asked for at once."""
        super().__init__()
        self._catalogue = catalogue
        self._shelf = shelf
        self._queue = queue
        self._memory = memory
        self._subscribe = subscribe
        self._current = current
        self._first = section
        self._words = words
        self._importing = importing
        self._open: Section | None = None
        self._before = memory.listener
        self._unfollow: Callable[[], None] = lambda: None
        self._ended: frozenset[int] | None = None

    def compose(self) -> ComposeResult:
        """The names of the sections, the one that is open, what happens, and the keys."""
        for breakpoints, extent in zip(
            (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), self.app.size, strict=True
        ):
            self.add_class(max(point for point in breakpoints if point[0] <= extent)[1])
        yield Sections(id="models-sections")
        with Container(id="models-section"):
            yield InstalledSection(self._catalogue, self._memory, self._subscribe, self._current, id="installed")
        yield Notice(key_at(self, "dialog.close"), id="notice")
        yield Static("", id="models-status", markup=False)
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        """Look what happens, while this is open."""
        if not self.children:  # closed before it was open
            return
        self._memory.listener = self._heard
        self._unfollow = self._queue.follow(self._jobs_changed)
        self._jobs_changed()
        self._go_to(SECTIONS.index(self._first))
        self._watch_queue()
        if self._importing is not None:
            self.action_import_model(self._importing)
        self.set_interval(_LOOK, self._follow)

    def dismiss(self, result: str | None = None) -> AwaitComplete:
        """What still loads goes on, and is told where it was told before: here it would not be read any more."""
        self._let_go()
        return super().dismiss(result)

    def on_unmount(self) -> None:
        """Also where lama quits."""
        self._let_go()

    def _let_go(self) -> None:
        self._unfollow()
        if self._memory.listener == self._heard:
            self._memory.listener = self._before

    # --- the sections --------------------------------------------------------------

    def _made(self, section: int) -> Section:
        """A section, not mounted yet. Those that come later are imported when they are first gone to."""
        match SECTIONS[section]:
            case "Hub":
                from lama_tui.ui.screens.models.hub import HubSection

                words = self._words if self._first == "Hub" else None
                return HubSection(self._shelf, self._queue, self.installed, words, id="hub")
            case "Downloads":
                from lama_tui.ui.screens.models.downloads import DownloadsSection

                return DownloadsSection(self._queue, self._catalogue.check_usable, id="downloads")
            case "Updates":
                from lama_tui.ui.screens.models.updates import UpdatesSection

                return UpdatesSection(self._catalogue, self._queue, id="updates")
        return self.installed

    @property
    def section(self) -> Section:
        """The one that is open."""
        return self._open or self.query(Section).first()

    @property
    def installed(self) -> InstalledSection:
        """The models of this machine, which the other sections know of too."""
        return self.query_one(InstalledSection)

    @property
    def keys_now(self) -> Sequence[str]:
        """The bindings that do something here."""
        own = self._open.keys if self._open is not None else ()
        return (*own[:1], "dialog.close", *own[1:], *_EVERYWHERE)

    @property
    def labels_now(self) -> Mapping[str, str]:
        """What these do here, where that is not always the same."""
        return self._open.labels if self._open is not None else {}

    def action_section(self, step: int) -> None:
        """Go to another section."""
        self._go_to((self.query_one(Sections).current + step) % len(SECTIONS))

    @on(Sections.Chosen)
    def _section_chosen(self, event: Sections.Chosen) -> None:
        self._go_to(event.section)

    @on(Section.Leads)
    def _led(self, event: Section.Leads) -> None:
        self._go_to(SECTIONS.index(event.section))

    def _go_to(self, section: int, job: JobId | None = None) -> None:
        self.section.leave()
        self.query_one(Sections).current = section
        self._show_section(section, job)

    @work(exclusive=True, group="section")
    async def _show_section(self, at: int, job: JobId | None) -> None:
        """Show a section, made when it is first gone to, and in it a job."""
        name, before = SECTIONS[at].lower(), self.section
        if not self.query(f"#{name}"):
            await self.query_one("#models-section").mount(self._made(at))
        for each in self.query(Section):
            each.display = each.id == name
        self._open = self.query_one(f"#{name}", Section)
        if not self._open.is_mounted:  # the screen closed meanwhile
            return
        if before is not self._open and (said := before.leave()):  # since it was left
            self._open.say_first(said)
        self._open.appear()
        self._open.take_keys()
        if job is not None:
            self._open.go_to_job(job)
        self._show_status()

    def _jobs_changed(self) -> None:
        """Say how far the downloads are, and look for what came when one ended."""
        self.query_one(Sections).marks = ("", "", jobs.tab(self._queue.jobs), "")
        done = frozenset(job.id for job in self._queue.jobs if job.state == "done") if self._queue.is_open else None
        if self._ended is not None and done is not None and done - self._ended:
            self.installed.look()
        self._ended = done

    @work(group="queue-watch")
    async def _watch_queue(self) -> None:
        """Look now and then at what others download: they tell nobody."""
        while True:
            with suppress(LamaError):  # the section says it to those who look there
                await self._queue.open()
            await asyncio.sleep(_LOOK_AT_QUEUE)

    # --- what is said --------------------------------------------------------------

    @on(Section.StatusChanged)
    def _show_status(self) -> None:
        """What the engine does now, else what the section says."""
        text: str | Content
        if doing := self._memory.doing:
            stops = (
                ""
                if self._memory.wish and not self._memory.wish.loads
                else f"  ·  {key_at(self, 'dialog.close')} stops it"
            )
            text = self.section.beside(Content.assemble((doing, "$accent"), (stops, "$foreground-muted")))
        else:
            text = self.section.status
        shown = text if isinstance(text, Content) else Content(text)
        status = self.query_one("#models-status", Static)
        if not isinstance(status.content, Content) or not shown.is_same(status.content):
            status.update(shown)
        self.query_one(KeyLine).look()

    def _follow(self) -> None:
        """Show what changed in the engine or in the machine; what left memory by itself is said in any section."""
        if self._memory.wish is None and self.installed.checking is None and (left := self.installed.departed()):
            self.section.say_behind(" ".join(left))
        self.installed.follow()

    def _heard(self, said: str | LamaError) -> None:
        """A wish of the engine ended; what had to leave memory for it is said beside it."""
        left = self.installed.departed()
        if isinstance(said, LamaError):
            self.section.say_behind(" ".join(left))
            self.query_one(Notice).add(said)
        else:
            self.section.say_first(" ".join([said, *(each for each in left if each != said)]))
        self.installed.show()

    # --- actions -------------------------------------------------------------------

    def action_context(self, step: int) -> None:
        """Look at a longer or a shorter context."""
        self.section.context(step)

    @work(exclusive=True, group="import")
    async def action_import_model(self, source: str = "") -> None:
        """Ask what to import, and show what becomes of it."""
        from lama_tui.ui.screens.models.import_dialog import ImportDialog

        dialog = ImportDialog(Path(self._catalogue.folder), self._queue.add_import, source)
        if (job := await self.app.push_screen_wait(dialog)) is not None:
            self._go_to(SECTIONS.index("Downloads"), job)

    def action_filter(self) -> None:
        """Write what to look for."""
        self.section.filter()

    @on(Section.UseRequested)
    def _use_requested(self, event: Section.UseRequested) -> None:
        self.dismiss(event.reference)

    def action_close(self) -> None:
        """Put away what covers, stop what loads, leave the field; else go back to the workspace."""
        if self.query_one(Notice).dismiss():
            return
        if self._memory.wish is not None and self._memory.wish.loads and self._memory.stop():
            return
        if not self.section.put_away():
            self.dismiss(None)
