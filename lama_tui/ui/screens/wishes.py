"""What people ask for in the composer: sending, and what waits to be sent."""

from textual import on
from textual.widgets import TextArea

from lama_tui.errors import LamaError
from lama_tui.ui.commands.slash import Asked, Unclear, read
from lama_tui.ui.screens.reading import Reading
from lama_tui.ui.widgets.composer import Composer


class Wishes(Reading):
    """Carries out the wishes that the composer posts."""

    _unclear: tuple[str, LamaError] | None = None
    """What could not be carried out as it was written, and what was said about it: until it is written otherwise."""

    @on(Composer.Submitted)
    def _composer_submitted(self, event: Composer.Submitted) -> None:
        match read(event.text):
            case str(text):
                self._send(text)
            case Asked(id, argument):
                self._do_command(id, argument)
            case Unclear(why, hint):
                self._composer.write(event.text)
                error = LamaError("This was not sent", why, hint)
                self._unclear = event.text, error
                self._notice.add(error)

    @on(TextArea.Changed, "#composer")
    def _written_otherwise(self) -> None:
        if self._unclear is not None and self._composer.marked != self._unclear[0]:
            self._notice.take_back(self._unclear[1])
            self._unclear = None

    def _send(self, text: str) -> None:
        """Send a text, as soon as there is a conversation to send it in."""
        if self._current is None:
            self._early.append(text)
        else:
            self._submit(text)

    def _do_command(self, id: str, argument: str) -> None:  # noqa: A002 - the id of a binding
        """Carry out a command that was written after a slash."""
        raise NotImplementedError

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
