"""The models that can answer: whether each fits, and what is in memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input

from lama_tui.engine.fit import USUAL_CONTEXT, Machine, contexts
from lama_tui.events import ModelUnloaded, ResourceSample
from lama_tui.types import GUIDE
from lama_tui.ui import figures
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.departures import since
from lama_tui.ui.models import ListedModel, what_to_do
from lama_tui.ui.screens.models.catalogue import Catalogue, Measured, fit_of, machine
from lama_tui.ui.screens.models.columns import Row, short_name
from lama_tui.ui.screens.models.details import ModelDetails, Shown
from lama_tui.ui.screens.models.list import ModelList
from lama_tui.ui.screens.models.memory import ModelMemory
from lama_tui.ui.screens.models.programs import Programs
from lama_tui.ui.screens.models.room import takes_room
from lama_tui.ui.screens.outliving import outliving
from lama_tui.ui.widgets.filter import Filter

_PATIENCE = 0.5
"""Seconds that looking for models may take without a word."""


class InstalledSection(Programs):
    """The list beside the details, and above them the field that narrows the list."""

    BINDINGS = bindings("installed")
    KEYS = (
        "models.use",
        "models.load",
        "models.pin",
        "models.default",
        "models.remove",
        "models.verify",
        "models.bench",
        "models.clean",
        "models.filter",
    )

    def __init__(
        self,
        catalogue: Catalogue,
        memory: ModelMemory,
        subscribe: Callable[[Callable[[ResourceSample], None]], Callable[[], None]],
        current: str,
        *,
        id: str | None = None,  # noqa: A002 - the name that Textual uses
    ) -> None:
        super().__init__(catalogue, memory, id=id)
        self._subscribe = subscribe
        self._current = current
        self._models: Sequence[ListedModel] | None = None
        self._measured = Measured()
        self._tokens = USUAL_CONTEXT
        self._insisted = ""  # the model that was asked for although it does not fit
        self._seen: object = None
        self._left: Sequence[ModelUnloaded] = memory.figures.unloaded
        self._unwatch: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """The field, which is seen while it is used, the list and the details."""
        yield Filter(placeholder="Narrow the list…", id="models-filter", classes="models-filter")
        with Container(classes="models-body"):
            yield ModelList(id="models-list")
            yield ModelDetails(id="models-details")

    def on_mount(self) -> None:
        """Look for models behind the first paint."""
        self._unwatch = self._subscribe(self._sampled)
        self.look()
        self.set_timer(_PATIENCE, lambda: self.post_message(self.StatusChanged()))

    def appear(self) -> None:
        """Look again: other programs download and remove too."""
        if self._models is not None:
            self.look()

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._unwatch()

    # --- what is known -------------------------------------------------------------

    @work(exclusive=True, group="look")
    async def look(self) -> None:
        """Find the models; what cannot be read is shown as a problem."""
        with self.notice.catching():
            self._measured = await self._catalogue.measure()
            self._models = await self._catalogue.find()
        if self._models is None:
            self._models = ()
        if self.checking is None:  # else what it found would be forgotten
            self._known.clear()
        self.show()
        self.measure_storage()

    def _sampled(self, sample: ResourceSample) -> None:
        """The memory of the machine, as the monitor measures it."""
        if sample.memory_total is not None and sample.memory_used is not None:
            self._measured = Measured(sample.memory_total, sample.memory_total - sample.memory_used)

    def follow(self) -> None:
        """Show what changed in the engine or in the machine."""
        now = self._memory.figures
        seen = (now.loaded, now.loading, now.memory, now.device, now.running, self._memory.wish, self._measured)
        if seen != self._seen and self._models is not None and self.display:
            self._seen = seen
            self.show()

    def departed(self, but: str = "") -> list[str]:
        """What left memory since this was asked last, in words: told once. `but` is a model of which it is no news."""
        before, self._left = self._left, self._memory.figures.unloaded
        return [
            f"{short_name(gone.model)} left memory and gave back {figures.size(gone.freed)}."
            for gone in since(self._left, before)
            if gone.model != but
        ]

    @property
    def references(self) -> frozenset[str]:
        """Of the models that are on this machine, and not only begun."""
        return frozenset(model.reference for model in self._models or () if model.installed and model.installed.path)

    @property
    def machine(self) -> Machine:
        """What a model could have now."""
        return machine(self._measured, self._memory.figures, self._catalogue.memory_limit)

    def fits(self, row: Row, tokens: int) -> bool | None:
        """Whether it has room with a context of so many tokens."""
        return fit_of(row.model, tokens, self.machine, self._memory.figures).fits

    @property
    def answering(self) -> frozenset[str]:
        """The model of the conversation below."""
        return frozenset({self._current})

    def take_keys(self) -> None:
        """Go to the list."""
        self._list.lines.focus()

    @property
    def _list(self) -> ModelList:
        return self.query_one(ModelList)

    @property
    def _filter(self) -> Input:
        return self.query_one("#models-filter", Input)

    def _row(self, model: ListedModel, machine: Machine) -> Row:
        now = self._memory.figures
        return Row(
            model,
            in_use=model.reference == self._current,
            loaded=any(loaded.reference == model.reference for loaded in now.loaded),
            loading=now.loading is not None and now.loading.model == model.reference,
            fits=fit_of(model, self._tokens, machine, now, self._catalogue.kv_form).fits,
        )

    # --- what is shown -------------------------------------------------------------

    def show(self) -> None:
        """Show everything anew; widgets draw only what changed."""
        words, machine = self._filter.value.casefold().split(), self.machine
        matching = [
            model
            for model in self._models or ()
            if all(word in f"{model.name} {model.format} {model.quantization}".casefold() for word in words)
        ]
        self._list.show([self._row(model, machine) for model in matching], time.time_ns() // 1_000_000)
        self._show_details()
        self.post_message(self.StatusChanged())

    @on(ModelList.Highlighted)
    def _show_details(self) -> None:
        row = self._list.highlighted
        details = self.query_one(ModelDetails)
        if row is None:
            details.show(None)
            return
        model, now = row.model.installed, self._memory.figures
        known = self.known_of(model)
        if model is not None and known is None:
            self.learn(model)
        others = [figures.model_name(m.reference) for m in now.loaded if m.reference != row.model.reference]
        alone = len(self._models or ()) == 1 and row.model.reference == GUIDE
        details.show(
            Shown(
                row,
                fit_of(row.model, self._tokens, self.machine, now, self._catalogue.kv_form),
                self._tokens,
                time.time_ns() // 1_000_000,
                is_default=row.model.reference == self._catalogue.default,
                state=self._state(row),
                replaces=", ".join(others),
                advice=self._advice if alone else "",
                known=known,
                storage=self._storage.usage.of(model.ref) if self._storage is not None and model is not None else None,
                is_measured=self.is_measured(model),
                verify=key_at(self, "models.verify"),
                bench=key_at(self, "models.bench"),
                program=key_at(self, "models.program"),
                keys=f"{key_at(self, 'models.less_context')} {key_at(self, 'models.more_context')}",
            )
        )

    @property
    def _advice(self) -> str:
        """What to do where there is nothing but the guide."""
        hub = f"{key_at(self, 'hub.open')} shows what suits this machine on the hub."
        return f"{hub} {what_to_do(self._catalogue.folder)}"

    def _state(self, row: Row) -> str:
        now = self._memory.figures
        for loaded in now.loaded:
            if loaded.reference == row.model.reference:
                where = now.device.name if now.device is not None and now.device.kind != "cpu" else "the CPU"
                return f"in memory on {where}, loaded in {figures.milliseconds(1000 * loaded.seconds)}"
        return "is being loaded" if row.loading else "not in memory"

    @property
    def status(self) -> str | Content:
        """What is checked, else what happened last, else what the machine has."""
        if self.checking is not None:
            return self.beside(self.checking)
        if self._said:
            return self._said
        if self._models is None:
            return "Looking…"
        if not self._list.highlighted and self._filter.value:
            return f"Nothing here is called “{self._filter.value}”."
        has = self.machine
        free = f"{figures.size(has.available)} of {figures.size(has.total)} for a model"
        if has.available == has.total:
            free = f"{figures.size(has.total)} for a model"
        here = sum(model.installed is None or bool(model.installed.path) for model in self._models)
        if here < 2:
            return free
        if self._storage is None:
            return f"{here} models  ·  {free}"
        takes = takes_room(self._storage.usage) if self._storage.usage.models else f"{here} models"
        hint = self._storage.hint(key_at(self, "models.clean"))
        return Content.assemble(takes, "  ·  ", (hint, "$warning") if hint else free)

    # --- actions -------------------------------------------------------------------

    def chosen(self) -> Row | None:
        """The highlighted model, if there is one."""
        self._said = ""
        return self._list.highlighted

    @on(ModelList.UseRequested)
    def action_use(self) -> None:
        """Let the highlighted model answer in this conversation."""
        row = self.chosen()
        if row is not None and row.model.problem:
            self.app.bell()
            self.say(f"It cannot be used: {row.model.problem}")
        elif row is not None:
            self.post_message(self.UseRequested(row.model.reference))

    def action_load(self) -> None:
        """Load the highlighted model, or unload it."""
        row = self.chosen()
        if row is None:
            return
        insisted, self._insisted = row.model.reference in (self._insisted, self._memory.refused), ""
        if self._memory.wish is not None:
            self.app.bell()  # the line that tells of it says how to stop it
        elif row.model.problem:
            self.say(f"It cannot be loaded: {row.model.problem}")
        elif row.model.server:
            self.say("It runs on its server: there is nothing to load here.")
        elif row.loaded:
            self._memory.unload(row.model.reference)
        elif row.fits is False and not insisted:
            self._insisted = row.model.reference
            self.say(f"It does not fit in what is free now. {key_at(self, 'models.load')} again tries it all the same.")
        elif row.model.installed is not None and row.model.installed.code:
            self.load_with_program(row.model.installed, self._tokens, insisted)
        else:
            self._memory.load(row.model.reference, self._tokens, forced=insisted)
        self.follow()
        self.post_message(self.StatusChanged())

    @work(exclusive=True, group="pin")
    async def action_pin(self) -> None:
        """Pin the highlighted model, or let it go."""
        row = self.chosen()
        if row is None:
            return
        if row.model.server:
            self.say("Only models on this machine can be pinned.")
            return
        with self.notice.catching():
            pinned = not row.model.pinned
            await outliving(self.app, self._catalogue.pin(row.model.reference, pinned))
            self._models = [
                replace(model, pinned=pinned) if model.reference == row.model.reference else model
                for model in self._models or ()
            ]
            self._said = (
                "Pinned: it is kept when room is needed, and leaves memory last." if pinned else "Not pinned any more."
            )
            self.show()

    @work(exclusive=True, group="default")
    async def action_set_default(self) -> None:
        """Let new conversations begin with the highlighted model."""
        row = self.chosen()
        if row is None:
            return
        if row.model.problem:
            self.say(f"It cannot be used: {row.model.problem}")
            return
        with self.notice.catching():
            self._said = await outliving(self.app, self._catalogue.set_default(row.model.reference), str)
            self.show()

    def context(self, step: int) -> None:
        """Look at a longer or a shorter context."""
        row = self.chosen()
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
            self.say(f"{row.model.name} goes {'no further' if step > 0 else 'from here'}: {now:,} tokens.")
            return
        self.show()

    # --- the filter ----------------------------------------------------------------

    def filter(self) -> None:
        """Write what the list is narrowed to."""
        self.add_class("-filtering")
        self.call_after_refresh(self._filter.focus)

    @on(Input.Changed, "#models-filter")
    def _narrow(self) -> None:
        """Of the lines those that the field allows; what was said before is over."""
        self._said = ""
        if self._models is not None:
            self.show()

    @on(Input.Submitted, "#models-filter")
    def _keep_filter(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_class(bool(self._filter.value), "-filtering")
        self._list.lines.focus()

    def put_away(self) -> bool:
        """Stop a check, else leave the field, and narrow no more."""
        if self.stop_checking():
            return True
        if not self.has_class("-filtering"):
            return False
        with self._filter.prevent(Input.Changed):  # it would come after what is done next, and take back what that says
            self._filter.value = ""
        self._narrow()
        self.remove_class("-filtering")
        self._list.lines.focus()
        return True
