"""Theme files: TOML to values. Turning them into the screen's themes is the UI's.

name = "lama-dark"          # the file's name without .toml
dark = true
primary = "#rrggbb"         # and the other colours of `COLOURS`
[variables]                 # colours of single places, derived from those above where they are not here
border = "#rrggbb"

A theme of the terminal's own colours says `ansi_red`, `ansi_bright_blue`, `ansi_default`… for all of them.
"""

import contextlib
import difflib
import os
import re
import tomllib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lama_tui.errors import ConfigError
from lama_tui.paths import Paths, shipped_themes

DEFAULT_THEME = "lama-dark"

COLOURS = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "success",
    "warning",
    "error",
)

_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
TERMINAL_COLOURS = ("ansi_default", *(f"ansi_{name}" for name in _NAMES), *(f"ansi_bright_{name}" for name in _NAMES))
"""The sixteen that every terminal has, as its owner set them, and what it writes with by default."""

_STYLES = ("bold", "dim", "italic", "underline", "reverse", "none")

_LARGEST = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A theme. Colours are "#rrggbb", or all of them are of `TERMINAL_COLOURS`.

    `variables` has every name of `_derived`: what the file does not say was derived.
    """

    name: str
    dark: bool
    primary: str
    secondary: str
    accent: str
    foreground: str
    background: str
    surface: str
    panel: str
    success: str
    warning: str
    error: str
    variables: Mapping[str, str]

    @property
    def ansi(self) -> bool:
        """Whether it uses the terminal's own colours."""
        return is_terminal_colour(self.background)


def is_terminal_colour(colour: str) -> bool:
    """Whether this is one of the terminal's own, not of a theme's choosing."""
    return colour in TERMINAL_COLOURS


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes that can be used, by name, and what is wrong with the others, by the name of their files."""

    by_name: Mapping[str, ThemeFile]
    broken: Mapping[str, ConfigError] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[ConfigError, ...]:
        """What is wrong."""
        return tuple(self.broken.values())

    def choose(self, name: str) -> tuple[ThemeFile, ConfigError | None]:
        """Return the theme called `name`, else the default theme and why it is shown instead."""
        if name in self.by_name:
            return self.by_name[name], None
        nearest = difflib.get_close_matches(name, self.by_name, 1, 0.4)
        hint = f"Did you mean `{nearest[0]}`?" if nearest else f"There are: {', '.join(self.by_name)}"
        why = f"`{DEFAULT_THEME}` is shown instead"
        return self.by_name[DEFAULT_THEME], ConfigError(f"There is no theme {name[:80]!r} that can be used", why, hint)


def load_themes(paths: Paths, wanted: str | None = None) -> Themes:
    """Read every theme: those of the person win over the shipped ones of the same name. Where one is `wanted`, of the
    shipped ones only that and the default one are read, as long as there is one of that name.

    Raises `ConfigError` when the default theme itself is missing or broken (a broken install).
    """
    own, problems = _read_folder(paths.user_themes)
    few = {DEFAULT_THEME} if wanted in own else {DEFAULT_THEME, wanted}
    shipped, damage = read_shipped(few if wanted is not None else None)
    if wanted is not None and wanted not in shipped and wanted not in own:
        shipped, damage = read_shipped()
    if DEFAULT_THEME not in shipped:
        why = str(damage.get(DEFAULT_THEME) or f"{shipped_themes() / DEFAULT_THEME}.toml is missing")
        raise ConfigError("The installation is damaged", why, "Install lama again")
    return Themes(shipped | own, damage | problems)


def read_shipped(only: Container[str | None] | None = None) -> tuple[dict[str, ThemeFile], dict[str, ConfigError]]:
    """The shipped themes by name, all or `only` those, and what is wrong with them: nothing, in a whole install."""
    return _read_folder(shipped_themes(), only)


def signature(paths: Paths) -> tuple[tuple[str, int, int, int], ...]:
    """What changes whenever one of the person's theme files does: cheap, but it asks the disk."""
    found = []
    with contextlib.suppress(OSError), os.scandir(paths.user_themes) as entries:
        for entry in entries:
            if entry.name.endswith(".toml"):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    found.append((entry.name, status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(sorted(found))


def _read_folder(
    folder: Path, only: Container[str | None] | None = None
) -> tuple[dict[str, ThemeFile], dict[str, ConfigError]]:
    try:
        files: Sequence[Path] = sorted(
            path for path in folder.glob("*.toml") if (only is None or path.stem in only) and path.is_file()
        )
    except OSError:
        files = ()
    themes: dict[str, ThemeFile] = {}
    problems: dict[str, ConfigError] = {}
    for file in files:
        try:
            themes[file.stem] = read_theme(file)
        except ConfigError as error:
            problems[file.stem] = error
    return themes, problems


def read_theme(file: Path) -> ThemeFile:
    """Read one theme file. Raises `ConfigError` naming file and key."""
    if not re.fullmatch(r"[\w-]{1,64}", file.stem):
        why = "Call the file by letters, digits, - and _, at most 64 of them"
        raise _problem(file, "the file's name cannot be a theme's", why)
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ValueError("it is larger than 64 kiB")
        document = tomllib.loads(data.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = (str(error).splitlines() or ["nested too deeply"])[0]
        raise _problem(file, "the theme cannot be read", why) from error
    return _theme(file, document)


def _theme(file: Path, document: Mapping[str, Any]) -> ThemeFile:
    known = ("name", "dark", *COLOURS, "variables")
    for key in document:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, 1, 0.5)
            why = f"Did you mean `{nearest[0]}`?" if nearest else f"Known here: {', '.join(known)}"
            raise _problem(file, f"`{key}` is not part of a theme", why)
    if document.get("name") != file.stem:
        raise _problem(file, "`name` is not right", f'Expected "{file.stem}", as the file is called')
    if not isinstance(document.get("dark"), bool):
        raise _problem(file, "`dark` is not right", "Expected true or false")
    ansi = document.get("background") in TERMINAL_COLOURS
    colours = {name: _colour(file, name, document.get(name), ansi) for name in COLOURS}
    derived = _derived(colours, ansi)
    own = document.get("variables", {})
    if not isinstance(own, dict):
        raise _problem(file, "`variables` is not right", "Write it as [variables]")
    for key, value in own.items():
        if key not in derived:
            nearest = difflib.get_close_matches(key, derived, 1, 0.5)
            why = f"Did you mean `{nearest[0]}`?" if nearest else f"Known here: {', '.join(derived)}"
            raise _problem(file, f"`variables.{key}` is not part of a theme", why)
        read = _style if key.endswith("-text-style") else partial(_colour, ansi=ansi)
        derived[key] = read(file, f"variables.{key}", value)
    return ThemeFile(name=file.stem, dark=document["dark"], variables=derived, **colours)


def _colour(file: Path, key: str, value: object, ansi: bool) -> str:
    if isinstance(value, str) and (value in TERMINAL_COLOURS if ansi else re.fullmatch("#[0-9A-Fa-f]{6}", value)):
        return value.lower()
    if ansi:
        expected = 'Expected one of the terminal\'s own, as `background` is, such as "ansi_blue" or "ansi_default"'
    else:
        expected = 'Expected a colour such as "#1a2b3c"'
    raise _problem(file, f"`{key}` is not right", expected)


def _style(file: Path, key: str, value: object) -> str:
    if isinstance(value, str) and value.split() and set(value.split()) <= set(_STYLES):
        return value
    raise _problem(file, f"`{key}` is not right", f"Expected some of: {', '.join(_STYLES)}")


def _derived(colours: Mapping[str, str], ansi: bool) -> dict[str, str]:
    """The variables that follow from the colours. What a terminal's own colours are nobody knows: there a
    highlight is black on cyan, and what stands back is `ansi_bright_black`, which is drawn faint."""
    foreground, background, primary = (colours[name] for name in ("foreground", "background", "primary"))

    def mix(one: str, other: str, share: float) -> str:
        return "ansi_bright_black" if ansi else _mix(one, other, share)

    muted = mix(foreground, background, 0.3)
    border = mix(foreground, background, 0.8)
    selected = "ansi_default" if ansi else _mix(primary, background, 0.75)
    return {
        "foreground-muted": muted,
        "foreground-disabled": mix(foreground, background, 0.5),
        "border": primary,
        "border-blurred": border,
        "block-cursor-background": "ansi_cyan" if ansi else primary,
        "block-cursor-foreground": "ansi_black" if ansi else background,
        "block-cursor-text-style": "none" if ansi else "bold",  # bold black is grey in some terminals
        "block-cursor-blurred-background": "ansi_default" if ansi else colours["panel"],
        "block-cursor-blurred-foreground": foreground,
        "block-cursor-blurred-text-style": "underline" if ansi else "none",
        "block-hover-background": "ansi_default" if ansi else colours["panel"],
        "input-cursor-background": "ansi_default" if ansi else primary,
        "input-cursor-foreground": "ansi_default" if ansi else background,
        "input-selection-background": "ansi_cyan" if ansi else selected,
        "input-selection-foreground": "ansi_black" if ansi else foreground,
        "screen-selection-background": "ansi_cyan" if ansi else selected,
        "screen-selection-foreground": "ansi_black" if ansi else foreground,
        "scrollbar": "ansi_bright_black" if ansi else border,
        "scrollbar-hover": muted,
        "scrollbar-active": primary,
        "scrollbar-background": background,
        "scrollbar-background-hover": background,
        "scrollbar-background-active": background,
        "scrollbar-corner-color": background,
        "link-color": colours["secondary"],
    }


def _mix(one: str, other: str, share: float) -> str:
    """`share` of the way from one "#rrggbb" to another."""
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _problem(file: Path, title: str, why: str) -> ConfigError:
    """What is wrong with a file. The title has its name only: a path would leave room for nothing else."""
    return ConfigError(
        _printable(f"{file.name}: {title[:200]}"), why[:200], _printable(f"Correct {file}, or choose another")
    )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
