"""One model of the hub's JSON as a value. What is missing or not what it should be is unknown, and nothing raises."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lama_tui.library.hub.client import is_repo
from lama_tui.library.hub.values import HubModel

_WIDTHS = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("BF16", "F16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
_PLAIN_BITS = {"F64": 64, "F32": 32, "BF16": 16, "F16": 16}
_BITS_OF_TAG = re.compile(r"(\d{1,2})-bit")
_BITS_OF_NAME = re.compile(r"(?:^|[-_.])(?:(\d{1,2})[-_]?bits?|[iI]?[qQ](\d)(?:[-_][^/]*)?)(?=[-_.]|$)")
_GROUP = 64  # values that share a scale where the model does not say otherwise
_LARGEST_GROUP = 128
_MOST = 2**53
_TAGS = 200
_TEXT = 200  # characters


def model_of(raw: object) -> HubModel | None:
    """Read one entry of a listing or the answer about one model; None where it is none."""
    if not isinstance(raw, dict) or not isinstance(repo := raw.get("id"), str) or not is_repo(repo):
        return None
    tags = tuple(texts(raw.get("tags")))
    form = _format(tags, raw)
    types = _types(raw)
    bits = _bits(repo, tags, raw, types) if form != "gguf" else None
    return HubModel(
        repo=repo,
        commit=commit_of(raw.get("sha")),
        downloads=count(raw.get("downloads")),
        likes=count(raw.get("likes")),
        modified=_time(raw.get("lastModified")),
        gated=raw.get("gated") not in (False, None),
        private=raw.get("private") is True,
        tags=tags,
        params=count(part(raw, "gguf").get("total")) if form == "gguf" else _params(types, bits, raw),
        bits=bits,
        size=_size(types, bits, raw) if form != "gguf" else None,
        format=form,
        license=_license(tags, raw),
    )


def count(value: object) -> int | None:
    """A whole number from nothing up that a file or a counter can have."""
    return value if type(value) is int and 0 <= value < _MOST else None


def text(value: object) -> str | None:
    """A short text."""
    return value[:_TEXT] if isinstance(value, str) and value else None


def texts(values: object) -> Iterable[str]:
    """The short texts in a list."""
    return [value[:_TEXT] for value in values[:_TAGS] if isinstance(value, str)] if isinstance(values, list) else []


def commit_of(value: object) -> str | None:
    """A commit: hexadecimal digits, so it can be part of a path."""
    return value if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{7,64}", value) else None


def part(raw: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The table inside of tables, empty where it is not there."""
    for name in names:
        raw = raw[name] if isinstance(raw.get(name), dict) else {}
    return raw


def width_of(raw: Mapping[str, Any]) -> int | None:
    """Bytes of a number of the type that most weights have which are not packed."""
    types = {kind: number for kind, number in _types(raw).items() if kind in ("F32", "F16", "BF16")}
    return _WIDTHS[max(types, key=lambda kind: types[kind])] if types else None


def _format(tags: tuple[str, ...], raw: Mapping[str, Any]) -> str | None:
    library = raw.get("library_name")
    if "mlx" in tags or library == "mlx":
        return "mlx"
    if "gguf" in tags or library == "gguf" or part(raw, "gguf"):
        return "gguf"
    return "safetensors" if "safetensors" in tags else None


def _types(raw: Mapping[str, Any]) -> Mapping[str, int]:
    """How many numbers of each type its safetensors files hold."""
    told = part(raw, "safetensors", "parameters")
    return {kind: found for kind, value in list(told.items())[:50] if (found := count(value)) is not None}


def _bits(repo: str, tags: tuple[str, ...], raw: Mapping[str, Any], types: Mapping[str, int]) -> int | None:
    """Bits a weight: what its config says, the hub's tag, the type of its numbers; its name at last."""
    for key in ("quantization_config", "quantization"):
        if (bits := _sensible(part(raw, "config", key).get("bits"))) is not None:
            return bits
    for tag in tags:
        if (match := _BITS_OF_TAG.fullmatch(tag)) and (bits := _sensible(int(match[1]))):
            return bits
    if types and (most := max(types, key=lambda kind: types[kind])) in _PLAIN_BITS:
        return _PLAIN_BITS[most]
    match = _BITS_OF_NAME.search(repo.rpartition("/")[2])
    return _sensible(int(match[1] or match[2])) if match else None


def _sensible(bits: object) -> int | None:
    return bits if type(bits) is int and 1 <= bits <= 64 else None


def _params(types: Mapping[str, int], bits: int | None, raw: Mapping[str, Any]) -> int | None:
    """Parameters: of packed ones their values, without a scale and a bias for each group of them."""
    total = sum(types.values()) or None
    packed = _packed(types, bits, raw)
    if packed is None or total is None:
        return total
    words, values = packed
    return values + max(0, total - types["U32"] - (2 * values // _group(raw) if words else 0))


def _size(types: Mapping[str, int], bits: int | None, raw: Mapping[str, Any]) -> int | None:
    """Bytes of its weights, from how many numbers of which types they are."""
    if not types or any(kind not in _WIDTHS for kind in types):
        return None
    packed = _packed(types, bits, raw)
    if packed is None or packed[0] or bits is None:
        return _stored(types) or None
    return _stored_as_values(types, bits, raw)


def _packed(types: Mapping[str, int], bits: int | None, raw: Mapping[str, Any]) -> tuple[bool, int] | None:
    """Of quantized weights, whether they are counted as words of 32 bits, and their values; None: none are packed.

    The hub counted words, with scales and biases among the other numbers, until August 2026, and counts the values
    alone since (https://github.com/huggingface/huggingface.js/pull/2415). Told apart by the bytes that the repo
    takes; where those say nothing, by whether there are enough other numbers for scales and biases.
    """
    counted = types.get("U32", 0)
    if not counted or bits is None or bits >= 32:
        return None
    room = (count(raw.get("usedStorage")) or 0) * 1.1
    if _stored(types) <= room:
        words = True
    elif _stored_as_values(types, bits, raw) <= room:
        words = False
    else:
        words = sum(types.values()) - counted >= 2 * (counted * 32 // bits) // _LARGEST_GROUP
    return words, counted * 32 // bits if words else counted


def _stored(types: Mapping[str, int]) -> int:
    """Bytes of so many numbers of each type."""
    return sum(_WIDTHS.get(kind, 1) * number for kind, number in types.items())


def _stored_as_values(types: Mapping[str, int], bits: int, raw: Mapping[str, Any]) -> int:
    """The same where U32 counts values: with a scale and a bias of 16 bits for each group of them."""
    values = types["U32"]
    return _stored(types) - 4 * values + values * bits // 8 + 4 * values // _group(raw)


def _group(raw: Mapping[str, Any]) -> int:
    """Values that share a scale."""
    config = part(raw, "config")
    return count((part(config, "quantization") or part(config, "quantization_config")).get("group_size")) or _GROUP


def _license(tags: tuple[str, ...], raw: Mapping[str, Any]) -> str | None:
    said = text(part(raw, "cardData").get("license"))
    said = said or next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None)
    return text(part(raw, "cardData").get("license_name")) or said if said == "other" else said


def _time(value: object) -> int | None:
    """UTC milliseconds of a time like `2026-01-02T03:04:05.000Z`."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        when = datetime.fromisoformat(value)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0, int(when.timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return None
