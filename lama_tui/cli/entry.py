"""Where the `lama` command begins: a workspace shows a sign of life and is guarded before anything large is imported.

Only what is sure to open the workspace is recognized here. All else, also what is wrong, is for `main` to read.
"""

import os
import sys
from collections.abc import Sequence

FLAGS = frozenset({"--new", "--debug", "--no-mouse"})
"""Flags of the workspace; a test holds them against the parser of `main`."""

VALUED = frozenset({"-c", "--model", "--theme"})
"""Those that take a value."""


def main() -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:]
    if "_ARGCOMPLETE" not in os.environ and opens_workspace(arguments) and has_screen():
        from lama_tui.cli.guard import guard

        return guard(_run, arguments)
    return _run(arguments)


def opens_workspace(arguments: Sequence[str]) -> bool:
    """Whether these arguments are flags of the workspace and nothing else."""
    rest, given = iter(arguments), set()
    for argument in rest:
        name, _, value = argument.partition("=")
        if argument.startswith("-c"):
            name, value = "-c", argument[2:]
        given.add(name)
        if argument in FLAGS or (value and name in VALUED):
            continue
        if argument not in VALUED or next(rest, "-").startswith("-"):
            return False
    return not {"--new", "-c"} <= given


def has_screen() -> bool:
    """Whether this is a terminal on which a workspace can be drawn, and a system where it can be guarded."""
    if sys.platform == "win32" or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    try:
        return os.isatty(0) and os.isatty(1) and all(os.get_terminal_size(0))
    except OSError:
        return False


def _run(arguments: Sequence[str]) -> int:
    from lama_tui.cli.main import main

    return main(arguments)
