"""Problems, shown between transcript and composer until they are dismissed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from textual.content import Content
from textual.widgets import Static

from lama_tui.errors import ConfigError, LamaError
from lama_tui.security.gate import clean_line

_log = logging.getLogger(__name__)

_LONGEST = (120, 300, 300)
"""Characters of title, detail and hint: more would push the transcript out of view."""


class Notice(Static):
    """What happened, why, and what to do; several wait their turn."""

    def __init__(self, key: str, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__("", id=id, markup=False)
        self._key = key
        self._errors: list[tuple[str, str, str, bool]] = []

    def add(self, error: LamaError) -> None:
        """Show a problem, after those that are shown already; the same one is not shown twice."""
        texts = zip((error.title, error.detail, error.hint), _LONGEST, strict=True)
        title, detail, hint = (clean_line(text, longest) for text, longest in texts)
        entry = (title, detail, hint, not isinstance(error, ConfigError))
        if entry not in self._errors:
            self._errors.append(entry)
            _log.warning("told: %s (%s)", title, detail)
        self._show()

    def dismiss(self) -> bool:
        """Put the shown problem away; False when there is none."""
        if not self._errors:
            return False
        self._errors.pop(0)
        self._show()
        return True

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Show a `LamaError` of the block instead of raising it."""
        try:
            yield
        except LamaError as error:
            self.add(error)

    def _show(self) -> None:
        self.set_class(bool(self._errors), "-shown")
        if not self._errors:
            return
        title, detail, hint, serious = self._errors[0]
        self.set_class(serious, "-error")
        more = f" · {len(self._errors) - 1} more" if len(self._errors) > 1 else ""
        away = (f"  {self._key} puts this away{more}", "$foreground-muted")  # on top: it is never cut off
        lines = [Content.assemble((title, "bold $error" if serious else "bold $warning"), away)]
        lines += [Content(detail)] if detail else []
        lines += [Content.assemble(("→ ", "$accent"), hint)] if hint else []
        self.update(Content("\n").join(lines))
