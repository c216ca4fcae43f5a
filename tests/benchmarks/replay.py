"""What a program had on screen, and when: its output is recorded as it comes and emulated afterwards.

Thin drawing sends no text that stands there already, so a text cannot be found in the bytes; and emulating while one
measures would cost the processor that is measured.
"""

from collections.abc import Callable, Iterator

from tests.e2e.xterm import Xterm

Chunk = tuple[float, bytes]
"""When something came, by `time.perf_counter`, and what."""


class Replay:
    """A terminal that is fed what a program wrote, in the order of writing."""

    def __init__(self, columns: int, rows: int) -> None:
        self._xterm = Xterm(columns, rows)

    def feed(self, chunks: list[Chunk]) -> None:
        """Show all of it."""
        for _, data in chunks:
            self._xterm.receive(data)

    def text(self) -> str:
        """The screen's rows."""
        return "\n".join(self._xterm.screen.rows())

    def when(self, chunks: list[Chunk], holds: Callable[[str], bool]) -> float:
        """When the screen came to be as asked for; all chunks are shown. Raises AssertionError if it never was."""
        found: float | None = None
        for at, data in chunks:
            self._xterm.receive(data)
            if found is None and holds(self.text()):
                found = at
        assert found is not None, f"never on screen; at the end:\n{self.text()}"
        return found

    def samples(self, chunks: list[Chunk], every: float) -> Iterator[str]:
        """The screen at every so many seconds, from the first chunk to the last."""
        due = chunks[0][0]
        for at, data in chunks:
            while at > due:
                yield self.text()
                due += every
            self._xterm.receive(data)
