"""Theme files: TOML to values. Turning them into the screen's themes is the UI's.

name = "lama-dark"          # the file's name without .toml
dark = true
primary = "#rrggbb"         # and the other colours of `COLOURS`
[variables]                 # further names that styles use
border = "#rrggbb"
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

_LARGEST = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A theme. Colours are "#rrggbb"; `variables` are further names for styles."""

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


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes that can be used, by name, and what is wrong with the others."""

    by_name: Mapping[str, ThemeFile]
    problems: tuple[ConfigError, ...] = ()

    def choose(self, name: str) -> tuple[ThemeFile, ConfigError | None]:
        """Return the theme called `name`, else the default theme and why it is shown instead."""
        if name in self.by_name:
            return self.by_name[name], None
        nearest = difflib.get_close_matches(name, self.by_name, 1, 0.4)
        hint = f"Did you mean `{nearest[0]}`?" if nearest else f"There are: {', '.join(self.by_name)}"
        why = f"`{DEFAULT_THEME}` is shown instead"
        return self.by_name[DEFAULT_THEME], ConfigError(f"There is no theme {name[:80]!r} that can be used", why, hint)


def load_themes(paths: Paths) -> Themes:
    """Read every theme: those of the person win over the shipped ones of the same name.

    Raises `ConfigError` when the default theme itself is missing or broken (a broken install).
    """
    shipped, damage = _read_folder(shipped_themes())
    if DEFAULT_THEME not in shipped:
        why = str(damage[0]) if damage else f"{shipped_themes() / DEFAULT_THEME}.toml is missing"
        raise ConfigError("The installation is damaged", why, "Install lama again")
    own, problems = _read_folder(paths.user_themes)
    return Themes(shipped | own, (*damage, *problems))


def _read_folder(folder: Path) -> tuple[dict[str, ThemeFile], list[ConfigError]]:
    try:
        files: Sequence[Path] = sorted(path for path in folder.glob("*.toml") if path.is_file())
    except OSError:
        files = ()
    themes: dict[str, ThemeFile] = {}
    problems: list[ConfigError] = []
    for file in files:
        try:
            themes[file.stem] = read_theme(file)
        except ConfigError as error:
            problems.append(error)
    return themes, problems


def read_theme(file: Path) -> ThemeFile:
    """Read one theme file. Raises `ConfigError` naming file and key."""
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
    for colour in COLOURS:
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", str(document.get(colour))):
            raise _problem(file, f"`{colour}` is not right", 'Expected a colour such as "#1a2b3c"')
    variables = document.get("variables", {})
    if not isinstance(variables, dict):
        raise _problem(file, "`variables` is not right", "Write it as [variables]")
    for key, value in variables.items():
        # a value becomes part of a style sheet: colours, percentages and words, nothing that ends a rule
        if not re.fullmatch(r"[a-z0-9-]{1,64}", key) or not re.fullmatch(r"[#A-Za-z0-9%. -]{1,64}", str(value)):
            raise _problem(file, f"`variables.{key}` is not right", 'Expected a text such as "#1a2b3c" or "bold"')
    return ThemeFile(
        name=document["name"],
        dark=document["dark"],
        variables={key: str(value) for key, value in variables.items()},
        **{colour: document[colour].lower() for colour in COLOURS},
    )


def _problem(file: Path, title: str, why: str) -> ConfigError:
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in title[:200])
    return ConfigError(f"{file}: {text}", why[:200], "Correct the theme, or choose another")
