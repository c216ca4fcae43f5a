"""How tokens are chosen and where an answer ends, on request: with real models, alone and beside others."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lama_tui.engine.backend import ModelSource
from lama_tui.events import ReasoningDelta, StreamEvent, StreamFinished, ToolCallDelta
from tests.engine.conftest import Rig, text_of
from tests.models import TEMPLATE, make_reciter


def ended(events: list[StreamEvent]) -> str:
    assert isinstance(events[-1], StreamFinished)
    return events[-1].reason


def reciter(folder: Path, *pieces: str, **options: object) -> ModelSource:
    return ModelSource(folder.name, str(make_reciter(folder, pieces, **options)))  # type: ignore[arg-type]


async def test_one_candidate_is_the_greedy_answer(mlx: Rig) -> None:
    greedy = text_of(await mlx.answer(mlx.request(tokens=30)))
    for narrow in ({"top_k": 1}, {"min_p": 1.0}, {"top_p": 0.01}):
        assert text_of(await mlx.answer(mlx.request(tokens=30, temperature=1.0, **narrow))) == greedy


async def test_a_penalty_looks_at_the_tokens_of_its_own_answer(mlx: Rig) -> None:
    def asked(text: str, penalty: float | None) -> object:
        return mlx.answer(mlx.request(text=text, tokens=60, repetition_penalty=penalty))

    def expected(text: str, penalty: float) -> str:
        """Token by token with the whole sequence read anew each time."""
        import mlx.core as mx
        from mlx_lm.sample_utils import make_repetition_penalty
        from mlx_lm.utils import load

        network, tokenizer = load(mlx.first.folder)
        messages = [{"role": "user", "content": text}]
        tokens = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        process, made = make_repetition_penalty(penalty, 64), []
        for _ in range(60):
            logits = process(mx.array(tokens), network(mx.array([tokens]))[:, -1, :])
            made.append(int(mx.argmax(logits, axis=-1).item()))
            tokens.append(made[-1])
        return str(tokenizer.decode(made))

    alone = [text_of(await asked(text, 1.5)) for text in ("a", "b" * 90)]  # type: ignore[misc]
    plain = text_of(await asked("a", None))  # type: ignore[misc]
    together = await asyncio.gather(asked("a", 1.5), asked("b" * 90, 1.5), asked("a", None))  # type: ignore[arg-type]
    assert [text_of(events) for events in together] == [*alone, plain]
    assert alone[0] != plain
    assert alone == [await asyncio.to_thread(expected, text, 1.5) for text in ("a", "b" * 90)]


async def test_a_seed_says_the_same_again_also_from_a_remembered_prompt(mlx: Rig) -> None:
    values = {"temperature": 1.2, "top_k": 20, "min_p": 0.01, "repetition_penalty": 1.1, "seed": 11}
    first = await mlx.answer(mlx.request(text="x" * 300, tokens=40, **values))
    again = await mlx.answer(mlx.request(text="x" * 300, tokens=40, **values))
    beside = await asyncio.gather(
        mlx.answer(mlx.request(text="x" * 300, tokens=40, **values)), mlx.answer(mlx.request(text="y", tokens=40))
    )
    cached = [events[-1].usage.cached_tokens for events in (first, again)]  # type: ignore[union-attr]
    assert cached[0] == 0 and cached[1] > 250
    assert text_of(first) == text_of(again) == text_of(beside[0])


def splits(text: str) -> Iterator[list[str]]:
    """Every way to say `text` in tokens of two characters or more, which all differ."""
    yield [text]
    for at in range(2, len(text) - 1):
        for rest in splits(text[at:]):
            if text[:at] not in rest:
                yield [text[:at], *rest]


async def test_stop_sequences_end_an_answer_wherever_tokens_end(mlx: Rig, tmp_path: Path) -> None:
    for number, pieces in enumerate(splits("all STOP it")):
        events = await mlx.answer(
            mlx.request(reciter(tmp_path / f"r{number}", *pieces), tokens=50, stop=("STOP", "never"))
        )
        assert (text_of(events), ended(events)) == ("all ", "stop"), pieces
        if number == 12:
            break


async def test_the_first_of_several_stop_sequences_counts_and_a_part_of_one_is_text(mlx: Rig, tmp_path: Path) -> None:
    source = reciter(tmp_path / "r", "one\n", "\nUs", "a two", " END", " three", "\nUse")
    events = await mlx.answer(mlx.request(source, tokens=50, stop=("three", "\nUser:", " END t")))
    assert (text_of(events), ended(events)) == ("one\n\nUsa two", "stop")
    events = await mlx.answer(mlx.request(source, tokens=50, stop=("\nUser:",)))
    assert text_of(events) == "one\n\nUsa two END three\nUse"
    events = await mlx.answer(mlx.request(source, tokens=3, stop=("two END",)))
    assert (text_of(events), ended(events)) == ("one\n\nUsa two", "length")


PIECES = [("<th", "ink>hm", " so</thi", "nk>yes", " it is"), ("<think>hm so</think>yes it is",)]


@pytest.mark.parametrize("pieces", PIECES)
async def test_reasoning_is_told_apart_wherever_tokens_end(mlx: Rig, tmp_path: Path, pieces: tuple[str, ...]) -> None:
    # the tokenizer knows the markers, as those of reasoning models do; this model writes them in pieces
    source = reciter(tmp_path / "r", *pieces, "HALT", "<think>", "</think>", specials=["<think>", "</think>"])
    events = await mlx.answer(mlx.request(source, tokens=50, stop=("HALT",)))
    reasoning = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert (reasoning, text_of(events), ended(events)) == ("hm so", "yes it is", "stop")


CALL = '{"name": "look", "arguments": {"at": "sky"}}'
TOOLS = TEMPLATE + "{# <tool_call> tool_call.name #}"
"""By such words of a template mlx-lm knows how its model writes calls."""


@pytest.mark.parametrize(
    ("said", "calls", "text", "reason"),
    [
        (
            ("I ", "<tool", "_call>" + CALL, "</tool_", "call> look"),
            [("look", '{"at": "sky"}')],
            "I  look",
            "tool_calls",
        ),
        (("<tool_call>" + CALL + "</tool_call>",), [("look", '{"at": "sky"}')], "", "tool_calls"),
        (("Yes<tool_call>", CALL), [("look", '{"at": "sky"}')], "Yes", "tool_calls"),
        (("a<tool_call>{bad", " json</tool_call>b"), [], "a<tool_call>{bad json</tool_call>b", "stop"),
        (("a<tool_call>[1, 2]", "</tool_call>"), [], "a<tool_call>[1, 2]</tool_call>", "stop"),
        (("a<tool_call>", "{{"), [], "a<tool_call>{{", "stop"),
        (("a <tool", "box>"), [], "a <toolbox>", "stop"),
    ],
)
async def test_calls_of_tools_are_told_apart_from_text(
    mlx: Rig, tmp_path: Path, said: tuple[str, ...], calls: list[tuple[str, str]], text: str, reason: str
) -> None:
    events = await mlx.answer(mlx.request(reciter(tmp_path / "r", *said, template=TOOLS), tokens=50, stop=("sky",)))
    assert [(event.name, event.arguments) for event in events if isinstance(event, ToolCallDelta)] == calls
    assert (text_of(events), ended(events)) == (text, reason)


async def test_two_calls_have_numbers_of_their_own(mlx: Rig, tmp_path: Path) -> None:
    pieces = ("<tool_call>" + CALL, "</tool_call>\n", "<tool_call>" + CALL.replace("look", "hear"), "</tool_call>")
    events = await mlx.answer(mlx.request(reciter(tmp_path / "r", *pieces, template=TOOLS), tokens=50))
    found = [(event.index, event.name) for event in events if isinstance(event, ToolCallDelta)]
    assert found == [(0, "look"), (1, "hear")] and text_of(events) == "\n"
