"""What every section of the browser is: it shows something, says something, and has keys of its own."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.containers import Container
from textual.content import Content
from textual.message import Message

from lama_tui.library.downloads.job import JobId
from lama_tui.ui.screens.models.columns import short_name
from lama_tui.ui.widgets.long_list import LongList
from lama_tui.ui.widgets.notice import Notice
from lama_tui.ui.widgets.page import Page


class Section(Container):
    """One of the browser's sections. What it does not know it asks for when it is first shown."""

    KEYS: ClassVar[tuple[str, ...]] = ()
    """Ids of the bindings that matter here, whatever its state."""

    class StatusChanged(Message):
        """The line below has something else to say."""

    class UseRequested(Message):
        """The person wants this model to answer in the conversation."""

        def __init__(self, reference: str) -> None:
            super().__init__()
            self.reference = reference

    class Leads(Message):
        """What was asked for is in another section."""

        def __init__(self, section: str) -> None:
            super().__init__()
            self.section = section

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id)
        self._said = ""
        self._notice: Notice | None = None

    def on_mount(self) -> None:
        """Know where problems are shown also when the screen is being closed: what was begun may still end then."""
        self._notice = self.screen.query_one(Notice)

    @property
    def keys(self) -> Sequence[str]:
        """Ids of the bindings that matter in its state now, the most important first."""
        return self.KEYS

    @property
    def labels(self) -> Mapping[str, str]:
        """What a binding does now, by its id, where the keymap names more than one thing."""
        return {}

    @property
    def status(self) -> str | Content:
        """What was said last, else what there is to say."""
        return self._said

    def take_keys(self) -> None:
        """Give the focus to what takes the keys when the section is gone to."""
        self.query_one(LongList).focus()

    @property
    def notice(self) -> Notice:
        """Where problems are shown."""
        return self._notice or self.screen.query_one(Notice)

    def say(self, text: str) -> None:
        """Say this on the line below, until something else is done."""
        self._said = text
        self.post_message(self.StatusChanged())

    def say_first(self, text: str) -> None:
        """Say what came of something that took long, and behind it what was said meanwhile."""
        self.say(f"{text} {self._said}".strip())

    def say_behind(self, text: str) -> None:
        """Say what happened by itself, behind what was said of what the person did."""
        self.say(f"{self._said} {text}".strip())

    def beside(self, doing: Content) -> Content:
        """What takes time, and beside it what was said since it began."""
        return Content.assemble(doing, "  ·  ", self._said) if self._said else doing

    def appear(self) -> None:
        """It was gone to: look at what may have changed meanwhile. What was said meanwhile is still to be read."""

    def leave(self) -> str:
        """Another section is gone to: what was said here was read, and is returned."""
        said, self._said = self._said, ""
        return said

    def go_to_job(self, job: JobId) -> None:
        """Highlight a job of the queue, where they are listed."""

    def filter(self) -> None:
        """Let the person write what to look for; sections without a field say so."""
        self.say("There is nothing to narrow here.")

    def put_away(self) -> bool:
        """Put away what covers or runs; False where there is nothing."""
        return False

    def context(self, step: int) -> None:
        """Look at a longer or a shorter context."""
        self.say("")


def named(reference: str) -> str:
    """A model in a sentence."""
    return short_name(reference)


class Details(Page):
    """What is said of the highlighted line. Text that is wrapped by its width is drawn anew when that is known."""

    class Resized(Message):
        """It has another width."""

    def on_resize(self) -> None:
        """Before its first layout it has none."""
        self.post_message(self.Resized())
