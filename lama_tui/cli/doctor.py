"""`lama doctor`: what works here, what does not, and what to do."""

import argparse
import asyncio
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

_MARKS = {"ok": ("32", "✓"), "warning": ("33", "!"), "problem": ("31", "✗")}


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("doctor", help="check what works here and say what to do about the rest")
    parser.add_argument("--json", action="store_true", help='{"version","ok","checks":[…]}')
    parser.set_defaults(verb=doctor, tolerates_problems=True)


def doctor(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Check everything; 1 when something is a problem."""
    found = asyncio.run(_look_at_all(paths, loaded))
    problems = sum(check.status == "problem" for check in found)
    warnings = sum(check.status == "warning" for check in found)
    if arguments.json:
        listed = [{"id": c.id, "status": c.status, "value": c.value, "hint": c.hint or None} for c in found]
        output.json_document({"version": __version__, "ok": not problems, "checks": listed})
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


async def _look_at_all(paths: Paths, loaded: LoadedSettings) -> "list[Check]":
    """Run all checks at once; one that fails says so and harms no other."""
    from lama_tui.cli import checks, mlx_checks

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
        ("database", partial(checks.check_database, paths)),
        ("keyring", partial(asyncio.to_thread, checks.check_keyring)),
        ("providers", partial(asyncio.to_thread, checks.check_providers, loaded)),
        ("terminal", partial(asyncio.to_thread, checks.check_terminal)),
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
    """One line to be shown and posted elsewhere: no keys, no name of the home folder, nothing to obey."""
    from lama_tui.security.gate import clean_line
    from lama_tui.security.redaction import redact

    home = str(Path.home())
    text = clean_line(redact(text), limit=1000)
    return text if home == "/" else text.replace(home + "/", "~/")
