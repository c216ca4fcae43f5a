"""How much of a prompt one step reads."""

FIRST = 16
"""Tokens of the first chunk, before anything is known of the model's speed on this machine."""
STEP_SECONDS = 0.25
"""How long a chunk may take, so that cancelling, quitting and other answers wait no longer."""


class Pace:
    """The chunk size of one model: as large as the settings allow and a short step permits.

    A large model on a CPU reads three tokens a second: a chunk of 512 would hold the thread for
    minutes, and with it the goodbye of the whole program.
    """

    def __init__(self, largest: int) -> None:
        self._largest = max(1, largest)
        self.chunk = min(FIRST, self._largest)
        """Tokens to read in the next step."""

    def measured(self, tokens: int, seconds: float) -> None:
        """Learn from a chunk of `tokens` that took `seconds`."""
        fitting = int(tokens / max(seconds, 1e-6) * STEP_SECONDS)
        self.chunk = max(1, min(self._largest, fitting))
