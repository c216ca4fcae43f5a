"""`lama rm REF`: take a model off this disk, or clean up; shows what goes and what is freed, and asks first."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import LamaError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import size

if TYPE_CHECKING:
    from lama_tui.library.storage.clean_up import CleanUp, CouldGo, Gone
    from lama_tui.library.storage.leftovers import Leftover
    from lama_tui.library.storage.plan import RemovalPlan

_BAD_USAGE = 2
_SHOWN = 20  # files that are listed one by one


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("rm", help="remove a model, its old revisions, or what was left behind")
    parser.add_argument("model", metavar="REF", nargs="?", help="a hub id, or the name of an imported model")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--revision", metavar="R", help="only this revision: a commit, the start of one, a branch or tag")
    what.add_argument("--old-revisions", action="store_true", help="only revisions that were kept to go back to")
    what.add_argument("--clean", action="store_true", help="what nobody needs: parts of files, files without a model")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="one object; with --yes what was done, else what would be")
    parser.set_defaults(verb=rm)


def rm(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Show, ask, remove. Raises a `ModelError` for what is never removed or in use, and where the disk refuses."""
    if bool(arguments.model) is arguments.clean:
        output.error("Name a model to remove: lama rm REF. What was left behind goes with: lama rm --clean")
        return _BAD_USAGE
    return asyncio.run(_rm(arguments, paths, loaded))


async def _rm(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Show what would go, ask, let it go, tell: the same for one model and for what was left behind."""
    from lama_tui.services import open_services

    services = await open_services(paths, loaded)
    try:
        clean_up = await services.clean_up()
        going = await _asked_for(arguments, clean_up)
        if not arguments.json:
            _show(going, default=loaded.settings.model)
        agreed = _agreed(arguments, nothing=all(each.plan is not None and each.plan.empty for each in going))
        gone = [each async for each in clean_up.carry_out(going)] if agreed else []
    finally:
        await services.close()
    refused = [each.error for each in gone if each.error is not None]
    if refused and not any(each.freed for each in gone):
        raise refused[0]
    if arguments.json:
        output.json_document(_json(arguments, going, gone))
    elif agreed:
        _tell(gone)
    if refused:
        raise refused[0]
    return 0


async def _asked_for(arguments: argparse.Namespace, clean_up: "CleanUp") -> "Sequence[CouldGo]":
    """What would go. Raises a `ModelError` for what is never removed, or in use."""
    if arguments.clean:
        return await clean_up.left_behind()
    return [await clean_up.of(arguments.model, revision=arguments.revision, old_revisions=arguments.old_revisions)]


def _agreed(arguments: argparse.Namespace, *, nothing: bool) -> bool:
    """Whether to go on. Raises `LamaError` where nobody can be asked."""
    if nothing or arguments.yes or arguments.json:
        return arguments.yes and not nothing
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LamaError("Nothing was removed", "There is no terminal to ask on.", "Say yes beforehand: --yes.")
    output.write("Remove? [y/N] ")
    answer = sys.stdin.readline().strip().lower()
    if answer not in ("y", "yes"):
        output.line("Nothing was removed.")
        return False
    return True


def _show(going: "Sequence[CouldGo]", default: str) -> None:
    """What would go; `default` is the model of new conversations."""
    plans = [each.plan for each in going if each.plan is not None]
    for plan in plans:
        _show_plan(plan)
        if plan.in_use and plan.whole and plan.ref == default:
            output.line("It is the model of new conversations (`lama config show`).")
    if not plans:
        _show_leftovers(going)


def _show_plan(plan: "RemovalPlan") -> None:
    if plan.empty:
        output.line(f"{clean_row(plan.ref)} has no old revisions.")
        return
    bytes_ = [file for file in (*plan.files, *plan.links) if file.inode is not None]
    # the hub's blobs are called by their hashes: say what leads to them
    names = {os.path.realpath(link.path): link.path.name for link in plan.links}
    what = "" if plan.whole else f", {_count(len(plan.revisions), 'revision')}"
    output.line(
        f"{clean_row(plan.ref)}{what}: {size(plan.freed)} will be freed ({_count(len(plan.everything), 'file')})"
    )
    if not plan.whole:
        for revision in plan.revisions:
            output.line(f"  revision {revision}")
    for file in sorted(bytes_, key=lambda file: -file.size)[:_SHOWN]:
        path = clean_row(output.home_as_tilde(file.path))
        name = names.get(os.path.realpath(file.path), file.path.name)
        output.line(f"  {size(file.size):>9}  {path if name == file.path.name else f'{clean_row(name)}  {path}'}")
    if len(bytes_) > _SHOWN:
        output.line(f"  and {_count(len(bytes_) - _SHOWN, 'smaller file')}")
    for note in plan.notes:
        output.line(clean_row(note))


def _show_leftovers(going: "Sequence[CouldGo]") -> None:
    from lama_tui.library.storage.clean_up import WORDS

    if not going:
        output.line("There is nothing to clean up.")
        return
    leftovers = _one_by_one(going)
    output.table(
        ("SIZE", "OF", "WHAT", "WHERE"),
        [(size(each.size), each.ref, WORDS[each.kind], output.home_as_tilde(each.path)) for each in leftovers[:_SHOWN]],
        right=(0,),
    )
    if len(leftovers) > _SHOWN:
        output.line(f"and {len(leftovers) - _SHOWN:,} smaller ones")
    output.line(f"\n{size(sum(each.size for each in leftovers))} will be freed")


def _one_by_one(going: "Sequence[CouldGo]") -> "Sequence[Leftover]":
    """All of the leftovers, the largest first."""
    return sorted((each for group in going for each in group.leftovers), key=lambda each: (-each.size, str(each.path)))


def _tell(gone: "Sequence[Gone]") -> None:
    """What was freed."""
    whole = [each.what.plan.ref for each in gone if each.what.plan is not None and each.what.plan.whole]
    named = f"{clean_row(', '.join(whole))} was removed: " if whole else ""
    output.line(f"{named}{size(sum(each.freed for each in gone))} freed.")


def _json(arguments: argparse.Namespace, going: "Sequence[CouldGo]", gone: "Sequence[Gone]") -> dict[str, object]:
    """What would go, and what became of it."""
    plan = None if arguments.clean else going[0].plan
    planned = _leftovers_json(going) if plan is None else _plan_json(plan)
    return planned | {"removed": True, "freed": sum(each.freed for each in gone)} if gone else planned


def _plan_json(plan: "RemovalPlan") -> dict[str, object]:
    return {
        "ref": plan.ref,
        "whole": plan.whole,
        "revisions": list(plan.revisions),
        "files": [{"path": str(file.path), "size": file.size if file.inode else 0} for file in plan.everything],
        "freed": plan.freed,
        "kept": plan.kept,
        "notes": list(plan.notes),
        "removed": False,
    }


def _leftovers_json(going: "Sequence[CouldGo]") -> dict[str, object]:
    leftovers = _one_by_one(going)
    return {
        "leftovers": [
            {"kind": each.kind, "ref": each.ref, "path": str(each.path), "size": each.size} for each in leftovers
        ],
        "freed": sum(each.size for each in leftovers),
        "removed": False,
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
