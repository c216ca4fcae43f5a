"""`lama doctor`: what works here, what does not, and what to do."""

import argparse
import asyncio
import getpass
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui import __version__
from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import LamaError
from lama_tui.paths import Paths

if TYPE_CHECKING:
    from lama_tui.cli.checks import Check
    from lama_tui.cli.terminal_answers import Answers
    from lama_tui.ui.terminal.tmux import Tmux

_MARKS = {"ok": ("32", "✓"), "warning": ("33", "!"), "problem": ("31", "✗")}


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("doctor", help="check what works here and say what to do about the rest")
    parser.add_argument("--json", action="store_true", help='{"version","ok","checks":[…],"terminal":{…}}')
    parser.set_defaults(verb=doctor, tolerates_problems=True)


def doctor(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Check everything; 1 when something is a problem."""
    from lama_tui.cli.terminal_answers import asking
    from lama_tui.cli.terminal_checks import as_json
    from lama_tui.ui.terminal.tmux import find_tmux

    with asking() as answers:
        tmux = find_tmux()
        found = asyncio.run(_look_at_all(paths, loaded, answers, tmux))
    problems = sum(check.status == "problem" for check in found)
    warnings = sum(check.status == "warning" for check in found)
    if arguments.json:
        listed = [{"id": c.id, "status": c.status, "value": c.value, "hint": c.hint or None} for c in found]
        terminal = {name: _presentable(fact) if isinstance(fact, str) else fact for name, fact in
                    as_json(answers, tmux).items()}  # fmt: skip
        output.json_document({"version": __version__, "ok": not problems, "checks": listed, "terminal": terminal})
        return 1 if problems else 0
    width = max(len(check.id) for check in found)
    for check in found:
        colour, mark = _MARKS[check.status]
        output.styled_line(output.styled(colour, mark), f" {check.id:<{width}}  ", output.styled("", check.value))
        if check.hint:
            output.styled_line(" " * (width + 4), output.styled("2", f"→ {check.hint}"))
    counted = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((problems, "problem"), (warnings, "warning")) if n]
    output.line(f"\nlama {__version__}: {' and '.join(counted) or 'all is well'}.")
    return 1 if problems else 0


async def _look_at_all(paths: Paths, loaded: LoadedSettings, answers: "Answers", tmux: "Tmux | None") -> "list[Check]":
    """Run all checks at once; one that fails says so and harms no other."""
    from lama_tui.cli import checks, mlx_checks, terminal_checks

    looks: list[tuple[str, Callable[[], Awaitable[Check]]]] = [
        ("platform", partial(asyncio.to_thread, checks.check_platform)),
        ("python", partial(asyncio.to_thread, checks.check_python)),
        ("packages", partial(asyncio.to_thread, checks.check_packages)),
        ("mlx_wheels", partial(asyncio.to_thread, mlx_checks.check_wheels)),
        ("mlx_device", mlx_checks.check_device),
        ("memory", partial(asyncio.to_thread, checks.check_memory)),
        ("models", partial(checks.check_models, paths)),
        ("data_folder", partial(asyncio.to_thread, checks.check_data_folder, paths)),
        ("hub_folder", partial(asyncio.to_thread, checks.check_hub_folder)),
        ("config", partial(asyncio.to_thread, checks.check_config, paths, loaded)),
        ("keys", partial(asyncio.to_thread, terminal_checks.check_keys, loaded.settings, loaded.sources)),
        ("themes", partial(asyncio.to_thread, checks.check_themes, paths, loaded)),
        ("database", partial(checks.check_database, paths)),
        ("keyring", partial(asyncio.to_thread, checks.check_keyring)),
        ("providers", partial(asyncio.to_thread, checks.check_providers, loaded)),
        ("terminal", partial(asyncio.to_thread, terminal_checks.check_terminal, answers)),
        ("colours", partial(asyncio.to_thread, terminal_checks.check_colours, answers)),
        ("kitty_keys", partial(asyncio.to_thread, terminal_checks.check_kitty_keys, answers, loaded.settings, tmux)),
        ("drawing", partial(asyncio.to_thread, terminal_checks.check_drawing)),
        ("synchronized_output", partial(asyncio.to_thread, terminal_checks.check_synchronized_output, answers)),
        ("clipboard", partial(asyncio.to_thread, terminal_checks.check_clipboard, answers, tmux)),
        ("tmux", partial(asyncio.to_thread, terminal_checks.check_tmux, tmux)),
    ]

    async def look(id_: str, call: Callable[[], Awaitable["Check"]]) -> "Check":
        try:
            found = await call()
        except LamaError as error:
            found = checks.Check(id_, "problem", f"{error.title}: {error.detail}", error.hint)
        except Exception as error:  # the point of a doctor is to say what fails, not to fail with it
            found = checks.Check(id_, "problem", f"could not be checked: {type(error).__name__}: {error}")
        return replace(found, value=_presentable(found.value), hint=_presentable(found.hint))

    return list(await asyncio.gather(*(look(id_, call) for id_, call in looks)))


def _presentable(text: str) -> str:
    """One line to be shown and posted elsewhere: no keys, no name of the person, nothing to obey."""
    from lama_tui.security.gate import clean_line
    from lama_tui.security.redaction import redact

    home = str(Path.home())
    text = clean_line(redact(text), limit=1000)
    text = text if home == "/" else re.sub(rf"{re.escape(home)}(?=/|\b)", "~", text)
    name = _user()
    return re.sub(rf"(?<=/){re.escape(name)}(?=/|\b)", "USER", text) if name else text


def _user() -> str:
    """The person's name here, where it says more than that there is one."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        return ""
    return "" if name in ("root", "lama", "user", "home") else name
