"""Tells pickles by their opcodes, without ever running one.

Protocols 2 to 5 begin with a mark of their own. Older ones do not, and readers do not ask for it: the
opcodes are followed from the first byte, with what each takes from the stack and puts there, until one
says that something is called. Hardly any text survives three of them.
"""

import pickletools
from typing import BinaryIO, Literal

Verdict = Literal["runs", "data", "no"]
"""`runs`: it calls something; `data`: a pickle that only builds numbers, texts, lists and tables."""

_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_NAMES = frozenset(("GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"))
_CALLS = frozenset(("REDUCE", "OBJ", "INST", "NEWOBJ", "NEWOBJ_EX", "BUILD"))
_WIDTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_STEPS = 20_000  # opcodes that are followed
_LINE = 1 << 26  # bytes of an argument that ends with its line
_PIECE = 1 << 16


def is_marked(start: bytes) -> bool:
    """Whether a file that begins with `start` says itself that it is a pickle, or an array of pickled objects."""
    return (start[:1] == b"\x80" and start[1:2] != b"" and start[1] <= 5) or (
        start.startswith(b"\x93NUMPY") and b"|O" in start[:1024]
    )


def verdict(file: BinaryIO, size: int) -> Verdict:
    """What comes of following the opcodes of a file of `size` bytes from its beginning."""
    file.seek(0)
    named = False
    stack: list[object] = []
    for _ in range(_STEPS):
        opcode = _OPCODES.get(file.read(1))
        if opcode is None or not _step(stack, opcode):
            return "no"
        if opcode.name == "STOP":
            # a text may come so far by chance, but hardly just at its end
            return "data" if not stack and size - 2 <= file.tell() <= size and size > 4 else "no"
        lines = _pass_argument(file, opcode)
        if lines is None or file.tell() > size:
            return "no"
        named = named or (opcode.name in _NAMES and all(map(_is_name, lines)))
        if named and opcode.name in _CALLS:
            return "runs"
    return "data"


def _step(stack: list[object], opcode: pickletools.OpcodeInfo) -> bool:
    """Take from the stack and put there what the opcode does; whether what it needs was there."""
    before = opcode.stack_before
    mark = pickletools.markobject
    if mark in before or (opcode.name == "POP" and stack and stack[-1] is mark):
        if mark not in stack:
            return False
        while stack.pop() is not mark:
            pass
        before = before[: before.index(mark)] if mark in before else []
    if len(stack) < len(before):
        return False
    del stack[len(stack) - len(before) :]
    stack.extend(opcode.stack_after)
    return True


def _pass_argument(file: BinaryIO, opcode: pickletools.OpcodeInfo) -> list[bytes] | None:
    """Go behind an opcode's argument and give its lines, where it has any; None: it is not whole."""
    argument = opcode.arg
    if argument is None:
        return []
    if argument.n == pickletools.UP_TO_NEWLINE:
        lines = [_line(file) for _ in range(2 if opcode.name in ("GLOBAL", "INST") else 1)]
        return lines if all(lines) else None
    width = _WIDTHS.get(argument.n)
    if width is None:
        return [] if len(file.read(argument.n)) == argument.n else None
    length = file.read(width)
    if len(length) < width or (count := int.from_bytes(length, "little")) >= 2**62:
        return None
    file.seek(count, 1)  # also behind the end: the caller sees that
    return []


def _line(file: BinaryIO) -> bytes:
    """The beginning of a line that was passed; empty where it does not end."""
    beginning = piece = file.readline(_PIECE)
    for _ in range(_LINE // _PIECE):
        if piece.endswith(b"\n"):
            return beginning
        piece = file.readline(_PIECE)
    return b""


def _is_name(line: bytes) -> bool:
    """Whether a line can name a module or something in one."""
    return all(part.isidentifier() for part in line[:200].rstrip(b"\n").decode("utf-8", "replace").split("."))
