"""Whose prompt is read next. Pure."""

from collections.abc import Sequence

PATIENCE = 4
"""Chunks of others that one lets pass: short prompts first, but a long one is read too."""


def next_to_read(waiting: Sequence[tuple[int, int]]) -> int:
    """The index of the prompt to read a chunk of. Of each: tokens that are left, and chunks that it let pass.

    The shortest first, so that a short question is answered while a long prompt is read; one that waited for
    `PATIENCE` chunks goes before. The oldest stands first, and wins where two are alike.
    """
    patient = [at for at, (_, passed) in enumerate(waiting) if passed >= PATIENCE]
    return patient[0] if patient else min(range(len(waiting)), key=lambda at: waiting[at][0])
