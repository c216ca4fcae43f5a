"""The settings as a listing, for `lama config show`."""

from dataclasses import fields, is_dataclass
from typing import NamedTuple

from lama_tui.config.loader import LoadedSettings
from lama_tui.config.values import READERS, duration, show_duration, show_size, size

_IN_THE_FILE = {"key_preset": "keys.preset"}


class Setting(NamedTuple):
    """One key: its dotted name, its value as the file would say it, and where that is from."""

    key: str
    value: str | int | float | bool | None
    source: str


def describe(loaded: LoadedSettings) -> list[Setting]:
    """Return every setting in the order of the file; `source` is "default" where nothing set it."""
    return [
        Setting(key, _as_written(key, value), loaded.sources.get(key, "default"))
        for name, value in _flatten(loaded.settings, "")
        for key in [_IN_THE_FILE.get(name, name)]
    ]


def _flatten(value: object, prefix: str) -> list[tuple[str, object]]:
    if is_dataclass(value):
        entries = [(f.name, getattr(value, f.name)) for f in fields(value)]
    elif isinstance(value, dict):
        entries = sorted(value.items())
    else:
        return [(prefix, value)]
    return [pair for name, inner in entries for pair in _flatten(inner, f"{prefix}.{name}" if prefix else name)]


def as_toml(value: str | int | float | bool | None) -> str:
    """A value as the file would say it; empty for None."""
    if value is None:
        return ""
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _as_written(key: str, value: object) -> str | int | float | bool | None:
    if isinstance(value, int | float) and READERS.get(key) is duration:
        return show_duration(value)
    if isinstance(value, int) and READERS.get(key) is size:
        return show_size(value)
    if isinstance(value, tuple):
        return ", ".join(value)
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
