"""How much of a prompt one step reads."""

FIRST = 16
"""Tokens of the first chunk, before anything is known of the model's speed on this machine."""
STEP_SECONDS = 0.25
"""How long a chunk may take, so that cancelling, quitting and other answers wait no longer."""
HURRY_SECONDS = 0.1
"""How long one may take while somebody reads an answer that is being made."""
_REST = 4  # less than a fourth of a chunk is the rest of a prompt


class Pace:
    """The chunk size of one model: as large as the settings allow and a short step permits.

    A large model on a CPU reads three tokens a second: a chunk of 512 would hold the thread for
    minutes, and with it the goodbye of the whole program.
    """

    def __init__(self, largest: int) -> None:
        self.largest = max(1, largest)
        """Tokens of a chunk at most; may change between chunks."""
        self._rate: float | None = None  # tokens a second

    def chunk(self, hurry: bool = False) -> int:
        """Tokens to read in the next step; fewer in a `hurry`."""
        if self._rate is None:
            return min(FIRST, self.largest)
        seconds = HURRY_SECONDS if hurry else STEP_SECONDS
        return max(1, min(self.largest, int(self._rate * seconds)))

    def measured(self, tokens: int, seconds: float) -> None:
        """Learn from a chunk of `tokens` that took `seconds`.

        The rest of a prompt says little: few tokens take long for what they are, and what is read next would be cut.
        """
        if self._rate is None or seconds > STEP_SECONDS or tokens * _REST >= self.chunk():
            self._rate = tokens / max(seconds, 1e-6)
