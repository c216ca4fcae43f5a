"""What is kept of prompts: the longest shared beginning, the newest entries, within bytes."""

from array import array
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from lama_tui.engine.prompt_cache import PromptCache, common


@dataclass
class Kv:
    """Remembers its tokens; `nbytes` is one for each."""

    tokens: list[int]
    can_be_cut: bool = True

    @property
    def nbytes(self) -> int:
        return len(self.tokens)

    def beginning(self, tokens: int, whole: int) -> "Kv":
        assert whole == len(self.tokens) and self.can_be_cut
        return Kv(self.tokens[:tokens])


def kept(*sequences: list[int], limit: int = 1000, can_be_cut: bool = True) -> PromptCache[Kv]:
    cache: PromptCache[Kv] = PromptCache(limit)
    for tokens in sequences:
        cache.keep("m", tokens, Kv(tokens, can_be_cut))
    return cache


def test_what_goes_on_is_given_away_whole() -> None:
    cache = kept([1, 2, 3])
    kv, held = cache.take("m", [1, 2, 3, 4])
    assert (kv, held, len(cache)) == (Kv([1, 2, 3]), 3, 0)


def test_what_branches_off_is_copied() -> None:
    cache = kept([1, 2, 3, 4])
    assert cache.take("m", [1, 2, 9]) == (Kv([1, 2]), 2)
    assert cache.take("m", [1, 2, 3, 4]) == (Kv([1, 2, 3]), 3), "the last token is always computed"
    assert len(cache) == 1


def test_another_model_and_another_beginning_share_nothing() -> None:
    cache = kept([1, 2, 3])
    assert cache.take("other", [1, 2, 3, 4]) == (None, 0)
    assert cache.take("m", [2, 2, 3, 4]) == (None, 0)
    assert cache.take("m", [1]) == (None, 0)


def test_what_cannot_be_cut_serves_only_what_goes_on() -> None:
    cache = kept([1, 2], [1, 2, 3, 4], can_be_cut=False)
    assert len(cache) == 2, "the shorter one is of use yet"
    assert cache.take("m", [1, 2, 3, 9])[1] == 2
    assert cache.take("m", [1, 2, 3, 4, 5])[1] == 4


def test_the_oldest_goes_first() -> None:
    cache = kept([1] * 4, [2] * 4, limit=10)
    assert cache.take("m", [1] * 3) == (Kv([1] * 2), 2)  # used: it is the newest now
    cache.keep("m", [3] * 4, Kv([3] * 4))
    assert cache.take("m", [2, 2, 2])[0] is None
    assert cache.take("m", [1, 1, 1])[0] is not None and cache.nbytes <= 10


def test_what_alone_is_too_large_does_not_cost_the_others() -> None:
    cache = kept([1] * 4, [2] * 4, [1] * 11, limit=10)
    assert cache.take("m", [2] * 5)[1] == 4 and cache.take("m", [1] * 5)[1] == 4


def test_forgetting_a_model_and_shrinking() -> None:
    cache = kept([1, 2], [3, 4, 5])
    assert cache.shrink(3) == 2 and cache.nbytes == 3
    cache.forget("m")
    assert cache.nbytes == 0 and len(cache) == 0


SEQUENCES = st.lists(st.integers(0, 2), min_size=1, max_size=12)


@given(st.lists(SEQUENCES, max_size=12), SEQUENCES, st.integers(1, 60))
def test_what_is_taken_is_a_true_beginning(sequences: list[list[int]], prompt: list[int], limit: int) -> None:
    cache = kept(*sequences, limit=limit)
    assert cache.nbytes <= limit
    wanted, kept_tokens = array("I", prompt), [entry.tokens for entry in cache._entries]
    best = max((min(common(tokens, wanted), len(prompt) - 1) for tokens in kept_tokens), default=0)
    kv, held = cache.take("m", prompt)
    assert held == best < len(prompt)
    assert (kv is None) == (held == 0)
    assert kv is None or kv.tokens == prompt[:held]


@given(SEQUENCES, SEQUENCES)
def test_common_is_the_longest_shared_beginning(one: list[int], other: list[int]) -> None:
    count = common(array("I", one), array("I", other))
    assert one[:count] == other[:count]
    assert count in (len(one), len(other)) or one[count] != other[count]
