"""What `lama doctor` looks at, one function a check. None of them sends anything off this machine."""

import os
import platform
import sys
from concurrent.futures import TimeoutError as Expired
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from lama_tui.cli.output import home_as_tilde
from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import ProviderSettings
from lama_tui.engine.device import advice
from lama_tui.engine.fit import HEADROOM
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.installed import installed_models
from lama_tui.paths import Paths
from lama_tui.security.credentials import key_store
from lama_tui.security.hanging import begin
from lama_tui.types import GUIDE
from lama_tui.ui.figures import size

Status = Literal["ok", "warning", "problem"]

_GIB = 1024**3
_FULL = 1024**2  # bytes; too little for a database to work in
_PACKAGES = ("textual", "aiosqlite", "httpx", "huggingface-hub", "keyring", "psutil", "transformers")
_KEYRING_SECONDS = 2.0  # a key store without its daemon can hang for ever


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found. `id` is stable; `hint` says what to do, empty where nothing is."""

    id: str
    status: Status
    value: str
    hint: str = ""


def check_platform() -> Check:
    """The system, and whether models can run on it."""
    value = f"{platform.system()} {platform.release()} {platform.machine()}"
    if sys.platform == "darwin":
        value = f"macOS {platform.mac_ver()[0]} {platform.machine()}"
    if sys.platform == "linux" or (sys.platform == "darwin" and platform.machine() == "arm64"):
        return Check("platform", "ok", value)
    return Check("platform", "warning", value, advice())


def check_python() -> Check:
    """The interpreter that runs this."""
    return Check("python", "ok", f"{platform.python_version()} at {home_as_tilde(sys.executable)}")


def check_packages() -> Check:
    """The libraries that lama stands on."""
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            # it comes with mlx-lm, which some platforms do not have
            if name != "transformers":
                missing.append(name)
    if missing:
        hint = f"Install them: {pip()} install {' '.join(missing)}"
        return Check("packages", "problem", f"missing: {', '.join(missing)}", hint)
    return Check("packages", "ok", ", ".join(found))


def check_memory() -> Check:
    """What is free now, because weights must stay in memory."""
    import psutil

    memory = psutil.virtual_memory()
    value = f"{size(memory.available)} of {size(memory.total)} free"
    if memory.available < 2 * HEADROOM:
        return Check("memory", "warning", value, "Only very small models fit; close something or choose a server")
    return Check("memory", "ok", f"{value}: models up to {size(memory.available - HEADROOM)} fit")


async def check_models(paths: Paths) -> Check:
    """The models on this machine, and those among them that cannot be used."""
    models = await installed_models(paths)
    guide = next((model for model in models if model.ref == GUIDE), None)
    usable = [model for model in models if model.usable and model.ref != GUIDE]
    unusable = [model for model in models if not model.usable and model.ref != GUIDE]
    value = f"the guide and {len(usable)} more"
    if guide is None or not guide.usable:
        why = guide.problem if guide else "it is missing"
        return Check("models", "problem", f"the guide cannot be used: {why}", "Install lama again")
    if unusable:
        names = ", ".join(model.ref for model in unusable[:3]) + (" …" if len(unusable) > 3 else "")
        return Check("models", "warning", f"{value}; not usable: {names}", "`lama ls` says why")
    return Check("models", "ok", value)


def check_data_folder(paths: Paths) -> Check:
    """Where conversations are kept, and how much room is left there."""
    return _folder("data_folder", paths.data, needed=_GIB, set_by="LAMA_HOME")


def check_hub_folder() -> Check:
    """Where models are kept."""
    return _folder("hub_folder", hub_cache_folder(), needed=10 * _GIB, set_by="HF_HOME")


def _folder(id_: str, folder: Path, needed: int, set_by: str) -> Check:
    """A folder that is there or will be made: whether one can write in it, and how much."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize
    value = f"{home_as_tilde(folder)}, {size(free)} free"
    if disk.f_flag & os.ST_RDONLY:
        hint = f"Nothing can be made writable there: set {set_by} to a folder on another disk"
        return Check(id_, "problem", f"{value}, on a disk that is mounted read-only", hint)
    if not there.is_dir():
        hint = f"Move that file away, or set {set_by} to another folder"
        return Check(id_, "problem", f"{value}, but {home_as_tilde(there)} is a file", hint)
    if not os.access(there, os.W_OK | os.X_OK):
        missing = "" if there == folder else ", which has to be made there,"
        hint = f"`chmod u+wx {home_as_tilde(there)}` if it is yours, else set {set_by} to a folder that is"
        return Check(
            id_, "problem", f"{home_as_tilde(folder)}{missing} cannot be written: {home_as_tilde(there)}", hint
        )
    if free < _FULL:
        return Check(
            id_, "problem", f"{value}: the disk is full", f"Free some space, or set {set_by} to another folder"
        )
    if free < needed:
        return Check(id_, "warning", value, f"Less than {size(needed)}: free some space, or set {set_by}")
    return Check(id_, "ok", value)


async def check_database(paths: Paths) -> Check:
    """Reads the whole database, changes nothing."""
    if not paths.database.exists():
        return Check("database", "ok", "none yet: the first conversation makes it")
    from lama_tui.store.checks import quick_check, schema_check

    await schema_check(paths.database)
    await quick_check(paths.database)
    return Check(
        "database", "ok", f"{home_as_tilde(paths.database)}, {size(paths.database.stat().st_size)}, not damaged"
    )


def check_config(paths: Paths, loaded: LoadedSettings) -> Check:
    """The settings; until they can be read nothing leaves this machine."""
    if loaded.problems:
        first = loaded.problems[0]
        value = "; ".join(f"{problem.title}. {problem.detail}".strip(". ") for problem in loaded.problems)
        return Check("config", "problem", value, first.hint)
    there = home_as_tilde(paths.config_file)
    return Check("config", "ok", there if paths.config_file.exists() else f"{there} is not there: defaults")


def check_themes(paths: Paths, loaded: LoadedSettings) -> Check:
    """The theme files, and the theme that is set."""
    from lama_tui.config.themes import load_themes

    themes = load_themes(paths)
    chosen, problem = themes.choose(loaded.settings.theme)
    problems = [*themes.problems, *([problem] if problem is not None else [])]
    value = f"{chosen.name}, of {len(themes.by_name)}"
    if problems:
        said = "; ".join(f"{each.title}. {each.detail}".strip(". ") for each in problems)
        return Check("themes", "warning", f"{said}; {value} is shown", problems[0].hint)
    return Check("themes", "ok", value)


def check_keyring() -> Check:
    """Which key store the desktop has; asked for its name only."""
    hint = "Keys can come from the environment: key_env in [providers.NAME]"
    try:
        name, trusted = begin(key_store).result(_KEYRING_SECONDS)
    except Expired:
        return Check("keyring", "warning", f"no answer in {_KEYRING_SECONDS:g} s", hint)
    if name and not trusted:
        value = f"{name}: not used, because it is not one that is known to keep keys encrypted"
        return Check("keyring", "warning", value, hint)
    return Check("keyring", "ok", name or "none: keys come from the environment (key_env)")


def check_providers(loaded: LoadedSettings) -> Check:
    """The configured servers and whether their keys are set. Nothing is sent to them."""
    settings = loaded.settings
    if not settings.providers:
        return Check("providers", "ok", "none: every answer is made on this machine")
    value = "; ".join(_provider(name, provider) for name, provider in settings.providers.items())
    if settings.privacy.local_only:
        value += "; local_only is on: only servers on this machine are asked"
    unset = [p.key_env for p in settings.providers.values() if p.key_env and not os.environ.get(p.key_env)]
    if unset:
        return Check(
            "providers",
            "warning",
            value,
            f"Set {' and '.join(unset)} in the environment, or keep the key in the keyring",
        )
    return Check("providers", "ok", value)


def _provider(name: str, provider: ProviderSettings) -> str:
    key = ""
    if provider.key_env:
        key = f", key in {provider.key_env}" + ("" if os.environ.get(provider.key_env) else " (not set)")
    return f"{name}: {provider.kind} at {provider.endpoint}{key}"


def pip() -> str:
    """The command that installs into the environment that runs this."""
    return f"{home_as_tilde(sys.executable)} -m pip"
