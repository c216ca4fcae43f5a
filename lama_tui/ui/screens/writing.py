"""What belongs to the composer: drafts, what was written before, one's own editor, how much room is left."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.content import Content
from textual.widgets import TextArea
from textual.worker import Worker

from lama_tui.conversations.drafts import NOT_BEGUN
from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.types import ConversationId
from lama_tui.ui import figures
from lama_tui.ui.composer.draft_keeper import DraftKeeper
from lama_tui.ui.composer.history import PromptWalk
from lama_tui.ui.screens.talk import Talk
from lama_tui.ui.widgets.composer import Composer

if TYPE_CHECKING:
    from lama_tui.ui.current import CurrentConversation

_PROMPTS = 1_000
"""Messages of which one can walk through the texts."""
_OPENING = 0.6
"""Seconds that what was typed may wait at the end for a store that is still being opened."""
_COUNT_DELAY = 0.25
"""Seconds without a key after which the tokens are counted."""
_AROUND = 64
"""Tokens that a template puts around a message, at most, where it is only estimated."""


class Writing(Talk):
    """Keeps what is typed, and brings back what was."""

    def on_mount(self) -> None:
        """Nothing is kept before the store is open: until then what is typed stays on screen."""
        self._keeper: DraftKeeper | None = None
        self._keeps = asyncio.Event()
        self._opening.before_close(self._stop_writing)
        self._walk: PromptWalk | None = None
        self._recalling = asyncio.Lock()
        self._end_editor: Callable[[], Awaitable[None]] | None = None
        self._counted: tuple[object, ...] = ()
        self._count_shown = ""

    # --- drafts ----------------------------------------------------------------------

    async def _show(self, follow: bool = True) -> None:
        """Show the current conversation, with what was typed in it."""
        await super()._show(follow)
        if self._opened is None or self._current is None:
            return
        if self._keeper is None:
            with self._notice.catching():  # when lama is quitting already
                drafts = await self._opened.services.drafts()
                self._keeper = DraftKeeper(drafts, self._typed, self._notice.add)
            if self._keeper is None:
                return
        here = self._current.id or NOT_BEGUN
        if self._keeper.conversation not in (None, here) and not self._keeper.is_sending:
            self._leave_draft()
        draft = await self._keeper.open(here)
        if draft is not None:
            self._walk = None
            self._composer.restore(draft)
            self._keeps.set()
            self._keeper.changed()  # something may have been typed meanwhile
            await self._show_list()  # which marks the conversations with drafts

    def _switch(self, conversation: ConversationId | None) -> Worker[None]:
        """Show another conversation; what is typed stays with this one, and what is typed next belongs to that."""
        if self._keeper is not None and self._keeper.conversation not in (None, conversation or NOT_BEGUN):
            self._leave_draft()
        return super()._switch(conversation)

    def _leave_draft(self) -> None:
        if self._keeper is not None:
            self._keeper.leave()
            self._composer.load_text("")

    def _typed(self) -> str:
        """What is to be kept of the composer: on a walk through what was written before, what one had."""
        if self._walk is not None and self._composer.is_recalled:
            return self._walk.draft
        return self._composer.marked

    @on(TextArea.Changed, "#composer")
    def _typing(self) -> None:
        if self._keeper is not None:
            self._keeper.changed()
        self._count_soon()

    async def _hand_over(self, sending: Coroutine[Any, Any, None], text: str) -> None:
        """Send a text, whose draft goes in the moment in which it is a message."""
        if self._keeper is None or self._current is None:
            await sending
            return
        current = self._current
        try:
            await self._require_room(current, text)
        except LamaError:
            sending.close()
            raise
        async with self._keeper.sending(text, lambda: current.id):
            await sending

    async def _stop_writing(self) -> None:
        """Take back what was saved in the editor, and keep what is typed."""
        if self._end_editor is not None:
            await self._end_editor()
        self._composer.keep()
        if self._early:  # it can be sent no more
            self._composer.insert("".join(f"{text}\n" for text in self._early), (0, 0))
            self._early.clear()
        if self._composer.text:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._keeps.wait(), _OPENING)
        if self._keeper is not None:
            await self._keeper.close()

    # --- what was written before -------------------------------------------------------

    @on(Composer.EarlierRequested)
    @work(group="recall")
    async def _earlier_requested(self) -> None:
        """Take the queued message back; where there is none, go on to what was sent."""
        async with self._recalling:
            if self._current is None or self._opened is None:
                return
            with self._notice.catching():
                if not self._composer.text and (queued := await self._current.take_queued()) is not None:
                    self._composer.insert(queued)
                    self._show_running()
                    return
                if self._walk is None or not self._composer.is_recalled:
                    prompts = await (await self._opened.services.prompts()).newest(_PROMPTS)
                    self._walk = PromptWalk([prompt.text for prompt in prompts], self._composer.marked)
                self._recall(self._walk.older())

    @on(Composer.LaterRequested)
    @work(group="recall")
    async def _later_requested(self) -> None:
        async with self._recalling:
            if self._walk is not None:
                self._recall(self._walk.newer())

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self._composer.recall(text)

    @on(Composer.HistoryRequested)
    @work(exclusive=True, group="history")
    async def _history_requested(self) -> None:
        """Choose from all that was written before; it is put in the composer and not sent."""
        if self._opened is None:
            return
        from lama_tui.ui.screens.prompt_history import PromptHistory

        with self._notice.catching():
            history = PromptHistory(await self._opened.services.prompts())
            if (chosen := await self.app.push_screen_wait(history)) is not None:
                self._composer.write(history.text(chosen))
        self._composer.focus()

    # --- one's own editor ----------------------------------------------------------------

    @on(Composer.EditorRequested)
    @work(exclusive=True, group="editor")
    async def _editor_requested(self) -> None:
        """Write in one's own editor. What runs goes on; where it fails, the text is as it was."""
        from lama_tui.ui.composer.editor import Editing

        if self._end_editor is not None:
            return
        with self._notice.catching():
            editing = Editing(self._composer.expanded, os.environ)
            self._end_editor = editing.end
            try:
                text = await editing.run(self.app)
            finally:
                self._end_editor = None
            if text is not None:
                self._composer.write_edited(text)
        self._composer.focus()

    # --- how much room is left -------------------------------------------------------------

    def _show_running(self) -> None:
        super()._show_running()
        self._count_soon()

    def _count_soon(self) -> None:
        """Count again, unless nothing changed that the count depends on."""
        current, opened = self._current, self._opened
        if current is None or opened is None:
            return
        loaded = tuple((model.reference, model.context_window) for model in opened.services.engine.figures().loaded)
        state = (current.model, current.id, loaded, current.messages, current.settings, self._composer.text)
        if any(now is not then and now != then for now, then in zip(state, self._counted or (None,) * 6, strict=True)):
            if state[:3] != self._counted[:3]:  # what was counted says nothing of this one
                self._room = None
            self._counted = state
            self._count(current, self._composer.expanded)

    @work(exclusive=True, group="count")
    async def _count(self, current: "CurrentConversation", typed: str) -> None:
        await asyncio.sleep(_COUNT_DELAY)
        if self._opened is None:
            return
        from lama_tui.ui.composer.token_count import TokenCount, count_tokens

        policy = current.settings.context or "refuse"
        try:
            provider, model = self._opened.services.providers.provider_for(current.model)
            counted = await count_tokens(
                provider, model, current.messages, typed,
                settings=current.settings, policy=policy, limit=self._limit(current),
            )  # fmt: skip
        except LamaError:  # the status line says what is wrong with the model
            counted = TokenCount()
        line = counted.line(bool(typed.strip()))
        if line != self._count_shown:
            self._count_shown = line
            self._composer.border_subtitle = Content.styled(line, "" if counted.fits else "bold $error")
            self._composer.set_class(not counted.fits, "-too-long")
        # of nothing at all, and in an unknown window, there is nothing to tell
        self._room = counted.room if counted.room.used or counted.room.window is not None else None
        self._transcript.begin_view(None if counted.room.used is None else counted.room.left_out)
        self._show_running()

    def _limit(self, current: "CurrentConversation") -> Callable[[int], int]:
        """What a prompt may take of a window here, so that there is room for an answer."""
        from lama_tui.engine.fitting import budget

        answer = current.settings.max_tokens or self._opening.settings.generation.max_tokens
        return lambda window: budget(window, answer)

    async def _require_room(self, current: "CurrentConversation", text: str) -> None:
        """Raise `ContextError` for a message that no policy makes fit, as far as that is measured.

        Counted only where it is near: what runs is not held up by it.
        """
        room, opened = self._room, self._opened
        longest = (room.used or 0) + len(text.encode(errors="replace")) + _AROUND if room is not None else 0
        near = room is not None and longest >= (room.window or sys.maxsize)
        if not near or opened is None or current.running is not None:
            return
        from lama_tui.chat.room import measure
        from lama_tui.conversations.pasted import plain
        from lama_tui.errors import ContextError
        from lama_tui.ui.composer.token_count import question

        provider, model = opened.services.providers.provider_for(current.model)
        policy, asked = current.settings.context or "refuse", (*current.messages, question(plain(text)))
        limit = None if policy == "refuse" else self._limit(current)
        room = await measure(provider, model, asked, current.settings, limit)
        if room.used is None or room.window is None or room.used < room.window:
            return
        name = clean_line(figures.model_name(model))
        summarize = (
            f"{self._key('app.stop')}, then {self._key('transcript.compact')} summarizes the oldest turns (/compact)"
        )
        settings = f"{self._key('conversation.settings')} changes what happens then (context policy)"
        raise ContextError(
            "The conversation is longer than the model's context window",
            f"With this message it has {room.used:,} tokens; {name} reads at most {room.window:,}, answer included.",
            f"{summarize}; {settings}; or shorten the message."
            if policy == "refuse"
            else "Shorten the message, the system prompt or what is pinned: nothing else can be left out.",
        )
