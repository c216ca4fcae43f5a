"""The workspace: conversations on the left, the transcript in the middle, the monitor on the right."""

from collections.abc import Mapping

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.dom import DOMNode
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Label, Static

from lama_tui.config.keymap import Scope
from lama_tui.ui.bindings import bindings
from lama_tui.ui.drawn_message import KeyNames
from lama_tui.ui.models import choices
from lama_tui.ui.screens.dialogs import RenameDialog
from lama_tui.ui.screens.model_picker import ModelPicker
from lama_tui.ui.screens.talk import Talk
from lama_tui.ui.widgets.composer import Composer
from lama_tui.ui.widgets.conversation_list import ConversationList
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.monitor_pane import MonitorPane
from lama_tui.ui.widgets.notice import Notice
from lama_tui.ui.widgets.status_line import StatusLine
from lama_tui.ui.widgets.transcript import Transcript


class Workspace(Talk):
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

    # --- the list of conversations -------------------------------------------------

    @on(ConversationList.OpenRequested)
    def _open_requested(self, event: ConversationList.OpenRequested) -> None:
        self._switch(event.conversation)

    @on(ConversationList.RenameRequested)
    @work
    async def _rename_requested(self, event: ConversationList.RenameRequested) -> None:
        if self._opened is None or self._current is None:
            return
        conversations = self._opened.conversations
        with self._notice.catching():
            found = await conversations.get(event.conversation)
            if found is None:
                return
            title = await self.app.push_screen_wait(RenameDialog(found.title))
            if title:
                await conversations.rename(event.conversation, title)
                await self._current.reload()
                self._show_running()
                await self._show_list()

    @on(ConversationList.DeleteRequested)
    @work
    async def _delete_requested(self, event: ConversationList.DeleteRequested) -> None:
        if self._opened is None or self._current is None:
            return
        with self._notice.catching():
            await self._opened.chat.stop(event.conversation)
            found = await self._opened.conversations.get(event.conversation)
            await self._opened.conversations.delete(event.conversation)
            self._deleted.append(event.conversation)
            if event.conversation == self._current.id:
                self._current.start_new()
            title = (found.title if found else "") or "the conversation"
            self._tell(f"Deleted “{title}”. {self._key('conversations.undo')} in the list brings it back.")
        await self._show()

    @on(ConversationList.RestoreRequested)
    @work
    async def _restore_requested(self) -> None:
        if self._opened is None:
            return
        if not self._deleted:
            self._tell("Nothing was deleted since lama was opened.")
            return
        with self._notice.catching():
            restored = self._deleted.pop()
            await self._opened.conversations.restore(restored)
        await self._show_list()
        self._list.highlight(restored)

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

    @work(exclusive=True, group="models")
    async def action_choose_model(self) -> None:
        """Choose the model of this conversation."""
        if self._current is None or self._opened is None:
            return
        picker = ModelPicker(self._current.model, lambda: choices(self._opening.paths, self._opening.settings))
        model = await self.app.push_screen_wait(picker)
        if model:
            self._do(self._current.use_model(model))
