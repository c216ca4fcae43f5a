"""The list of settings: a line for each, under the headings of their sections."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widgets.option_list import Option

from lama_tui.ui.screens.settings.rows import Row
from lama_tui.ui.widgets.options import Options

_LABEL, _SOURCE = 30, 22
"""Cells that a label and a source may take."""

_SCROLLBAR = 3
"""Cells that are left to the scrollbar and before it, also where there is none: columns stay where they are when
the list is narrowed."""

_WITHOUT_SOURCE = 58
"""Cells of width below which the source is only beside the list."""


class SettingList(Options):
    """Rows in columns: a mark for what differs from the default, the name, the value, where it comes from."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the name that Textual uses
        super().__init__(id=id, markup=False)
        self._shown: list[Row | None] = []  # by the index of the option; None is a heading

    @property
    def row(self) -> Row | None:
        """The highlighted one."""
        index = self.highlighted
        return self._shown[index] if index is not None and index < len(self._shown) else None

    def show(self, rows: Sequence[Row], on: str = "") -> None:
        """Show these, the highlight on the row `on`, else where it was."""
        on = on or (self.row.id if self.row else "")
        longest = max((cell_len(row.label) for row in rows), default=8)
        self._shown = []
        options: list[Option] = []
        section = ""
        for row in rows:
            if row.section != section:
                section = row.section
                options.append(Option(Content.styled(section, "$primary bold"), disabled=True))
                self._shown.append(None)
            options.append(Option(_Line(self, row, longest)))
            self._shown.append(row)
        self.set_options(options)
        places = {row.id: index for index, row in enumerate(self._shown) if row is not None}
        self.highlighted = places.get(on, next(iter(places.values()), None))


class _Line(Visual):
    """A row that is drawn when it comes into view: of a hundred, a third is seen, and most openings end there."""

    def __init__(self, within: SettingList, row: Row, longest: int) -> None:
        """`longest` is the width of the longest label in the list, in cells."""
        self._list = within
        self._row = row
        self._longest = longest

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """The one line."""
        return self._content(self._list.size.width - _SCROLLBAR).render_strips(width, 1, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """All there is."""
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        """Always one line."""
        return 1

    def _content(self, width: int) -> Content:
        row, width = self._row, max(20, width)
        label = min(_LABEL, self._longest, width // 2)
        source = min(_SOURCE, width // 3) if width >= _WITHOUT_SOURCE else 0
        value = max(4, width - label - source - 6)
        mark = ("✕ ", "$error") if row.problem else ("● ", "$accent") if row.differs else "  "
        shown = _cell(row.value, value)
        line = Content.assemble(mark, _cell(row.label, label), "  ", shown.stylize("bold") if row.differs else shown)
        return Content.assemble(line, "  ", _cell(row.source, source).stylize("$foreground-muted")) if source else line


def _cell(text: str, width: int) -> Content:
    """`text` in exactly `width` cells, cut with an ellipsis."""
    return Content(text).truncate(width, ellipsis=True, pad=True)
