"""A model beside the memory of the machine, as a bar with a legend: every part has a shape of its own."""

from textual.content import Content

from lama_tui.library.fit import WORKING, Fit
from lama_tui.ui import figures

WEIGHTS, KV, FREE, TAKEN, MISSING = "▓", "▒", "·", "░", "!"
_STYLES = {WEIGHTS: "$primary", KV: "$accent", FREE: "$foreground-muted", TAKEN: "$foreground-muted", MISSING: "$error"}


def bar(fit: Fit, width: int) -> Content:
    """What others have taken, the weights, the KV cache, what is free, and what there is not: `width` cells."""
    cells = _cells(fit, max(1, width))
    return Content.assemble(*((mark * count, _STYLES[mark]) for mark, count in cells if count))


def legend(fit: Fit, context: int | None) -> list[Content]:
    """What the shapes mean, with the figures."""
    machine = fit.machine
    tokens = f"KV cache for {context:,} tokens" if context is not None else "KV cache"
    lines = [_entry(WEIGHTS, figures.size(fit.weights), "weights"), _entry(KV, figures.size(fit.kv), tokens)]
    if machine.available is not None and fit.weights is not None:
        over = fit.weights + (fit.kv or 0) - machine.available
        lines += [_entry(MISSING, figures.size(over), "more than there is")] if over > 0 else []
        lines += [_entry(FREE, figures.size(-over), "left")] if over <= 0 else []
    if machine.total is not None and machine.available is not None:
        taken = max(0, machine.total - machine.available)
        lines += [_entry(TAKEN, figures.size(taken), f"taken by others, of {figures.size(machine.total)}")]
    return lines


def verdict(fit: Fit) -> Content:
    """Whether it fits, and by how much."""
    spared = figures.size(WORKING)
    if fit.fits is None:
        return Content.styled(f"{figures.UNKNOWN} whether it fits is not known", "$foreground-muted")
    if fit.headroom is None or (not fit.fits and fit.headroom >= 0):
        limit = figures.size(fit.machine.limit)
        return Content.styled(f"✕ too big: weights may take {limit} (engine.memory_limit)", "$error")
    if fit.fits:
        return Content.styled(f"✓ fits: {figures.size(fit.headroom)} to spare beside {spared} to work in", "$success")
    return Content.styled(f"✕ does not fit: {figures.size(-fit.headroom)} short, with {spared} to work in", "$error")


def _entry(mark: str, value: str, what: str) -> Content:
    return Content.assemble((f"{mark} ", _STYLES[mark]), f"{value:>9} ", (what, "$foreground-muted"))


def _cells(fit: Fit, width: int) -> list[tuple[str, int]]:
    """How many cells each part takes, in order; they add up to `width`."""
    weights, kv = fit.weights or 0, fit.kv or 0
    total, available = fit.machine.total, fit.machine.available
    if total is None or available is None:
        parts = [(WEIGHTS, weights), (KV, kv)]
    else:
        taken, over = max(0, total - available), max(0, weights + kv - available)
        kept_kv = max(0, kv - over)
        kept_weights = max(0, weights - max(0, over - kv))
        left = max(0, available - weights - kv)
        parts = [(TAKEN, taken), (WEIGHTS, kept_weights), (KV, kept_kv), (FREE, left), (MISSING, over)]
    whole = sum(size for _, size in parts)
    if not whole:
        return [(FREE, width)]
    cells, done, drawn = [], 0, 0
    for mark, size in parts:
        done += size
        end = round(width * done / whole)
        if size and end == drawn and mark in (WEIGHTS, KV, MISSING) and end < width:
            end += 1  # what is there is seen, however small
        cells.append((mark, end - drawn))
        drawn = max(drawn, end)
    return cells
