"""Changes single keys of `config.toml`; comments, order and everything else in it stay as they are."""

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lama_tui.config.loader import problems_of_text
from lama_tui.errors import ConfigError
from lama_tui.paths import make_private

_UNWRITABLE = "Make its folder writable, or set LAMA_HOME to one that is"
_HINTS = {
    errno.ENOSPC: "Free some space; what it said before is still there",
    errno.EDQUOT: "Free some space; what it said before is still there",
    errno.EROFS: _UNWRITABLE,
    errno.EACCES: _UNWRITABLE,
    errno.EPERM: _UNWRITABLE,
}


def set_values(file: Path, values: Mapping[str, str | float | bool | None]) -> None:
    """Write values by dotted key (`generation.temperature`, `keys.help.open`); None takes a key out.

    The file is replaced whole, so that a crash or a full disk leaves the old one; a link stays a link.
    Blocks: call it off the event loop. Raises `ConfigError` where the file could not be used afterwards, also
    for what was wrong with it before: then nothing is written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    target = Path(os.path.realpath(file))
    try:
        before = target.read_text(encoding="utf-8") if target.exists() else ""
        document = tomlkit.parse(before)
        for key, value in values.items():
            _set(document, *_place(key), value)
        text = tomlkit.dumps(document)
        if problems := problems_of_text(text, file.name):
            first = problems[0]
            why = f"{first.title}. {first.detail}" if first.detail else first.title
            raise ConfigError("The setting was not saved", why, first.hint)
        if text != before:
            _replace(target, text)
    except OSError as error:
        why = f"{file.name}: {error.strerror or error}"
        raise ConfigError("The setting was not saved", why, _HINTS.get(error.errno or 0, f"Look at {file}")) from error
    except (ValueError, TOMLKitError, TypeError) as error:
        why = (str(error).splitlines() or ["It cannot be read"])[0][:200]
        raise ConfigError("The setting was not saved", f"{file.name}: {why}", f"Look at {file}") from error


def _place(key: str) -> tuple[list[str], str]:
    """The tables above a key and its name in the last: the ids of `[keys]` have dots of their own."""
    if key.startswith("keys."):
        return ["keys"], key.removeprefix("keys.")
    *tables, name = key.split(".")
    return tables, name


def _set(document: Any, tables: list[str], name: str, value: str | float | bool | None) -> None:
    import tomlkit

    table = document
    if tables == ["keys"] and (nested := _nested(document.get("keys"), name)) is not None:
        table, tables, name = *nested, name.rpartition(".")[2]
    for step in tables:
        if step not in table:
            if value is None:
                return
            table[step] = tomlkit.table()
        table = table[step]
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value


def _nested(table: Any, name: str) -> tuple[Any, list[str]] | None:
    """Where `help.open` stands in a `[keys]` that has it without quotes, as a table in a table; None: it does not."""
    *steps, last = name.split(".")
    for step in steps:
        table = table.get(step) if isinstance(table, Mapping) else None
    return (table, []) if isinstance(table, Mapping) and last in table else None


def _replace(file: Path, text: str) -> None:
    """Put `text` in the place of the file, on disk before it has its name."""
    make_private(file.parent)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".config-")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
