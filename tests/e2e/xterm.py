"""An xterm without a window: a screen of cells, the modes it is in, its keys, and its answers to queries.

pyte does the drawing. What full-screen programs need and pyte lacks is added here: the alternate screen,
scrolls, silence about sequences that it would misread, and the answers.
"""

import copy
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import pyte
from wcwidth import wcwidth

# Control sequences, and strings (OSC, DCS, SOS, PM, APC), which an escape of another kind breaks off.
SEQUENCE = re.compile(
    rb"\x1b\[(?P<parameters>[0-?]*)(?P<final>[ -/]*[@-~])"
    rb"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\|(?=\x1b[^\\]))"
    rb"|\x1b[PX^_][^\x1b]*(?:\x1b\\|(?=\x1b[^\\]))"
)
# The beginning of a sequence whose end was not read yet.
UNFINISHED = re.compile(rb"\x1b(?:\[[ -?]*|\][^\x07\x1b]*\x1b?|[PX^_][^\x1b]*\x1b?)?\Z")
# Sequences that pyte reads rightly: it takes private and colon parameters for plain ones.
DRAWN = re.compile(rb"\x1b\[([0-9;]*[@-~]|\?[0-9;]*[hl])")

ALTERNATE_SCREEN = 1049
BRACKETED_PASTE = 2004
# Private modes that are off in a fresh terminal ...
OFF_AT_FIRST = {
    1: "application cursor keys (1)",
    1000: "mouse clicks (1000)",
    1002: "mouse drags (1002)",
    1003: "mouse moves (1003)",
    1004: "focus reports (1004)",
    1005: "mouse UTF-8 encoding (1005)",
    1006: "mouse SGR encoding (1006)",
    1015: "mouse urxvt encoding (1015)",
    1016: "mouse pixels (1016)",
    ALTERNATE_SCREEN: "alternate screen (1049)",
    BRACKETED_PASTE: "bracketed paste (2004)",
    2026: "synchronized output (2026)",
    2048: "in-band resize (2048)",
}
# ... and on in a fresh one.
ON_AT_FIRST = {7: "no line wrap (7)", 25: "hidden cursor (25)"}
# What this terminal does not have, as an xterm: it answers "not recognized".
NOT_RECOGNIZED = {2026, 2048}

CURSOR_KEYS = {"up": "A", "down": "B", "right": "C", "left": "D", "end": "F", "home": "H"}
CURSOR_KEYS |= {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
TILDE_KEYS = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18, "f8": 19}
TILDE_KEYS |= {"f9": 20, "f10": 21, "f11": 23, "f12": 24}
PLAIN_KEYS = {"enter": "\r", "tab": "\t", "escape": "\x1b", "backspace": "\x7f", "space": " "}
ALIASES = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "underscore": "_"}
MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4}


def key_bytes(name: str) -> bytes:
    """What an xterm sends for a key such as `a`, `f1`, `ctrl+n`, `shift+tab` or `alt+up`.

    Raises ValueError for a key that an xterm cannot tell from another one, such as `shift+enter`.
    """
    if name == "shift+tab":
        return b"\x1b[Z"
    *modifiers, key = name.split("+") if len(name) > 1 else [name]
    key = ALIASES.get(key, key)
    code = 1 + sum(MODIFIERS[modifier] for modifier in modifiers)
    if key in TILDE_KEYS:
        return f"\x1b[{TILDE_KEYS[key]}{f';{code}' if modifiers else ''}~".encode()
    if key in CURSOR_KEYS:
        if modifiers:
            return f"\x1b[1;{code}{CURSOR_KEYS[key]}".encode()
        return f"\x1b{'O' if key[0] == 'f' else '['}{CURSOR_KEYS[key]}".encode()
    alt = b"\x1b" if "alt" in modifiers else b""
    held = set(modifiers) - {"alt"}
    text = PLAIN_KEYS.get(key, key)
    if len(text) == 1 and not held:
        return alt + text.encode()
    if held == {"ctrl"} and (key == "space" or (len(key) == 1 and "@" <= key.upper() <= "_")):
        return alt + bytes([ord(text.upper()) & 0x1F])
    raise ValueError(f"an xterm has no sequence of its own for {name!r}; send the bytes that you mean")


class Modes:
    """The modes that a terminal is in, other than those of a fresh one."""

    def __init__(self) -> None:
        self._changed: dict[int, str] = {}
        self._keyboards = [0, 0]  # the normal and the alternate screen each have their own stack of kitty flags

    def control(self, parameters: str, final: str) -> None:
        """Follow one control sequence, which may be about something else."""
        if final in ("h", "l") and parameters.startswith("?"):
            names = OFF_AT_FIRST if final == "h" else ON_AT_FIRST
            for mode in _numbers(parameters[1:]):
                if mode in names:
                    self._changed[mode] = names[mode]
                else:
                    self._changed.pop(mode, None)
        elif final == "u" and parameters.startswith((">", "<")):
            screen = ALTERNATE_SCREEN in self._changed
            step = 1 if parameters[0] == ">" else -(_numbers(parameters[1:])[0] or 1)
            self._keyboards[screen] = max(0, self._keyboards[screen] + step)

    def left_on(self) -> list[str]:
        return [*self._changed.values(), *["kitty keyboard"] * any(self._keyboards)]

    def __contains__(self, mode: int) -> bool:
        return (mode in self._changed) != (mode in ON_AT_FIRST)


class Screen(pyte.Screen):
    """pyte's screen with an alternate screen, scrolls, and text that it would cut short."""

    _normal: tuple[Any, Any] | None = None

    def set_mode(self, *modes: int, **flags: Any) -> None:
        if flags.get("private") and ALTERNATE_SCREEN in modes and self._normal is None:
            self._normal = self.buffer, copy.copy(self.cursor)
            self.buffer = copy.copy(self.buffer)
            self.buffer.clear()
        super().set_mode(*modes, **flags)

    def reset_mode(self, *modes: int, **flags: Any) -> None:
        if flags.get("private") and ALTERNATE_SCREEN in modes and self._normal is not None:
            hidden = self.cursor.hidden
            (self.buffer, self.cursor), self._normal = self._normal, None
            self.cursor.hidden = hidden
            self._keep_cursor_inside()
        super().reset_mode(*modes, **flags)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        super().resize(lines, columns)
        self._keep_cursor_inside()

    def scroll_up(self, count: int = 1) -> None:
        self._scroll(count, self.index, -1)

    def scroll_down(self, count: int = 1) -> None:
        self._scroll(count, self.reverse_index, 0)

    def draw(self, data: str) -> None:
        # pyte drops the rest of a run at a joiner or variation selector; those take no cell, so leave them out
        super().draw("".join(char for char in data if wcwidth(char) > 0 or unicodedata.combining(char)))

    def rows(self) -> Iterator[str]:
        """The screen's rows from the top, without spaces at their ends."""
        for y in range(self.lines):
            cells = [self.buffer[y][x].data for x in range(self.columns)]
            row, x = "", 0
            while x < self.columns:
                # a wide character has an empty cell at its right; a half whose other half was overwritten is blank
                wide = bool(cells[x]) and wcwidth(cells[x][0]) == 2
                whole = not wide or not any(cells[x + 1 : x + 2])
                row += (cells[x] if whole else "") or " "
                x += 2 if wide and whole else 1
            yield row.rstrip()

    def _scroll(self, count: int, step: Callable[[], None], edge: int) -> None:
        top_and_bottom = self.margins or (0, self.lines - 1)
        row, self.cursor.y = self.cursor.y, top_and_bottom[edge]
        for _ in range(min(max(count, 1), self.lines)):
            step()
        self.cursor.y = row

    def _keep_cursor_inside(self) -> None:
        self.cursor.x = min(self.cursor.x, self.columns)
        self.cursor.y = min(self.cursor.y, self.lines - 1)


class _Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}  # noqa: RUF012 (pyte's own way)


class Xterm:
    """Reads what a program writes: draws it on `screen`, follows `modes`, and answers queries.

    `refused` are the pieces at which pyte failed; they are not drawn.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = Screen(columns, rows)
        self.modes = Modes()
        self.refused: list[bytes] = []
        self._stream = _Stream(self.screen)
        self._unfinished = b""

    def receive(self, data: bytes) -> bytes:
        """Take what the program wrote; returns what the terminal answers to it."""
        data = self._unfinished + data
        answers = b""
        done = 0
        for sequence in SEQUENCE.finditer(data):
            self._draw(data[done : sequence.start()])
            done = sequence.end()
            if sequence["final"] is not None:
                answers += self._control(sequence[0], sequence["parameters"].decode(), sequence["final"].decode())
            elif sequence["osc"] is not None:
                answers += self._operate(sequence["osc"])
        rest = data[done:]
        unfinished = UNFINISHED.search(rest)
        end = unfinished.start() if unfinished else len(rest)
        self._draw(rest[:end])
        self._unfinished = rest[end:]
        return answers

    def _control(self, sequence: bytes, parameters: str, final: str) -> bytes:
        self.modes.control(parameters, final)
        answer = self._answer(parameters, final)
        if answer is None and DRAWN.fullmatch(sequence):
            self._draw(sequence)
        return (answer or "").encode()

    def _answer(self, parameters: str, final: str) -> str | None:
        """An xterm's answer if the sequence asks for one; it knows nothing of the kitty keyboard."""
        row, column = self.screen.cursor.y + 1, min(self.screen.cursor.x, self.screen.columns - 1) + 1
        match parameters, final:
            case ("" | "0", "c"):
                return "\x1b[?64;1;2;6;9;15;16;17;18;21;22c"
            case (">" | ">0", "c"):
                return "\x1b[>41;390;0c"
            case (">" | ">0", "q"):
                return "\x1bP>|XTerm(390)\x1b\\"
            case ("5", "n"):
                return "\x1b[0n"
            case ("6", "n"):
                return f"\x1b[{row};{column}R"
            case ("?6", "n"):
                return f"\x1b[?{row};{column}R"
            case ("18", "t"):
                return f"\x1b[8;{self.screen.lines};{self.screen.columns}t"
            case (mode, "$p") if mode.startswith("?"):
                return f"\x1b[{mode};{self._setting(_numbers(mode[1:])[0])}$y"
        return None

    def _setting(self, mode: int) -> int:
        """DECRPM's word for a mode: 0 not recognized, 1 set, 2 reset."""
        if mode in NOT_RECOGNIZED or mode not in OFF_AT_FIRST | ON_AT_FIRST:
            return 0
        return 1 if mode in self.modes else 2

    def _operate(self, content: bytes) -> bytes:
        number, _, value = content.partition(b";")
        if number in (b"0", b"1", b"2"):
            self._draw(b"\x1b]%b\x07" % content)
        elif value == b"?" and number in (b"10", b"11"):  # light text on black
            colour = b"e5e5/e5e5/e5e5" if number == b"10" else b"0000/0000/0000"
            return b"\x1b]%b;rgb:%b\x1b\\" % (number, colour)
        return b""

    def _draw(self, data: bytes) -> None:
        try:
            self._stream.feed(data)
        except Exception:  # pyte raises whatever it stumbles over; one sequence lost must not end the terminal
            self.refused.append(data)


def _numbers(parameters: str) -> list[int]:
    return [int(number) if number.isdigit() else 0 for number in parameters.split(";")]
