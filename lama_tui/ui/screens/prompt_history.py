"""Search in what was written before; what is chosen goes to the composer and is not sent."""

import time
from collections.abc import Sequence

from lama_tui.conversations.pasted import outlined
from lama_tui.conversations.prompts import Prompt, Prompts
from lama_tui.security.gate import clean, clean_line
from lama_tui.ui.figures import ago
from lama_tui.ui.screens.chooser import Choice, Chooser

_PROMPTS = 5_000
"""Messages of which the texts are searched."""
_LINE = 120
_ABOUT = 2_000
"""Characters of a text in the list, and below it."""


class PromptHistory(Chooser):
    """The distinct texts, newest first. Typing narrows them by words, wherever in the text they are."""

    HEADING = "What you wrote before"
    PLACEHOLDER = "Type words of it…"
    SEARCHING = "Looking…"
    NOTHING = "You have not written anything yet."

    def __init__(self, prompts: Prompts) -> None:
        super().__init__()
        self._source = prompts
        self._prompts: Sequence[Prompt] = ()
        self._searched: list[str] = []

    async def find(self) -> Sequence[Choice]:
        """Every text that was sent."""
        self._prompts = await self._source.newest(_PROMPTS)
        self._searched = [prompt.text.casefold() for prompt in self._prompts]
        now = time.time_ns() // 1_000_000
        return [self._choice(number, prompt, now) for number, prompt in enumerate(self._prompts)]

    def matches(self, choice: Choice, words: Sequence[str]) -> bool:
        """Whether a text has all the words."""
        return all(word in self._searched[int(choice.value)] for word in words)

    def text(self, value: str) -> str:
        """The text that was chosen, its pasted blocks marked."""
        return self._prompts[int(value)].text

    def _choice(self, number: int, prompt: Prompt, now: int) -> Choice:
        shown = outlined(prompt.text)
        about = clean(shown[:_ABOUT])
        return Choice(str(number), clean_line(shown[: 4 * _LINE], _LINE), about=f"{ago(prompt.sent, now)}\n{about}")
