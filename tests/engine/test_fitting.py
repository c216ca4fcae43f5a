"""The oldest turns are left out until a prompt fits: as few as possible, and never a part of a turn."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.engine.backend import GenerationRequest, ModelSource
from lama_tui.engine.fitting import ANSWER_SHARE, fitted
from lama_tui.errors import InferenceError
from lama_tui.events import StreamEvent, StreamFinished
from lama_tui.types import ChatMessage, RequestId, Sampling
from tests.engine.conftest import Rig
from tests.models import TEMPLATE, make_tiny_llama

SYSTEM = ChatMessage("system", "be brief")


def turns(*pairs: tuple[str, str]) -> list[ChatMessage]:
    return [ChatMessage(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]


def write(messages: Sequence[ChatMessage]) -> list[int]:
    return [0] * sum(len(message.text) + 2 for message in messages)


@given(
    st.lists(st.tuples(st.text("ab", min_size=1, max_size=60), st.text("cd", min_size=1, max_size=200)), max_size=40),
    st.text("q", min_size=1, max_size=50),
    st.booleans(),
    st.integers(1, 4000),
    st.integers(1, 3000),
)
def test_as_many_of_the_newest_turns_as_fit(
    pairs: list[tuple[str, str]], question: str, system: bool, window: int, answer: int
) -> None:
    rest = [*turns(*pairs), ChatMessage("user", question)]
    head = [SYSTEM] if system else []
    prompt, left_out = fitted([*head, *rest], write, window, answer)
    budget = window - min(answer, window // ANSWER_SHARE)
    assert left_out in range(0, len(rest), 2)  # whole turns
    assert prompt == write([*head, *rest[left_out:]])
    assert len(prompt) <= budget or left_out == len(rest) - 1
    if left_out:  # one turn more would not have fitted
        assert len(write([*head, *rest[left_out - 2 :]])) > budget


@given(st.integers(1, 3000), st.integers(50, 100_000))
def test_a_long_conversation_is_written_only_a_few_times(count: int, window: int) -> None:
    messages = [*turns(*((f"{'q' * (n % 50)}?", "a" * (n * 37 % 400)) for n in range(count))), ChatMessage("user", "x")]
    written = []

    def counting(chosen: Sequence[ChatMessage]) -> list[int]:
        written.append(sum(len(message.text) for message in chosen))
        return write(chosen)

    fitted(messages, counting, window, 500)
    assert len(written) <= 5 + count.bit_length()
    assert sum(written) <= 20 * window + 5_000


def test_nothing_but_a_question() -> None:
    assert fitted([ChatMessage("user", "x" * 90)], write, 50, 10) == ([0] * 92, 0)


# --- with a real model, whose tokens are bytes ------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> ModelSource:
    return ModelSource("small", str(make_tiny_llama(tmp_path / "small", window=200)))


def ask(small: ModelSource, messages: Sequence[ChatMessage], *, drop: bool, tokens: int = 10) -> GenerationRequest:
    sampling = Sampling(0.0, tokens)
    return GenerationRequest(RequestId("r"), small, tuple(messages), sampling, drop_oldest=drop)


def size(messages: Sequence[ChatMessage]) -> int:
    """Tokens of the prompt: each message stands between two control tokens, and a last one asks for the answer."""
    return sum(len(message.text.encode()) + 2 for message in messages) + 1


def figures(events: list[StreamEvent]) -> StreamFinished:
    end = events[-1]
    assert isinstance(end, StreamFinished)
    return end


LONG = [*turns(("a" * 60, "b" * 60), ("c" * 30, "d" * 30)), ChatMessage("user", "e" * 20)]


async def test_what_does_not_fit_is_refused_with_both_numbers(mlx: Rig, small: ModelSource) -> None:
    assert size(LONG) == 211
    with pytest.raises(InferenceError, match="context window") as raised:
        await mlx.answer(ask(small, LONG, drop=False))
    assert "211 tokens" in raised.value.detail and "200" in raised.value.detail
    assert "left out" in raised.value.hint


async def test_the_oldest_turn_is_left_out_and_counted(mlx: Rig, small: ModelSource) -> None:
    end = figures(await mlx.answer(ask(small, LONG, drop=True)))
    assert end.usage.prompt_tokens == size(LONG[2:])
    assert end.usage.left_out == 2
    assert end.usage.completion_tokens == 10  # there was room for it


async def test_the_system_prompt_stays(mlx: Rig, small: ModelSource) -> None:
    end = figures(await mlx.answer(ask(small, [SYSTEM, *LONG], drop=True)))
    assert end.usage.prompt_tokens == size([SYSTEM, *LONG[2:]])
    assert end.usage.left_out == 2


async def test_what_fits_is_left_whole(mlx: Rig, small: ModelSource) -> None:
    end = figures(await mlx.answer(ask(small, LONG[2:], drop=True)))
    assert (end.usage.prompt_tokens, end.usage.left_out) == (size(LONG[2:]), None)


async def test_room_stays_for_the_answer(mlx: Rig, small: ModelSource) -> None:
    """It would fit, but leave hardly a token for the answer; a fourth of the window is kept free at most."""
    tight = [*turns(("a" * 60, "b" * 60)), ChatMessage("user", "e" * 60)]
    assert size(tight) == 187
    for tokens, left_out in ((10, None), (40, 2), (100_000, 2)):
        end = figures(await mlx.answer(ask(small, tight, drop=True, tokens=tokens)))
        assert end.usage.left_out == left_out
        assert end.usage.completion_tokens is not None and end.usage.completion_tokens >= 10


async def test_a_message_that_is_too_long_by_itself_is_refused_all_the_same(mlx: Rig, small: ModelSource) -> None:
    with pytest.raises(InferenceError, match="context window") as raised:
        await mlx.answer(ask(small, [*LONG, ChatMessage("user", "f" * 300)], drop=True))
    assert "300" not in raised.value.hint and "left out" not in raised.value.hint


async def test_the_system_prompt_is_read(mlx: Rig) -> None:
    with_it = figures(await mlx.answer(ask(mlx.first, [SYSTEM, ChatMessage("user", "hi")], drop=False)))
    without = figures(await mlx.answer(ask(mlx.first, [ChatMessage("user", "hi")], drop=False)))
    assert with_it.usage.prompt_tokens == (without.usage.prompt_tokens or 0) + len(SYSTEM.text) + 2


async def test_top_p_of_nearly_nothing_is_greedy(mlx: Rig) -> None:
    """Of all tokens only the likeliest is left, whatever the temperature."""

    async def said(temperature: float, top_p: float | None, seed: int) -> list[StreamEvent]:
        events = await mlx.answer(mlx.request(tokens=30, temperature=temperature, top_p=top_p, seed=seed))
        return [event for event in events if type(event).__name__ == "TextDelta"]

    def text(events: list[StreamEvent]) -> str:
        return "".join(event.text for event in events)  # type: ignore[union-attr]

    greedy = text(await said(0.0, None, 1))
    assert text(await said(1.9, 0.0001, 2)) == greedy
    assert text(await said(1.9, None, 2)) != greedy


async def test_a_model_is_told_whether_to_think(mlx: Rig, tmp_path: Path) -> None:
    template = "{% if enable_thinking is defined %}{{ 'yes' if enable_thinking else 'not' }}{% endif %}" + TEMPLATE
    source = ModelSource("thinker", str(make_tiny_llama(tmp_path / "thinker", template=template)))
    tokens = []
    for thinking in (None, True, False):
        end = figures(await mlx.answer(mlx.request(source, tokens=1, thinking=thinking)))
        tokens.append(end.usage.prompt_tokens or 0)
    assert [count - tokens[0] for count in tokens] == [0, 3, 3]


async def test_the_models_own_limit_of_tokens_counts_where_nobody_gives_one(mlx: Rig, tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "short", generation_config={"max_new_tokens": 7})
    source = ModelSource("short", str(folder))
    for asked, made in ((None, 7), (3, 3)):
        end = figures(await mlx.answer(mlx.request(source, max_tokens=asked)))
        assert end.usage.completion_tokens == made


@given(
    st.lists(
        st.tuples(st.text("ab", min_size=1, max_size=40), st.text("cd", max_size=90), st.sampled_from((0, 0, 0, 1, 2))),
        max_size=25,
    ),
    st.booleans(),
    st.integers(1, 2500),
    st.integers(1, 1500),
)
def test_system_and_pinned_always_stay_in_whole_turns_and_in_order(
    pairs: list[tuple[str, str, int]], system: bool, window: int, answer: int
) -> None:
    turns = [
        [ChatMessage("user", f"{number}{question}", pin == 1), ChatMessage("assistant", f"{number}{said}", pin == 2)]
        for number, (question, said, pin) in enumerate(pairs)
    ]
    turns.append([ChatMessage("user", "last")])
    head = [SYSTEM] if system else []
    rest = [message for turn in turns for message in turn]
    seen: list[list[ChatMessage]] = []

    def writing(messages: Sequence[ChatMessage]) -> list[int]:
        seen.append(list(messages))
        return write(messages)

    prompt, left_out = fitted([*head, *rest], writing, window, answer)
    read = next(messages for messages in seen if write(messages) == prompt)
    assert read[: len(head)] == head
    kept = [turn for turn in turns if all(message in read for message in turn)]
    assert [*head, *(message for turn in kept for message in turn)] == read  # whole turns, in order, and nothing else
    assert all(turn in kept for turn in turns if any(message.pinned for message in turn))
    assert turns[-1] in kept
    left = [turn for turn in turns if turn not in kept]
    assert left == [turn for turn in turns[: left_out // 2] if not any(message.pinned for message in turn)]
    always = [turn for turn in turns[:-1] if any(message.pinned for message in turn)] + turns[-1:]
    least = [*head, *(message for turn in always for message in turn)]
    assert len(prompt) <= window - min(answer, window // ANSWER_SHARE) or read == least
    if left:  # the newest of those left out would not have fitted
        more = [turn for turn in turns if turn in kept or turn is left[-1]]
        assert len(write([*head, *(message for turn in more for message in turn)])) > window - min(
            answer, window // ANSWER_SHARE
        )
