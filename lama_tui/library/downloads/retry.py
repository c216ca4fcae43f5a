"""What passes by itself and is tried again, and when."""

import random
from dataclasses import dataclass

from lama_tui.errors import ConnectionLost, LamaError, ProviderTimeout, RateLimitError
from lama_tui.library.hub.refusal import HubTrouble


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next try, in seconds: twice as long each time, with chance.

    After `tries` in a row that brought no byte it is given up. A hub that says when is believed up to `most`.
    """

    first: float = 1.0
    longest: float = 300.0
    tries: int = 12
    most: float = 3600.0

    def before(self, attempt: int, error: LamaError) -> float | None:
        """How long after the failed `attempt` (1 is the first); None: it does not pass, or was tried often enough."""
        if not passes(error) or attempt >= self.tries:
            return None
        asked = error.retry_after if isinstance(error, HubTrouble | RateLimitError) else None
        if asked is not None:
            # what the hub asks for, and a little more: others were told the same
            asked = min(asked, self.most)
            return asked + random.uniform(0, min(1.0, asked / 10))  # noqa: S311 — no secret
        longest = min(self.longest, self.first * 2 ** (attempt - 1))
        return random.uniform(longest / 2, longest)  # noqa: S311


def passes(error: LamaError) -> bool:
    """Whether it may be gone at the next try."""
    return isinstance(error, HubTrouble | RateLimitError | ConnectionLost | ProviderTimeout)
