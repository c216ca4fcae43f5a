"""`lama completion SHELL`: what makes the tab key complete verbs, flags and the models on this machine.

The shell runs `lama` again for each tab, with `_ARGCOMPLETE` set: nothing of this is imported at any other time.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths

_SHELLS = {
    "bash": 'eval "$(lama completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(lama completion zsh)" in ~/.zshrc, after compinit',
    "fish": "lama completion fish | source in ~/.config/fish/config.fish",
}


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "completion",
        help="print what makes a shell complete verbs, flags and models",
        epilog="Put it where the shell finds it: " + "; ".join(_SHELLS.values()),
    )
    parser.add_argument("shell", metavar="SHELL", choices=tuple(_SHELLS), help="bash, zsh or fish")
    parser.set_defaults(verb=completion, tolerates_problems=True)


def completion(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Print the shell's code."""
    from argcomplete.shell_integration import shellcode

    output.write(shellcode(["lama"], shell=arguments.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell that asks, and end the process."""
    from argcomplete import autocomplete

    for verb, action in _arguments(parser):
        if action.metavar == "REF":
            names = begun_names if verb == "pull" else model_names
            action.completer = _names(names)  # type: ignore[attr-defined] # where argcomplete looks for it
    autocomplete(parser, always_complete_options=False)


def model_names() -> list[str]:
    """The models on this machine by name, without a look into them; none that a terminal would obey."""
    from lama_tui.library.hub_cache import cached_repos, hub_cache_folder
    from lama_tui.types import GUIDE

    try:
        own = [entry.name for entry in Paths.from_environment().models.iterdir() if not entry.name.startswith(".")]
    except OSError:
        own = []
    names = {GUIDE, *own, *(repo.name for repo in cached_repos(hub_cache_folder()))}
    return sorted(name for name in names if name.isprintable())


def begun_names() -> list[str]:
    """The models that were begun to be fetched: what is here whole nobody pulls, and the hub is not asked for a tab."""
    from lama_tui.library.hub_cache import cached_repos, hub_cache_folder

    begun = (repo.name for repo in cached_repos(hub_cache_folder()) if repo.folder is None)
    return sorted(name for name in begun if name.isprintable())


def _names(known: Callable[[], list[str]]) -> Callable[..., list[str]]:
    """What argcomplete asks for an argument `REF`."""

    def completer(prefix: str, **_: Any) -> list[str]:
        return [name for name in known() if name.startswith(prefix)]

    return completer


def _arguments(parser: argparse.ArgumentParser, verb: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """Every argument of `parser` and its verbs, with the verb."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, each in action.choices.items():
                yield from _arguments(each, name)
        else:
            yield verb, action
