"""How fast a model would write that was not measured, from those that were, on the same device.

A dense model reads all of its weights for each token, so that a token takes the time for its bytes and something
that does not depend on them:

    seconds a token ≈ a · bytes of weights + b

`a` (one over the bandwidth that is reached) and `b` are fitted to what was measured of models of similar size. Of a
mixture of experts a token reads only a part that depends on its routing: for those there is no estimate.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lama_tui.library.measurement_table import ChatSpeed, Measurement

LIKE = 4.0
"""Models are similar whose weights are up to so many times as large or small."""

_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_routed_experts")
_ANSWERS = 3  # fewer say little: a machine does other things too


@dataclass(frozen=True, slots=True)
class SpeedEstimate:
    """Tokens a second, and what that is from: `runs` benchmark runs or answers of `models` models.

    `measured`: of this very model by a benchmark; `answered`: of its answers in conversations; `similar`: fitted.
    """

    decode_tok_s: float
    kind: Literal["measured", "answered", "similar"]
    runs: int
    models: int = 1

    @property
    def source(self) -> str:
        """What it is from, in words."""
        if self.kind == "measured":
            return "measured here"
        if self.kind == "answered":
            return f"from {_count(self.runs, 'answer')} here"
        return f"from {_count(self.runs, 'run')} of {_count(self.models, 'similar model')}"


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """What is known of one model's speed. `experts` 0 is dense."""

    ref: str
    weights: int
    decode_tok_s: float
    runs: int
    bits: int | None = None
    experts: int = 0
    kind: Literal["measured", "answered"] = "measured"


class Speeds:
    """Answers from what was measured on one device."""

    def __init__(self, points: Sequence[SpeedPoint]) -> None:
        self._points = tuple(points)

    def of(self, ref: str, weights: int | None, bits: int | None, experts: int | None) -> SpeedEstimate | None:
        """The speed of a model; None where nothing is known that says something about it.

        `weights` are bytes in memory, `experts` those of a mixture: 0 is dense, None unknown.
        """
        own = [point for point in self._points if point.ref == ref]
        for point in sorted(own, key=lambda point: point.kind != "measured"):
            return SpeedEstimate(point.decode_tok_s, point.kind, point.runs)
        if not weights or experts != 0:
            return None
        like = [p for p in self._points if p.experts == 0 and weights / LIKE <= p.weights <= weights * LIKE]
        same = [point for point in like if point.bits == bits]
        like = same if len({point.weights for point in same}) > 1 else like
        if not like:
            return None
        seconds = _fitted(like, weights)
        return SpeedEstimate(1 / seconds, "similar", sum(p.runs for p in like), len({p.ref for p in like}))


def points(
    measurements: Iterable[Measurement], device: str, chats: Iterable[ChatSpeed] = (),
    weights: Mapping[str, tuple[int, int]] | None = None,
) -> list[SpeedPoint]:  # fmt: skip
    """What measurements on `device` say, of each model what was measured last, and what conversations add.

    `weights` are bytes and experts of the models whose answers in `chats` count.
    """
    of_ref: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        if measurement.device == device and measurement.decode_tok_s and measurement.weights:
            of_ref[measurement.ref].append(measurement)
    found = []
    for ref, several in of_ref.items():
        newest = max(several, key=lambda each: each.at)
        recent = {each.prompt_tokens: each for each in sorted(several, key=lambda each: each.at)}
        shortest = min(recent.values(), key=lambda each: each.prompt_tokens)  # a long context slows every token
        runs = sum(each.runs for each in recent.values())
        speed = float(shortest.decode_tok_s or 0)
        found.append(SpeedPoint(ref, newest.weights, speed, runs, newest.bits, newest.experts))
    for chat in chats:
        known = (weights or {}).get(chat.ref)
        if known is not None and chat.ref not in of_ref and chat.answers >= _ANSWERS:
            found.append(SpeedPoint(chat.ref, known[0], chat.decode_tok_s, chat.answers, None, known[1], "answered"))
    return found


def experts_of(config: Mapping[str, Any]) -> int:
    """The experts of a mixture as `config.json` says them; 0 for a dense model."""
    for part in (config, config.get("text_config")):
        if isinstance(part, dict):
            for key in _EXPERTS:
                if isinstance(count := part.get(key), int) and count > 1:
                    return count
    return 0


def _fitted(like: Sequence[SpeedPoint], weights: int) -> float:
    """Seconds a token at `weights`, by least squares of the relative error; through zero where that says b < 0."""
    x = [point.weights * point.decode_tok_s for point in like]  # a·x + b·y = 1 for each
    y = [point.decode_tok_s for point in like]
    xx, xy, yy = (sum(p * q for p, q in zip(u, v, strict=True)) for u, v in ((x, x), (x, y), (y, y)))
    determinant = xx * yy - xy * xy
    if len({point.weights for point in like}) > 1 and determinant > 1e-12 * xx * yy:
        a, b = (sum(x) * yy - sum(y) * xy) / determinant, (sum(y) * xx - sum(x) * xy) / determinant
        if a > 0 and b >= 0:
            return a * weights + b
    return weights * sum(x) / xx


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
