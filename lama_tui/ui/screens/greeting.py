"""The first welcome above the workspace: shown before there is a database, put away by whatever one does."""

import asyncio
from typing import TYPE_CHECKING

from textual import events, on, work
from textual.widget import Widget
from textual.widgets import TextArea

from lama_tui.ui.markdown.wrap import Line
from lama_tui.ui.palette import Palette
from lama_tui.ui.screens.spoken import Spoken
from lama_tui.ui.widgets.composer import Composer

if TYPE_CHECKING:
    from lama_tui.ui.widgets.first_run import FirstRun


class Greeting(Spoken):
    """The keyboard stays with the composer all the while, so that no key is lost and none is needed."""

    _card: "FirstRun | None" = None
    _has_begun = False  # something was typed, however early, and may be sent already

    @on(Spoken.Ready)
    async def _greet(self) -> None:
        """Show it, unless something was asked for or typed already, or there is trouble to read first."""
        opening = self._opening
        wanted = opening.is_first and opening.saves and not opening.problems and self._options.greets
        if not wanted or self._current is None or self._has_begun or self._composer.text or not self.is_current:
            return
        from lama_tui.engine.device import advice
        from lama_tui.ui.widgets.first_run import FirstRun

        self._card = FirstRun(self._current.model, self._key, advice())
        await self.mount(self._card)
        self._transcript.refresh()
        self._measure()

    @work(group="greeting")
    async def _measure(self) -> None:
        """Say what this machine could run."""
        from lama_tui.monitor.capacity import measure

        capacity = await asyncio.to_thread(measure, self._opening.settings.engine.memory_limit)
        if self._card is not None:
            self._card.tell(capacity)

    def put_greeting_away(self) -> bool:
        """Take the welcome away for good; False where there is none."""
        card, self._card = self._card, None
        if card is not None:
            card.remove()
            self._transcript.refresh()
        return card is not None

    def _welcome(self, width: int, height: int, palette: Palette) -> list[Line]:
        """Nothing behind the card."""
        return [] if self._card is not None else super()._welcome(width, height, palette)

    @on(TextArea.Changed, "#composer")
    def _typing_began(self) -> None:
        if self._composer.text:
            self._has_begun = True
            self.put_greeting_away()

    @on(Composer.Submitted)
    def _something_was_sent(self) -> None:
        """By now the composer may be empty again, before it was heard that something was typed."""
        self._has_begun = True
        self.put_greeting_away()

    @on(Composer.SendQueuedRequested)
    def _enter_pressed(self) -> None:
        self.put_greeting_away()

    @on(events.DescendantFocus)
    def _went_elsewhere(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, Widget) and event.widget is not self._composer:
            self.put_greeting_away()

    def on_click(self, event: events.Click) -> None:
        """A click on it puts it away."""
        if self._card is not None and event.widget is self._card:
            self.put_greeting_away()
