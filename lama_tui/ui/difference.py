"""Which cells of a row changed: what is drawn again over SSH is what differs, and no more."""

from collections.abc import Hashable, Iterable

from rich.cells import cell_len


def changed_columns(
    before: Iterable[tuple[str, Hashable]], after: Iterable[tuple[str, Hashable]]
) -> tuple[int, int] | None:
    """The first column that differs and the width from it to the last one; None where the rows are the same.

    Rows are pieces of text with a style; beyond their ends they are blank.
    """
    old, new = _cells(before), _cells(after)
    if old == new:
        return None
    width = max(len(old), len(new))
    old += [_BLANK] * (width - len(old))
    new += [_BLANK] * (width - len(new))
    differs = [column for column in range(width) if old[column] != new[column]]
    return (differs[0], differs[-1] - differs[0] + 1) if differs else None


_BLANK: tuple[str, Hashable] = (" ", None)


def _cells(pieces: Iterable[tuple[str, Hashable]]) -> list[tuple[str, Hashable]]:
    """One entry a cell; a wide character fills its second one with itself, what has no width joins the one before."""
    cells: list[tuple[str, Hashable]] = []
    for text, style in pieces:
        for character in text:
            width = cell_len(character)
            if width == 0 and cells:
                cells[-1] = cells[-1][0] + character, cells[-1][1]
            cells += [(character, style)] * width
    return cells
