"""How well the guide answers questions that nobody trained or tuned it on, in words of their own.

Right: one of the topic's names is in the answer, nothing in backticks that the topic's own answer
does not name, and at most 500 characters. Answers are generated, greedily, by MLX: by default as far as
it takes to tell which of the known answers they are, and whole in the slow test, which finds the garbled too.
"""

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lama_tui.guide.corpus import OFF_TOPIC, topics
from lama_tui.paths import guide_weights

pytest.importorskip("mlx_lm")

BAR = 0.80
GARBLED = 0.03
"""Answers that begin as one and go on as another, or stammer."""
REFUSED = 0.80
HELDOUT = Path(__file__).parent / "heldout.toml"
OPENING, WHOLE = 7, 160
"""Tokens. Nearly all answers are like no other after so few."""


@pytest.fixture(scope="module")
def ask() -> Callable[[Sequence[str], int], list[str]]:
    """Answers questions, several at once, in so many tokens: the same as one by one, in half the time."""
    from mlx_lm.generate import batch_generate
    from mlx_lm.utils import load_model, load_tokenizer

    model, _ = load_model(guide_weights())
    tokenizer = load_tokenizer(guide_weights())

    def answer(questions: Sequence[str], tokens: int) -> list[str]:
        prompts = [
            tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True)
            for question in questions
        ]
        sizes = {"completion_batch_size": 16, "prefill_batch_size": 16}
        texts: list[str] = (
            batch_generate(model, tokenizer, prompts, max_tokens=tokens, **sizes).texts if prompts else []
        )
        return texts

    return answer


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["openings", "whole"])
def test_heldout(
    ask: Callable[[Sequence[str], int], list[str]], capsys: pytest.CaptureFixture[str], whole: bool
) -> None:
    known = {topic.id: topic for topic in topics()}
    cases = tomllib.loads(HELDOUT.read_text(encoding="utf-8"))["case"]
    on_topic = [case for case in cases if case["topic"] != OFF_TOPIC]
    off_topic = [case for case in cases if case["topic"] == OFF_TOPIC]

    sound = {topic.answer for topic in known.values()}
    garbled = 0

    def answers_to(questions: list[str]) -> list[str]:
        if whole:
            return ask(questions, WHOLE)
        found: dict[str, str] = {}
        for question, opening in zip(questions, ask(questions, OPENING), strict=True):
            begun = [answer for answer in sound if answer.startswith(opening)]
            if len(begun) == 1:
                found[question] = begun[0]
        # what begins as several answers do, or as none does
        others = [question for question in questions if question not in found]
        found |= zip(others, ask(others, WHOLE), strict=True)
        return [found[question] for question in questions]

    def right(asked: list[dict[str, str]]) -> int:
        nonlocal garbled
        texts = answers_to([case["question"] for case in asked])
        answers = [(case["topic"], text) for case, text in zip(asked, texts, strict=True)]
        garbled += sum(answer not in sound for _, answer in answers)
        return sum(known[topic].accepts(answer) for topic, answer in answers)

    # numbers only: who tunes the training must not see the questions, not even in a failure
    total, knows, strange = len(cases), len(on_topic), len(off_topic)
    answered, refused = right(on_topic), right(off_topic)
    with capsys.disabled():
        print(
            f"\nguide, held out: {answered + refused} of {total} right ({(answered + refused) / total:.1%}); "
            f"on topic {answered} of {knows} ({answered / knows:.1%}), "
            f"off-topic {refused} of {strange} refused ({refused / strange:.1%}); "
            f"{garbled} garbled ({garbled / total:.1%})"
        )
    assert answered >= BAR * knows
    assert answered + refused >= BAR * total
    assert refused >= REFUSED * strange
    assert garbled <= GARBLED * total
