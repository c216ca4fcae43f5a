"""Which runs the tests make that leave something to chance: the same ones every time, so that none fails by chance.

`LAMA_TEST_SEEDS="7 8 9"` makes others, to look for what nobody thought of.
"""

import os
from collections.abc import Iterable

_ASKED = os.environ.get("LAMA_TEST_SEEDS", "")

EXPLORES = bool(_ASKED)
"""Whether other runs than the usual ones are asked for."""


def seeds(*usual: int) -> Iterable[int]:
    """The numbers to begin with."""
    return [int(seed) for seed in _ASKED.split()] or usual
