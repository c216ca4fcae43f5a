"""`lama verify [REF]`: what can be trusted of the models on this machine, one line a level."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lama_tui.cli import output
from lama_tui.cli.logged import run_logged
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import ModelIntegrityError, SignatureError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.types import GUIDE
from lama_tui.ui.figures import of_total

if TYPE_CHECKING:
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.signed import Signatures
    from lama_tui.library.verify.check import Check, Progress
    from lama_tui.security.signatures import SignatureFact
    from lama_tui.services import Services

_BAD_USAGE = 2
_SHOWN = 20
"""Differing files of a level that are listed for people; `--json` has more."""


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("verify", help="check models on this machine", allow_abbrev=False)
    parser.add_argument("model", metavar="REF", nargs="?", help="guide, a hub id or a folder; without it all of them")
    parser.add_argument("--deep", action="store_true", help="compare every byte, and let each model answer")
    parser.add_argument("--signature", action="store_true", help="tell who signed it, of those who are trusted")
    parser.add_argument(
        "--key", metavar="FILE", action="append", default=[],
        help="it must be signed by the owner of this public key; may be given several times",
    )  # fmt: skip
    parser.add_argument("--identity", metavar="NAME", help="it must be signed by this identity; with --issuer")
    parser.add_argument("--issuer", metavar="URL", help="who vouches for the identity")
    parser.add_argument("--json", action="store_true", help="one object, without REF one array")
    parser.set_defaults(verb=verify)


def verify(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Check, and tell each level as it is known. Raises `ModelIntegrityError` where one failed, or `SignatureError`."""
    if (arguments.identity is None) is not (arguments.issuer is None):
        output.error("An identity needs its issuer: lama verify REF --identity NAME --issuer URL")
        return _BAD_USAGE
    found = run_logged(_verify(arguments, paths, loaded), paths, debug=arguments.debug)
    if arguments.json:
        objects = [_json(model, checks, fact) for model, checks, fact in found]
        output.json_document(objects[0] if arguments.model is not None else objects)
    failed = [(model.ref, check) for model, checks, _ in found for check in checks if check.status == "failed"]
    if wrong := failed if arguments.model is not None else [each for each in failed if not _is_another_kind(each[1])]:
        raise _error(wrong, len(found))
    open_ = [(model.ref, checks[0]) for model, checks, _ in found if checks[0].status != "ok"]
    if open_ and arguments.model is not None:  # who names one wants to use it
        ref, check = open_[0]
        raise ModelIntegrityError(f"{ref} is not known to be complete", check.detail, check.hint)
    must = bool(arguments.key or arguments.identity)
    for model, _, fact in found:
        if fact is not None and (fact.verdict == "INVALID" or (must and fact.verdict != "signed")):
            raise _signature_error(model.ref, fact)
    return 0


async def _verify(
    arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings
) -> "list[tuple[InstalledModel, list[Check], SignatureFact | None]]":
    from lama_tui.library.installed import describe, installed_models
    from lama_tui.library.verify.verification import Verification
    from lama_tui.services import open_services

    models = await installed_models(paths) if arguments.model is None else [await describe(arguments.model, paths)]
    services = await open_services(paths, loaded)
    progress = output.Progress()
    found = []
    try:
        verification = Verification(await services.database(), services.engine)
        signatures = await _signatures(arguments, services)
        for model in models:
            checks = []
            if not arguments.json:
                output.line(clean_row(_name(model)))
            async for check in verification.levels(model, deep=arguments.deep, watch=_shown(model.ref, progress)):
                progress.clear()
                checks.append(check)
                if not arguments.json:
                    _write(check)
            fact = None if signatures is None or model.ref == GUIDE else await signatures.check(model)
            if fact is not None and not arguments.json:
                _write_signature(fact)
            found.append((model, checks, fact))
    finally:
        progress.clear()
        await services.close()
    return found


async def _signatures(arguments: argparse.Namespace, services: "Services") -> "Signatures | None":
    """What checks them, by whom the flags name or else the settings; None where nobody asked for it."""
    from lama_tui.library.signed import Signatures

    library = services.settings.library
    if arguments.key or arguments.identity:
        who = (f"{arguments.identity} {arguments.issuer}",) if arguments.identity else ()
        library = replace(library, trusted_keys=tuple(arguments.key), trusted_identities=who)
    elif not (arguments.signature or arguments.deep):
        return None
    return Signatures(await services.database(), library)


def _name(model: "InstalledModel") -> str:
    name = output.home_as_tilde(model.ref)
    return f"{name} {model.revision[:12]}" if model.revision else name


def _shown(ref: str, progress: output.Progress) -> "Callable[[Progress], None]":
    def show(now: "Progress") -> None:
        so_far = f" {of_total(now.done, now.total)}" if now.total else "…"
        progress.show(f"{ref} {now.level}:{so_far} {now.now}")

    return show


def _write(check: "Check") -> None:
    """A level, and below it the files that differ and what to do."""
    output.line(f"  {check.level:<11}  {check.status:<7}  {clean_row(check.detail)}".rstrip())
    if check.status != "ok":
        for each in check.differences[:_SHOWN] if len(check.differences) > 1 else ():
            output.line(f"{'':24}{clean_row(f'{each.path} {each.what}')}")
        if (more := len(check.differences) - _SHOWN) > 0:
            output.line(f"{'':24}and {more} more")
        if check.hint:
            output.line(f"{'':22}→ {clean_row(check.hint)}")


def _write_signature(fact: "SignatureFact") -> None:
    output.line(f"  {'signature':<11}  {clean_row(str(fact)):<7}  {clean_row(fact.detail)}".rstrip())
    if fact.hint and fact.verdict != "signed":
        output.line(f"{'':22}→ {clean_row(fact.hint)}")


def _is_another_kind(check: "Check") -> bool:
    """Whether it is wrong only for somebody who wants to use that model."""
    from lama_tui.library.verify.supported import is_another_kind

    return is_another_kind(check)


def _ok(checks: "Sequence[Check]") -> bool | None:
    """Whether a model is right; None: nothing is wrong, and it cannot be used all the same."""
    failed = [check for check in checks if check.status == "failed"]
    if any(not _is_another_kind(check) for check in failed):
        return False
    return (not failed and checks[0].status == "ok") or None


def _json(model: "InstalledModel", checks: "Sequence[Check]", fact: "SignatureFact | None") -> dict[str, Any]:
    return {
        "ref": model.ref,
        "revision": model.revision,
        "path": model.path or None,
        "ok": _ok(checks),
        "levels": [
            {
                "level": check.level,
                "status": check.status,
                "detail": check.detail or None,
                "differences": [{"path": each.path, "what": each.what} for each in check.differences],
                "hint": check.hint or None,
                "at": check.at,
            }
            for check in checks
        ],
        "signature": fact and {
            "verdict": fact.verdict, "by": fact.by or None, "detail": fact.detail or None, "hint": fact.hint or None,
        },
    }  # fmt: skip


def _error(failed: "list[tuple[str, Check]]", models: int) -> ModelIntegrityError:
    refs = list(dict.fromkeys(ref for ref, _ in failed))
    ref, check = failed[0]
    if models == 1:
        return ModelIntegrityError(f"{ref} is not right: {check.level} failed", check.detail, check.hint)
    names = ", ".join(refs[:3]) + (f" and {len(refs) - 3} more" if len(refs) > 3 else "")
    return ModelIntegrityError(f"{len(refs)} of {models} models are not right", names, "Each says above what to do.")


def _signature_error(ref: str, fact: "SignatureFact") -> SignatureError:
    what = {"INVALID": "has an INVALID signature", "unsigned": "is not signed"}.get(
        fact.verdict, "cannot be told to be signed by whom you named"
    )
    return SignatureError(f"{ref} {what}", fact.detail, fact.hint or "Get it from a publisher who signs")
