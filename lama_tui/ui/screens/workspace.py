"""The workspace: conversations on the left, the transcript in the middle, the monitor on the right."""

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.dom import DOMNode
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Label, Static

from lama_tui.config.keymap import Scope
from lama_tui.ui.bindings import bindings
from lama_tui.ui.drawn_message import KeyNames
from lama_tui.ui.screens.doors import Doors
from lama_tui.ui.widgets.composer import Composer
from lama_tui.ui.widgets.conversation_list import ConversationList
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.monitor_pane import MonitorPane
from lama_tui.ui.widgets.notice import Notice
from lama_tui.ui.widgets.status_line import StatusLine
from lama_tui.ui.widgets.transcript import Transcript


class Workspace(Doors):
    """The one screen that people live in. Dialogs open above it.

    One pane under 80 columns, two under 120, else three; the classes `-show-conversations`,
    `-show-monitor` and `-hide-monitor` say where the person wants it otherwise.
    """

    BINDINGS = bindings("workspace")
    HORIZONTAL_BREAKPOINTS = [
        (0, "-narrow"),
        (80, "-medium"),
        (120, "-wide"),
        (160, "-roomy"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def compose(self) -> ComposeResult:
        """All panes; the stylesheet decides which of them fit."""
        # known now: set by the first resize, the classes would style and lay out everything a second time
        for breakpoints, extent in zip(
            (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), self.app.size, strict=True
        ):
            self.add_class(max(point for point in breakpoints if point[0] <= extent)[1])
        keys = KeyNames(
            *map(self._key, ("transcript.fold", "transcript.continue", "transcript.regenerate", "app.stop"))
        )
        with Horizontal(id="panes"):
            with Vertical(id="conversations-pane"):
                yield Label("Conversations", classes="pane-title", markup=False)
                yield ConversationList(id="conversations", markup=False)
            with Vertical(id="talk"):
                yield Label("", id="heading", markup=False)
                yield Transcript(self._palette, self._welcome, keys, id="transcript")
                yield Notice(self._key("app.stop"), id="notice")
                yield Static("", id="queue", markup=False)
                yield Composer(self._opening.settings.keys, id="composer")
                yield StatusLine(id="status")
            with Vertical(id="monitor-pane"):
                yield Label("Monitor", classes="pane-title", markup=False)
                yield MonitorPane(id="monitor")
        yield KeyLine(id="keys")

    @property
    def targets(self) -> Mapping[Scope, DOMNode]:
        """Where the actions of each scope are carried out, for the palette."""
        return {
            "workspace": self,
            "composer": self._composer,
            "transcript": self._transcript,
            "conversations": self._list,
        }

    # --- panes ---------------------------------------------------------------------

    def action_show_conversations(self) -> None:
        """Go to the list of conversations; where there is one pane, show it."""
        if self.has_class("-show-conversations"):
            self.remove_class("-show-conversations")
            self._composer.focus()
            return
        self.remove_class("-show-monitor")
        self.set_class(self.has_class("-narrow"), "-show-conversations")
        self.call_after_refresh(self._list.focus)

    def action_toggle_monitor(self) -> None:
        """Show or hide the monitor."""
        if self.size.width >= 120:
            self.toggle_class("-hide-monitor")
        else:
            self.remove_class("-show-conversations")
            self.toggle_class("-show-monitor")
        self.call_after_refresh(self.watch_machine)

    def on_resize(self) -> None:
        """Another width can show or hide the monitor."""
        self.call_after_refresh(self.watch_machine)

    def action_next_pane(self) -> None:
        """Move to the pane on the right of this one."""
        self._step_focus(1)

    def action_previous_pane(self) -> None:
        """Move to the pane on the left of this one."""
        self._step_focus(-1)

    def _step_focus(self, step: int) -> None:
        panes: list[Widget] = [self._list, self._transcript, self._composer]
        shown = [pane for pane in panes if pane.region.area]
        if not shown:
            return
        here = next((index for index, pane in enumerate(shown) if pane.has_focus), -1 if step > 0 else 0)
        shown[(here + step) % len(shown)].focus()

    @on(Transcript.ComposeRequested)
    def _compose_requested(self) -> None:
        self._composer.focus()

    def on_key(self, event: Key) -> None:
        """What is typed elsewhere goes to the composer, unless it is bound there."""
        character = event.character
        typing = event.is_printable and character is not None and not self._composer.has_focus
        if not typing or character is None or event.key in self.active_bindings or self.app.screen is not self:
            return
        event.stop()
        self._composer.focus()
        self._composer.insert(character)

    # --- keys that mean what fits --------------------------------------------------

    def action_stop_or_leave(self) -> None:
        """Dismiss what covers, else stop the answer, else go to the transcript and back."""
        if self._notice.dismiss():
            return
        if self.has_class("-show-conversations") or self.has_class("-show-monitor"):
            self.remove_class("-show-conversations", "-show-monitor")
            self._composer.focus()
        elif self._current is not None and self._current.running is not None:
            self._do(self._current.stop())
        elif self._transcript.has_focus or not self._current or not self._current.messages:
            self._composer.focus()
        else:
            self._transcript.focus()

    def action_copy_or_clear(self) -> None:
        """Copy the selection, else clear what is typed, else stop the answer."""
        selected = self.get_selected_text() or self._composer.selected_text
        if selected:
            self._copy(selected)
            self.clear_selection()
        elif self._composer.text:
            self._composer.clear_typed()
        elif self._current is not None and self._current.running is not None:
            self._do(self._current.stop())
        else:
            self._tell(f"{self._key('app.quit')} quits, {self._key('help.open')} shows the keys.")

    def action_new_conversation(self) -> None:
        """Start an empty conversation; what runs elsewhere goes on."""
        self._switch(None)
