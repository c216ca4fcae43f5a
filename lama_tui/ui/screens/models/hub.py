"""The models of the hub: looked for, looked at, and downloaded."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.cells import cell_len
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from lama_tui.engine.fit import Machine, contexts
from lama_tui.errors import LamaError
from lama_tui.library.hub.fitting import fit_at, fit_of
from lama_tui.library.hub.values import HubModel
from lama_tui.security.gate import clean_line
from lama_tui.types import GUIDE
from lama_tui.ui.bindings import bindings, key_at, move_at
from lama_tui.ui.screens.models import hub_columns, hub_details
from lama_tui.ui.screens.models.fetching import Fetching
from lama_tui.ui.screens.models.hub_columns import HubRow
from lama_tui.ui.screens.models.hub_details import HubDetailsPage, HubShown, Keys
from lama_tui.ui.screens.models.hub_listing import Listing
from lama_tui.ui.screens.models.installed import InstalledSection
from lama_tui.ui.screens.models.queue import Queue
from lama_tui.ui.screens.models.shelf import Shelf
from lama_tui.ui.screens.models.table import Column
from lama_tui.ui.waiting import NOTICED
from lama_tui.ui.widgets.filter import Filter
from lama_tui.ui.widgets.long_list import LongList

_PAUSE = 0.25
"""Seconds without a key after which the hub is asked, or the highlighted model is looked at."""

_AHEAD = 30
"""Lines before the end of the list at which the next page is asked for."""

_ADVICE = " is good to begin with on this machine."


class HubSection(Fetching):
    """The field to search with, what the list is narrowed to, the list, the details."""

    BINDINGS = bindings("hub")
    KEYS = (
        "hub.download", "models.filter", "hub.read", "hub.sort", "hub.size", "hub.bits", "hub.author", "hub.format",
    )  # fmt: skip

    def __init__(
        self,
        shelf: Shelf,
        queue: Queue,
        installed: InstalledSection,
        words: str | None = None,
        *,
        id: str | None = None,  # noqa: A002 - the name that Textual uses
    ) -> None:
        super().__init__(shelf, queue, id=id)
        self._installed = installed
        self._words = words or ""
        self._searches = words is not None
        self._listing = Listing(shelf, self._words)
        self._columns: tuple[int, Sequence[Column[HubRow]]] = (0, ())
        self._soon: Timer | None = None
        self._now = 0
        self._stays = ""
        """The model that was highlighted when the list grew: that it has another line now is nobody's moving."""
        self._ended: frozenset[int] = frozenset()
        self._unfollow: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """The field is always there: searching is what one comes for."""
        yield Filter(self._words, placeholder="Search the hub…", id="hub-filter", classes="hub-filter")
        yield Static("", id="hub-narrowed", markup=False)
        with Container(classes="models-body"):
            with Vertical(id="hub-list"):
                yield Static("", id="hub-message", markup=False)
                yield Static("", id="hub-heading", classes="models-heading", markup=False)
                yield LongList(self._draw, id="hub-lines")
            yield HubDetailsPage(id="hub-details")

    def on_mount(self) -> None:
        """Ask for what is downloaded most, or for the words that one came with."""
        self._unfollow = self._queue.follow(self._job_changed)
        self._show_narrowed()
        self._ask()

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._unfollow()

    @property
    def machine(self) -> Machine:
        """What a model could have now."""
        return self._installed.machine

    @property
    def _here(self) -> frozenset[str]:
        """Models that are on this machine; of several GGUF files of a repo the repo."""
        return frozenset(
            "/".join(ref.split("/")[:2]) if ref.lower().endswith(".gguf") else ref for ref in self._installed.references
        )

    @property
    def _list(self) -> LongList:
        return self.query_one(LongList)

    @property
    def _field(self) -> Input:
        return self.query_one("#hub-filter", Input)

    def take_keys(self) -> None:
        """Go to the list, or to the field, where one came to search."""
        (self._field if self._searches else self._list).focus()
        self._searches = False

    # --- asking --------------------------------------------------------------------

    def _ask_soon(self) -> None:
        """Ask when nothing more was typed for a moment."""
        if self._soon is not None:
            self._soon.stop()
        self._soon = self.set_timer(_PAUSE, self._ask)

    @work(exclusive=True, group="hub")
    async def _ask(self) -> None:
        """Ask for the first page. What was asked before is given up: the last answer wins."""
        self._tell_asking()
        await self._listing.begin(self.machine)
        self._list.show(0, None)  # the new list begins at its top
        self._show()
        before = self._listing.lines
        if self._here <= {GUIDE} and self._listing.trouble is None and await self._listing.advise(self.machine):
            at = self._list.highlighted
            if not at:
                self._list.show(0, None)
            self._show(self._same(before, at) if at else None)  # who moved on meanwhile stays at that model

    @work(exclusive=True, group="hub")
    async def _go_on(self) -> None:
        """Ask for the next page."""
        self._tell_asking()
        before = self._listing.lines
        try:
            await self._listing.go_on(self.machine)
        except LamaError as error:
            why = clean_line(error.title, 120)
            self.say(f"The rest of the list did not come: {why}. {key_at(self, 'hub.again')} asks again.")
        self._show(self._same(before, self._list.highlighted))

    def _same(self, before: Sequence[HubModel], at: int | None) -> int | None:
        """Where the model is now that was highlighted `before`: the order by fit or the advice put it elsewhere."""
        if at is None or at >= len(before):
            return at
        self._stays = before[at].repo
        return self._listing.place_of(self._stays)

    def _tell_asking(self) -> None:
        """Say so when it takes long."""
        self.set_timer(NOTICED, lambda: self.post_message(self.StatusChanged()))

    def _job_changed(self) -> None:
        """A download went on: lines that stay as they are are not drawn again."""
        ended = {job.id: job.ref for job in self._queue.jobs if job.ended}
        for repo in {ended[job] for job in ended.keys() - self._ended}:
            self._looks.forget(repo)  # what is to be fetched is another amount now
            if (model := self.chosen()) is not None and model.repo == repo:
                self._look(model.repo)
        self._ended = frozenset(ended)
        if self.display:
            self._show()

    # --- looking at one ------------------------------------------------------------

    @on(LongList.Highlighted)
    def _highlighted(self) -> None:
        """Show what is known of it at once; ask for more when one stays on it."""
        self._show_details()
        self.post_message(self.StatusChanged())
        listing, at = self._listing, self._list.highlighted or 0
        model = self.chosen()
        moved = model is None or model.repo != self._stays
        if listing.after is not None and not listing.is_asking and moved and at >= self._list.count - _AHEAD:
            self._go_on()
        if model is not None and (self._looks.of(model.repo) is None or model.repo not in self._looks.cards):
            self._look(model.repo)

    @work(exclusive=True, group="hub-look")
    async def _look(self, repo: str) -> None:
        """Look at a model closely; moving on in the list gives it up."""
        await asyncio.sleep(_PAUSE)
        try:
            looked = self._looks.of(repo) or await self._shelf.look(repo)
        except LamaError as error:
            self._looks.keep(repo, error)
            self._show_details()
            return
        self._looks.keep(repo, looked)
        self._show_details()
        try:
            self._looks.cards[repo] = await self._shelf.card(repo, looked.details.commit)
        except LamaError as error:
            self._looks.cards[repo] = f"*The model card did not come: {clean_line(error.title, 200)}*"
        self._show_details()

    def chosen(self) -> HubModel | None:
        """The highlighted model, if there is one."""
        at, lines = self._list.highlighted, self._listing.lines
        return lines[at] if at is not None and at < len(lines) else None

    # --- what is shown -------------------------------------------------------------

    def _row(self, model: HubModel) -> HubRow:
        return HubRow(
            model,
            model.repo in self._here,
            self._queue.job_of(model.repo),
            fit_of(model, self.machine).fits,
            advised=model in self._listing.leads,
        )

    def _draw(self, at: int, room: int) -> list[Content]:
        """A line of the list."""
        return [hub_columns.line(self._row(self._listing.lines[at]), self._fitting(room), room, self._now)]

    def _fitting(self, room: int) -> Sequence[Column[HubRow]]:
        if self._columns[0] != room:
            longest = max((cell_len(model.repo) for model in self._listing.models[:200]), default=0)
            shown = hub_columns.columns(room, longest)
            self._columns = (room, shown)
            self.query_one("#hub-heading", Static).update(hub_columns.heading(shown, room))
        return self._columns[1]

    def on_resize(self, event: events.Resize) -> None:
        """Another width has room for other columns."""
        self._columns = (0, ())

    def _show(self, at: int | None = None) -> None:
        """Show the list, `at` highlighted; None: the line that is."""
        self._now = time.time_ns() // 1_000_000
        message, text = self.query_one("#hub-message", Static), self._message()
        if str(message.content) != text.plain:
            message.update(text)
        message.display = bool(text.plain)
        self.set_class(not self._listing.models, "-bare")
        self._list.show(len(self._listing.lines), self._list.highlighted if at is None else at)
        self._show_details()
        self.post_message(self.StatusChanged())

    def _message(self) -> Content:
        """What stands in place of the list, or above it."""
        listing = self._listing
        if listing.trouble is not None:
            key = "enter" if self._field.has_focus else key_at(self, "hub.again")  # there letters are letters
            again = Content.assemble((key, "bold $primary"), " asks again.")
            return Content("\n").join([*hub_details.trouble(listing.trouble), Content(""), again])
        if listing.is_asking or listing.models:
            return Content.assemble((hub_columns.ADVISED, "$accent"), _ADVICE) if listing.leads else Content("")
        return Content("Nothing on the hub is like this. Look for fewer words, another size or format.")

    def _show_narrowed(self) -> None:
        keys = not self._field.has_focus  # there letters are letters
        text = Content("   ").join(
            Content.assemble((f"{key_at(self, binding)} " if keys else "", "bold $primary"), said)
            for said, binding in self._listing.narrowed
        )
        self.query_one("#hub-narrowed", Static).update(text)

    def _show_details(self) -> None:
        model = self.chosen()
        details = self.query_one(HubDetailsPage)
        if model is None:
            details.show(None)
            return
        looked, machine = self._looks.of(model.repo), self.machine
        context = self.context_of(looked)
        keys = ("hub.download", "models.less_context", "models.more_context")
        shown = HubShown(
            self._row(model),
            fit_at(looked.details, context, machine) if looked is not None else fit_of(model, machine),
            self._tokens,
            self._now,
            Keys(*(key_at(self, name) for name in keys)),
            looked,
            self._looks.trouble(model.repo),
            self.choices(looked) if looked is not None else (),
        )
        details.show(shown, self._looks.cards.get(model.repo, ""))

    @property
    def status(self) -> str | Content:
        """What happened last, else how many were found."""
        if self._said:
            return self._said
        if self._listing.is_asking:
            return Content.assemble(("Searching…", "$accent"), f"  {key_at(self, 'dialog.close')} stops it")
        if self._listing.trouble is not None or not self._listing.models:
            return ""
        if self._field.has_focus:
            return f"{key_at(self, 'list.down')} and {key_at(self, 'list.up')} move in the list while you type."
        chosen = f"{(self._list.highlighted or 0) + 1:,} of " if self._list.highlighted is not None else ""
        return f"{chosen}{self._listing.said}"

    def appear(self) -> None:
        """Files may have come or gone meanwhile, and models may have been measured."""
        self._show()
        if self._looks.details:
            self._estimate()

    @work(exclusive=True, group="hub-speeds")
    async def _estimate(self) -> None:
        """Estimate the speeds of what was looked at again."""
        with self.notice.catching():
            for repo, speed in (await self._shelf.speeds(self._looks.details)).items():
                self._looks.estimated(repo, speed)
            self._show_details()

    # --- actions -------------------------------------------------------------------

    def action_read(self) -> None:
        """Go to the details."""
        self.query_one(HubDetailsPage).focus()

    def action_again(self) -> None:
        """Ask again."""
        self._looks.clear()
        self._ask()

    def action_narrow(self, what: str) -> None:
        """Go a step on in what it is sorted by or narrowed to: `sort`, `bits`, `size`, `format`, `author`."""
        self._listing.step(what, self.chosen())
        self._said = ""
        self._show_narrowed()
        self._ask()

    def context(self, step: int) -> None:
        """Look at a longer or a shorter context."""
        looked = self._looks.of(model.repo) if (model := self.chosen()) is not None else None
        steps = contexts(looked.details.context if looked is not None else None)
        now = min(self._tokens, steps[-1])
        others = [at for at in steps if at > now] if step > 0 else [at for at in reversed(steps) if at < now]
        if others:
            self._tokens = others[0]
            self.say("")
            self._show_details()
        else:
            self.say(f"It goes {'no further' if step > 0 else 'from here'}: {now:,} tokens.")

    # --- the field -----------------------------------------------------------------

    def filter(self) -> None:
        """Go to the field."""
        self._field.focus()

    @on(Input.Changed, "#hub-filter")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._listing.query.text:
            self._listing.query = replace(self._listing.query, text=event.value)
            self._said = ""
            self._ask_soon()

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _focus_moved(self) -> None:
        self._show_narrowed()
        self._show()

    @on(Input.Submitted, "#hub-filter")
    def _searched(self, event: Input.Submitted) -> None:
        event.stop()
        self._list.focus()
        if self._listing.trouble is not None:
            self.action_again()

    def on_key(self, event: events.Key) -> None:
        """Arrows and page keys move the list while one types."""
        if self._field.has_focus and (move := move_at(self, event.key)) is not None:
            event.stop()
            getattr(self._list, f"action_{move}")()

    def put_away(self) -> bool:
        """Stop asking; leave the details or the field; forget the words."""
        if self._listing.is_asking:
            self.workers.cancel_group(self, "hub")
            self._listing.is_asking = False
            self.say("Stopped.")
        elif not self._list.has_focus and self._listing.models:
            self._list.focus()
        elif self._listing.query.text:
            self._field.value = ""
        else:
            return False
        return True
