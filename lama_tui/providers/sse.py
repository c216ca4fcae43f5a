"""Server-sent events: bytes in any pieces become events. Pure; the rules are WHATWG HTML, 9.2.

Lines end in LF, CR or CRLF; a blank line ends an event; `:` begins a comment; several `data`
lines are joined by LF; an event that the end cuts is dropped. Beyond the standard, lines and
events are limited in size, so that a server cannot fill the memory.
"""

from dataclasses import dataclass

from lama_tui.errors import ProviderError

LARGEST = 1 << 22  # bytes of one line, and of the data of one event


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. `name` is empty where the server gave none."""

    data: str
    name: str = ""


class EventReader:
    """Reads one stream of events."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_cr = False  # a CR ended the last line: an LF that follows belongs to it
        self._first = True
        self._data: list[str] = []
        self._size = 0
        self._name = ""

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """Return the events that `piece` completes. Raises `ProviderError` for one that is too large."""
        events = []
        for line in self._lines(piece):
            if event := self._read(line.decode("utf-8", "replace")):
                events.append(event)
        return events

    def _lines(self, piece: bytes) -> list[bytes]:
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        if b"\n" not in piece and b"\r" not in piece:
            self._rest += piece
            self._check(len(self._rest))
            return []
        self._after_cr = piece.endswith(b"\r")
        lines = (bytes(self._rest) + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = bytearray(lines.pop())
        self._check(max(map(len, (*lines, self._rest))))
        if self._first and lines:
            self._first = False
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        return lines

    def _read(self, line: str) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._size += len(value) + 1
            self._check(self._size)
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        event = ServerEvent("\n".join(self._data), self._name) if self._data else None
        self._data, self._size, self._name = [], 0, ""
        return event

    @staticmethod
    def _check(size: int) -> None:
        if size > LARGEST:
            raise ProviderError(
                "The server sent an event that is too large",
                f"It is larger than {LARGEST >> 20} MiB",
                "Check the endpoint, or use another model",
            )
