"""The model browser: every model that can answer, whether it fits, and what is in memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input, Static

from lama_tui.errors import LamaError
from lama_tui.events import ResourceSample
from lama_tui.library.fit import Machine, contexts
from lama_tui.types import GUIDE
from lama_tui.ui import figures
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.models import ListedModel, what_to_do
from lama_tui.ui.screens.above import Above
from lama_tui.ui.screens.models.catalogue import Catalogue, Measured, fit_of, machine
from lama_tui.ui.screens.models.columns import Row
from lama_tui.ui.screens.models.details import ModelDetails, Shown
from lama_tui.ui.screens.models.list import ModelList
from lama_tui.ui.screens.models.memory import ModelMemory
from lama_tui.ui.screens.models.sections import KEYS_ELSEWHERE, SECTIONS, Sections, place
from lama_tui.ui.widgets.filter import Filter
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.notice import Notice
from lama_tui.ui.widgets.page import Page

_LOOK = 0.25
"""Seconds between looks at what the engine does."""

_PATIENCE = 0.5
"""Seconds that looking for models may take without a word."""

_FIRST = 8192
"""Tokens that are looked at first."""


class ModelBrowser(Above[str | None]):
    """Returns the reference of the model to use in this conversation, or None."""

    CSS_PATH = "../../styles/models.tcss"
    BINDINGS = [*bindings("models"), *bindings("dialog")]
    SCOPES = ("models", "dialog")
    AUTO_FOCUS = "#models-lines"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(
        self,
        catalogue: Catalogue,
        memory: ModelMemory,
        subscribe: Callable[[Callable[[ResourceSample], None]], Callable[[], None]],
        current: str,
    ) -> None:
        super().__init__()
        self._catalogue = catalogue
        self._memory = memory
        self._subscribe = subscribe
        self._current = current
        self._models: Sequence[ListedModel] | None = None
        self._measured = Measured()
        self._tokens = _FIRST
        self._said = ""
        self._insisted = ""  # the model that was asked for although it does not fit
        self._seen: object = None
        self._before = memory.listener
        self._unwatch: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """The sections, the list beside the details, what happens, and the keys."""
        for breakpoints, extent in zip(
            (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), self.app.size, strict=True
        ):
            self.add_class(max(point for point in breakpoints if point[0] <= extent)[1])
        yield Sections(id="models-sections")
        yield Filter(placeholder="Narrow the list…", id="models-filter")
        with Container(id="models-body"):
            yield ModelList(id="models-list")
            yield ModelDetails(id="models-details")
        with Page(id="models-place"):
            yield Static("", id="models-place-text", markup=False)
        yield Notice(key_at(self, "dialog.close"), id="notice")
        yield Static("", id="models-status", markup=False)
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        """Look for models behind the first paint."""
        if not self.children:  # closed before it was open
            return
        self._memory.listener = self._heard
        self._unwatch = self._subscribe(self._sampled)
        self._look()
        self.set_timer(_PATIENCE, self._show_status)
        self.set_interval(_LOOK, self._follow)

    def on_unmount(self) -> None:
        """What still loads goes on, and is told where it was told before."""
        self._unwatch()
        if self._memory.listener == self._heard:
            self._memory.listener = self._before

    # --- what is known -------------------------------------------------------------

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        """Find the models; what cannot be read is shown as a problem."""
        with self._notice.catching():
            self._measured = await self._catalogue.measure()
            self._models = await self._catalogue.find()
        if self._models is None:
            self._models = ()
        self._show()

    def _sampled(self, sample: ResourceSample) -> None:
        """The memory of the machine, as the monitor measures it."""
        if sample.memory_total is not None and sample.memory_used is not None:
            self._measured = Measured(sample.memory_total, sample.memory_total - sample.memory_used)

    def _follow(self) -> None:
        """Show what changed in the engine or in the machine."""
        now = self._memory.figures
        seen = (now.loaded, now.loading, now.memory, now.device, now.running, self._memory.wish, self._measured)
        if seen != self._seen and self._models is not None:
            self._seen = seen
            self._show()

    @property
    def _machine(self) -> Machine:
        return machine(self._measured, self._memory.figures, self._catalogue.memory_limit)

    @property
    def _notice(self) -> Notice:
        return self.query_one(Notice)

    @property
    def _list(self) -> ModelList:
        return self.query_one(ModelList)

    @property
    def _filter(self) -> Input:
        return self.query_one("#models-filter", Input)

    @property
    def _section(self) -> int:
        return self.query_one(Sections).current

    @property
    def keys_now(self) -> Sequence[str]:
        """Where there are no models, keys for models would do nothing."""
        return KEYS_ELSEWHERE if self._section else ()

    def _row(self, model: ListedModel, machine: Machine) -> Row:
        now = self._memory.figures
        return Row(
            model,
            in_use=model.reference == self._current,
            loaded=any(loaded.reference == model.reference for loaded in now.loaded),
            loading=now.loading is not None and now.loading.model == model.reference,
            fits=fit_of(model, self._tokens, machine, now).fits,
        )

    # --- what is shown -------------------------------------------------------------

    def _show(self) -> None:
        """Show everything anew; widgets draw only what changed."""
        words, machine = self._filter.value.casefold().split(), self._machine
        matching = [
            model
            for model in self._models or ()
            if all(word in f"{model.name} {model.format} {model.quantization}".casefold() for word in words)
        ]
        self._list.show([self._row(model, machine) for model in matching], time.time_ns() // 1_000_000)
        self._show_details()
        self._show_status()

    @on(ModelList.Highlighted)
    def _show_details(self) -> None:
        row = self._list.highlighted
        details = self.query_one(ModelDetails)
        if row is None:
            details.show(None)
            return
        now = self._memory.figures
        others = [figures.model_name(m.reference) for m in now.loaded if m.reference != row.model.reference]
        alone = len(self._models or ()) == 1 and row.model.reference == GUIDE
        details.show(
            Shown(
                row,
                fit_of(row.model, self._tokens, self._machine, now),
                self._tokens,
                time.time_ns() // 1_000_000,
                is_default=row.model.reference == self._catalogue.default,
                state=self._state(row),
                replaces=", ".join(others),
                advice=what_to_do(self._catalogue.folder) if alone else "",
                keys=f"{key_at(self, 'models.less_context')} {key_at(self, 'models.more_context')}",
            )
        )

    def _state(self, row: Row) -> str:
        now = self._memory.figures
        for loaded in now.loaded:
            if loaded.reference == row.model.reference:
                where = now.device.name if now.device is not None and now.device.kind != "cpu" else "the CPU"
                return f"in memory on {where}, loaded in {figures.milliseconds(1000 * loaded.seconds)}"
        return "is being loaded" if row.loading else "not in memory"

    def _show_status(self) -> None:
        """What happens now, else what happened last, else what the machine has."""
        text: str | Content
        if doing := self._memory.doing:
            stops = (
                ""
                if self._memory.wish and not self._memory.wish.loads
                else f"  ·  {key_at(self, 'dialog.close')} stops it"
            )
            text = Content.assemble((doing, "$accent"), (stops, "$foreground-muted"))
        elif self._said:
            text = self._said
        elif self._section:
            before, after = key_at(self, "models.previous_section"), key_at(self, "models.next_section")
            text = f"{before} and {after} go to the other sections."
        elif self._models is None:
            text = "Looking…"
        elif not self._list.highlighted and self._filter.value:
            text = f"Nothing here is called “{self._filter.value}”."
        else:
            has = self._machine
            free = f"{figures.size(has.available)} of {figures.size(has.total)} for a model"
            text = f"{len(self._models)} models  ·  {free}" if len(self._models) > 1 else free
        shown = text if isinstance(text, Content) else Content(text)
        status = self.query_one("#models-status", Static)
        if not isinstance(status.content, Content) or not shown.is_same(status.content):
            status.update(shown)

    def _say(self, text: str) -> None:
        self._said = text
        self._show_status()

    def _heard(self, said: str | LamaError) -> None:
        """A wish of the engine ended."""
        if isinstance(said, LamaError):
            self._said = ""
            self._notice.add(said)
        else:
            self._said = said
        self._show()

    # --- actions -------------------------------------------------------------------

    def _chosen(self) -> Row | None:
        """The highlighted model, if there is one to act on here; else say what to do."""
        self._said = ""
        if self._section:
            self._say(f"Models are under {SECTIONS[0]}: {key_at(self, 'models.previous_section')} goes there.")
            return None
        return self._list.highlighted

    @on(ModelList.UseRequested)
    def action_use(self) -> None:
        """Let the highlighted model answer in this conversation."""
        row = self._chosen()
        if row is not None and row.model.problem:
            self.app.bell()
            self._say(f"It cannot be used: {row.model.problem}")
        elif row is not None:
            self.dismiss(row.model.reference)

    def action_load(self) -> None:
        """Load the highlighted model, or unload it."""
        row = self._chosen()
        if row is None:
            return
        insisted, self._insisted = self._insisted == row.model.reference, ""
        if self._memory.wish is not None:
            self.app.bell()  # the line that tells of it says how to stop it
        elif row.model.problem:
            self._say(f"It cannot be loaded: {row.model.problem}")
        elif row.model.server:
            self._say("It runs on its server: there is nothing to load here.")
        elif row.loaded:
            self._memory.unload(row.model.reference)
        elif row.fits is False and not insisted:
            self._insisted = row.model.reference
            self._say(
                f"It does not fit in what is free now. {key_at(self, 'models.load')} again tries it all the same."
            )
        else:
            self._memory.load(row.model.reference)
        self._follow()
        self._show_status()

    @work(exclusive=True, group="pin")
    async def action_pin(self) -> None:
        """Pin the highlighted model, or let it go."""
        row = self._chosen()
        if row is None:
            return
        if row.model.server:
            self._say("Only models on this machine can be pinned.")
            return
        with self._notice.catching():
            pinned = not row.model.pinned
            await self._catalogue.pin(row.model.reference, pinned)
            self._models = [
                replace(model, pinned=pinned) if model.reference == row.model.reference else model
                for model in self._models or ()
            ]
            self._said = (
                "Pinned: it is kept when room is needed; loading another still replaces it."
                if pinned
                else "Not pinned any more."
            )
            self._show()

    @work(exclusive=True, group="default")
    async def action_set_default(self) -> None:
        """Let new conversations begin with the highlighted model."""
        row = self._chosen()
        if row is None:
            return
        if row.model.problem:
            self._say(f"It cannot be used: {row.model.problem}")
            return
        with self._notice.catching():
            self._said = await self._catalogue.set_default(row.model.reference)
            self._show()

    def action_context(self, step: int) -> None:
        """Look at a longer or a shorter context."""
        row = self._chosen()
        if row is None:
            return
        steps = contexts(row.model.context)
        now = min(self._tokens, steps[-1])
        longer, shorter = [at for at in steps if at > now], [at for at in steps if at < now]
        if step > 0 and longer:
            self._tokens = longer[0]
        elif step < 0 and shorter:
            self._tokens = shorter[-1]
        else:
            self._say(f"{row.model.name} goes {'no further' if step > 0 else 'from here'}: {now:,} tokens.")
            return
        self._show()

    def action_section(self, step: int) -> None:
        """Go to another section."""
        self._go_to((self._section + step) % len(SECTIONS))

    @on(Sections.Chosen)
    def _section_chosen(self, event: Sections.Chosen) -> None:
        self._go_to(event.section)

    def _go_to(self, section: int) -> None:
        self._said = ""
        self.query_one(Sections).current = section
        self.set_class(bool(section), "-elsewhere")
        if section:
            self.query_one("#models-place-text", Static).update(Content(place(section, self._catalogue.folder)))
        self._show_status()
        self.query_one(KeyLine).look()
        self.call_after_refresh((self.query_one("#models-place") if section else self._list.lines).focus)

    # --- the filter ----------------------------------------------------------------

    def action_filter(self) -> None:
        """Write what the list is narrowed to."""
        if self._section:
            self._go_to(0)
        self.add_class("-filtering")
        self.call_after_refresh(self._filter.focus)

    @on(Input.Changed, "#models-filter")
    def _narrow(self) -> None:
        self._said = ""
        if self._models is not None:
            self._show()

    @on(Input.Submitted, "#models-filter")
    def _keep_filter(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_class(bool(self._filter.value), "-filtering")
        self._list.lines.focus()

    def action_close(self) -> None:
        """Put away what covers, stop what loads, leave the filter; else go back to the workspace."""
        if self._notice.dismiss():
            return
        if self._memory.wish is not None and self._memory.wish.loads and self._memory.stop():
            return
        if self.has_class("-filtering"):
            self._filter.value = ""
            self.remove_class("-filtering")
            self._list.lines.focus()
            return
        self.dismiss(None)
