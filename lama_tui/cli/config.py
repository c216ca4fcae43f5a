"""`lama config`: where the settings are, what they are, and the keys."""

import argparse

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import ConfigError
from lama_tui.paths import Paths


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb, its sub-verbs and their flags."""
    parser = verbs.add_parser("config", help="show where the settings are, what they are, and the keys")
    parts = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    path = parts.add_parser("path", help="the path of config.toml, whether it is there or not")
    path.set_defaults(verb=config_path, tolerates_problems=True)
    show = parts.add_parser("show", help="every setting, and where it comes from")
    show.add_argument("--json", action="store_true", help='one array of {"key","value","source"}')
    show.set_defaults(verb=config_show)
    edit = parts.add_parser("edit", help="open config.toml in $VISUAL or $EDITOR, and check it afterwards")
    edit.set_defaults(verb=config_edit, tolerates_problems=True)
    keys = parts.add_parser("keys", help="every binding: its id, its keys, what it does")
    keys.add_argument("--json", action="store_true", help='one array of {"id","keys","scope","does","source"}')
    keys.set_defaults(verb=config_keys)


def config_path(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Print the path as it is, so that `$EDITOR "$(lama config path)"` works."""
    output.line(str(paths.config_file))
    return 0


def config_show(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """List the settings in the order of the file, with dotted keys."""
    from lama_tui.config.document import as_toml, describe

    settings = describe(loaded)
    if arguments.json:
        output.json_document([setting._asdict() for setting in settings])
        return 0
    rows = [(setting.key, as_toml(setting.value), output.home_as_tilde(setting.source)) for setting in settings]
    output.table(("SETTING", "VALUE", "FROM"), rows)
    return 0


def config_edit(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Open the file, made of comments where there is none yet; 1 when it cannot be used afterwards."""
    import os
    import subprocess

    from lama_tui.config.loader import load_settings
    from lama_tui.config.template import make_file
    from lama_tui.ui.composer.editor import editor_command

    command, file = editor_command(os.environ), paths.config_file
    make_file(file)
    try:
        status = subprocess.run([*command, str(file)], check=False).returncode
    except OSError as error:
        why = f"{command[0]}: {error.strerror or error}"
        raise ConfigError("The editor could not be started", why, "Set $VISUAL or $EDITOR to another") from error
    if status != 0:
        raise ConfigError("The editor did not end well", f"{command[0]} ended with status {status}", f"Look at {file}")
    problems = load_settings(paths).problems
    for problem in problems:
        output.error(str(problem))
    if problems:
        output.error("Until this is put right lama runs on its defaults: `lama config edit` opens the file again.")
    return 1 if problems else 0


def config_keys(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """List the bindings as `[keys]` leaves them."""
    from lama_tui.config.keymap import KEYMAP

    listed = [
        {
            "id": key.id,
            "keys": loaded.settings.keys.get(key.id, key.keys),
            "scope": key.scope,
            "does": key.tooltip,
            "source": loaded.sources.get(f"keys.{key.id}", "default"),
        }
        for key in KEYMAP
    ]
    if arguments.json:
        output.json_document(listed)
        return 0
    rows = [(k["id"], k["keys"], k["scope"], output.home_as_tilde(k["source"]), k["does"]) for k in listed]
    output.table(("ID", "KEYS", "WHERE", "FROM", "DOES"), rows)
    return 0
