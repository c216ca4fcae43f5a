"""Whether a model of the hub would fit on this machine, before anything of it is here."""

from collections.abc import Iterable

from lama_tui.engine.fit import Fit, Machine, fit
from lama_tui.engine.model_files import weight_files
from lama_tui.library.hub.gguf_files import GgufChoice, choices, usual
from lama_tui.library.hub.values import HubDetails, HubModel


def fit_of(model: HubModel, machine: Machine) -> Fit:
    """How a model of a listing fits, at no context in particular."""
    return fit(model.size or 0, None, None, machine)


def fit_at(details: HubDetails, context: int | None, machine: Machine) -> Fit:
    """How it fits with a conversation of so many tokens; of GGUF files the usual one."""
    return fit(weights_of(details) or 0, details.kv, context, machine)


def gguf_fits(details: HubDetails, context: int | None, machine: Machine) -> list[tuple[GgufChoice, Fit]]:
    """What can be chosen of a GGUF repo, the smallest first, and how each fits."""
    return [(choice, fit(choice.size, details.kv, context, machine)) for choice in choices(details.files)]


def weights_of(details: HubDetails) -> int | None:
    """Bytes of weights that would be loaded, from the sizes of its files."""
    loaded = set(weight_files([file.path for file in details.files]))
    if size := sum(file.size for file in details.files if file.path in loaded and "/" not in file.path):
        return size
    gguf = usual(choices(details.files))
    return gguf.size if gguf is not None else details.model.size


def by_fit(models: Iterable[HubModel], machine: Machine) -> list[HubModel]:
    """The largest that fits first, then what is unknown, then what does not fit, the smallest of it first."""

    def order(model: HubModel) -> tuple[int, int]:
        found, size = fit_of(model, machine).fits, model.size or 0
        return {True: (0, -size), None: (1, 0), False: (2, size)}[found]

    return sorted(models, key=order)
