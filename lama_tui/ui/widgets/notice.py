"""Problems, shown between transcript and composer until they are dismissed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from textual.content import Content
from textual.widgets import Static

from lama_tui.errors import ConfigError, LamaError
from lama_tui.security.gate import clean_line
from lama_tui.ui.troubles import told

_BRIEF = 120
"""Characters of a detail that leave room for what to do."""

_LONGEST = (120, 300, 300)
"""Characters of title, detail and hint: more would push the transcript out of view."""


class _Entry(NamedTuple):
    title: str
    detail: str
    hint: str
    serious: bool


class Notice(Static):
    """What happened, why, and what to do; several wait their turn."""

    def __init__(self, key: str, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__("", id=id, markup=False)
        self._key = key
        self._entries: list[_Entry] = []

    def add(self, error: LamaError) -> None:
        """Show a problem, after those that are shown already; the same one is not shown twice."""
        entry = _entry(error)
        if entry not in self._entries:
            self._entries.append(entry)
            told(error, entry.serious)
            self._show()

    def take_back(self, error: LamaError) -> None:
        """Show it no longer, because it is mended; nothing happens where it was dismissed."""
        if (entry := _entry(error)) in self._entries:
            self._entries.remove(entry)
            self._show()

    def dismiss(self) -> bool:
        """Put the shown problem away; False when there is none."""
        if not self._entries:
            return False
        self._entries.pop(0)
        self._show()
        return True

    def on_click(self) -> None:
        """A click puts the shown problem away, unless its text was selected."""
        if not self.screen.get_selected_text():
            self.dismiss()

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Show a `LamaError` of the block instead of raising it."""
        try:
            yield
        except LamaError as error:
            self.add(error)

    def _show(self) -> None:
        self.set_class(bool(self._entries), "-shown")
        if not self._entries:
            return
        title, detail, hint, serious = self._entries[0]
        self.set_class(serious, "-error")
        more = f" · {len(self._entries) - 1} more" if len(self._entries) > 1 else ""
        away = (f"  {self._key} puts this away{more}", "$foreground-muted")  # on top: it is never cut off
        lines = [Content.assemble((title, "bold $error" if serious else "bold $warning"), away)]
        why = [Content(detail)] if detail else []
        remedy = [Content.assemble(("→ ", "$accent"), hint)] if hint else []
        # of what is long the end is cut off on a narrow screen: that must not be what to do
        lines += remedy + why if len(detail) > _BRIEF else why + remedy
        self.update(Content("\n").join(lines))


def _entry(error: LamaError) -> _Entry:
    texts = zip((error.title, error.detail, error.hint), _LONGEST, strict=True)
    title, detail, hint = (clean_line(text, longest) for text, longest in texts)
    return _Entry(title, detail, hint, not isinstance(error, ConfigError))
