"""The workspace: conversations on the left, the transcript in the middle, the monitor on the right."""

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click, Key, ScreenResume, ScreenSuspend
from textual.widget import Widget
from textual.widgets import Label, Static

from lama_tui.config.keymap import Scope
from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import MonitorForm, Settings
from lama_tui.types import ConversationId
from lama_tui.ui.bindings import bindings
from lama_tui.ui.commands.entries import Entry
from lama_tui.ui.commands.obstacle import Now
from lama_tui.ui.screens.greeting import Greeting
from lama_tui.ui.transcript.key_names import KeyNames
from lama_tui.ui.widgets.composer import Composer
from lama_tui.ui.widgets.conversation_list import ConversationList
from lama_tui.ui.widgets.heading import Heading
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.monitor_pane import MonitorPane
from lama_tui.ui.widgets.monitor_strip import MonitorStrip
from lama_tui.ui.widgets.notice import Notice
from lama_tui.ui.widgets.slash_list import SlashList
from lama_tui.ui.widgets.status_line import StatusLine
from lama_tui.ui.widgets.transcript import Transcript

_CONVERSATION = "conversation:"
"""How the ids of conversations begin in the palette."""
_NEXT_MONITOR: Mapping[MonitorForm, MonitorForm] = {"pane": "strip", "strip": "off", "off": "pane"}


class Workspace(Greeting):
    """The one screen that people live in. Dialogs open above it.

    One pane under 80 columns, two under 120, else three; the classes `-show-conversations`,
    `-hide-conversations`, `-show-monitor` and `-hide-monitor` say where the person wants it otherwise,
    `-show-strip` adds a line with the monitor.
    """

    BINDINGS = bindings("workspace")
    AUTO_FOCUS = "#composer"
    SCOPES: tuple[Scope, ...] = ("workspace",)
    HORIZONTAL_BREAKPOINTS = [
        (0, "-narrow"),
        (80, "-medium"),
        (120, "-wide"),
        (160, "-roomy"),
    ]
    _was_shown = False
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def compose(self) -> ComposeResult:
        """All panes; the stylesheet decides which of them fit."""
        # known now: set by the first resize, the classes would style and lay out everything a second time
        for breakpoints, extent in zip(
            (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), self.app.size, strict=True
        ):
            self.add_class(max(point for point in breakpoints if point[0] <= extent)[1], update=False)
        self._choose_monitor(self._opening.settings.workspace.monitor)
        self.set_class(not self._opening.settings.workspace.conversations, "-hide-conversations")
        with Horizontal(id="panes"):
            with Vertical(id="conversations-pane"):
                yield Label("Conversations", classes="pane-title", markup=False)
                yield ConversationList(id="conversations", markup=False)
            with Vertical(id="talk"):
                yield Heading(id="heading")
                yield Transcript(self._palette, self._welcome, self._key_names, id="transcript")
                yield Notice(self._key("app.stop"), id="notice")
                yield Static("", id="queue", markup=False)
                yield SlashList(id="slash")
                yield self._composer
                yield StatusLine(id="status")
            with Vertical(id="monitor-pane"):
                yield Label("Monitor", id="monitor-title", classes="pane-title", markup=False)
                yield MonitorPane(self._machine, id="monitor")
        yield MonitorStrip(self._machine, id="strip")
        yield KeyLine(id="keys")

    @property
    def _key_names(self) -> KeyNames:
        return KeyNames(
            fold=self._key("transcript.fold"),
            resume=self._key("transcript.continue"),
            again=self._key("transcript.regenerate"),
            leave=self._key("app.stop"),
            last=self._key("transcript.last"),
            page_down=self._key("composer.page_down"),
            overrides=self._opening.settings.keys,
        )

    def _use_settings(self, before: Settings, loaded: LoadedSettings) -> None:
        """Follow settings that changed: keys, and where the monitor is."""
        super()._use_settings(before, loaded)
        if loaded.settings.keys != before.keys:
            self._composer.bind_keys(loaded.settings.keys)
            self._transcript.name_keys(self._key_names)
        if loaded.settings.workspace.monitor != before.workspace.monitor:
            self._choose_monitor(loaded.settings.workspace.monitor)
            self.call_after_refresh(self.watch_machine)
        if loaded.settings.workspace.conversations != before.workspace.conversations:
            self.set_class(not loaded.settings.workspace.conversations, "-hide-conversations")

    @property
    def composer(self) -> Composer:
        """Where one types; there before the screen is."""
        return self._composer

    @property
    def now(self) -> Now:
        """What actions could act on at this moment."""
        current = self._current
        return Now(
            is_open=current is not None,
            messages=len(current.messages) if current else 0,
            conversations=len(self._list.listed),
            is_running=current is not None and current.running is not None,
            queued=len(current.queued) if current else 0,
            typed=bool(self._composer.text.strip()),
            pasted=self._composer.has_blocks,
            completes=self.query_one(SlashList).is_open,
            cut_short=current is not None and current.is_cut_short,
        )

    @property
    def conversation_entries(self) -> list[Entry]:
        """The other conversations, as lines of the palette."""
        here = self._current.id if self._current else None
        return [
            Entry(
                f"{_CONVERSATION}{listed.id}",
                listed.title or "New conversation",
                "Open this conversation",
                is_conversation=True,
            )
            for listed in self._list.listed
            if listed.id != here
        ]

    def opens(self, entry: str) -> bool:
        """Show the conversation of an entry; False where it is not one of a conversation."""
        if not entry.startswith(_CONVERSATION):
            return False
        self._switch(ConversationId(int(entry.removeprefix(_CONVERSATION))))
        return True

    # --- panes ---------------------------------------------------------------------

    def action_show_conversations(self) -> None:
        """Go to the list of conversations, which shows it; from there, hide it."""
        if self.has_class("-show-conversations") or self._list.has_focus:
            self.remove_class("-show-conversations")
            self.set_class(not self.has_class("-narrow"), "-hide-conversations")
            self._composer.focus()
            return
        self.remove_class("-hide-conversations")
        self.remove_class("-show-monitor")
        self.set_class(self.has_class("-narrow"), "-show-conversations")
        self.call_after_refresh(self.watch_machine)
        if self._list.region.area:  # at once: what is typed next is for the list
            self.set_focus(self._list)
        else:
            self.call_after_refresh(self._list.focus)

    def action_toggle_monitor(self) -> None:
        """Show the monitor as a pane, then as a strip, then not at all."""
        seen = self._monitor
        if seen == "pane" and not self._has_room_for_monitor and not self.has_class("-show-monitor"):
            seen = "off"
        self.remove_class("-show-conversations")
        self._choose_monitor(_NEXT_MONITOR[seen])
        self._cover_with_monitor(self._monitor == "pane" and not self._has_room_for_monitor)
        self.call_after_refresh(self.watch_machine)
        if not self.has_class("-show-monitor") and not (self.focused and self.focused.region.area):
            self.call_after_refresh(self._composer.focus)  # what was covered has lost the focus

    def _choose_monitor(self, form: MonitorForm) -> None:
        self._monitor = form
        self.set_class(form != "pane", "-hide-monitor")
        self.set_class(form == "strip", "-show-strip")

    def _cover_with_monitor(self, covers: bool) -> None:
        """Let the pane take the place of others, and say how they come back."""
        self.set_class(covers, "-show-monitor")
        way_back = (f"  {self._key('app.stop')} back", "not bold $foreground-muted")
        self.query_one("#monitor-title", Label).update(Content.assemble("Monitor", *[way_back] if covers else ()))

    @property
    def _has_room_for_monitor(self) -> bool:
        return self.size.width >= 120

    def on_resize(self) -> None:
        """Another width can show or hide the monitor."""
        if self._has_room_for_monitor:
            self._cover_with_monitor(False)
        self.call_after_refresh(self.watch_machine)

    def _on_screen_resume(self, event: ScreenResume) -> None:
        """The first time everything has its styles from being mounted a moment ago: a second time would be felt."""
        event.refresh_styles, self._was_shown = self._was_shown, True

    @on(ScreenSuspend)
    @on(ScreenResume)
    def _look_whether_watched(self) -> None:
        """Another screen can cover the monitor."""
        self.watch_machine()

    @on(Click, "#monitor-title")
    def _leave_monitor(self) -> None:
        """The mouse's way back."""
        if self.has_class("-show-monitor"):
            self.action_stop_or_leave()

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

    def takes(self, event: Key) -> bool:
        """What is typed elsewhere goes to the composer, unless it is bound there; False for all other keys.

        Asked before the key goes anywhere: the letters that follow at once must find the composer focused.
        """
        character = event.character
        typing = event.is_printable and character is not None and not self._composer.has_focus
        if not typing or character is None or event.key in self.active_bindings or self.app.screen is not self:
            return False
        if self.has_class("-narrow"):  # nobody types where nothing is seen
            self.remove_class("-show-conversations", "-show-monitor")
            self.call_after_refresh(self.watch_machine)
        self.set_focus(self._composer)
        self._composer.insert(character)
        return True

    # --- keys that mean what fits --------------------------------------------------

    def action_stop_or_leave(self) -> None:
        """Dismiss what covers, else stop the answer, else go to the transcript and back."""
        if self.put_greeting_away():
            return
        if self._notice.dismiss() or self.stop_waiting() or self._transcript.end_selection() or self.leave_editing():
            return
        if self._transcript.stop_drawing():
            return
        if self.has_class("-show-conversations") or self.has_class("-show-monitor"):
            self.remove_class("-show-conversations", "-show-monitor")
            self.call_after_refresh(self.watch_machine)
            self._composer.focus()
        elif self._current is not None and self._current.running is not None:
            self._do(self._current.stop(), what="stopping")
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
            self._do(self._current.stop(), what="stopping")
        else:
            self._tell(f"{self._key('app.quit')} quits, {self._key('help.open')} shows the keys.")

    def action_new_conversation(self) -> None:
        """Start an empty conversation; what runs elsewhere goes on."""
        self._switch(None)
