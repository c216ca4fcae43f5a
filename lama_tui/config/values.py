"""Readers: each turns one value of the file, the environment or a flag into a setting.

A reader takes what TOML gives (or text, from the environment) and returns the setting's value,
or raises `ValueError` saying what is expected. The message never repeats the value: it may be
a key that was pasted into the wrong place.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from lama_tui.config.key_presets import PRESETS

Reader = Callable[[object], object]

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"": 1, "B": 1, **{f"{p}iB": 1024 ** (i + 1) for i, p in enumerate("KMGT")}}
_DECIMAL_BYTES = {f"{p}B": 1000 ** (i + 1) for i, p in enumerate("kMGT")}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def text(value: object) -> str:
    """Read a text of one line, not empty."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 4096:
        raise ValueError("a text of one line")
    return value.strip()


def texts(value: object) -> tuple[str, ...]:
    """Read a list of texts; one text has commas between several."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(p, str) and p.isprintable() and len(p) < 4096 for p in parts):
        raise ValueError('a list of texts such as ["one", "two"]')
    return tuple(part.strip() for part in parts if part.strip())


class choice:  # noqa: N801 - used as the other readers are
    """The reader of one of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, value: object) -> str:
        """Read one of the words."""
        if not isinstance(value, str) or value not in self.words:
            raise ValueError(" or ".join(f'"{word}"' for word in self.words))
        return value


def whole(low: int, high: int) -> Reader:
    """Return the reader of a whole number from `low` to `high`."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


def window(value: object) -> int:
    """Read how many tokens of KV are kept: 0 for all, else enough for a question and an answer."""
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or 256 <= value <= 2**24):
        raise ValueError("0, or a whole number of tokens from 256 to 16777216")
    return value


def kv_bits(value: object) -> int:
    """Read the bits a number of KV: those that MLX packs to."""
    if isinstance(value, bool) or value not in (0, 4, 8) or not isinstance(value, int):
        raise ValueError("0, 4 or 8")
    return value


def number(low: float, high: float) -> Reader:
    """Return the reader of a number from `low` to `high`; infinity and not-a-number never pass."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return float(value)

    return read


def switch(value: object) -> bool:
    """Read `true` or `false`; the environment may also say 1, yes, on and their opposites."""
    word = str(value).lower() if isinstance(value, str) else value
    if word is True or word in _TRUE:
        return True
    if word is False or word in _FALSE:
        return False
    raise ValueError("true or false")


def strict_switch(value: object) -> bool:
    """Read a boolean of the file, where only `true` and `false` count."""
    if not isinstance(value, bool):
        raise ValueError("true or false, without quotes")
    return value


def duration(value: object) -> float:
    """Read "90s", "10m", "2h" or "1d" as seconds."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*([smhd])", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a duration such as "90s", "10m" or "2h"')
    return float(match[1]) * SECONDS[match[2]]


def size(value: object) -> int:
    """Read "512MiB", "2GiB", "8GB" or a number of bytes as bytes."""
    match = re.fullmatch(r"(\d{1,18}(?:\.\d{1,3})?)\s*([A-Za-z]*)", str(value).strip())
    factor = (BYTES | _DECIMAL_BYTES).get(match[2]) if match else None
    if match is None or factor is None or isinstance(value, bool | float):
        raise ValueError('a size such as "512MiB" or "2GiB"')
    return int(float(match[1]) * factor) if "." in match[1] else int(match[1]) * factor


def endpoint(value: object) -> str:
    """Read the http or https address of a server, without user, password, query or fragment."""
    expected = "an address such as https://api.example.org/v1, without user, password or query"
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise ValueError(expected)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # a bad port or a broken IPv6 address
        raise ValueError(expected) from error
    if not usable or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(expected)
    return value.rstrip("/")


def variable_name(value: object) -> str:
    """Read the name of an environment variable."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", value):
        raise ValueError("the name of an environment variable, not the key itself")
    return value


def typed(reader: Reader, words: str) -> str | int | float | bool:
    """What a person typed for a setting, as the file would say it. Raises `ValueError` saying what is expected."""
    values: list[str | int | float | bool] = [words]
    for number in (int, float):
        with suppress(ValueError):
            values.append(number(words))
    if words in ("true", "false"):
        values.append(words == "true")
    for value in values:
        with suppress(ValueError):
            reader(value)
            return value
    reader(values[-1])
    raise AssertionError("a reader took at its second sight what it had refused")


def show_duration(seconds: float) -> str:
    """Write seconds as the file says them: 600 is "10m"."""
    unit = next((u for u, n in reversed(SECONDS.items()) if seconds and seconds % n == 0), "s")
    return f"{seconds / SECONDS[unit]:.12g}{unit}"


def show_size(count: int) -> str:
    """Write bytes as the file says them: 2 · 1024³ is "2GiB"."""
    unit = next((u for u, n in reversed(BYTES.items()) if count and count % n == 0), "B")
    return f"{count // BYTES[unit]}{unit}"


READERS: Mapping[str, Reader] = {
    "model": text,
    "theme": text,
    "generation.temperature": number(0, 2),
    "generation.top_p": number(0.01, 1),
    "generation.max_tokens": whole(1, 10_000_000),
    "engine.threads": whole(0, 1024),
    "engine.batch_size": whole(1, 65_536),
    "engine.parallel": whole(1, 256),
    "engine.memory_limit": number(0.05, 1),
    "engine.idle_unload": duration,
    "engine.prompt_cache_ram": size,
    "engine.prompt_cache_disk": size,
    "engine.window": window,
    "engine.kv_bits": kv_bits,
    "library.downloads": choice("always", "pause-on-battery"),
    "library.concurrent_files": whole(1, 16),
    "library.check_updates": choice("daily", "off"),
    "library.integrity": choice("weekly", "off"),
    "library.quota": size,
    "library.low_disk": size,
    "library.require_signatures": choice("never", "warn", "always"),
    "library.trusted_keys": texts,
    "library.trusted_identities": texts,
    "privacy.local_only": strict_switch,
    "privacy.wipe": strict_switch,
    "workspace.mouse": strict_switch,
    "workspace.conversations": switch,
    "workspace.monitor": choice("pane", "strip", "off"),
    "workspace.notify": choice("bell", "osc", "off"),
    "workspace.notify_after": duration,
    "keys.preset": choice(*PRESETS),
}
"""Every key with a fixed name."""

PROVIDER_READERS: Mapping[str, Reader] = {
    "kind": choice("openai", "anthropic", "ollama"),
    "endpoint": endpoint,
    "model": text,
    "max_tokens": whole(1, 10_000_000),
    "key_env": variable_name,
    "timeout_connect": number(0.1, 3600),
    "timeout_first": number(0.1, 86_400),
    "timeout_token": number(0.1, 86_400),
}
"""Every key of `[providers.NAME]`."""

ENVIRONMENT: Mapping[str, tuple[str, Reader]] = {
    "LAMA_MODEL": ("model", text),
    "LAMA_THEME": ("theme", text),
    "LAMA_LOCAL_ONLY": ("privacy.local_only", switch),
}
"""The variables that set a key. `LAMA_HOME` is read by `paths`."""
