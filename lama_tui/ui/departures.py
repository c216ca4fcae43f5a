"""Models that leave memory by themselves, in words: which, why, and what that gave back. No widgets here."""

from typing import TYPE_CHECKING

from lama_tui.security.gate import clean_line
from lama_tui.ui import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lama_tui.engine.figures import EngineFigures
    from lama_tui.events import ModelUnloaded

_SLACK = 3_000
"""Milliseconds between the time at which an idle model leaves and the look that finds it gone."""


class Departures:
    """Each is told once, however it is learned: from the answer that it made room for, or from the engine's figures."""

    def __init__(self) -> None:
        self._told: tuple[ModelUnloaded, ...] = ()  # these very ones: another time the same may give back as much
        self._leaves: dict[str, int] = {}  # UTC milliseconds, of those that were idle at the last look

    def made_room(self, gone: "ModelUnloaded", wanted: str) -> str:
        """What to say of a model that left for another one; empty where a look told of it before."""
        if not since((gone,), self._told):
            return ""
        self._told = (*self._told, gone)
        return f"{_name(gone.model)} left memory to make room for {_name(wanted)}{_freed(gone)}."

    def look(self, now: "EngineFigures", at: int) -> list[str]:
        """What to say of those that left since the last look, and were not told of; `at` is UTC milliseconds."""
        leaves, told = self._leaves, self._told
        self._leaves = {each.reference: each.unload_at for each in now.activity if each.unload_at is not None}
        self._told = now.unloaded
        return [_why(gone, now, leaves.get(gone.model), at) for gone in since(now.unloaded, told)]


def since(unloaded: "Sequence[ModelUnloaded]", before: "Sequence[ModelUnloaded]") -> "list[ModelUnloaded]":
    """Those that are not among what was seen `before`."""
    seen = set(map(id, before))
    return [gone for gone in unloaded if id(gone) not in seen]


def _why(gone: "ModelUnloaded", now: "EngineFigures", due: int | None, at: int) -> str:
    name, freed = _name(gone.model), _freed(gone)
    if now.relief is not None and (now.relief.model, now.relief.freed) == (gone.model, gone.freed):
        return f"{name} left memory to make room{freed}."
    if due is not None and due <= at + _SLACK:
        return f"{name} was not used for a while and left memory{freed}."
    return f"{name} left memory{freed}."


def _name(model: str) -> str:
    return clean_line(figures.model_name(model).rpartition("/")[2], 60)


def _freed(gone: "ModelUnloaded") -> str:
    return f": {figures.size(gone.freed)} freed" if gone.freed else ""
