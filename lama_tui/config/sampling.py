"""What may be chosen of how tokens are chosen: the ranges, for conversations and for `lama run` alike."""

from collections.abc import Mapping

from lama_tui.config.values import Reader, number, whole

_MOST_STOPS, _LONGEST_STOP = 16, 200
_STOPS = f"1 to {_MOST_STOPS} texts of at most {_LONGEST_STOP} characters, none of them empty"


def stops(value: object) -> tuple[str, ...]:
    r"""Read stop sequences: a list, or a text with one on each line, where `\n`, `\t` and `\\` mean what they mean."""
    if isinstance(value, str):
        value = [_unescaped(line) for line in value.splitlines()]
    if not isinstance(value, list | tuple) or not all(isinstance(stop, str) for stop in value):
        raise ValueError(_STOPS)
    found = tuple(dict.fromkeys(value))
    if not 0 < len(found) <= _MOST_STOPS or not all(0 < len(stop) <= _LONGEST_STOP for stop in found):
        raise ValueError(_STOPS)
    return found


def stops_written(found: tuple[str, ...]) -> str:
    """The text that `stops` reads as these."""
    escapes = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})
    return "\n".join(stop.translate(escapes) for stop in found)


def _unescaped(line: str) -> str:
    meant = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    out, letters = [], iter(line)
    for letter in letters:
        following = next(letters, "") if letter == "\\" else None
        out.append(letter if following is None else meant.get(following, "\\" + following))
    return "".join(out)


SAMPLING: Mapping[str, Reader] = {
    "temperature": number(0, 2),
    "top_p": number(0.01, 1),
    "top_k": whole(0, 1_000_000),
    "min_p": number(0, 1),
    "repetition_penalty": number(1, 2),
    "seed": whole(0, 2**63 - 1),
    "max_tokens": whole(1, 10_000_000),
    "stop": stops,
}
"""The reader of each value that is chosen."""
