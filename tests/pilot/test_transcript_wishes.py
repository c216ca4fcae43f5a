"""Other wordings, forks and exports, from the key to what is saved."""

import asyncio
from pathlib import Path

import pytest
from chat.scripted import Step, says
from stage import Open
from textual.widgets import Input, OptionList

from lama_tui.events import StreamFinished, StreamStarted, TextDelta
from lama_tui.types import Place, Usage

STARTED = StreamStarted("scripted", Place("script", True))
END = StreamFinished("stop", Usage())


async def test_a_question_in_other_words(workspace: Open) -> None:
    async with workspace(says("first answer"), says("second answer")) as stage:
        await stage.ask("the question")
        stage.composer.text = "a draft"
        stage.transcript.focus()
        await stage.press("e")  # on the answer: its question
        await stage.until_seen("editing your message · esc leaves it")
        await stage.until(lambda: stage.composer.has_focus)
        await stage.until(lambda: stage.composer.text == "the question")
        await stage.press("space", *"again", "enter")
        await stage.until_seen("second answer", "‹ 2/2 ›")
        await stage.idle()
        assert [message.text for message in stage.messages] == ["the question again", "second answer"]
        assert [len(request.messages) for request in stage.scripted.requests] == [1, 1]
        await stage.until(lambda: stage.composer.text == "a draft")
        await stage.until_gone("editing your message")
        stage.transcript.focus()
        await stage.press("g", "left_square_bracket")
        await stage.until_seen("first answer", "‹ 1/2 ›")


async def test_an_edit_that_is_left_gives_the_draft_back_and_is_kept(workspace: Open) -> None:
    async with workspace(says("answer")) as stage:
        await stage.ask("the question")
        stage.composer.text = "a draft"
        stage.transcript.focus()
        await stage.press("e", "x", "escape")
        await stage.until(lambda: stage.composer.text == "a draft")
        await stage.until_gone("editing your message")
        stage.transcript.focus()
        await stage.press("e")
        await stage.until(lambda: stage.composer.text == "the questionx")
        await stage.press("ctrl+n")
        await stage.until(lambda: not stage.messages)
        await stage.until(lambda: stage.composer.text == "")
        assert len(stage.scripted.requests) == 1


async def test_an_edit_while_an_answer_streams_is_refused_and_not_lost(workspace: Open) -> None:
    never = asyncio.Event()
    async with workspace([STARTED, TextDelta("busy"), never]) as stage:
        await stage.say("the question")
        await stage.until_seen("busy")
        stage.transcript.focus()
        await stage.press("e", "x", "enter")
        await stage.until_seen("An answer is still being written")
        await stage.until(lambda: stage.composer.text == "the questionx")
        await stage.until(lambda: stage.sees("editing your message"))
        assert len(stage.messages) == 2


async def test_a_fork_opens_at_once_and_the_other_goes_on(workspace: Open) -> None:
    rest = asyncio.Event()
    script: list[Step] = [STARTED, TextDelta("half"), rest, TextDelta(" and half"), END]
    async with workspace(says("one"), script) as stage:
        await stage.ask("first question")
        await stage.say("second question")
        await stage.until_seen("half")
        old = stage.messages[0].conversation
        stage.transcript.focus()
        await stage.press("k", "k", "f")
        await stage.until_seen("first question (fork)")
        await stage.until(lambda: [message.text for message in stage.messages] == ["first question", "one"])
        assert stage.chat.is_busy(old)
        rest.set()
        await stage.until(lambda: not stage.chat.is_busy(old))
        assert [message.text for message in await stage.conversations.messages(old)][-1] == "half and half"
        assert len(stage.messages) == 2


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "person"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


async def test_a_file_of_it_all(workspace: Open, at_home: Path) -> None:
    async with workspace(says("*the* answer")) as stage:
        await stage.ask("What is ../../it?")
        stage.transcript.focus()
        await stage.press("x")
        await stage.until_seen("Export this conversation")
        field = stage.app.screen.query_one(Input)
        assert field.value == "~/lama-What-is-it.md"
        await stage.press("enter")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)
        file = at_home / "lama-What-is-it.md"
        await stage.until_seen("Written to")
        assert "What is ../../it?" in file.read_text() and "*the* answer" in file.read_text()
        # again: another name is suggested; the same one is not taken without a choice
        await stage.press("x")
        await stage.until_seen("Export this conversation")
        field = stage.app.screen.query_one(Input)
        assert field.value == "~/lama-What-is-it-2.md"
        file.write_text("mine")
        field.value = "~/lama-What-is-it.md"
        await stage.press("enter")
        await stage.until_seen("Replace lama-What-is-it.md", "not replaced unless")
        assert file.read_text() == "mine"
        await stage.press("enter")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)
        other = at_home / "lama-What-is-it-2.md"
        await stage.until(lambda: other.exists() and "the* answer" in other.read_text())
        assert file.read_text() == "mine"


async def test_replacing_a_file_is_chosen_and_a_bad_folder_is_said(workspace: Open, at_home: Path) -> None:
    (at_home / "a.md").write_text("mine")
    async with workspace(says("answer")) as stage:
        await stage.ask("question")
        stage.transcript.focus()
        await stage.press("x")
        await stage.until_seen("Export this conversation")
        field = stage.app.screen.query_one(Input)
        field.value = "/no/such/folder/a.md"
        await stage.press("enter")
        await stage.until_seen("Choose a folder that is there.")
        field.value = "~/a.md"
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen.query_one(OptionList).display)
        await stage.press("down", "enter")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)
        await stage.until(lambda: "answer" in (at_home / "a.md").read_text())
        await stage.press("x")
        await stage.until_seen("Export this conversation")
        await stage.press("escape")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)
    assert not (at_home / "a-2.md").exists()


async def test_what_cannot_be_done_says_why(workspace: Open) -> None:
    async with workspace(says("answer")) as stage:
        stage.transcript.focus()
        await stage.press("y")
        await stage.until_seen("There is no message yet.")
        await stage.ask("question")
        stage.transcript.focus()
        await stage.press("left_square_bracket")
        await stage.until_seen("There is no other version")
        await stage.press("b")
        await stage.until_seen("There is no block of code below.")
