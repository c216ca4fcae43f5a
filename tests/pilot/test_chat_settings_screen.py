"""The settings of a conversation: changed on a screen of their own, seen in the workspace, followed by answers."""

import asyncio
from pathlib import Path

import pytest
from chat.scripted import says
from stage import Open, Stage

from lama_tui.conversations.messages import ConversationSettings
from lama_tui.engine.sampling import Own
from lama_tui.library.answering import Answering
from lama_tui.types import ChatMessage, Sampling, Usage
from lama_tui.ui.screens.adjusting import Adjusting
from lama_tui.ui.screens.settings.list import SettingList
from lama_tui.ui.screens.settings.of_conversation import ConversationSettingsScreen
from lama_tui.ui.widgets.heading import Heading
from tests.models import TEMPLATE, make_tiny_llama


async def opened(stage: Stage) -> ConversationSettingsScreen:
    await stage.press("f3")
    await stage.until(lambda: isinstance(stage.app.screen, ConversationSettingsScreen))
    await stage.until_seen("System prompt", "Context policy")
    screen = stage.app.screen
    assert isinstance(screen, ConversationSettingsScreen)
    return screen


async def go_to(stage: Stage, row: str) -> None:
    listed = stage.app.screen.query_one(SettingList)
    await stage.press("home")
    for _ in range(20):
        if listed.row is not None and listed.row.id == row:
            return
        await stage.press("down")
    pytest.fail(f"{row} is not there:\n{stage.seen()}")


async def change(stage: Stage, row: str, text: str) -> None:
    await go_to(stage, row)
    await stage.press("enter", *("space" if letter == " " else letter for letter in text), "enter")


def heading(stage: Stage) -> str:
    return stage.screen.query_one(Heading).render().plain


async def settled(stage: Stage, expected: ConversationSettings) -> None:
    await stage.until(lambda: stage.screen._current is not None and stage.screen._current.settings == expected)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
async def test_what_is_set_before_the_first_message_is_saved_with_it(workspace: Open, size: tuple[int, int]) -> None:
    async with workspace(says("Arr."), size=size) as stage:
        await opened(stage)
        await change(stage, "system", "talk like a pirate")
        await settled(stage, ConversationSettings("talk like a pirate"))
        await change(stage, "temperature", "0.2")
        await settled(stage, ConversationSettings("talk like a pirate", 0.2))
        await stage.until_seen("this conversation") if size[0] > 60 else None
        assert not await stage.conversations.list()
        await stage.press("escape")
        await stage.until_seen("system · t 0.2")
        await stage.ask("Hi")
        assert stage.scripted.requests[0].messages[0] == ChatMessage("system", "talk like a pirate")
        assert stage.scripted.requests[0].sampling.temperature == 0.2
        saved = await stage.conversations.list()
        assert [found.settings for found in saved] == [ConversationSettings("talk like a pirate", 0.2)]
        assert heading(stage).rstrip().endswith("system · t 0.2")
        await stage.press("ctrl+n")
        await stage.until(lambda: "system" not in heading(stage))


async def test_bad_input_is_said_and_never_saved(workspace: Open) -> None:
    async with workspace(says("yes")) as stage:
        await stage.ask("Hi")
        await opened(stage)
        for row, bad, expected in (
            ("temperature", "7", "a number from 0 to 2"),
            ("top_p", "nan", "a number from 0.01 to 1"),
            ("max_tokens", "0.5", "a whole number from 1"),
            ("top_k", "-1", "a whole number from 0"),
            ("repetition_penalty", "0", "a number from 1 to 2"),
        ):
            await change(stage, row, bad)
            await stage.until_seen(f"Expected {expected}")
            await stage.press("escape")
        assert stage.app.screen is not stage.screen  # each escape left a field
        assert (await stage.conversations.list())[0].settings == ConversationSettings()


async def test_stop_sequences_and_a_seed_are_kept_and_reach_the_answer(workspace: Open) -> None:
    async with workspace(says("yes")) as stage:
        await stage.ask("Hi")
        await opened(stage)
        await go_to(stage, "stop")
        await stage.press("enter", "E", "N", "D", "ctrl+j", "\\", "n", "U", "enter")
        await settled(stage, ConversationSettings(stop=("END", "\nU")))
        await change(stage, "seed", "7")
        await settled(stage, ConversationSettings(stop=("END", "\nU"), seed=7))
        await stage.until_seen("END · \\nU")
        await stage.press("escape")
        await stage.until(lambda: heading(stage).rstrip().endswith("seed 7 · stop"))
        await stage.ask("Again")
        assert stage.scripted.requests[-1].sampling == Sampling(seed=7, stop=("END", "\nU"))


async def test_delete_goes_back_to_the_default(workspace: Open) -> None:
    async with workspace(says("yes")) as stage:
        await stage.ask("Hi")
        await opened(stage)
        await change(stage, "max_tokens", "500")
        await settled(stage, ConversationSettings(max_tokens=500))
        await stage.until_seen("●")
        await go_to(stage, "max_tokens")
        await stage.press("delete")
        await settled(stage, ConversationSettings())
        await stage.until_gone("●")
        await stage.press("delete")
        await stage.until_seen("Nothing is set here")


async def test_choices_and_the_marks_they_make(workspace: Open) -> None:
    async with workspace(says("yes")) as stage:
        await stage.ask("Hi")
        await opened(stage)
        await go_to(stage, "context")
        await stage.press("enter")
        await stage.until_seen("leave out the oldest turns")
        await stage.press("down", "enter")
        await settled(stage, ConversationSettings(context="drop"))
        await stage.until(lambda: "-editing" not in stage.app.screen.classes)
        await stage.press("escape")
        await stage.until(lambda: heading(stage).rstrip().endswith("drop"))
        await stage.ask("Again")
        assert stage.scripted.requests[-1].drop_oldest


async def test_a_system_prompt_of_several_lines(workspace: Open) -> None:
    async with workspace(says("yes"), size=(60, 20)) as stage:
        await opened(stage)
        await go_to(stage, "system")
        await stage.press("enter", "a", "ctrl+j", "b", "enter")
        await settled(stage, ConversationSettings("a\nb"))
        await stage.until_seen("a (+1 lines)")
        await stage.press("enter")
        await stage.press("X", "escape")  # left as it was
        await stage.until(lambda: "-editing" not in stage.app.screen.classes)
        await settled(stage, ConversationSettings("a\nb"))


async def test_the_slash_command_sets_the_system_prompt_at_once(workspace: Open) -> None:
    async with workspace(says("yes")) as stage:
        await stage.screen.run_action("conversation_settings('')")
        await stage.until(lambda: isinstance(stage.app.screen, ConversationSettingsScreen))
        await stage.press("escape")
        stage.screen.action_conversation_settings("be brief")
        await settled(stage, ConversationSettings("be brief"))
        await stage.until(lambda: heading(stage).rstrip().endswith("system"))


async def test_long_titles_leave_room_for_what_differs(workspace: Open) -> None:
    async with workspace(says("yes"), size=(60, 20)) as stage:
        await stage.ask("A very long question that gives the conversation a title without an end in sight anywhere")
        stage.screen.action_conversation_settings("be brief")
        await stage.until(lambda: heading(stage).endswith("  system"))
        assert "…" in heading(stage) and len(heading(stage)) <= 56


async def test_where_the_values_of_a_model_of_this_machine_are_from(workspace: Open, paths: object, home: Path) -> None:
    folder = make_tiny_llama(home / "model", generation_config={"temperature": 0.35, "top_p": 0.8})
    async with workspace(says("yes"), size=(120, 40), config="[generation]\nmax_tokens = 77\n") as stage:
        stage.scripted.name = "local"
        assert stage.screen._current is not None
        await stage.screen._current.use_model(str(folder))
        await opened(stage)
        rows = {row.id: (row.value, row.source) for row in (await stage.app.screen.find())}  # type: ignore[attr-defined]
        assert rows["temperature"] == ("0.35", "the model's own")
        assert rows["top_p"] == ("0.8", "the model's own")
        assert rows["max_tokens"] == ("77", "config.toml")
        await change(stage, "temperature", "1")
        await stage.until_seen("this conversation")


async def test_on_a_server_nothing_is_said_to_count_that_is_not_sent(workspace: Open) -> None:
    async with workspace(says("yes"), size=(120, 40)) as stage:
        await opened(stage)
        await stage.until_seen("the server decides")
        await go_to(stage, "context")
        await stage.until_seen("What a server's model reads")


# --- thinking -----------------------------------------------------------------------------------


async def test_thinking_is_switched_where_the_model_knows_how(workspace: Open, home: Path) -> None:
    template = "{% if enable_thinking %}t{% endif %}" + TEMPLATE
    folder = make_tiny_llama(home / "thinker", template=template)
    async with workspace(says("yes")) as stage:
        stage.scripted.name = "local"
        assert stage.screen._current is not None
        await stage.screen._current.use_model(str(folder))
        for thinking, told, mark in ((True, "thinks before", "think"), (False, "without thinking", "no think")):
            await stage.press("ctrl+t")
            await settled(stage, ConversationSettings(thinking=thinking))
            await stage.until_seen(told)
            await stage.until(lambda mark=mark: heading(stage).rstrip().endswith(mark))  # type: ignore[misc]
        await stage.ask("Hi")
        assert stage.scripted.requests[0].sampling.thinking is False
        await stage.press("ctrl+t")
        await settled(stage, ConversationSettings())


@pytest.mark.parametrize(("name", "told"), [("scripted", "on a server"), ("local", "no switch")])
async def test_a_model_without_a_switch_says_so(workspace: Open, name: str, told: str) -> None:
    async with workspace(says("yes")) as stage:
        stage.scripted.name = name
        await stage.press("ctrl+t")
        await stage.until_seen(told)
        await settled(stage, ConversationSettings())


# --- what the model no longer saw ---------------------------------------------------------------


async def test_a_line_shows_where_the_view_of_the_model_begins(workspace: Open) -> None:
    whole, cut = Usage(prompt_tokens=5), Usage(prompt_tokens=5, left_out=2)
    async with workspace(says("first", usage=whole), says("second", usage=cut), says("third", usage=whole)) as stage:
        await stage.ask("one")
        await stage.until_gone("no longer saw")
        await stage.ask("two")
        await stage.until_seen("the model no longer saw what is above")
        lines = [line for line in stage.seen().splitlines() if any(w in line for w in ("first", "no longer", "two"))]
        order = [next(word for word in ("first", "no longer", "two") if word in line) for line in lines[-3:]]
        assert order == ["first", "no longer", "two"]
        await stage.ask("three")
        await stage.until_gone("no longer saw")


async def test_what_was_entered_is_saved_when_the_screen_closes_meanwhile(workspace: Open) -> None:
    async with workspace(says("yes")) as stage:
        await stage.ask("Hi")
        screen = await opened(stage)
        screen._keep(next(row for row in screen._rows if row.id == "temperature"), "0.7")
        await asyncio.sleep(0)  # it has begun
        screen.dismiss()
        await settled(stage, ConversationSettings(temperature=0.7))
        await stage.until(lambda: "t 0.7" in heading(stage))


async def test_it_opens_before_the_model_was_asked_and_fills_in_what_it_says(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def slowly(screen: object, model: str) -> Answering:
        await asked.wait()
        return Answering(Own(temperature=0.3), thinks=True)

    monkeypatch.setattr(Adjusting, "_answering", slowly)
    async with workspace(says("yes")) as stage:
        await stage.ask("Hi")
        screen = await opened(stage)
        await stage.until_seen("Temperature     …", "Max tokens      …")
        await stage.press("enter", *"new")
        asked.set()
        await stage.until(lambda: any(row.value == "0.3" for row in screen._rows))
        await stage.press(*"er")  # what is typed stays, whatever comes
        assert screen.typed_prose == "newer"
        await stage.press("enter")
        await settled(stage, ConversationSettings("newer"))
        await stage.until_seen("Temperature     0.3")
        await go_to(stage, "temperature")
        await stage.until_seen("the model's own")
        await stage.until_gone("…")


async def test_what_came_while_one_typed_is_shown_when_one_leaves_the_field(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def slowly(screen: object, model: str) -> Answering:
        await asked.wait()
        return Answering(Own(temperature=0.3))

    monkeypatch.setattr(Adjusting, "_answering", slowly)
    async with workspace(says("yes")) as stage:
        await stage.ask("Hi")
        screen = await opened(stage)
        await stage.press("enter", *"new")
        asked.set()
        await stage.until(lambda: any(row.value == "0.3" for row in screen._rows))
        await stage.until_gone("0.3")
        await stage.press("escape")
        await stage.until_seen("0.3")
