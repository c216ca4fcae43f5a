"""`lama update [REF…]`: newer revisions of models from the hub: what changed, fetching it, going back."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lama_tui.cli import output
from lama_tui.cli.logged import run_logged
from lama_tui.cli.pull import Lines, Shown, check_allowed, leave_be, watch
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import DownloadError, LamaError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import size

if TYPE_CHECKING:
    from lama_tui.library.hub.hub import Hub
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.updates.update import Update
    from lama_tui.library.updates.updates import Updates
    from lama_tui.services import Services

_BAD_USAGE = 2
_NAMED = 20
"""Models that are named before the hub is asked about all."""
_COMMIT = 12
"""Characters of a commit that are shown."""

State = Literal["newest", "newer", "gone back", "stays", "updated", "rolled back", "failed"]
"""`gone back`: a person went back from the newest, which is not offered again; `stays`: fetched at a fixed commit."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What is known of a model, or was done about it. `installed` is the revision in force afterwards."""

    ref: str
    state: State
    installed: str | None = None
    update: "Update | None" = None
    error: LamaError | None = None


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("update", help="look for newer revisions of models, fetch them, or go back")
    parser.add_argument("models", metavar="REF", nargs="*", help="a hub id; without one all are asked about")
    parser.add_argument("--all", action="store_true", help="fetch everything that is newer")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="only tell what is newer")
    how.add_argument("--rollback", action="store_true", help="put the revision before in force again; no network")
    parser.add_argument("--json", action="store_true", help="one array")
    parser.set_defaults(verb=update)


def update(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Look, and fetch or go back where that is wished. Raises the first `LamaError` at the end."""
    if arguments.rollback and not arguments.models:
        output.error("Name a model to go back with: lama update --rollback REF")
        return _BAD_USAGE
    outcomes = run_logged(_update(arguments, paths, loaded), paths, debug=arguments.debug)
    if arguments.json:
        output.json_document([_json(outcome) for outcome in outcomes])
    else:
        _write(outcomes)
    errors = {outcome.ref: outcome.error for outcome in outcomes if outcome.error is not None}
    for ref in list(errors)[1:]:
        output.error(f"{ref}: {errors[ref]}")
    for error in errors.values():
        raise error
    return 0


async def _update(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> list[_Outcome]:
    from lama_tui.library.installed import describe, installed_models
    from lama_tui.library.updates.updates import whole_repo
    from lama_tui.services import open_services

    named = [await describe(reference, paths) for reference in dict.fromkeys(arguments.models)]
    every = named or [model for model in await installed_models(paths) if model.revision and model.path]
    models = list({model.ref: model for model in map(whole_repo, every)}.values())
    services = await open_services(paths, loaded)
    try:
        updates = await services.updates()
        if arguments.rollback:
            return [await _go_back(updates, model) for model in models]
        for model in models[:1]:
            await check_allowed(services, model.ref)
        hub = await services.hub()
        if not named and not arguments.json:
            _tell_names(await updates.following(models), hub.access.host)
        outcomes = await _ask(updates, hub, models)
        if arguments.check or not (named or arguments.all):
            return outcomes
        for at, (model, outcome) in enumerate(zip(models, outcomes, strict=True)):
            wished = outcome.state == "newer" or (outcome.state == "gone back" and bool(named))
            if wished:
                outcomes[at] = await _fetch(services, updates, model, outcome, quiet=arguments.json)
    finally:
        await services.close()
    return outcomes


def _tell_names(models: "Sequence[InstalledModel]", host: str) -> None:
    """Say what is told to whom, before it is."""
    if models:
        names = ", ".join(model.ref for model in models[:_NAMED]) + (
            f" and {len(models) - _NAMED} more" if len(models) > _NAMED else ""
        )
        output.line(f"{host} is asked about {len(models)} model{'s' if len(models) != 1 else ''}: {clean_row(names)}")


async def _ask(updates: "Updates", hub: "Hub", models: "Sequence[InstalledModel]") -> list[_Outcome]:
    outcomes: list[_Outcome] = []
    progress = output.Progress()

    def show() -> None:
        if (at := len(outcomes)) < len(models):
            progress.show(f"asking for {models[at].ref} ({at + 1} of {len(models)})")

    show()
    try:
        async for model, found in updates.ask(models, hub):
            outcomes.append(_outcome(model, found))
            show()
    except LamaError as error:  # the hub would say nothing of the others either
        outcomes += [_Outcome(each.ref, "failed", each.revision, error=error) for each in models[len(outcomes) :]]
    finally:
        progress.clear()
    return outcomes


def _outcome(model: "InstalledModel", found: "Update | LamaError | None") -> _Outcome:
    if isinstance(found, LamaError):
        return _Outcome(model.ref, "failed", model.revision, error=found)
    if found is None:
        return _Outcome(model.ref, "stays", model.revision)
    if found.newest == found.installed or not found.changes:
        return _Outcome(model.ref, "newest", model.revision, found)
    state: State = "gone back" if found.newest == found.refused else "newer"
    return _Outcome(model.ref, state, model.revision, found)


async def _fetch(
    services: "Services", updates: "Updates", model: "InstalledModel", outcome: _Outcome, *, quiet: bool
) -> _Outcome:
    """Have it fetched, and watch; ctrl+c pauses it as it does a download."""
    from lama_tui.library.installed import describe

    shown = Shown() if quiet else Lines(f"lama update {model.ref}")
    try:
        downloads = await services.downloads(adopt=False)
        job = await updates.fetch(model, downloads)
        try:
            ended = await watch(downloads, job, shown)
        except asyncio.CancelledError:
            await leave_be(downloads, job, shown)
            raise
        if ended.error is not None:
            raise ended.error
        if ended.state != "done":
            raise DownloadError(
                f"The update of {model.ref} is {ended.state}", "Somebody wished that", "What was here is still used"
            )
    except LamaError as error:
        shown.end(model.ref, None, None, error)
        return replace(outcome, state="failed", error=error)
    shown.end(model.ref, None, None, None)
    return replace(outcome, state="updated", installed=(await describe(model.ref, services.paths)).revision)


async def _go_back(updates: "Updates", model: "InstalledModel") -> _Outcome:
    try:
        revision = await updates.go_back(model)
    except LamaError as error:
        return _Outcome(model.ref, "failed", model.revision, error=error)
    return _Outcome(model.ref, "rolled back", revision)


def _write(outcomes: Sequence[_Outcome]) -> None:
    shown = [outcome for outcome in outcomes if outcome.state != "failed"]
    if not outcomes:
        output.line("No model here came from the hub. `lama search` finds some, and `lama pull` gets them.")
    if shown:
        output.table(
            ("MODEL", "STATE", "INSTALLED", "ON THE HUB", "FILES", "TO FETCH"), [_row(each) for each in shown],
            right=(4, 5),
        )  # fmt: skip
    if newer := [outcome.ref for outcome in shown if outcome.state == "newer"]:
        one = len(newer) == 1
        output.line(f"\n`lama update {newer[0] if one else '--all'}` fetches {'it' if one else 'them'}.")
    for outcome in shown:
        if outcome.state in ("updated", "rolled back"):
            other = f"lama update {outcome.ref}" + (" --rollback" if outcome.state == "updated" else "")
            undoes = "goes back" if outcome.state == "updated" else "fetches what is newest again"
            output.line(f"{outcome.ref} is at {(outcome.installed or '')[:_COMMIT]} now. `{other}` {undoes}.")


def _row(outcome: _Outcome) -> tuple[str, ...]:
    found = outcome.update
    news = found is not None and outcome.state in ("newer", "gone back")
    return (
        outcome.ref,
        outcome.state,
        (outcome.installed or "")[:_COMMIT],
        found.newest[:_COMMIT] if found is not None else "",
        str(len(found.changes)) if found is not None and news else "",
        size(found.size) if found is not None and news else "",
    )


def _json(outcome: _Outcome) -> dict[str, Any]:
    found, error = outcome.update, outcome.error
    said = error and {"kind": error.kind, "title": error.title, "detail": error.detail, "hint": error.hint}
    return {
        "ref": outcome.ref,
        "state": outcome.state,
        "installed": outcome.installed,
        "newest": found and found.newest,
        "files": found and [{"path": one.path, "change": one.kind, "size": one.size} for one in found.changes],
        "bytes": found and found.size,
        "error": said,
    }
