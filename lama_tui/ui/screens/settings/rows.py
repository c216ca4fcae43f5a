"""What a screen of settings shows, as values: rows, and how each of them is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["line", "prose", "choice", "switch", "elsewhere", "fixed"]
"""How a setting is changed: by typing a line or a text of several lines, by choosing, by turning it over,
in another window, or not at all here."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. Texts are clean. `value` and `source` are what is in force and where that comes from.

    `resets`: something is set here that can be taken away. `written` is what the field starts with;
    `choices` are (what is saved, what is read). `note` says what else one must know: when a change
    counts, or that something else hides it.
    """

    id: str
    label: str
    value: str
    source: str
    about: str
    kind: Kind
    section: str = ""
    differs: bool = False
    resets: bool = False
    written: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    note: str = ""
    problem: str = ""

    def matches(self, wanted: str) -> bool:
        """Whether all words of a filter are in what is known of it."""
        text = f"{self.id} {self.label} {self.section} {self.value} {self.source} {self.about}".casefold()
        return all(word in text for word in wanted.casefold().split())


def narrowed(rows: Sequence[Row], wanted: str) -> list[Row]:
    """The rows that a filter leaves."""
    return [row for row in rows if row.matches(wanted)]
