"""Sending: what sends, what must not, and what waits."""

import asyncio

import pytest
from chat.scripted import says, until
from stage import Only, Open, Stage
from textual import events

from lama_tui.config.loader import LoadedSettings
from lama_tui.events import StreamFinished, StreamStarted, TextDelta
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from lama_tui.types import Place, Usage


async def test_enter_sends_and_the_answer_is_shown(workspace: Open) -> None:
    async with workspace(says("Hello ", "**you**.")) as stage:
        await stage.press(*"hi there", "enter")
        await stage.until_seen("You", "hi there", "Hello you.")
        await stage.idle()
        await stage.until(lambda: stage.composer.text == "")
        assert [(m.role, m.text, m.state) for m in stage.messages] == [
            ("user", "hi there", "complete"),
            ("assistant", "Hello **you**.", "complete"),
        ]
        assert stage.scripted.requests[0].messages[-1].text == "hi there"


async def test_ctrl_j_starts_a_line(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("a", "ctrl+j", "b", "shift+enter", "c")
        await stage.until(lambda: stage.composer.text == "a\nb\nc")
        assert not stage.scripted.requests
        await stage.press("enter")
        await stage.until(lambda: stage.scripted.requests)
        assert stage.scripted.requests[0].messages[-1].text == "a\nb\nc"


@pytest.mark.parametrize("text", ["", "   ", "\n\n \n", "\t"])
async def test_nothing_is_not_sent(workspace: Open, text: str) -> None:
    async with workspace() as stage:
        stage.composer.text = text
        await stage.press("enter")
        await stage.until(lambda: stage.composer._enter is None)
        await stage.press("x", "enter")  # the next one is sent: the first would have been by then
        await stage.until(lambda: stage.scripted.requests)
        assert [r.messages[-1].text.strip() for r in stage.scripted.requests] == ["x"]


async def test_a_burst_of_keys_with_enters_is_a_paste(workspace: Open) -> None:
    async with workspace() as stage:
        lines = [f"line {number}" for number in range(1000)]
        for character in "\n".join(lines) + "\n":
            key = {"\n": "enter", " ": "space"}.get(character, character)
            stage.app.post_message(events.Key(key, None if character == "\n" else character))
        await stage.until(lambda: stage.composer.expanded.count("\n") >= 999)
        await stage.until(lambda: stage.composer._burst is None and stage.composer._enter is None)
        await stage.until(lambda: stage.composer.expanded.rstrip("\n") == "\n".join(lines))
        assert not stage.scripted.requests
        await stage.press("enter")
        await stage.until(lambda: stage.scripted.requests)
        assert stage.scripted.requests[0].messages[-1].text.rstrip("\n") == "\n".join(lines)


async def test_a_paste_never_sends_and_is_cleaned(workspace: Open) -> None:
    async with workspace() as stage:
        stage.app.post_message(events.Paste("a\x1b]52;c;aGk=\x07\r\nb\u202e\x9b1m\rc\n" * 1000))
        await stage.until(lambda: stage.composer.text)
        await stage.pilot.pause()
        assert stage.composer.expanded == "a␛]52;c;aGk=␇\nb1m\nc\n" * 1000
        assert not stage.scripted.requests
        await stage.press("ctrl+underscore")
        await stage.until(lambda: stage.composer.text == "")


async def test_a_paste_replaces_what_is_selected(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press(*"abc")
        stage.composer.select_all()
        stage.app.post_message(events.Paste("x"))
        await stage.until(lambda: stage.composer.text == "x")


def held(*words: str) -> tuple[asyncio.Event, list[object]]:
    """A script that says `words` and then waits to be told to end."""
    go = asyncio.Event()
    script = [StreamStarted("scripted", Place("script", True)), *map(TextDelta, words), go]
    return go, [*script, StreamFinished("stop", Usage())]


async def test_what_waits_after_a_stop_is_sent_by_enter(workspace: Open) -> None:
    _, script = held("thinking about it")
    async with workspace(script, says("second"), says("third")) as stage:
        await stage.say("first")
        await stage.until_seen("thinking about it")
        await stage.say("then this")
        await stage.press("enter")  # while an answer runs there is nothing to send
        await stage.until_seen("next: then this")
        await stage.until_gone("enter sends")
        await stage.press("escape")
        await stage.until_seen("up edits it · enter sends it")
        stage.composer.focus()
        await stage.press("space", "enter")
        await stage.until(lambda: stage.composer._enter is None)
        await stage.pilot.pause()
        # what is only space is neither sent nor taken for nothing
        await stage.until(lambda: stage.queued == ("then this",))
        await stage.press("backspace", "enter")
        await stage.until_seen("second")
        await stage.until_gone("enter sends")
        await stage.idle()
        assert [m.text for m in stage.messages] == ["first", "thinking about it", "then this", "second"]


async def test_what_waits_is_there_after_a_restart(workspace: Open) -> None:
    _, script = held("thinking about it")
    async with workspace(script) as stage:
        await stage.say("first")
        await stage.until_seen("thinking about it")
        await stage.say("then this")
        await stage.say("and that")
        await stage.until_seen("next: and that")
    async with workspace(says("second"), says("third")) as stage:
        await stage.until_seen("next: then this", "next: and that", "up edits the last one · enter sends the first one")
        await stage.press("up")
        await stage.until(lambda: stage.composer.text == "and that")
        await stage.until_seen("up edits it · enter sends it")
        stage.composer.clear()
        await stage.ask("before")  # what waits follows the next answer
        await stage.until(lambda: len(stage.messages) == 6)
        await stage.idle()
        assert [m.text for m in stage.messages][2:] == ["before", "second", "then this", "third"]
        await stage.until(lambda: stage.queued == ())


async def test_what_is_sent_meanwhile_waits_and_can_be_taken_back(workspace: Open) -> None:
    go, script = held("thinking about it")
    async with workspace(script, says("second")) as stage:
        await stage.say("first")
        await stage.until_seen("thinking about it")
        await stage.say("then\nthis")
        await stage.say("and that")
        await stage.until_seen("next: then", "next: and that")
        await stage.press("up")
        await stage.until(lambda: stage.composer.text == "and that")
        await stage.until_gone("next: and that")
        await stage.until(lambda: stage.queued == ("then\nthis",))
        await stage.press("up")  # moves in the text; takes nothing back
        await stage.until(lambda: stage.composer.text == "and that")
        go.set()
        await stage.until_seen("second")
        await stage.idle()
        assert [m.text for m in stage.messages] == ["first", "thinking about it", "then\nthis", "second"]
        await stage.until(lambda: stage.composer.text == "and that")
        await stage.until_gone("next:")


async def test_up_without_a_queue_does_nothing(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("up", "a")
        await stage.until(lambda: stage.composer.text == "a")


def slowly(go: asyncio.Event, stages: list[Stage]):  # type: ignore[no-untyped-def]
    """An opener whose store opens when it is told to."""

    async def opener(paths: Paths, loaded: LoadedSettings) -> Services:
        await go.wait()
        services = await open_services(paths, loaded)
        services.providers = Only(stages[0].scripted)  # type: ignore[assignment]
        return services

    return opener


async def test_what_is_sent_before_the_store_is_open_is_not_lost(workspace: Open) -> None:
    go = asyncio.Event()
    stages: list[Stage] = []
    async with workspace(wait=False, opener=slowly(go, stages)) as stage:
        stages.append(stage)
        for text in ("one", "two", "three"):
            await stage.press(*text, "enter")
            await stage.until(lambda: stage.composer.text == "")
        assert not stage.scripted.requests
        go.set()
        await stage.opened()
        await stage.until(lambda: len(stage.scripted.requests) == 3)
        await stage.idle()
        assert [m.text for m in stage.messages if m.role == "user"] == ["one", "two", "three"]
        assert len(await stage.conversations.list()) == 1


async def test_messages_sent_in_a_row_to_a_new_conversation_stay_together(workspace: Open) -> None:
    async with workspace() as stage:
        stage.screen._submit("one")
        stage.screen._submit("two")
        await stage.until(lambda: len(stage.scripted.requests) == 2)
        await stage.idle()
        assert [m.text for m in stage.messages if m.role == "user"] == ["one", "two"]
        assert len(await stage.conversations.list()) == 1


async def test_leaving_a_new_conversation_as_it_is_sent_shows_where_one_went(workspace: Open) -> None:
    async with workspace() as stage:
        stage.screen._submit("one")
        stage.screen._switch(None)
        await until(lambda: stage.scripted.requests)
        await stage.until(lambda: not stage.chat.running_ids())
        await stage.pilot.pause()
        assert stage.screen._current is not None
        assert stage.screen._current.id is None
        assert [c.title for c in await stage.conversations.list()] == ["one"]


async def test_a_message_that_cannot_be_saved_comes_back(workspace: Open) -> None:
    async with workspace() as stage:
        assert stage.screen._opened is not None
        database = await stage.screen._opened.services.database()
        await database.close()
        await stage.press(*"hello", "enter")
        await stage.until(lambda: stage.composer.text == "hello")
        await stage.until(lambda: stage.screen.query_one("#notice").display)


async def test_a_tab_in_a_paste_without_brackets_stays_in_the_composer(workspace: Open) -> None:
    async with workspace() as stage:
        for key, character in (("a", "a"), ("enter", None), ("tab", "\t"), ("b", "b")):
            stage.app.post_message(events.Key(key, character))
        await stage.until(lambda: stage.composer.text.endswith("b"))
        await stage.until(lambda: stage.composer.has_focus)
        await stage.until(lambda: stage.composer.text.split() == ["a", "b"])
