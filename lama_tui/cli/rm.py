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
    from lama_tui.library.storage.cleaning import Leftover
    from lama_tui.library.storage.plan import RemovalPlan

_BAD_USAGE = 2
_SHOWN = 20  # leftovers that are listed one by one

_KINDS = {
    "part": "part of a download that ended",
    "incomplete": "unfinished file of another program, older than a day",
    "bad": "differs from what was published, fetched again since",
    "orphan": "file that no revision uses",
    "unfinished": "left by work that was cut off",
}


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
    return asyncio.run(_clean(arguments, paths, loaded) if arguments.clean else _remove(arguments, paths, loaded))


async def _remove(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    from lama_tui.services import open_services

    services = await open_services(paths, loaded)
    try:
        removal = await services.removal()
        plan = await removal.plan(arguments.model, revision=arguments.revision, old_revisions=arguments.old_revisions)
        if not arguments.json:
            _show(plan)
            if plan.in_use and plan.whole and plan.ref == loaded.settings.model:
                output.line("It is the model of new conversations (`lama config show`).")
        if not _agreed(arguments, nothing=plan.empty):
            if arguments.json:
                output.json_document(_plan_json(plan))
            return 0
        removed = await removal.carry_out(plan)
    finally:
        await services.close()
    if arguments.json:
        output.json_document(_plan_json(plan) | {"removed": True, "freed": removed.freed})
    else:
        output.line(
            f"{clean_row(plan.ref)} was removed: {size(removed.freed)} freed." if plan.whole else _freed(removed.freed)
        )
    return 0


async def _clean(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    from lama_tui.services import open_services

    services = await open_services(paths, loaded)
    try:
        cleaning = await services.cleaning()
        leftovers = await cleaning.plan()
        if not arguments.json:
            _show_leftovers(leftovers)
        if not _agreed(arguments, nothing=not leftovers):
            if arguments.json:
                output.json_document(_leftovers_json(leftovers))
            return 0
        removed = await cleaning.carry_out(leftovers)
    finally:
        await services.close()
    if arguments.json:
        output.json_document(_leftovers_json(leftovers) | {"removed": True, "freed": removed.freed})
    else:
        output.line(_freed(removed.freed))
    return 0


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


def _show(plan: "RemovalPlan") -> None:
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


def _show_leftovers(leftovers: Sequence["Leftover"]) -> None:
    if not leftovers:
        output.line("There is nothing to clean up.")
        return
    output.table(
        ("SIZE", "OF", "WHAT", "WHERE"),
        [
            (size(each.size), each.ref, _KINDS[each.kind], output.home_as_tilde(each.path))
            for each in leftovers[:_SHOWN]
        ],
        right=(0,),
    )
    if len(leftovers) > _SHOWN:
        output.line(f"and {len(leftovers) - _SHOWN:,} smaller ones")
    output.line(f"\n{size(sum(each.size for each in leftovers))} will be freed")


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


def _leftovers_json(leftovers: Sequence["Leftover"]) -> dict[str, object]:
    return {
        "leftovers": [
            {"kind": each.kind, "ref": each.ref, "path": str(each.path), "size": each.size} for each in leftovers
        ],
        "freed": sum(each.size for each in leftovers),
        "removed": False,
    }


def _freed(count: int) -> str:
    return f"{size(count)} freed."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
