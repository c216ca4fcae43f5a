"""What models remember of the prompts that they have read, so that nothing is computed twice. Pure.

Kept in memory, the newest, as many as fit. An entry is a sequence of tokens and the KV that its model computed
from them. A prompt that begins alike takes over what it shares: the next turn, a regeneration, a fork, an
edited message.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar


class Kv(Protocol):
    """The KV of one sequence. Whoever gets one may write on: nobody else has it."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""

    @property
    def can_be_cut(self) -> bool:
        """Whether a shorter sequence can be made of it."""

    def beginning(self, tokens: int, whole: int) -> Self:
        """A copy of the first `tokens` of the `whole` that it remembers."""


K = TypeVar("K", bound=Kv)


@dataclass(slots=True)
class Remembered(Generic[K]):
    """One sequence. `conversation` 0 is none; `saved` tells whether it is on the disk too."""

    model: str
    tokens: "array[int]"
    kv: K
    conversation: int = 0
    saved: bool = False
    nbytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.nbytes = self.kv.nbytes  # it does not change, and is asked for often


class PromptCache(Generic[K]):
    """Bounded by `limit` bytes; what was used longest ago goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: list[Remembered[K]] = []  # the newest last

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return sum(entry.nbytes for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def take(self, model: str, prompt: Iterable[int]) -> tuple[K | None, int]:
        """The KV that `model` has of the longest beginning of `prompt`, and of how many tokens that is.

        Never of all of it: what follows a prompt is computed from its last token. An entry that is used whole
        is given away, not copied: what becomes of it is kept again, and remembers as much and more.
        """
        best, shared = self._best(model, prompt)
        if best is None:
            return None, 0
        self._entries.remove(best)
        if shared == len(best.tokens):
            return best.kv, shared
        self._entries.append(best)
        return best.kv.beginning(shared, len(best.tokens)), shared

    def longest(self, model: str, prompt: Iterable[int]) -> int:
        """How many tokens of `prompt` `take` would spare."""
        return self._best(model, prompt)[1]

    def _best(self, model: str, prompt: Iterable[int]) -> tuple[Remembered[K] | None, int]:
        wanted = array("I", prompt)
        most = len(wanted) - 1
        best, shared = None, 0
        for entry in reversed(self._entries):
            if entry.model != model:
                continue
            alike = min(common(entry.tokens, wanted), most)
            if alike > shared and (alike == len(entry.tokens) or entry.kv.can_be_cut):
                best, shared = entry, alike
        return best, shared

    def keep(self, model: str, tokens: Iterable[int], kv: K, conversation: int = 0) -> None:
        """Keep what `model` computed from `tokens`, for `conversation`; not what alone is more than may be kept."""
        entry = Remembered(model, array("I", tokens), kv, conversation)
        if not len(entry.tokens) or entry.nbytes > self._limit:
            return
        self._entries = [other for other in self._entries if not _covers(entry, other)]
        self._entries.append(entry)
        self.shrink(self._limit)

    def shrink(self, limit: int) -> int:
        """Keep `limit` bytes at most; the bytes that were let go."""
        before = now = self.nbytes
        while self._entries and now > limit:
            now -= self._entries.pop(0).nbytes
        return before - now

    def unsaved(self, model: str | None = None) -> Remembered[K] | None:
        """The newest that is not on the disk, of `model` or of any; of a conversation only the newest counts."""
        seen: set[tuple[str, int]] = set()
        for entry in reversed(self._entries):
            if entry.conversation and (entry.model, entry.conversation) not in seen:
                seen.add((entry.model, entry.conversation))
                if not entry.saved and model in (None, entry.model):
                    return entry
        return None

    def forget(self, model: str) -> None:
        """Keep nothing of a model any more."""
        self._entries = [entry for entry in self._entries if entry.model != model]

    def forget_conversation(self, conversation: int) -> None:
        """Keep nothing of a conversation any more."""
        self._entries = [entry for entry in self._entries if entry.conversation != conversation]


def common(one: "array[int]", other: "array[int]") -> int:
    """How many tokens two sequences share from the beginning on."""
    known, end = 0, min(len(one), len(other))
    while known < end:
        middle = (known + end + 1) // 2
        if one[known:middle] == other[known:middle]:
            known = middle
        else:
            end = middle - 1
    return known


def _covers(entry: Remembered[K], other: Remembered[K]) -> bool:
    """Whether `other` is of no more use beside `entry`."""
    if entry.model != other.model or len(other.tokens) > len(entry.tokens):
        return False
    if len(other.tokens) < len(entry.tokens) and not entry.kv.can_be_cut:
        return False
    return entry.tokens[: len(other.tokens)] == other.tokens
