"""What the engine thread does next, decided from plain values. Pure.

Work begins in the order it came, as far as it can: a request whose model has no free place lets those for other
loaded models pass. Several models are loaded as long as they fit. One that is wanted and does not fit takes the
place of what was used longest ago; while it waits for that, what came after it waits behind it, so that busy models
can never starve a question to another one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from lama_tui.engine.backend import ModelSource


class Move(Enum):
    """The next thing to do."""

    ADMIT = auto()
    """The model of a job in line is loaded: let the job begin."""
    LOAD = auto()
    """Load the model of a job in line beside what is loaded."""
    EVICT = auto()
    """Unload a model that nobody uses, to make room."""
    UNLOAD = auto()
    """Unload what a job in line asks to unload."""
    STEP = auto()
    """Advance what runs."""
    WAIT = auto()
    """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Next:
    """A move with the job that it is for, by its index in line, and the model that it evicts."""

    move: Move
    at: int = -1
    evict: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job in line wants of the model `reference`. Without a `source` it wants it unloaded.

    `generates` False only wants it loaded. `needs`: bytes that loading it takes, None where nobody looked yet.
    """

    reference: str
    source: ModelSource | None
    generates: bool = True
    needs: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A model in memory: its `size` in bytes, how many requests run, and when it was `used` last, by any clock."""

    source: ModelSource
    size: int
    running: int = 0
    used: float = 0.0
    pinned: bool = False


def first_to_load(line: Iterable[Wish], held: Sequence[Held]) -> int | None:
    """The index of the first job whose model is not in memory: it is the next that room is made for."""
    sources = [model.source for model in held]
    for at, wish in enumerate(line):
        if wish.source is not None and wish.source not in sources:
            return at
    return None


def next_move(
    line: Sequence[Wish], held: Sequence[Held], parallel: int, free: int, loading: ModelSource | None = None
) -> Next:
    """Choose the next move; a model answers `parallel` requests at once, and `free` bytes are left beside `held`.

    While a model is `loading`, what it needs is spoken for: others may begin and go on, but nothing else is
    loaded or unloaded.
    """
    models = {model.source.reference: model for model in held}
    leaving: set[str] = set()  # who came after the wish to unload a model waits for it
    for at, wish in enumerate(line):
        model = models.get(wish.reference)
        if wish.source is None:
            comes = loading is not None and loading.reference == wish.reference
            if not comes and (model is None or not (model.running or loading)):
                return Next(Move.UNLOAD, at)
            leaving.add(wish.reference)
        elif wish.source == loading or wish.reference in leaving:
            continue
        elif model is None or model.source != wish.source:
            return _proceed(held) if loading else _load(at, wish, held, free)
        elif model.running < parallel or not wish.generates:
            return Next(Move.ADMIT, at)
    return _proceed(held)


def idle_too_long(line: Iterable[Wish], held: Iterable[Held], before: float) -> str | None:
    """A model that nobody wants, not pinned, and not used since `before`; the one of that longest ago."""
    wanted = {wish.reference for wish in line}
    idle = [
        model
        for model in held
        if not (model.running or model.pinned or model.source.reference in wanted) and model.used <= before
    ]
    return min(idle, key=lambda model: model.used).source.reference if idle else None


def _load(at: int, wish: Wish, held: Sequence[Held], free: int) -> Next:
    """Make room for a model, as little as suffices, and load it when there is enough."""
    # of another folder by the same name: it is replaced, whether there is room or not
    same = [model for model in held if model.source.reference == wish.reference]
    if any(model.running for model in same):
        return Next(Move.STEP)
    if same:
        return Next(Move.EVICT, at, wish.reference)
    idle = sorted((model for model in held if not model.running), key=lambda model: (model.pinned, model.used))
    needs = wish.needs or 0
    if needs <= free or not held:
        return Next(Move.LOAD, at)
    enough = needs <= free + sum(model.size for model in idle)
    if idle and (enough or len(idle) == len(held)):
        return Next(Move.EVICT, at, idle[0].source.reference)
    return Next(Move.STEP)  # nothing that is idle makes room enough: what runs has to end first


def _proceed(held: Iterable[Held]) -> Next:
    return Next(Move.STEP if any(model.running for model in held) else Move.WAIT)
