"""The tools that a model asks for in an answer, put together from the pieces in which they come. Nothing is run."""

from lama_tui.security.gate import clean_line

MOST = 100
"""Calls of an answer that are kept."""

LONGEST = 20_000
"""Characters that are kept of the arguments of a call."""


class Calls:
    """What was asked for so far."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[str, str]] = {}

    def add(self, index: int, name: str, arguments: str) -> None:
        """Take in a piece of the call `index`."""
        if index in self._calls or len(self._calls) < MOST:
            known, said = self._calls.get(index, ("", ""))
            self._calls[index] = (known or name, (said + arguments)[:LONGEST])

    @property
    def text(self) -> str:
        """`NAME(ARGUMENTS)`, on a line each."""
        return "\n".join(
            f"{clean_line(name) or 'a tool without a name'}({clean_line(arguments, LONGEST)})"
            for _, (name, arguments) in sorted(self._calls.items())
        )
