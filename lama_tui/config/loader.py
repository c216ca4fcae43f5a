"""Reads the settings: defaults, then `config.toml`, then the environment, then flags.

A file with an error is not half believed: the settings are then the defaults with
`privacy.local_only` on, until it is fixed. Every problem is a value that names file and key.
"""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lama_tui.config.key_presets import KEYS_OF
from lama_tui.config.key_problems import problems_of_keys
from lama_tui.config.keymap import split_keys
from lama_tui.config.sendable import normal
from lama_tui.config.settings import (
    EngineSettings,
    GenerationSettings,
    LibrarySettings,
    PrivacySettings,
    ProviderSettings,
    Settings,
    WorkspaceSettings,
)
from lama_tui.config.values import ENVIRONMENT, PROVIDER_READERS, READERS, Reader
from lama_tui.errors import ConfigError
from lama_tui.paths import Paths

_SECTIONS = ("generation", "engine", "providers", "library", "privacy", "workspace", "keys")
_SECRET_KEY = re.compile(r"(?i)^(api[_-]?)?(key|token|secret|password)$|^bearer$|authorization")
_SECRET_VALUE = re.compile(r"(sk-|hf_|gsk_|AIza|Bearer )[\w-]{8}")
_UNTIL_FIXED = "until the problems are fixed"
_LARGEST = 1 << 20  # bytes; a config is a few kB, and a device or a mix-up is endless


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, what is wrong with them, and where each key that is not a default is from.

    `sources` maps dotted keys to the file, `LAMA_…`, "flag" or the preset that keys are of. With problems the workspace
    opens and shows them; verbs exit 1.
    """

    settings: Settings
    problems: tuple[ConfigError, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


def load_settings(
    paths: Paths,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> LoadedSettings:
    """Read the settings. `overrides` are flags by dotted key; a value of None was not given.

    Never raises: what is wrong is in `problems`.
    """
    env = os.environ if environment is None else environment
    reading = _Reading(str(paths.config_file))
    document = _read(paths.config_file, reading)
    if document is not None:
        _read_document(document, reading)
    if reading.problems:
        reading.distrust()
    distrusted = bool(reading.problems)

    for variable, (key, reader) in ENVIRONMENT.items():
        if env.get(variable, "").strip():
            reading.accept(key, reader, env[variable].strip(), variable)
    for key, value in (overrides or {}).items():
        if value is None:
            continue
        if key in READERS:
            reading.accept(key, READERS[key], value, "flag")
        else:
            reading.unknown(key, key, READERS, "flag")

    _apply_preset(reading)
    if distrusted:  # no variable and no flag takes this back
        reading.stay_local()
    return LoadedSettings(_build(reading.values), tuple(reading.problems), reading.sources)


class _Reading:
    """What was read so far: values and their sources by dotted key, and problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.problems: list[ConfigError] = []
        self.privacy_is_bad = False

    def accept(self, key: str, reader: Reader, value: object, source: str) -> None:
        """Read one value; a bad one is a problem, and the strict value where it is `[privacy]`."""
        if isinstance(value, str) and _SECRET_VALUE.match(value):
            return self.secret(key, source)
        try:
            self.values[key] = reader(value)
            self.sources[key] = source
        except ValueError as error:
            self.problem(f"`{key}` is not right", f"Expected {error}", f"Correct `{key}`", source)
            if key.startswith("privacy."):
                self.values[key] = True

    def unknown(self, key: str, name: str, known: Iterable[str], source: str) -> None:
        """Report a key that does not exist; `name` is compared with `known`."""
        if _SECRET_KEY.search(name):
            return self.secret(key, source)
        nearest = difflib.get_close_matches(name, list(known), 1, 0.5)
        hint = f"Did you mean `{nearest[0]}`?" if nearest else f"Known here: {', '.join(known)}"
        self.problem(f"`{key}` is not a setting", "", hint, source)

    def secret(self, key: str, source: str) -> None:
        """Report an API key where none belongs, without repeating it."""
        why = "Keys never go in this file: it is copied, shared and shown"
        hint = "Remove it, and name an environment variable that holds the key with `key_env`"
        self.problem(f"`{key}` looks like an API key", why, hint, source)

    def problem(self, title: str, detail: str, hint: str, source: str) -> None:
        """Note a problem, naming where it is; printable and of one line each."""
        where = "command line" if source == "flag" else source
        self.problems.append(ConfigError(f"{where}: {_printable(title)}", _printable(detail), hint))

    def distrust(self) -> None:
        """Forget what the file said, and stay on this machine."""
        wipe = self.privacy_is_bad or self.values.get("privacy.wipe", False)
        self.values = {"privacy.wipe": wipe}
        self.sources = {"privacy.wipe": _UNTIL_FIXED} if wipe else {}
        self.stay_local()

    def stay_local(self) -> None:
        """Turn `local_only` on, whatever else was said."""
        self.values["privacy.local_only"] = True
        self.sources["privacy.local_only"] = _UNTIL_FIXED


def _read(file: Path, reading: _Reading) -> dict[str, Any] | None:
    """Return the file's document, None when there is none or it cannot be read."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise OSError("It is not a file")
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = error.strerror or str(error)
        reading.problem("the config cannot be read", why, "Check the file's owner and permissions", reading.file)
        return None
    return _parse(data, reading)


def problems_of_text(text: str, file: str) -> tuple[ConfigError, ...]:
    """What would be wrong with a `config.toml` that said `text`; problems name it `file`."""
    reading = _Reading(file)
    document = _parse(text.encode("utf-8", "surrogatepass"), reading)
    if document is not None:
        _read_document(document, reading)
    return tuple(reading.problems)


def _parse(data: bytes, reading: _Reading) -> dict[str, Any] | None:
    """Return the document that `data` says, None where it says none."""
    try:
        if len(data) > _LARGEST:
            raise ValueError("it is larger than 1 MiB")
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        reading.problem("the config cannot be read", "It is not UTF-8 text", "Save it as UTF-8", reading.file)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError with the line in its text
        reading.problem("the config is not valid TOML", _first_line(error), "Correct that line", reading.file)
    return None


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:200])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["nested too deeply"])[0][:200]


def _read_document(document: Mapping[str, Any], reading: _Reading) -> None:
    """Read every key of the file into `reading`."""
    top = [key for key in READERS if "." not in key]
    for name, value in document.items():
        if name in top:
            reading.accept(name, READERS[name], value, reading.file)
        elif name not in _SECTIONS:
            reading.unknown(name, name, [*top, *_SECTIONS], reading.file)
        elif not isinstance(value, dict):
            reading.problem(f"`{name}` is not right", "Expected a section", f"Write it as [{name}]", reading.file)
            reading.privacy_is_bad |= name == "privacy"
        elif name == "providers":
            for provider, table in value.items():
                _read_provider(provider, table, reading)
        elif name == "keys":
            _read_keys(value, reading)
        else:
            _read_section(name, value, reading)


def _read_section(section: str, table: Mapping[str, Any], reading: _Reading) -> None:
    known = {key.partition(".")[2]: reader for key, reader in READERS.items() if key.startswith(f"{section}.")}
    before = len(reading.problems)
    _read_table(section, table, known, reading)
    reading.privacy_is_bad |= section == "privacy" and len(reading.problems) > before


def _read_table(prefix: str, table: Mapping[str, Any], known: Mapping[str, Reader], reading: _Reading) -> None:
    for name, value in table.items():
        if name in known:
            reading.accept(f"{prefix}.{name}", known[name], value, reading.file)
        else:
            reading.unknown(f"{prefix}.{name}", name, known, reading.file)


def _read_provider(name: str, table: object, reading: _Reading) -> None:
    prefix = f"providers.{name}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) or name in ("local", "guide"):
        why = "A provider's name has letters, digits, - and _, and is neither `local` nor `guide`"
        reading.problem(f"`{prefix}` cannot be used", why, "Choose another name", reading.file)
    elif not isinstance(table, dict):
        reading.problem(f"`{prefix}` is not right", "Expected a section", f"Write it as [{prefix}]", reading.file)
    else:
        _read_table(prefix, table, PROVIDER_READERS, reading)
        for required in ("kind", "endpoint"):
            if required not in table:
                hint = f"Add `{required}` to [{prefix}]"
                reading.problem(f"`{prefix}.{required}` is missing", "", hint, reading.file)


def _read_keys(table: Mapping[str, Any], reading: _Reading) -> None:
    texts: dict[str, str] = {}
    # an id has a dot in it, so TOML reads `help.open = "f2"` without quotes as a table in a table
    for name, value in _flatten(table):
        if name == "preset":
            reading.accept("keys.preset", READERS["keys.preset"], value, reading.file)
        elif isinstance(value, str) and _SECRET_VALUE.match(value):
            reading.secret(f"keys.{name}", reading.file)
        elif isinstance(value, str):
            texts[name] = value
        else:
            why = 'Expected keys as a text, such as "ctrl+n,f2"'
            reading.problem(f"`keys.{name}` is not right", why, f"Correct `keys.{name}`", reading.file)
    preset = KEYS_OF[reading.values.get("keys.preset", "default")]
    for name, why, hint in problems_of_keys(texts, preset):
        reading.problem(f"`keys.{name}` cannot be used", why, hint, reading.file)
    # as the terminal's keys are named, or they would never be found: `ctrl+]`, `shift+g`
    reading.values.update({f"keys.{name}": ",".join(map(normal, split_keys(keys))) for name, keys in texts.items()})
    reading.sources.update({f"keys.{name}": reading.file for name in texts})


def _apply_preset(reading: _Reading) -> None:
    """Put the preset's keys under those of the person."""
    preset = reading.values.get("keys.preset", "default")
    for name, keys in KEYS_OF[preset].items():
        if f"keys.{name}" not in reading.values:
            reading.values[f"keys.{name}"] = keys
            reading.sources[f"keys.{name}"] = f"preset {preset}"


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _build(values: Mapping[str, Any]) -> Settings:
    """Make the settings of values by dotted key; what is missing is a default."""

    def section(name: str) -> dict[str, Any]:
        return {key[len(name) + 1 :]: value for key, value in values.items() if key.startswith(f"{name}.")}

    providers: dict[str, dict[str, Any]] = {}
    for key, value in section("providers").items():
        name, _, setting = key.partition(".")
        providers.setdefault(name, {})[setting] = value
    keys = section("keys")
    preset = keys.pop("preset", "default")
    return Settings(
        **{key: value for key, value in values.items() if "." not in key},
        generation=GenerationSettings(**section("generation")),
        engine=EngineSettings(**section("engine")),
        providers={name: ProviderSettings(**settings) for name, settings in providers.items()},
        library=LibrarySettings(**section("library")),
        privacy=PrivacySettings(**section("privacy")),
        workspace=WorkspaceSettings(**section("workspace")),
        key_preset=preset,
        keys=keys,
    )
