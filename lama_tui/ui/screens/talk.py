"""The conversation on screen: shows it, follows its running answer, carries out what is asked of it."""

import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from textual import work
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static

from lama_tui.conversations.pasted import outlined
from lama_tui.errors import LamaError
from lama_tui.monitor.history import History
from lama_tui.monitor.steady import steadied
from lama_tui.security.gate import clean_line
from lama_tui.types import ConversationId, MessageId
from lama_tui.ui import figures
from lama_tui.ui.bindings import key_of
from lama_tui.ui.chat_settings import marks
from lama_tui.ui.markdown.wrap import Line
from lama_tui.ui.opening import Opened, Opening
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.palette import Palette
from lama_tui.ui.places import place_of, server_of
from lama_tui.ui.screens.waiting import WaitingScreen
from lama_tui.ui.terminal.app import TerminalApp
from lama_tui.ui.terminal.attention import Attention, note
from lama_tui.ui.troubles import told
from lama_tui.ui.waiting import Phases, doing, shown
from lama_tui.ui.widgets.composer import Composer
from lama_tui.ui.widgets.conversation_list import ConversationList
from lama_tui.ui.widgets.heading import Heading
from lama_tui.ui.widgets.key_line import KeyLine
from lama_tui.ui.widgets.monitor_pane import MonitorPane
from lama_tui.ui.widgets.monitor_strip import MonitorStrip
from lama_tui.ui.widgets.notice import Notice
from lama_tui.ui.widgets.status_line import Status, StatusLine
from lama_tui.ui.widgets.transcript import Transcript
from lama_tui.ui.widgets.welcome import welcome

if TYPE_CHECKING:
    from lama_tui.chat.room import Room
    from lama_tui.events import ResourceSample, StreamEvent, StreamFailed, StreamFinished
    from lama_tui.ui.current import CurrentConversation

_LONGEST_NAME = 4096
"""Characters: a model can be named by the path of its folder."""

_FIRST_FRAME = 0.02
"""Seconds from here to the opening of the store: all that is drawn before is drawn undisturbed."""

_ELSEWHERE = 2.0
"""Seconds between looks at what other windows wrote."""

_FRAME = 0.05
"""Seconds between looks at a running answer; more where drawing one takes long, or the line is slow."""


class Talk(WaitingScreen):
    """What `Workspace` does with conversations; the panes and keys are there."""

    class Ready(Message):
        """The conversations are open and on screen."""

    def __init__(self, opening: Opening, options: WorkspaceOptions, palette: Callable[[], Palette]) -> None:
        super().__init__()
        self._opening = opening
        self._options = options
        self._palette = palette
        self._composer = Composer(opening.settings.keys, id="composer")  # already: keys can come before the screen
        self._opened: Opened | None = None
        self._current: CurrentConversation | None = None
        self._ticker: Timer | None = None
        self._next_frame = 0.0
        self._phases = Phases()
        self._attention = Attention()
        self._machine = History()
        self._unwatch: Callable[[], None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._deleted: list[ConversationId] = []
        self._room: Room | None = None  # that the next prompt takes; None unknown
        self._early: list[str] = []  # sent before the store was open
        self._titles: tuple[str, list[str]] = ("", [])
        self._asked_plainly: set[str] = set()  # models that turned out to have no chat template

    def on_mount(self) -> None:
        """The composer takes keys at once; the store opens behind it."""
        self._transcript = self.query_one(Transcript)
        self._list = self.query_one(ConversationList)
        self._notice = self.query_one(Notice)
        self._status = self.query_one(StatusLine)
        self._heading = self.query_one(Heading)
        self._queue = self.query_one("#queue", Static)
        for problem in self._opening.problems:
            self._notice.add(problem)
        self.app.theme_changed_signal.subscribe(self, lambda theme: self._transcript.redraw())
        self.set_timer(_FIRST_FRAME, self._open)  # not after a refresh: none comes while something covers this screen

    def on_unmount(self) -> None:
        """Answers that end as lama quits have nobody to show them to."""
        self._unsubscribe()

    @work(exclusive=True, group="open")
    async def _open(self) -> None:
        """Open the store and show the conversation that was asked for."""
        with self.waiting("opening your conversations", key="app.quit"):
            self._opened = opened = await self._opening.open()
        if opened.problem is not None:
            self._notice.add(opened.problem)
        asked = clean_line(self._options.model or "", _LONGEST_NAME)  # arguments may be bytes that are no text
        from lama_tui.ui.current import CurrentConversation  # read with the store, like all that it needs

        current = CurrentConversation(opened.conversations, opened.chat, asked or self._opening.settings.model)
        self._unsubscribe = opened.chat.subscribe(self._heard)
        with self._notice.catching():
            await self._open_first(current, asked)
        self._current = current
        self.watch_machine()
        await self._show()
        for text in self._early:
            self._submit(text)
        self._early.clear()
        self.post_message(self.Ready())
        self.set_interval(_ELSEWHERE, self._look_around)
        with self._notice.catching():
            await self._opening.check()

    async def _open_first(self, current: "CurrentConversation", model: str) -> None:
        options, conversations = self._options, current.conversations
        wanted = None
        if options.conversation is not None:
            wanted = await conversations.find(options.conversation)
            if wanted is None:
                self._notice.add(
                    LamaError(
                        "There is no such conversation",
                        f"No id or title matches “{options.conversation}”.",
                        f"Press {self._key('conversation.list')} to see them all.",
                    )
                )
        elif not options.new:
            wanted = await conversations.last()
        if wanted is not None:
            await current.open(wanted.id)
            if model:
                await current.use_model(model)

    # --- what is on screen ---------------------------------------------------------

    async def _show(self, follow: bool = True) -> None:
        """Show the current conversation, the list and the status."""
        if self._current is None:
            return
        self._transcript.show(self._current.shown, follow=follow or None)
        self._show_running()
        await self._show_list()

    async def _show_list(self) -> None:
        if self._opened is None or self._current is None:
            return
        with self._notice.catching():
            listed = await self._opened.conversations.list()
            self._list.show(listed, self._opened.chat.running_ids(), self._current.id)

    def _show_running(self) -> None:
        """Show how far the answer is, and keep looking while one runs."""
        current, opened = self._current, self._opened
        if current is None or opened is None:
            return
        running = current.running
        seconds = 0.0
        if running is not None:
            seconds = self._phases.seconds(running)
            self._transcript.advance(running.message, shown(running, seconds, self._key("app.stop")))
        place = place_of(self._opened, current.model)
        notes = self._opening.notes
        if current.model in self._asked_plainly:
            notes += ("no chat template",)
        if not self._transcript.following:
            notes += (f"↓ {self._transcript.way_down} follows",)
        self._status.status = Status(
            model=figures.model_name(current.model),
            place=place.label,
            off_machine=not place.on_machine,
            doing=doing(running, seconds, self._key("app.stop")) if running is not None else (),
            usage=current.usage,
            room=None if running is not None or self._room is None else (self._room.used, self._room.window),
            notes=notes,
        )
        self._heading.show(current.title, marks(current.settings))
        self._show_titles(current.title, current.queued, current.is_held_up)
        self.query_one(KeyLine).look()
        if opened.chat.running_ids():
            if self._ticker is None:
                self._ticker = self.set_interval(_FRAME, self._tick)
        elif self._ticker is not None:
            self._ticker.stop()
            self._ticker = None

    def _show_titles(self, title: str, queued: tuple[str, ...], held_up: bool) -> None:
        """Show what stands above and below the transcript, if it changed: either lays out the whole screen."""
        lines = [f"next: {clean_line(outlined(text))}" for text in queued]
        if held_up:  # first, because what waits may be long
            last, first = ("it", "it") if len(queued) == 1 else ("the last one", "the first one")
            edit, send = self._key("composer.previous"), self._key("composer.send")
            lines.insert(0, f"not sent yet: {edit} edits {last} · {send} sends {first}")
        if (title, lines) == self._titles:
            return
        self._titles = (title, lines)
        self._queue.update("\n".join(lines))
        self._queue.set_class(bool(queued), "-shown")

    def _tick(self) -> None:
        """Draw a frame, unless the last one took so long that input would be felt to lag."""
        now = time.monotonic()
        if now < self._next_frame:
            return
        self._show_running()
        pace = self.app.frame_interval if isinstance(self.app, TerminalApp) else _FRAME
        # half a look early: the ticker is late at times, and a whole look would be lost
        self._next_frame = now + max(pace, 4 * (time.monotonic() - now)) - _FRAME / 2

    def _heard(self, conversation: ConversationId, message: MessageId, event: "StreamEvent") -> None:
        """An event of any turn: ends are shown at once, growth by the ticker."""
        from lama_tui.events import SaveDelayed, StreamFailed, StreamFinished, StreamStarted, Summarized, TurnStarted

        if isinstance(event, SaveDelayed):
            self._notice.add(event.error)
        if isinstance(event, StreamStarted) and not event.chat_template and self._opened is not None:
            running = self._opened.chat.running(conversation)
            self._asked_plainly.update([running.model] if running else [])
        if isinstance(event, StreamFinished | StreamFailed):
            long = self._attention.ended(conversation, self._opening.settings.workspace.notify_after)
            self._ended(conversation, event if long else None)
            if isinstance(event, StreamFailed):  # no message tells of a summary
                (self._notice.add if message < 0 else told)(event.error)
            elif message < 0 and event.reason == "stop":  # it stands out of view
                self._tell("There is a summary of the oldest messages: the model reads it in their place.")
        elif isinstance(event, TurnStarted | Summarized):
            self._attention.began(conversation)
            self._begun(conversation)
        elif self._ticker is None:
            self._show_running()

    def _look_around(self) -> None:
        """Now and then: what changed although nothing was done here."""
        self._look_elsewhere()

    @work(exclusive=True, group="elsewhere")
    async def _look_elsewhere(self) -> None:
        """Show what another window wrote, unless an answer grows here: its end shows everything."""
        current, opened = self._current, self._opened
        if current is None or opened is None or opened.chat.running_ids():
            return
        with self._notice.catching():
            if await opened.conversations.changed():
                await current.reload()
                if current.running is None:
                    self._transcript.show(current.shown)
                await self._show_list()

    @work(group="begun")
    async def _begun(self, conversation: ConversationId) -> None:
        """Show a turn that began: one just asked for, or one that waited in the queue."""
        if self._current is not None and conversation == self._current.id:
            with self._notice.catching():
                await self._current.reload()
                self._transcript.show(self._current.shown)
        self._show_running()
        await self._show_list()

    @work(group="ended")
    async def _ended(self, conversation: ConversationId, to_tell: "StreamFinished | StreamFailed | None") -> None:
        """Show how an answer ended, and tell somebody who looks elsewhere."""
        if self._current is None or self._opened is None:
            return
        with self._notice.catching():
            if conversation == self._current.id:
                await self._current.reload()
                self._transcript.show(self._current.shown)
            else:
                await self._opened.conversations.mark_unseen(conversation)
            if to_tell is not None and not self.app.app_focus:
                await self._call_back(conversation, to_tell)
        self._show_running()
        await self._show_list()

    async def _call_back(self, conversation: ConversationId, ending: "StreamFinished | StreamFailed") -> None:
        """Ring, or have the terminal show a note: a long answer ended while the window had no focus."""
        from lama_tui.events import StreamFailed

        failed = isinstance(ending, StreamFailed)
        if self._opened is None or (not isinstance(ending, StreamFailed) and ending.reason == "cancelled"):
            return
        found = await self._opened.conversations.get(conversation)
        what = "an answer failed" if failed else "an answer is there"
        title = (found.title if found else "") or "New conversation"
        if isinstance(self.app, TerminalApp):
            self.app.write_sequence(note(self._opening.settings.workspace.notify, title, what, os.environ))

    def watch_machine(self) -> None:
        """Sample the machine while the monitor is on screen, and only then."""
        if self._opened is None:
            return
        covered = not self.is_current and not isinstance(self.app.screen, ModalScreen)
        watched = not covered and any(self.query_one(monitor).display for monitor in ("#monitor-pane", "#strip"))
        if watched and self._unwatch is None:
            self._unwatch = self._opened.services.sampler.subscribe(self._sampled)
        elif not watched and self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def _sampled(self, sample: "ResourceSample") -> None:
        self._machine.append(steadied(sample, self._machine.latest))
        for monitor in (self.query_one(MonitorPane), self.query_one(MonitorStrip)):
            if monitor.region.area:
                monitor.look()

    def _welcome(self, width: int, height: int, palette: Palette) -> list[Line]:
        model = self._current.model if self._current else ""
        server = server_of(self._opened, model)
        return welcome(width, height, palette, model, server, self._opening.saves, self._key)

    # --- what others ask for ---------------------------------------------------------

    def _submit(self, text: str) -> None:
        current = self._current
        if current is None:
            return

        sending = current.send(text)  # here and now: they may go elsewhere at once

        async def send() -> None:
            try:
                await self._hand_over(sending, text)
            except LamaError:
                self._composer.insert(text)  # nothing that was written is lost
                raise

        self._do(send(), follow=True)

    async def _hand_over(self, sending: Coroutine[Any, Any, None], text: str) -> None:
        await sending

    @work(exclusive=True, group="switch")
    async def _switch(self, conversation: ConversationId | None) -> None:
        """Show another conversation, or a new one; what runs goes on."""
        if self._current is None:
            return
        with self._notice.catching():
            with self.waiting("opening the conversation", lambda: self.workers.cancel_group(self, "switch")):
                if conversation is None:
                    self._current.start_new()
                else:
                    await self._current.open(conversation)
            self.remove_class("-show-conversations")
            await self._show(follow=True)
            self._composer.focus()

    def _do(self, wish: Awaitable[object], follow: bool = False, what: str = "saving", done: str = "") -> None:
        """Carry out a wish and show what came of it; what goes wrong is shown where the eye is.

        `done` is told once it is done.
        """

        async def carry_out() -> None:
            with self._notice.catching(), self.waiting(what):
                await wish
                if done:
                    self._tell(done)
            if self._current is not None:
                with self._notice.catching():
                    await self._current.reload()
                await self._show(follow=follow)

        self.run_worker(carry_out(), group="wishes")

    def _tell(self, text: str) -> None:
        self.notify(text, markup=False)

    def _key(self, binding: str) -> str:
        """The key that is bound to `binding` now."""
        return key_of(binding, self._opening.settings.keys)
