"""The `lama` command: reads the command line, runs one verb or the workspace, and ends with its exit code.

0 done, 1 failed (one line on stderr), 2 bad usage, 130 interrupted. Verbs are imported when there is a
command line to read; what they need beyond that (models on disk, the screen, MLX, servers) when they run.
"""

import contextlib
import errno
import gc
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lama_tui.config.loader import LoadedSettings, load_settings
from lama_tui.errors import ConfigError, LamaError
from lama_tui.paths import Paths
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.terminal import early

if TYPE_CHECKING:
    import argparse

_DONE, _FAILED, _BAD_USAGE, _INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name) and return its exit code."""
    _replace_closed_streams()
    # what libraries have to say is for the log, which the verbs that run models open; never for stderr
    logging.basicConfig(handlers=[logging.NullHandler()])
    words = sys.argv[1:] if argv is None else argv
    debug = False
    try:
        if "_ARGCOMPLETE" in os.environ:
            from lama_tui.cli.completion import complete

            complete(build_parser())  # a shell asks what could follow; it ends here
        if not words:  # the usual start waits for no parser and no verb
            return _open_workspace(WorkspaceOptions(), load_settings(Paths.from_environment()))
        try:
            arguments = build_parser().parse_args(words)
        except SystemExit as exit_:  # argparse has printed help, the version or what is wrong
            sys.stdout.flush()
            return exit_.code if isinstance(exit_.code, int) else _BAD_USAGE
        debug = arguments.debug
        code = int(arguments.verb(arguments, Paths.from_environment(), _settings(arguments)))
        sys.stdout.flush()
        return code
    except LamaError as error:
        _complain(str(error))
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # who reads has seen enough; the interpreter must not complain when it flushes at exit
        _discard_output()
        return _DONE
    except OSError as error:
        _discard_output()
        _complain(_said(error))
        return _FAILED
    except Exception as error:
        if debug:
            raise
        _complain(f"This is a fault in lama: {type(error).__name__}: {error}. `lama --debug …` shows where.")
        return _FAILED


def _complain(text: str) -> None:
    """Write one line to stderr, to be seen although the terminal may have been taken already."""
    from lama_tui.cli import output

    early.give_back()
    output.error(text)


def _said(error: OSError) -> str:
    """What the system refused, why, and what to do."""
    why = f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}"
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"The disk is full: {why}. Free some space; what was saved is still there."
        case errno.EROFS:
            return f"The disk cannot be written: {why}. Set LAMA_HOME to a folder on another one."
        case errno.EACCES | errno.EPERM:
            return f"This is not allowed: {why}. Check who owns it, and its permissions."
    return f"The work could not be finished: {why}."


def build_parser() -> "argparse.ArgumentParser":
    """The whole command line: flags of the workspace, and the verbs."""
    from lama_tui import __version__
    from lama_tui.cli import (
        bench,
        completion,
        config,
        doctor,
        export,
        find,
        import_,
        import_conversations,
        ls,
        ps,
        pull,
        rm,
        run,
        search,
        show,
        trust,
        update,
        verify,
    )
    from lama_tui.cli.parser import Parser

    parser = Parser(
        prog="lama",
        description="A full-screen terminal workspace for talking to language models. Without a verb it opens.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"lama {__version__}")
    parser.add_argument("--debug", action="store_true", help="write more to the log")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--new", action="store_true", help="open a new conversation instead of the last one")
    where.add_argument("-c", dest="conversation", metavar="ID|TITLE", help="open this conversation")
    parser.add_argument("--model", metavar="REF", help="use this model")
    parser.add_argument("--theme", metavar="NAME", help="use this theme")
    parser.add_argument(
        "--plain", action="store_true", help="talk in plain lines: for screen readers, pipes, TERM=dumb"
    )
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.set_defaults(verb=_workspace, tolerates_problems=False)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    of_models = (run, search, pull, ls, show, verify, trust, update, rm, import_, bench, ps)
    of_conversations = (find, export, import_conversations)
    for verb in (*of_models, *of_conversations, config, doctor, completion):
        verb.add_to(verbs)
    return parser


def _settings(arguments: "argparse.Namespace") -> LoadedSettings:
    """The settings. Raises `ConfigError` for a verb that must not run on defaults."""
    loaded = load_settings(Paths.from_environment())
    opens = arguments.verb is _workspace  # it opens on the defaults and shows what is wrong
    if loaded.problems and not opens and not arguments.tolerates_problems:
        first, *others = loaded.problems
        more = f" (`lama doctor` lists {len(others)} more)" if others else ""
        raise ConfigError(first.title, first.detail, first.hint + more)
    return loaded


def _workspace(arguments: "argparse.Namespace", paths: Paths, loaded: LoadedSettings) -> int:
    """No verb: the workspace, as the flags want it."""
    options = WorkspaceOptions(
        new=arguments.new,
        conversation=arguments.conversation,
        model=arguments.model,
        theme=arguments.theme,
        debug=arguments.debug,
        mouse=not arguments.no_mouse,
    )
    return _open_workspace(options, loaded, arguments.plain)


def _open_workspace(options: WorkspaceOptions, loaded: LoadedSettings, plain: bool = False) -> int:
    if not (plain or (sys.stdin.isatty() and sys.stdout.isatty())):
        raise LamaError(
            "The workspace needs a terminal",
            "Input or output is a pipe or a file",
            "Ask one question with `lama run guide 'How do I stop an answer?'`, talk in lines with `lama --plain`, or"
            " run lama in a terminal",
        )
    why = "" if plain else _no_screen()
    if plain or why:
        from lama_tui.cli.plain import run_plain

        return run_plain(options, loaded, why)
    gc.disable()  # what is made now stays; `LamaApp` enables it when everything is there
    from lama_tui.ui.app import run_workspace

    return run_workspace(options, loaded)


def _no_screen() -> str:
    """Why the terminal cannot show a full screen; empty if it can."""
    if (term := os.environ.get("TERM")) in ("dumb", "unknown"):
        return f"TERM={term}: it is not known that the terminal can move the cursor."
    for stream in (sys.stdout, sys.stdin):
        with contextlib.suppress(OSError):
            if all(os.get_terminal_size(stream.fileno())):
                return ""
    return "The terminal does not say how large it is (`stty rows 24 cols 80` does)."


def _replace_closed_streams() -> None:
    """Python leaves None where a stream was closed before the start (`>&-`)."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123 — open until the program ends
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123


def _discard_output() -> None:
    """Send what stdout still holds to nowhere."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
