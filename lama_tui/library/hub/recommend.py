"""Which model to begin with on this machine: a rule over what the hub lists now, no names.

1. The most downloaded MLX models (two pages of the hub's listing) that are chat models (the hub's tag
   `conversational`), free to fetch (not gated, not private), packed to 3–8 bits a weight: fewer spoil answers,
   more cost memory and speed for little.
2. Of those, what leaves room: weights, a cache of usual size and working memory within seven tenths of the
   memory that is free now. Other programs want to live too.
3. Where speeds of models were measured here: only those estimated to write at least as fast as people read.
   Where none were and there is only the processor: only small ones, for larger ones are slow there.
4. What is at least half as large as the largest left is about as good as it gets here; the most downloaded of
   it is the first choice. The most downloaded of the smaller ones comes second, for who would rather not wait.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.engine.fit import Fit, Machine
from lama_tui.library.hub.client import HubClient
from lama_tui.library.hub.fitting import fit_of
from lama_tui.library.hub.search import search
from lama_tui.library.hub.values import HubModel, HubQuery

if TYPE_CHECKING:
    from lama_tui.library.benchmarking.estimate import Speeds

PAGES = 2
SHARE = 0.7
READING = 6.0
"""Tokens a second: 250 words a minute, at 1.4 tokens a word."""
FEWEST_BITS, MOST_BITS = 3, 8
SMALL = 2_000_000_000
"""Parameters that a processor alone may begin with."""

Speed = Callable[[HubModel], float | None]
"""Estimates tokens a second from what was measured on this machine; None where nothing like it was."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A model to begin with. `tok_s` is estimated from measurements, None without any; `why` is for people."""

    model: HubModel
    fit: Fit
    tok_s: float | None
    why: str


def on_processor() -> bool:
    """Whether models run on the processor here. Blocks for a moment."""
    from lama_tui.engine.device import wheels

    found = wheels()
    return found.usable and found.device == "cpu"


async def recommend(
    client: HubClient, machine: Machine, speed: Speed | None = None, on_cpu: bool = False
) -> Sequence[Recommendation]:
    """The first choice and a smaller one, as far as the rule finds any. Raises a `LamaError`."""
    listed: list[HubModel] = []
    after: str | None = None
    for _ in range(PAGES):
        page = await search(client, HubQuery(), after, machine)
        listed += page.models
        after = page.after
        if after is None:
            break
    return choose(listed, machine, speed, on_cpu)


def choose(
    listed: Sequence[HubModel], machine: Machine, speed: Speed | None = None, on_cpu: bool = False
) -> list[Recommendation]:
    """Apply the rule to `listed`."""
    if machine.available is None:
        return []
    room = machine.available * SHARE
    found: list[Recommendation] = []
    for model in listed:
        fit = fit_of(model, machine)
        if not _is_for_everybody(model) or not fit.fits or (fit.needed or 0) > room:
            continue
        tok_s = speed(model) if speed is not None else None
        if tok_s is None and on_cpu and (model.params or 0) > SMALL:
            continue
        if tok_s is None or tok_s >= READING:
            found.append(Recommendation(model, fit, tok_s, ""))
    if not found:
        return []
    half = max(one.model.size or 0 for one in found) / 2
    large = [one for one in found if (one.model.size or 0) >= half]
    small = [one for one in found if (one.model.size or 0) < half]
    firsts = [(large, "the most downloaded of the largest that fit well here")]
    if small:
        firsts.append((small, "smaller and quicker"))
    return [_with(max(group, key=lambda one: one.model.downloads or 0), why) for group, why in firsts]


def speed_by(speeds: "Speeds") -> Speed:
    """Estimates from what was measured here. A listing does not tell experts: only names and tags that do are known.

    A mixture that is taken for a dense model is estimated too slow, and so rather left out than recommended.
    """

    def speed(model: HubModel) -> float | None:
        mixture = any("moe" in said.lower() for said in (model.repo, *model.tags))
        found = speeds.of(model.repo, model.size, model.bits, None if mixture else 0)
        return None if found is None else found.decode_tok_s

    return speed


def _is_for_everybody(model: HubModel) -> bool:
    quantized = model.bits is not None and FEWEST_BITS <= model.bits <= MOST_BITS
    return quantized and "conversational" in model.tags and not (model.gated or model.private)


def _with(one: Recommendation, why: str) -> Recommendation:
    return Recommendation(one.model, one.fit, one.tok_s, why)
