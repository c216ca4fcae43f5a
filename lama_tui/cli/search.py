"""`lama search`: models on the hub, and which of them would run here."""

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.config import values
from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths
from lama_tui.ui.figures import UNKNOWN, ago, count, parameters, rate, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lama_tui.engine.fit import Machine
    from lama_tui.library.hub.recommend import Recommendation
    from lama_tui.library.hub.values import HubModel, HubQuery

_USUAL = 20  # lines: one screen
_MOST = 5000
_PAGES = 20  # of what was narrowed much, the hub's whole list would be read


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("search", help="find models on the hub")
    parser.add_argument("words", metavar="WORDS", nargs="*", help="words of the name")
    parser.add_argument("--author", metavar="NAME", default="", help="only those of this author or organization")
    parser.add_argument("--format", choices=("mlx", "gguf"), default="mlx", help="mlx (the default) or gguf")
    parser.add_argument("--bits", metavar="N", type=_bits, help="only those with so many bits a weight")
    parser.add_argument("--largest", metavar="SIZE", type=_size, help="only those whose weights take at most 8GiB")
    parser.add_argument(
        "--sort", choices=("downloads", "likes", "recent", "fit"), default="downloads",
        help="fit: the largest that fits here first, among the most downloaded",
    )  # fmt: skip
    parser.add_argument("--limit", metavar="N", type=_limit, default=_USUAL, help=f"so many lines; usually {_USUAL}")
    parser.add_argument("--recommend", action="store_true", help="only what suits this machine to begin with")
    parser.add_argument("--json", action="store_true", help="one array")
    parser.set_defaults(verb=search)


def search(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """List what the hub finds, the first of it. Raises a `LamaError` where it cannot be asked."""
    from lama_tui.library.hub.fitting import by_fit, fit_of
    from lama_tui.library.hub.values import HubQuery
    from lama_tui.library.installed import machine_memory

    if arguments.recommend:
        return _recommend(arguments, paths, loaded)
    query = HubQuery(
        text=" ".join(arguments.words), author=arguments.author, format=arguments.format, bits=arguments.bits,
        largest=arguments.largest, sort=arguments.sort,
    )  # fmt: skip
    machine = machine_memory()
    models = asyncio.run(_found(query, arguments.limit, machine, loaded.settings.privacy.local_only))
    if query.sort == "fit":
        models = by_fit(models, machine)
    models = models[: arguments.limit]
    fits = [fit_of(model, machine).fits for model in models]
    if arguments.json:
        output.json_document([_json(model, fit) for model, fit in zip(models, fits, strict=True)])
    elif models:
        output.table(
            ("MODEL", "FORMAT", "PARAMS", "BITS", "SIZE", "DOWNLOADS", "LIKES", "CHANGED", "ACCESS", "FITS"),
            [_row(model, fit) for model, fit in zip(models, fits, strict=True)],
            right=(2, 3, 4, 5, 6),
        )
    else:
        output.note("The hub has no model like that. Fewer words, or another --format, find more.")
    return 0


def _recommend(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Tell what to begin with, by the rule of `library.hub.recommend`."""
    found = asyncio.run(_recommended(paths, loaded))
    if arguments.json:
        told = [_json(one.model, one.fit.fits) | {"tok_s": one.tok_s, "why": one.why} for one in found]
        output.json_document(told)
    elif found:
        output.table(
            ("MODEL", "PARAMS", "BITS", "SIZE", "NEEDS", "SPEED", "WHY"),
            [
                (
                    one.model.repo,
                    parameters(one.model.params),
                    str(one.model.bits),
                    size(one.model.size),
                    size(one.fit.needed),
                    rate(one.tok_s),
                    one.why,
                )
                for one in found
            ],
            right=(1, 2, 3, 4, 5),
        )
        output.line(f"\nGet it with: lama pull {found[0].model.repo}")
    else:
        output.note("Nothing that the hub lists would leave room for other programs in the memory that is free now.")
    return 0


async def _recommended(paths: Paths, loaded: LoadedSettings) -> "Sequence[Recommendation]":
    from lama_tui.library.hub.recommend import on_processor, speed_by
    from lama_tui.services import open_services

    services = await open_services(paths, loaded)
    try:
        hub = await services.hub()
        return await hub.recommend(speed=speed_by(await services.speeds()), on_cpu=on_processor())
    finally:
        await services.close()


async def _found(query: "HubQuery", limit: int, machine: "Machine", local_only: bool) -> "list[HubModel]":
    """What the hub finds, in as many pages as `limit` takes."""
    from lama_tui.library.hub.access import HubAccess
    from lama_tui.library.hub.hub import Hub

    hub = Hub(HubAccess.from_environment(), local_only)
    progress = output.Progress()
    found: dict[str, HubModel] = {}
    after: str | None = None
    try:
        for _ in range(_PAGES):
            progress.show(f"asking {hub.access.host}" + (f" · {len(found)} found" if found else ""))
            page = await hub.search(query, after, machine)
            found |= {model.repo: model for model in page.models}
            after = page.after
            if after is None or len(found) >= limit:
                break
        return list(found.values())
    finally:
        progress.clear()
        await hub.close()


def _json(model: "HubModel", fits: bool | None) -> dict[str, object]:
    return {
        "ref": model.repo,
        "revision": model.commit,
        "format": model.format,
        "params": model.params,
        "bits": model.bits,
        "size": model.size,
        "license": model.license,
        "downloads": model.downloads,
        "likes": model.likes,
        "modified": model.modified,
        "gated": model.gated,
        "private": model.private,
        "fits": fits,
    }


def _row(model: "HubModel", fits: bool | None) -> tuple[str, ...]:
    return (
        model.repo,
        model.format or UNKNOWN,
        parameters(model.params),
        UNKNOWN if model.bits is None else str(model.bits),
        size(model.size),
        count(model.downloads),
        count(model.likes),
        UNKNOWN if model.modified is None else ago(model.modified, time.time_ns() // 1_000_000),
        "private" if model.private else "gated" if model.gated else "open",
        UNKNOWN if fits is None else "yes" if fits else "no",
    )


def _bits(text: str) -> int:
    return _within(text, 1, 64)


def _limit(text: str) -> int:
    return _within(text, 1, _MOST)


def _within(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:6]) <= most):
        raise argparse.ArgumentTypeError(f"a number from {least} to {most} is needed, not {text[:40]!r}")
    return int(text)


def _size(text: str) -> int:
    try:
        return values.size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"it must be {error}") from error
