"""How well the guide answers questions that nobody trained or tuned it on, in words of their own.

Right: one of the topic's names is in the answer, nothing in backticks that the topic's own answer
does not name, and at most 500 characters. Whole answers are generated, greedily, by MLX.
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


@pytest.fixture(scope="module")
def ask() -> Callable[[Sequence[str]], list[str]]:
    """Answers questions, several at once: the answers are the same as one by one, in half the time."""
    from mlx_lm.generate import batch_generate
    from mlx_lm.utils import load_model, load_tokenizer

    model, _ = load_model(guide_weights())
    tokenizer = load_tokenizer(guide_weights())

    def answer(questions: Sequence[str]) -> list[str]:
        prompts = [
            tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True)
            for question in questions
        ]
        sizes = {"completion_batch_size": 16, "prefill_batch_size": 16}
        texts: list[str] = batch_generate(model, tokenizer, prompts, max_tokens=160, **sizes).texts
        return texts

    return answer


def test_heldout(ask: Callable[[Sequence[str]], list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    known = {topic.id: topic for topic in topics()}
    cases = tomllib.loads(HELDOUT.read_text(encoding="utf-8"))["case"]
    on_topic = [case for case in cases if case["topic"] != OFF_TOPIC]
    off_topic = [case for case in cases if case["topic"] == OFF_TOPIC]

    sound = {topic.answer for topic in known.values()}
    garbled = 0

    def right(asked: list[dict[str, str]]) -> int:
        nonlocal garbled
        texts = ask([case["question"] for case in asked])
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
