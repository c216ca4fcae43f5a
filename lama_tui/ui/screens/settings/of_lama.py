"""The settings of lama: every key of `config.toml`, changed in the file with its comments kept."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from lama_tui.config.about import about
from lama_tui.config.document import Setting, as_toml, describe
from lama_tui.config.keymap import KEYMAP
from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import Settings
from lama_tui.config.values import PROVIDER_READERS, READERS, choice, strict_switch, typed
from lama_tui.errors import ConfigError, LamaError
from lama_tui.security.gate import clean_line
from lama_tui.ui.bindings import key_at
from lama_tui.ui.opening import Opening
from lama_tui.ui.screens.settings.page import SettingsPage
from lama_tui.ui.screens.settings.rows import Kind, Row

_LONGEST = 200

_SECTIONS: Mapping[str, str] = {
    "": "General",
    "generation": "Generation",
    "engine": "Engine",
    "library": "Library",
    "privacy": "Privacy",
    "workspace": "Workspace",
    "keys": "Keys",
}

_BINDINGS = {key.id: key for key in KEYMAP}

_HOW_TO_WRITE_KEYS = "Write keys as ctrl+n, f2 or j, several with commas between; nothing takes the key away."

_NO_PROVIDERS = Row(
    "providers",
    "providers",
    "none",
    "",
    "Servers that answer, in the cloud or on this machine. Add one as [providers.NAME] in config.toml.",
    "fixed",
    "Servers",
)


class SettingsScreen(SettingsPage):
    """Shows what counts and where it is from; `flags` are keys that the command line set, with their values."""

    def __init__(
        self,
        opening: Opening,
        themes: Sequence[str],
        flags: Mapping[str, str],
        edit_file: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__()
        self._edit_file = edit_file
        self._opening = opening
        self._themes = themes
        self._flags = flags

    @property
    def known(self) -> Sequence[Row]:
        """Every key, as it counts."""
        return rows_of(self._opening.loaded, self._themes, self._flags, self._opening.paths.config_file.name)

    async def find(self) -> Sequence[Row]:
        """Every key, read anew: the file may have been changed by hand."""
        await self._opening.read_settings()
        return self.known

    @property
    def problem(self) -> LamaError | None:
        """What is wrong with the file: it is not written to until it can be read."""
        problems = self._opening.problems_of_file
        if not problems:
            return None
        first = problems[0]
        more = f" {len(problems) - 1} more after that." if len(problems) > 1 else ""
        way = f"{key_at(self, 'settings.editor')} opens it in your editor."
        return ConfigError(
            first.title,
            f"{first.detail}{more}",
            f"{first.hint.rstrip('.')}{'' if first.hint.endswith('?') else '.'} {way}" if first.hint else way,
        )

    async def edit_outside(self, row: Row | None) -> None:
        """Open the file in the person's editor."""
        await self._edit_file()

    async def save(self, row: Row, text: str | None) -> None:
        """Write it to the file, or take it out of the file."""
        value = None if text is None else entered(row.id, text)
        await self._opening.change_settings({row.id: value})


def rows_of(loaded: LoadedSettings, themes: Sequence[str], flags: Mapping[str, str], file: str) -> list[Row]:
    """A row for every setting, by section. `file` is the name of the config."""
    defaults = {setting.key: setting for setting in describe(LoadedSettings(Settings()))}
    settings = [
        setting for setting in describe(loaded) if not setting.key.startswith("keys.") or setting.key == "keys.preset"
    ]
    rows = [_row(setting, defaults.get(setting.key), loaded, themes, flags, file) for setting in settings]
    servers = [row for row in rows if row.id.startswith("providers.")]
    preset = [row for row in rows if row.id == "keys.preset"]
    others = [row for row in rows if row not in servers and row not in preset]
    return [*others, *(servers or [_NO_PROVIDERS]), *preset, *(_binding(id_, loaded, file) for id_ in _BINDINGS)]


def entered(key: str, text: str) -> str | int | float | bool:
    """What was typed for a key, as the file would say it. Raises `ValueError` saying what is expected."""
    if key in READERS:
        return typed(READERS[key], text)
    if key.startswith("providers."):
        return typed(PROVIDER_READERS[key.rpartition(".")[2]], text)
    return text  # `[keys]`: what is wrong with it is found when the whole file is looked at


def _row(
    setting: Setting,
    default: Setting | None,
    loaded: LoadedSettings,
    themes: Sequence[str],
    flags: Mapping[str, str],
    file: str,
) -> Row:
    key, value = setting.key, as_toml(setting.value).strip('"')
    explained = about(key)
    notes = []
    source = _named(setting.source, file)
    if key in flags:
        value, source = clean_line(flags[key], _LONGEST), "flag"
    if source not in ("default", file):
        by = "the command line" if source == "flag" else source
        notes.append(f"This run follows {by}; what the file says is hidden by it.")
    if explained.counts == "at the next start":
        notes.append("A change counts at the next start of lama.")
    elif explained.counts == "not yet":
        notes.append("This version does not use it yet.")
    section, _, name = key.rpartition(".")
    if is_server := key.startswith("providers."):
        section = f"Server {section.partition('.')[2]}"
    kind, choices = _kind(key, themes)
    return Row(
        id=key,
        label=name,
        value=clean_line(value, _LONGEST) or "–",
        source="not set" if is_server and source == "default" else source,
        about=explained.text,
        kind=kind,
        section=section if is_server else _SECTIONS.get(section, section),
        differs=source != "default" if is_server else default is None or setting.value != default.value,
        written=value,
        choices=choices,
        resets=source != "default",
        note=" ".join(notes),
    )


def _kind(key: str, themes: Sequence[str]) -> tuple[Kind, tuple[tuple[str, str], ...]]:
    reader = PROVIDER_READERS.get(key.rpartition(".")[2]) if key.startswith("providers.") else READERS.get(key)
    if key == "theme":
        return "choice", tuple((name, name) for name in themes)
    if reader is strict_switch:
        return "switch", ()
    if isinstance(reader, choice):
        return "choice", tuple((word, word) for word in reader.words)
    return "line", ()


def _binding(id_: str, loaded: LoadedSettings, file: str) -> Row:
    key = _BINDINGS[id_]
    keys = loaded.settings.keys.get(id_, key.keys)
    return Row(
        id=f"keys.{id_}",
        label=id_,
        value=keys or "no key",
        source=_named(loaded.sources.get(f"keys.{id_}", "default"), file),
        about=f"{key.label}: {key.tooltip}. {_HOW_TO_WRITE_KEYS}",
        kind="line",
        section="Keys",
        differs=id_ in loaded.settings.keys,
        resets=_named(loaded.sources.get(f"keys.{id_}", "default"), file) == file,
        written=keys,
    )


def _named(source: str, file: str) -> str:
    """Where a value is from, in a word: files are named without their folders."""
    return file if source.endswith(f"/{file}") else clean_line(source, _LONGEST)
