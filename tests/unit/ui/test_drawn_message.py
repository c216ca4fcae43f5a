"""A message is as high as it says, at every width, in every state."""

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from palettes import PALETTE

from lama_tui.conversations.messages import Message, MessageError, Part
from lama_tui.types import ConversationId, MessageId, Usage
from lama_tui.ui.drawn_message import HUGE, LONG, SHOWN, DrawnMessage, KeyNames, Progress
from lama_tui.ui.markdown.wrap import width_of

KEYS = KeyNames("f7", "f8")
texts = st.text(st.sampled_from("ab 漢\n\t#-*`>|[]👩\u200d"), max_size=120)
messages = st.builds(
    lambda role, state, text, reasoning, error, siblings: Message(
        MessageId(1),
        ConversationId(1),
        None,
        role,
        state,
        (Part("reasoning", reasoning), Part("text", text)),
        0,
        model="a-model",
        error=error,
        siblings=siblings,
    ),
    st.sampled_from(["user", "assistant"]),
    st.sampled_from(["complete", "streaming", "stopped", "interrupted", "failed"]),
    texts,
    texts,
    st.none() | st.builds(MessageError, st.just("error"), texts, texts, texts),
    st.integers(1, 3),
)


def said(role: str, text: str, **fields: object) -> Message:
    message = Message(MessageId(1), ConversationId(1), None, "user", "complete", (Part("text", text),), 0)
    return replace(message, role=role, **fields)  # type: ignore[arg-type]


def shown(drawn: DrawnMessage) -> str:
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in drawn.lines)


@given(messages, st.lists(st.integers(4, 100), min_size=1, max_size=4), st.booleans())
@settings(max_examples=200, deadline=None)
def test_height_and_width_at_every_width(message: Message, widths: list[int], fold: bool) -> None:
    drawn = DrawnMessage(message, KEYS)
    assert drawn.height > 0
    for width in widths:
        drawn.draw(width, PALETTE)
        assert drawn.is_drawn(width, PALETTE)
        assert drawn.height == len(drawn.lines)
        for line in drawn.lines:
            text = "".join(segment.text for segment in line)
            assert "\n" not in text
            assert width_of(line) <= width
        if fold:
            drawn.toggle_fold()


@given(texts, texts, st.lists(st.integers(0, 120), max_size=6), st.integers(4, 60))
@settings(max_examples=150, deadline=None)
def test_what_grew_is_drawn_as_what_is_complete(text: str, reasoning: str, cuts: list[int], width: int) -> None:
    streaming = replace(said("assistant", ""), state="streaming")
    growing = DrawnMessage(streaming, KEYS)
    for cut in sorted(cuts):
        growing.advance(Progress(text[:cut], reasoning[:cut], "writing"), width, PALETTE)
        assert growing.height == len(growing.lines)
    growing.advance(Progress(text, reasoning, ""), width, PALETTE)
    once = DrawnMessage(streaming, KEYS)
    once.advance(Progress(text, reasoning, ""), width, PALETTE)
    assert shown(growing) == shown(once)


def test_drawing_again_costs_nothing_and_another_width_draws_anew() -> None:
    drawn = DrawnMessage(said("assistant", "some words to wrap"), KEYS)
    drawn.draw(40, PALETTE)
    lines = drawn.lines
    drawn.draw(40, PALETTE)
    assert drawn.lines is lines
    drawn.draw(8, PALETTE)
    assert drawn.height > len(lines)


def test_a_long_message_folds_and_says_by_how_much() -> None:
    drawn = DrawnMessage(said("user", "\n".join(map(str, range(LONG + 1)))), KEYS)
    drawn.draw(60, PALETTE)
    assert f"{LONG + 1 - SHOWN} more lines · esc, then f7 shows them" in shown(drawn)
    drawn.toggle_fold()
    drawn.draw(60, PALETTE)
    assert shown(drawn).split("\n")[1 : LONG + 2] == [str(number) for number in range(LONG + 1)]
    exactly = DrawnMessage(said("user", "\n".join(map(str, range(LONG)))), KEYS)
    exactly.draw(60, PALETTE)
    assert "more lines" not in shown(exactly)


def test_a_person_is_quoted_as_they_wrote() -> None:
    drawn = DrawnMessage(said("user", "*a*  **b**\n\tx = 1\n    y"), KEYS)
    drawn.draw(60, PALETTE)
    assert shown(drawn).split("\n")[1:4] == ["*a*  **b**", "    x = 1", "    y"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"state": "stopped"}, "stopped · esc, then f8 continues it"),
        ({"state": "interrupted"}, "interrupted · esc, then f8 continues it"),
        ({"finish_reason": "length"}, "limit of tokens"),
        ({"state": "streaming"}, "another window"),
        ({"state": "failed"}, "this answer failed"),
        (
            {"state": "failed", "error": MessageError("e", "Refused", "because", "do this")},
            "Refused\n  because\n→ do this",
        ),
    ],
)
def test_how_it_ended(fields: dict[str, object], text: str) -> None:
    drawn = DrawnMessage(said("assistant", "words", **fields), KEYS)
    drawn.draw(80, PALETTE)
    assert text in shown(drawn)


def test_a_huge_answer_is_folded_but_not_under_the_eyes_of_who_watched_it_grow() -> None:
    text = "\n\n".join(f"row {number}" for number in range(HUGE // 8))
    once = DrawnMessage(said("assistant", text), KEYS)
    once.draw(60, PALETTE)
    assert once.height < LONG
    assert "about" in shown(once) and "more lines" in shown(once)
    growing = DrawnMessage(said("assistant", "", state="streaming"), KEYS)
    growing.advance(Progress(text, "", "writing"), 60, PALETTE)
    ended = DrawnMessage(said("assistant", text), KEYS)
    ended.take_over(growing)
    began = time.process_time()
    ended.draw(60, PALETTE)
    assert ended.height > HUGE // 8
    assert time.process_time() - began < 0.3  # drawing all of it anew takes seconds
    assert shown(ended).endswith(f"row {HUGE // 8 - 1}\n")


def test_what_it_cost_is_shown_on_demand_and_what_is_unknown_by_a_dash() -> None:
    drawn = DrawnMessage(said("assistant", "words", usage=Usage(512, None, 241, 85.0, 900.0, None)), KEYS)
    drawn.draw(200, PALETTE)
    assert "prompt" not in shown(drawn)
    drawn.show_figures(True)
    drawn.draw(200, PALETTE)
    expected = "512 prompt · – cached · 241 completion · prefill 900 tok/s · decode – · first token 85 ms · peak –"
    assert expected in shown(drawn)


def test_reasoning_and_text_fold_in_turns() -> None:
    long = said("assistant", "", parts=(Part("reasoning", "hm"), Part("text", "row\n\n" * 30)))
    drawn = DrawnMessage(long, KEYS)
    states = []
    for _ in range(4):
        drawn.draw(60, PALETTE)
        states.append(("▾ thought" in shown(drawn), "more lines" in shown(drawn)))
        assert drawn.toggle_fold()
    assert states == [(False, False), (True, False), (False, True), (False, False)]
    short = DrawnMessage(said("user", "short"), KEYS)
    short.draw(60, PALETTE)
    assert not short.toggle_fold()


@pytest.mark.parametrize("role", [pytest.param("user", marks=pytest.mark.slow), "assistant"])
def test_a_long_text_is_drawn_in_slices_and_its_beginning_stands_meanwhile(role: str) -> None:
    text = "\n\n".join(f"row {number}" for number in range(HUGE // 8))
    drawn = DrawnMessage(said(role, text), KEYS)
    drawn.draw(60, PALETTE)
    folded = shown(drawn)
    assert drawn.toggle_fold()
    drawn.draw(60, PALETTE)
    assert drawn.unfinished and drawn.unfolds and drawn.percent == 0
    assert shown(drawn).split("\n")[:8] == folded.split("\n")[:8]
    assert "drawing… 0 % · esc stops it" in shown(drawn)
    while drawn.unfinished:
        drawn.go_on(0.001)
        drawn.draw(60, PALETTE)
        assert drawn.height == len(drawn.lines)
    assert shown(drawn).rstrip().endswith(f"row {HUGE // 8 - 1}") and "drawing" not in shown(drawn)
    height, lines = drawn.height, drawn.lines
    drawn.draw(30, PALETTE)  # another width: all of them stay until they are drawn anew
    assert drawn.unfinished and drawn.outdated and drawn.height == height
    again = DrawnMessage(said(role, text), KEYS)
    again.take_over(drawn)
    again.draw(60, PALETTE)  # back at the width of those that stayed
    assert not again.unfinished and again.lines == lines
    drawn.toggle_fold()
    drawn.draw(30, PALETTE)
    assert not drawn.unfinished and drawn.hides_text and drawn.height < LONG
