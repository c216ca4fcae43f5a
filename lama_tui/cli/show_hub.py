"""`lama show REF` of a model that is not on this machine: what the hub says of it."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from lama_tui.cli import output
from lama_tui.cli.known import known, speed_line
from lama_tui.paths import Paths
from lama_tui.security.gate import clean_row
from lama_tui.ui.figures import UNKNOWN, ago, count, parameters, size

if TYPE_CHECKING:
    from lama_tui.engine.fit import Fit
    from lama_tui.library.benchmarking.estimate import SpeedEstimate
    from lama_tui.library.hub.values import HubDetails

_CONTEXTS = (4096, 32_768)
"""Tokens of conversations whose memory is told, besides the longest that it can have."""


def show_hub(repo: str, local_only: bool, *, paths: Paths, as_json: bool, card: bool) -> int:
    """Show what the hub tells of `repo`, or its card. Raises a `LamaError` where it cannot be asked."""
    details, text = asyncio.run(_ask(repo, local_only, card))
    if card:
        if as_json:
            output.json_document({"ref": repo, "revision": details.commit, "card": text})
        else:
            output.write(text)
        return 0
    needs, speed = _needs(details), asyncio.run(_speed(details, paths))
    if as_json:
        speeds = {
            "decode_tok_s": speed.decode_tok_s if speed else None,
            "speed_source": speed.source if speed else None,
        }
        output.json_document(_json(details, needs) | speeds)
        return 0
    lines = [*_lines(details, needs), ("speed", speed_line(speed))]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        output.line(f"{name:<{width}}  {clean_row(value)}")
    if quantizations := _quantizations(details):
        output.line()
        output.table(
            ("QUANTIZATION", "BITS", "SIZE", "FITS", "NOTE"),
            [
                (clean_row(str(each["name"])), UNKNOWN if each["bits"] is None else str(each["bits"]),
                 size(each["size"]), {True: "yes", False: "no", None: UNKNOWN}[each["fits"]],
                 each["problem"] or ("by default" if each["default"] else ""))
                for each in quantizations
            ],
            right=(1, 2),
        )  # fmt: skip
    output.line()
    output.table(("FILE", "SIZE"), [(file.path, size(file.size)) for file in details.files], right=(1,))
    return 0


async def _ask(repo: str, local_only: bool, card: bool) -> "tuple[HubDetails, str]":
    from lama_tui.library.hub.access import HubAccess
    from lama_tui.library.hub.hub import Hub

    hub = Hub(HubAccess.from_environment(), local_only)
    progress = output.Progress()
    progress.show(f"asking {hub.access.host}")
    try:
        details = await hub.details(repo)
        return details, await hub.card(repo, details.commit) if card else ""
    finally:
        progress.clear()
        await hub.close()


async def _speed(details: "HubDetails", paths: Paths) -> "SpeedEstimate | None":
    """How fast it would write, from what was measured here; of one that may be a mixture of experts nothing."""
    from lama_tui.library.benchmarking.estimate import experts_of

    experts = experts_of(details.config) if details.config else None
    model = details.model
    return (await known(paths, [])).speeds.of(model.repo, model.size, model.bits, experts)


def _needs(details: "HubDetails") -> "list[tuple[int | None, Fit]]":
    """What it takes at no context in particular, then at a few."""
    from lama_tui.library.hub.fitting import fit_at
    from lama_tui.library.installed import machine_memory

    machine = machine_memory()
    longest = details.context
    contexts = [tokens for tokens in _CONTEXTS if longest is None or tokens < longest]
    contexts += [] if longest is None else [longest]
    return [(tokens, fit_at(details, tokens, machine)) for tokens in (None, *contexts)]


def _json(details: "HubDetails", needs: "list[tuple[int | None, Fit]]") -> dict[str, object]:
    model = details.model
    return {
        "ref": model.repo,
        "path": None,
        "revision": details.commit,
        "format": model.format,
        "architecture": details.architecture,
        "params": model.params,
        "bits": model.bits,
        "size": details.size,
        "context": details.context,
        "license": model.license,
        "verified": None,
        "signature": None,
        "fits": needs[0][1].fits,
        "problem": None,
        "installed": False,
        "gated": model.gated,
        "private": model.private,
        "downloads": model.downloads,
        "likes": model.likes,
        "modified": model.modified,
        "weights": needs[0][1].weights,
        "needs": [
            {"context": tokens, "size": fit.needed if fit.kv is not None else None, "fits": fit.fits}
            for tokens, fit in needs[1:]
        ],
        "quantizations": _quantizations(details),
        "files": [
            {"path": file.path, "size": file.size, "algorithm": file.algorithm, "hash": file.hash}
            for file in details.files
        ],
    }


def _quantizations(details: "HubDetails") -> list[dict[str, Any]]:
    """Of a GGUF repo, the smallest first; `default` is what `lama pull` fetches where none is named."""
    from lama_tui.library.downloads.plan import by_default
    from lama_tui.library.hub.fitting import gguf_fits
    from lama_tui.library.installed import machine_memory

    found = gguf_fits(details, None, machine_memory())
    default = by_default(details.files)
    return [
        {
            "name": choice.name, "bits": choice.bits, "size": choice.size,
            "fits": None if choice.problem else fit.fits,
            "default": choice == default, "problem": choice.problem or None,
            "files": [file.path for file in choice.files],
        }
        for choice, fit in found
    ]  # fmt: skip


def _lines(details: "HubDetails", needs: "list[tuple[int | None, Fit]]") -> list[tuple[str, str]]:
    model, fit = details.model, needs[0][1]
    now = time.time_ns() // 1_000_000
    known = [f"{size(at.needed)} at {tokens:,} tokens" for tokens, at in needs[1:] if at.kv is not None]
    return [
        ("model", model.repo),
        ("here", "no, only on the hub"),
        ("revision", details.commit),
        ("changed", UNKNOWN if model.modified is None else ago(model.modified, now)),
        ("format", model.format or UNKNOWN),
        ("architecture", details.architecture or UNKNOWN),
        *([("program", details.program)] if details.program else []),
        ("parameters", parameters(model.params)),
        ("bits", UNKNOWN if model.bits is None else str(model.bits)),
        ("size", f"{size(details.size)} in {count(len(details.files))} files"),
        ("weights", size(fit.weights)),
        ("context", UNKNOWN if details.context is None else f"{details.context:,} tokens"),
        ("license", model.license or UNKNOWN),
        ("access", "private" if model.private else "its publisher asks for an agreement" if model.gated else "open"),
        ("downloads", f"{count(model.downloads)} in a month"),
        ("likes", count(model.likes)),
        ("needs", " · ".join(known) or f"about {size(fit.needed)}"),
        ("fits", UNKNOWN if fit.fits is None else "yes" if fit.fits else "no, not in the memory that is free now"),
    ]
