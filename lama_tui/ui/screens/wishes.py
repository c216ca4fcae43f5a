"""What people ask for in the composer and of messages: sending, copying, asking again."""

from textual import on, work

from lama_tui.ui.screens.talk import Talk
from lama_tui.ui.terminal.clipboard import copy
from lama_tui.ui.widgets.composer import Composer
from lama_tui.ui.widgets.transcript import Transcript


class Wishes(Talk):
    """Carries out the wishes that composer and transcript post."""

    @on(Composer.Submitted)
    def _composer_submitted(self, event: Composer.Submitted) -> None:
        if self._current is None:
            self._early.append(event.text)
        else:
            self._submit(event.text)

    @on(Composer.QueuedRequested)
    @work(group="queued")
    async def _queued_requested(self) -> None:
        if self._current is None:
            return
        with self._notice.catching():
            if (text := await self._current.take_queued()) is not None:
                self._composer.insert(text)
                self._show_running()

    @on(Composer.SendQueuedRequested)
    def _send_queued_requested(self) -> None:
        if self._current is not None and self._current.is_held_up:
            self._do(self._current.send_queued(), follow=True)

    @on(Composer.ScrollRequested)
    def _scroll_requested(self, event: Composer.ScrollRequested) -> None:
        if event.pages < 0:
            self._transcript.scroll_page_up(animate=False)
        else:
            self._transcript.scroll_page_down(animate=False)

    @on(Transcript.FollowingChanged)
    def _following_changed(self) -> None:
        self._show_running()

    @on(Transcript.MessageRequested)
    def _message_requested(self, event: Transcript.MessageRequested) -> None:
        current = self._current
        if current is None:
            return
        match event.wish:
            case "copy":
                self._copy(current.text_of(event.message))
            case "regenerate":
                self._do(current.regenerate(event.message), follow=True)
            case "continue" if current.is_complete(event.message):
                self._tell(f"This answer is complete; {self._key('transcript.regenerate')} asks for another one.")
            case "continue":
                if not self._goes_on(current, event.message):
                    self._tell("This server cannot go on from an exact word: what it adds may begin again.")
                self._do(current.resume(event.message), follow=True)
            case "sibling":
                self._do(current.conversations.select_sibling(event.message, event.step))

    @work(group="copy")
    async def _copy(self, text: str) -> None:
        if text:
            self._tell(await copy(self.app, text, self._opening.paths))
