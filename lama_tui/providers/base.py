"""What a provider is: something that streams an answer, on this machine or behind an API."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lama_tui.events import StreamEvent
from lama_tui.types import NO_PARTS, ChatMessage, ModelParts, Place, Sampling


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can be asked of a provider.

    `continues`: it can go on from the text of an unfinished answer exactly; otherwise the
    unfinished answer is sent as the last message and the model goes on as it likes, which
    the person is told. `ignores` names what of `Sampling` and
    `ModelParts` is never passed on.
    """

    continues: bool
    reasoning: bool
    seed: bool
    ignores: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One answer to ask for. `prefix` is the text of the unfinished answer to continue.

    `drop_oldest`: where the conversation does not fit, its oldest turns are left out, if that
    can be measured; `Usage.left_out` of the answer counts the messages. `conversation` is its
    number, 0 for none: what a model on this machine remembers of it is forgotten with it.
    `forced`: a model on this machine is loaded even if it does not seem to fit in memory; `parts`: with these.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    prefix: str = ""
    drop_oldest: bool = False
    conversation: int = 0
    forced: bool = False
    parts: ModelParts = NO_PARTS


class Provider(Protocol):
    """Streams answers of the models behind one name."""

    @property
    def name(self) -> str:
        """`local`, or the NAME of `[providers.NAME]`."""

    @property
    def capabilities(self) -> Capabilities:
        """What can be asked of it."""

    def place(self, model: str) -> Place:
        """Where `model` runs, as far as known without asking."""

    def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Events of one answer, ending with `StreamFinished`. Raises a `LamaError`.

        Closing the iterator (`aclose`) or cancelling the task that reads it stops the work.
        """

    async def models(self) -> list[str]:
        """The models that it offers, by name. Raises a `LamaError`."""

    async def count_tokens(
        self,
        model: str,
        messages: Sequence[ChatMessage],
        *,
        parts: ModelParts = NO_PARTS,
        thinking: bool | None = None,
    ) -> int | None:
        """Tokens of the prompt that `messages` make, written and counted as the model itself would read it, with these
        `parts` and asked to be `thinking` or not.

        None where that cannot be measured: on servers, and for a model that is not in memory. Never raises a
        `LamaError`; cancelling the task takes the question back.
        """

    def context_window(self, model: str) -> int | None:
        """Tokens that `model` reads at most, prompt and answer together; None unless it is in memory and says so."""

    async def close(self) -> None:
        """Release connections or the engine; safe to call twice."""
