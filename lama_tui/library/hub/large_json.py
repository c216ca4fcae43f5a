"""Reads large JSON in a thread without holding up the others.

`json.loads` is one call that keeps the interpreter to itself until it ends: 40 ms for a list of 5,000 models
here, a pause that is seen. Read item by item, other threads get their turn between two items. To let go of all that
at once takes nearly as long, so that what is not needed of an item goes before the next one comes.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

_SPACE = re.compile(r"[ \t\n\r]*")


Item = Callable[[Any], Any]


def read_json(raw: bytes, item: Item | None = None) -> Any:
    """As `json.loads`; `NaN` and its like are refused. Raises `ValueError`.

    `item` is what to keep of each item of an array at the top, or of those in an object at the top.
    """
    try:
        text = str(raw, "utf-8")
        value, at = _value(text, _after_space(text, 0), 2, item)
    except (RecursionError, IndexError) as error:  # too deep; cut off
        raise ValueError("this is no JSON that can be read") from error
    if _after_space(text, at) != len(text):
        raise ValueError("there is more behind the end")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_raw_decode = json.JSONDecoder(parse_constant=_refuse).raw_decode


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int, levels: int, item: Item | None) -> tuple[Any, int]:
    """The value at `at` and where it ends; the containers of so many levels are read here, piece by piece."""
    if levels and text[at] == "[":
        return _array(text, at, item)
    if levels and text[at] == "{":
        return _object(text, at, levels, item)
    return _raw_decode(text, at)


def _array(text: str, at: int, keep: Item | None) -> tuple[list[Any], int]:
    items: list[Any] = []
    at = _after_space(text, at + 1)
    if text[at] == "]":
        return items, at + 1
    while True:
        item, at = _raw_decode(text, at)
        items.append(item if keep is None else keep(item))
        at = _after_space(text, at)
        if text[at] == "]":
            return items, at + 1
        at = _after_comma(text, at)


def _object(text: str, at: int, levels: int, item: Item | None) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    at = _after_space(text, at + 1)
    if text[at] == "}":
        return members, at + 1
    while True:
        key, at = _raw_decode(text, at)
        at = _after_space(text, at)
        if not isinstance(key, str) or text[at] != ":":
            raise ValueError("a name is missing")
        members[key], at = _value(text, _after_space(text, at + 1), levels - 1, item)
        at = _after_space(text, at)
        if text[at] == "}":
            return members, at + 1
        at = _after_comma(text, at)


def _after_comma(text: str, at: int) -> int:
    if text[at] != ",":
        raise ValueError("a comma is missing")
    return _after_space(text, at + 1)
