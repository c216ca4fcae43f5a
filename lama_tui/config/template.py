"""The text of a new `config.toml`: every setting as a comment, so that the file changes nothing until one is."""

import os
import textwrap
from pathlib import Path

from lama_tui.config.about import ABOUT, ABOUT_PROVIDER, About
from lama_tui.config.document import as_toml, describe
from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import Settings
from lama_tui.errors import ConfigError
from lama_tui.paths import make_private

_WIDTH = 100

_PROVIDER = {
    "kind": '"openai"',
    "endpoint": '"http://localhost:1234/v1"',
    "model": '"…"',
    "max_tokens": "1000",
    "key_env": '"WORK_API_KEY"',
    "timeout_connect": "10",
    "timeout_first": "120",
    "timeout_token": "60",
}
"""An example of a provider."""


def make_file(file: Path) -> None:
    """Write the template where there is no config yet; blocks. Raises `ConfigError`."""
    if file.exists():
        return
    try:
        make_private(file.parent)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        why = f"{file}: {error.strerror or error}"
        raise ConfigError("The config cannot be made", why, "Check the folder's owner and permissions") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(commented_template())


def commented_template() -> str:
    """The settings with their defaults, each under what it is for; all of it comments."""
    lines = [
        "# Settings of lama. A line counts when the # before it is taken away. `lama config show` shows what counts."
    ]
    section = ""
    for setting in describe(LoadedSettings(Settings())):
        table, _, name = setting.key.rpartition(".")
        if table != section:
            section = table
            if section == "keys":
                lines += _provider()
            lines += ["", f"[{section}]"]
        lines += ["", *_comment(ABOUT[setting.key]), f"# {name} = {as_toml(setting.value)}"]
    lines += ["", "# Other keys by the id of a binding, such as the next line; `lama config keys` lists the ids."]
    return "\n".join([*lines, '# "help.open" = "f1"', ""])


def _provider() -> list[str]:
    lines = [
        "",
        "# A server: copy these lines for each, with a name of its own, and take the # away.",
        "# [providers.work]",
    ]
    for name, example in _PROVIDER.items():
        lines += [*_comment(ABOUT_PROVIDER[name]), f"# {name} = {example}"]
    return lines


def _comment(about: About) -> list[str]:
    later = "" if about.counts != "not yet" else " (Not used in this version.)"
    return [f"# {line}" for line in textwrap.wrap(about.text + later, _WIDTH)]
