"""A model beside the memory of the machine, as a bar with a legend: every part has a shape of its own."""

from textual.content import Content

from lama_tui.engine.fit import USUAL_KV, WORKING, Fit
from lama_tui.ui import figures

TAKEN, WEIGHTS, KV, WORK, FREE, MISSING = "░", "▓", "▒", "▚", "·", "!"
_STYLES = {
    TAKEN: "$foreground-muted",
    WEIGHTS: "$primary",
    KV: "$accent",
    WORK: "$secondary",
    FREE: "$foreground-muted",
    MISSING: "$error",
}


def bar(fit: Fit, width: int) -> Content:
    """The memory of the machine in `width` cells; what there is not stands at the end."""
    cells = _cells(_parts(fit), max(1, width))
    return Content.assemble(*((mark * count, _STYLES[mark]) for mark, count in cells if count))


def needs(fit: Fit, tokens: int, longest: int | None, keys: str, width: int) -> list[Content]:
    """The bar with its legend, at so many tokens of a model that takes at most `longest`; `keys` change that. Nothing
    where its size is not known."""
    if fit.weights is None:
        return []
    context = min(tokens, longest or tokens)
    of = f" of {longest:,}" if longest and longest != context else ""
    return [
        bar(fit, width),
        Content.assemble(f"At {context:,}{of} tokens", (f"  {keys} change it", "$foreground-muted")),
        *legend(fit, context),
    ]


def legend(fit: Fit, context: int) -> list[Content]:
    """What the shapes mean, with the figures; together they are the whole memory."""
    machine = fit.machine
    cache = f"KV cache of {context:,} tokens" if fit.kv is not None else "assumed: this kind of KV cache is not known"
    entries = [
        (WEIGHTS, fit.weights, "weights"),
        (KV, USUAL_KV if fit.kv is None else fit.kv, cache),
        (WORK, WORKING, "to work in"),
    ]
    if (headroom := fit.headroom) is not None:
        entries.append((FREE, headroom, "left") if headroom >= 0 else (MISSING, -headroom, "more than there is"))
    if machine.available is not None and machine.available == machine.total:  # Metal: others make way
        entries.append((FREE, machine.total, "in all for models"))
    elif machine.total is not None and machine.available is not None:
        entries.append((TAKEN, machine.total - machine.available, f"taken, of {figures.size(machine.total)}"))
    else:
        entries.append((FREE, machine.total, "in all; what of it is free is not known"))
    return [
        Content.assemble((f"{mark} ", _STYLES[mark]), f"{figures.size(size):>9} ", (what, "$foreground-muted"))
        for mark, size, what in entries
    ]


def verdict(fit: Fit) -> Content:
    """Whether it fits, and by how much."""
    if fit.fits is None:
        return Content.styled(f"{figures.UNKNOWN} whether it fits is not known", "$foreground-muted")
    if fit.fits:
        return Content.styled(f"✓ fits, {figures.size(fit.headroom)} to spare", "$success")
    if fit.headroom is not None and fit.headroom < 0:
        return Content.styled(f"✕ does not fit: {figures.size(-fit.headroom)} short", "$error")
    limit = figures.size(fit.machine.limit)
    return Content.styled(f"✕ too big: models may take {limit} (engine.memory_limit)", "$error")


def _parts(fit: Fit) -> list[tuple[str, int]]:
    """Bytes of each part, in the order of the bar. What is short is taken off the end of what is needed."""
    weights, kv, work = fit.weights or 0, USUAL_KV if fit.kv is None else fit.kv, WORKING
    total, available = fit.machine.total, fit.machine.available
    if total is None or available is None:
        return [(WEIGHTS, weights), (KV, kv), (WORK, work), (FREE, max(0, (total or 0) - weights - kv - work))]
    short = max(0, weights + kv + work - available)
    there = []
    left = available
    for mark, size in ((WEIGHTS, weights), (KV, kv), (WORK, work)):
        there.append((mark, min(size, left)))
        left -= there[-1][1]
    return [(TAKEN, total - available), *there, (FREE, left), (MISSING, short)]


def _cells(parts: list[tuple[str, int]], width: int) -> list[tuple[str, int]]:
    """How many cells each part takes; `width` together. What is there is seen, however small, while there is room."""
    there = [(mark, size) for mark, size in parts if size]
    if not there:
        return [(FREE, width)]
    whole = sum(size for _, size in there)
    cells: list[tuple[str, int]] = []
    done = drawn = 0
    for later, (mark, size) in zip(reversed(range(len(there))), there, strict=True):
        done += size
        end = max(drawn, min(width - later, max(round(width * done / whole), drawn + 1)))
        cells.append((mark, end - drawn))
        drawn = end
    return cells
