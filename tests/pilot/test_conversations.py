"""Several conversations: marks, switching, titles, deleting and bringing back; and hostile ones."""

import asyncio

import pytest
from chat.scripted import Step, says
from stage import Open, Stage
from test_gate_drawing import Recording
from textual.widgets import Input

from lama_tui.events import StreamFinished, StreamStarted, TextDelta
from lama_tui.security.gate import clean_line
from lama_tui.types import ConversationId, Place, Usage
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.screens.dialogs import RenameDialog
from lama_tui.ui.widgets.conversation_list import INTERRUPTED, RUNNING, UNSEEN
from tests.sent import strangers

STARTED = StreamStarted("scripted", Place("script", True))
END = StreamFinished("stop", Usage())


def listed(stage: Stage) -> list[str]:
    return [str(option.prompt) for option in stage.sidebar.options if not option.disabled]


async def test_new_and_switching_back(workspace: Open) -> None:
    async with workspace(says("about cats"), says("about dogs")) as stage:
        await stage.ask("cats")
        await stage.press("ctrl+n")
        await stage.until_gone("about cats")
        await stage.until(lambda: stage.messages == ())
        await stage.ask("dogs")
        await stage.until(lambda: len(listed(stage)) == 2)
        assert [line[2:] for line in listed(stage)] == ["dogs", "cats"]
        await stage.press("ctrl+s", "end", "enter")
        await stage.until_seen("about cats")
        await stage.until_gone("about dogs")
        await stage.until(lambda: stage.composer.has_focus)
        assert [len(r.messages) for r in stage.scripted.requests] == [1, 1]


async def test_new_conversations_without_words_are_not_kept(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("ctrl+n", "ctrl+n", "ctrl+n")
        await stage.pilot.pause()
        assert await stage.conversations.list() == []


async def test_what_runs_elsewhere_goes_on_and_is_marked(workspace: Open) -> None:
    go = asyncio.Event()
    async with workspace([STARTED, TextDelta("slow"), go, TextDelta(" but done"), END], says("quick")) as stage:
        await stage.say("one")
        await stage.until_seen("slow")
        await stage.until(lambda: listed(stage) == [f"{RUNNING} one"])
        await stage.press("ctrl+n")
        await stage.until_gone("slow")
        await stage.say("two")
        await stage.until_seen("quick")
        await stage.until(lambda: listed(stage) == ["  two", f"{RUNNING} one"])
        go.set()
        await stage.until(lambda: f"{UNSEEN} one" in listed(stage))
        await stage.until_gone("slow")
        await stage.press("ctrl+s")
        stage.sidebar.highlight(ConversationId(1))
        await stage.press("enter")
        await stage.until_seen("slow but done")
        await stage.until(lambda: "  one" in listed(stage))


async def test_a_running_answer_is_interrupted_by_quitting_and_marked(workspace: Open) -> None:
    never = asyncio.Event()
    async with workspace([STARTED, TextDelta("half of"), never]) as stage:
        await stage.say("one")
        await stage.until_seen("half of")
        await stage.press("ctrl+q")
        await stage.until(lambda: stage.app._exit)
    async with workspace(says(" it")) as stage:
        await stage.until_seen("half of", "interrupted · esc, then c continues it")
        await stage.until(lambda: listed(stage) == [f"{INTERRUPTED} one"])
        await stage.press("escape", "c")
        await stage.until_seen("half of it")
        await stage.until(lambda: listed(stage) == ["  one"])


async def test_renaming(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.ask("one")
        await stage.press("ctrl+s", "f2")
        await stage.until(lambda: isinstance(stage.app.screen, RenameDialog))
        stage.app.screen.query_one(Input).value = " two \x1b]0;x\x07[/nope] "
        await stage.press("enter")
        await stage.until(lambda: listed(stage) == ["  two ␛]0;x␇[/nope]"])
        await stage.until_seen("[/nope]")
        await stage.press("f2", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press("f2")
        await stage.until(lambda: isinstance(stage.app.screen, RenameDialog))
        stage.app.screen.query_one(Input).value = "   "
        await stage.press("enter")
        await stage.pilot.pause()
        assert listed(stage) == ["  two ␛]0;x␇[/nope]"]


async def test_deleting_and_bringing_back(workspace: Open) -> None:
    async with workspace(says("about cats"), says("about dogs")) as stage:
        await stage.ask("cats")
        await stage.press("ctrl+n")
        await stage.ask("dogs")
        await stage.until(lambda: len(listed(stage)) == 2)
        await stage.press("ctrl+s", "home", "delete")
        await stage.until(lambda: len(listed(stage)) == 1)
        assert [line[2:] for line in listed(stage)] == ["cats"]
        await stage.until(lambda: stage.messages == ())
        await stage.until_seen("Deleted “dogs”. u in the list brings it back.")
        await stage.press("delete")
        await stage.until(lambda: not listed(stage))
        await stage.press("delete", "f2", "enter")  # nothing to do it to
        await stage.press("u")
        await stage.until(lambda: [line[2:] for line in listed(stage)] == ["cats"])
        await stage.press("u")
        await stage.until(lambda: [line[2:] for line in listed(stage)] == ["dogs", "cats"])
        await stage.press("u")
        await stage.until_seen("Nothing was deleted")
        await stage.press("home", "enter")
        await stage.until_seen("about dogs")


async def test_an_empty_list_says_so_and_how_one_begins(workspace: Open) -> None:
    async with workspace(size=(80, 24)) as stage:
        await stage.until_seen("There are none.", "ctrl+n begins one.")
        await stage.press("ctrl+s", "down", "enter", "delete", "home")  # nothing there can be chosen
        await stage.until(lambda: stage.sidebar.has_focus)
        await stage.until_seen("Undo delete")
        await stage.until_gone("Rename")
        assert stage.sidebar.highlighted is None
        await stage.press("ctrl+n")
        await stage.ask("hi")
        await stage.until_gone("There are none.")
        await stage.until(lambda: [line[2:] for line in listed(stage)] == ["hi"])


async def test_an_empty_list_in_a_narrow_pane_and_with_other_keys(workspace: Open) -> None:
    async with workspace(size=(80, 24), config='[keys]\n"conversation.new" = ""') as stage:
        await stage.until_seen("There are none.", "ctrl+p New begins one.")
    async with workspace(size=(80, 24), config='[keys]\n"conversation.new" = "ctrl+pagedown"') as stage:
        await stage.until_seen("ctrl+pgdn begins one.")


async def test_deleting_the_one_that_runs(workspace: Open) -> None:
    never = asyncio.Event()
    async with workspace([STARTED, TextDelta("half"), never], says("next")) as stage:
        await stage.say("one")
        await stage.until_seen("half")
        await stage.press("ctrl+s", "delete")
        await stage.until(lambda: not listed(stage) and not stage.chat.running_ids())
        assert stage.scripted.ended == 1
        await stage.until_gone("half")
        await stage.ask("two")
        await stage.until_seen("next")
        await stage.press("ctrl+s", "u")
        await stage.until(lambda: len(listed(stage)) == 2)
        stage.sidebar.highlight(ConversationId(1))
        await stage.press("enter")
        await stage.until_seen("half", "stopped")


async def test_the_last_conversation_opens_unless_another_is_wanted(workspace: Open) -> None:
    async with workspace(says("about cats"), says("about dogs")) as stage:
        await stage.ask("cats")
        await stage.press("ctrl+n")
        await stage.ask("dogs")
    async with workspace() as stage:
        await stage.until_seen("about dogs")
    async with workspace(options=WorkspaceOptions(new=True)) as stage:
        await stage.until(lambda: stage.messages == ())
    async with workspace(options=WorkspaceOptions(conversation="CAT")) as stage:
        await stage.until_seen("about cats")
    async with workspace(options=WorkspaceOptions(conversation="[/nope]")) as stage:
        await stage.until_seen("There is no such conversation", "“[/nope]”", "ctrl+s")


HOSTILE = {
    "markup": "[/nope] [bold]x[/] [@click=app.quit]y[/]",
    "escapes": "\x1b[2J\x1b]52;c;aGk=\x07\x9b6n\x1bP\x1b\\ \x08\x7f",
    "bidi": "abc \u202e fed \u2066 x \u2069 \u200f",
    "line of 10,000": "x" * 10_000,
    "words of 10,000": "word " * 2_000,
    "wide line": "漢字" * 3_000,
    "no width": "\u200b\u200b\u2060\ufeff" * 100 + "x",
    "families": "👩‍👩‍👧‍👦" * 200 + " 🏳️‍🌈 🇩🇪 ☺️ é" + "\u0301" * 200,
    "separators": "a\u2028b\u2029c\x0bd\x0ce\x1cf\x85g",
    "lone surrogate": "a\ud800b",
    "tabs": "\t\tif x:\t# y\n\t\treturn",
    "thai and indic": "ก็ที่นี่ नि\u200dज க்ஷ",
}


@pytest.mark.slow
async def test_hostile_words_are_shown_and_not_obeyed(workspace: Open) -> None:
    scripts = [says(text, f"\n\n```py\n{text}\n```\n\nthe end of {name}") for name, text in HOSTILE.items()]
    async with workspace(*scripts, headless=False, driver=Recording) as stage:
        for name, text in HOSTILE.items():
            await stage.press("ctrl+n")
            if len(text) < 1000:
                await stage.ask(text)
            else:  # wrapping it in the composer takes its time, and shows nothing new
                stage.screen._submit(text)
            await stage.until_seen(f"the end of {name}")
        await stage.until(lambda: isinstance(stage.app._driver, Recording))
        assert "[/nope]" in "".join(stage.app._driver.written)
        await stage.press("ctrl+s", "f2", "escape", "delete")
        await stage.until(lambda: len(listed(stage)) == len(HOSTILE) - 1)
        await stage.press("u")
        await stage.until(lambda: len(listed(stage)) == len(HOSTILE))
        for conversation in reversed(range(len(HOSTILE))):
            stage.screen._switch(ConversationId(conversation + 1))
            await stage.until_seen(f"the end of {list(HOSTILE)[conversation]}")
            stage.transcript.focus()
            await stage.press("g", "space", "k")
        await stage.press("y")
        await stage.pilot.resize_terminal(200, 40)
        await stage.pilot.resize_terminal(30, 10)
        await stage.pilot.pause()
        assert strangers("".join(stage.app._driver.written), copied=True, moves="\n\a") == []


async def test_hostile_titles_and_model_names(workspace: Open) -> None:
    async with workspace() as stage:
        for text in HOSTILE.values():
            await stage.conversations.create(text, clean_line(text))
    for width in (20, 100, 200):
        async with workspace(size=(width, 40)) as stage:
            await stage.until(lambda: len(listed(stage)) == len(HOSTILE))
            await stage.press("ctrl+s", "down", "down", "enter")
            await stage.until(lambda: stage.composer.has_focus)


async def test_a_model_named_on_the_command_line_in_bytes_that_are_no_text(workspace: Open) -> None:
    async with workspace(options=WorkspaceOptions(model="caf\udce9 \x1b[2J")) as stage:
        await stage.ask("hello")
        await stage.until_seen("An answer.", "caf\ufffd ␛[2J")


async def test_a_first_message_gives_the_title(workspace: Open) -> None:
    script: list[Step] = says("yes")
    async with workspace(script) as stage:
        await stage.ask("What is the\n\ncapital   of France, and of Spain, and of Italy, and of Portugal?")
        await stage.until_seen("What is the capital of France, and of Spain")
        await stage.until(lambda: "".join(listed(stage)).startswith("  What is the capital of France"))
