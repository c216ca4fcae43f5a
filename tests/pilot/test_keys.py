"""Keys as the person bound them: presets, keys taken away, and the texts that name them."""

import random

import pytest
from chat.scripted import says
from stage import Open, Stage
from textual.widgets import Input, OptionList

from lama_tui.config.key_presets import KEYS_OF, Preset
from lama_tui.config.keymap import KEYMAP, split_keys
from lama_tui.types import GUIDE
from lama_tui.ui.screens.chooser import Chooser
from lama_tui.ui.screens.palette import PaletteScreen

VIM = '[keys]\npreset = "vim"\n'
EMACS = '[keys]\npreset = "emacs"\n'


async def three_conversations(stage: Stage) -> None:
    for title in ("one", "two", "three"):
        await stage.conversations.create(title, GUIDE)
    await stage.screen._show_list()
    await stage.until(lambda: stage.sidebar.option_count == 3)
    stage.sidebar.focus()
    stage.sidebar.highlighted = 0
    await stage.until(lambda: stage.sidebar.has_focus)


async def test_vim_moves_in_lists(workspace: Open) -> None:
    async with workspace(config=VIM) as stage:
        await three_conversations(stage)
        for key, line in (("j", 1), ("j", 2), ("k", 1), ("G", 2), ("g", 0), ("ctrl+d", 2), ("ctrl+u", 0)):
            await stage.press(key)
            await stage.until(lambda line=line: stage.sidebar.highlighted == line)
        await stage.until(lambda: stage.composer.text == "")  # none of it was typed
        await stage.press("j", "l")
        await stage.until(lambda: stage.screen._current and stage.screen._current.title == "two")


async def test_vim_searches_and_finds_actions_where_one_does_not_type(workspace: Open) -> None:
    async with workspace(config=VIM) as stage:
        await stage.ask("hello")
        await stage.press("a", ":", "/")
        await stage.until(lambda: stage.composer.text == "a:/")
        stage.transcript.focus()
        await stage.press(":")
        await stage.until(lambda: isinstance(stage.app.screen, PaletteScreen))
        await stage.press("q", "escape")  # a letter in a field is typed
        await stage.until(lambda: stage.app.screen is stage.screen)
        stage.transcript.focus()
        await stage.press("/")
        await stage.until(lambda: stage.app.screen is not stage.screen)


async def test_emacs_edits_in_the_composer(workspace: Open) -> None:
    async with workspace(config=EMACS, size=(140, 30)) as stage:
        composer = stage.composer
        composer.focus()
        await stage.press(*"ab cd", "ctrl+a", "ctrl+k")
        assert composer.text == ""
        await stage.press("ctrl+y", "ctrl+y")
        assert composer.text == "ab cdab cd"
        await stage.press("ctrl+a", "ctrl+f", "ctrl+f", "ctrl+b", "ctrl+d", "ctrl+e", "X", "ctrl+left", "ctrl+w")
        assert composer.text == "a cdX"
        await stage.press("ctrl+a", "ctrl+j", "ctrl+p", "Y")
        assert composer.text == "Y\na cdX"
        await stage.press("ctrl+n", "Z")
        assert composer.text == "Y\naZ cdX"
        await stage.until(lambda: stage.app.screen is stage.screen)  # ctrl+n began no conversation, ctrl+p no palette


async def test_emacs_moves_in_lists_while_one_types(workspace: Open) -> None:
    async with workspace(config=EMACS) as stage:
        await stage.press("f6")
        await stage.until(lambda: isinstance(stage.app.screen, Chooser))
        choices = stage.app.screen.query_one("#choices", OptionList)
        await stage.until(lambda: choices.option_count)
        before = choices.highlighted
        await stage.press("x", "backspace", "ctrl+n")
        assert choices.highlighted == (before + 1) % choices.option_count
        await stage.press("ctrl+p")
        assert choices.highlighted == before
        await stage.press("ctrl+g")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_alt_x_and_a_key_that_always_arrives_open_the_palette(workspace: Open) -> None:
    async with workspace(config=EMACS) as stage:
        for key in ("alt+x", "ctrl+x"):
            await stage.press(key)
            await stage.until(lambda: isinstance(stage.app.screen, PaletteScreen))
            await stage.press("ctrl+g")
            await stage.until(lambda: stage.app.screen is stage.screen)


async def test_a_key_that_was_taken_away_does_nothing(workspace: Open) -> None:
    async with workspace(config='[keys]\nhelp.open = ""\nmonitor.toggle = ""\n', size=(140, 30)) as stage:
        await stage.press("f1", "ctrl+g")
        await stage.pilot.pause()
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.until_gone("unbound")
        assert "Help" not in stage.seen().splitlines()[-1]


async def test_texts_name_the_keys_that_are_bound(workspace: Open) -> None:
    keys = '[keys]\ndialog.close = "f12"\nchooser.choose = "ctrl+backslash"\nconversation.new = "ctrl+]"\n'
    async with workspace(config=keys, size=(140, 30)) as stage:
        await stage.until(lambda: "^] New" in stage.seen().splitlines()[-1])
        await stage.press("f6")
        await stage.until_seen("ctrl+\\ takes it", "f12 closes")
        await stage.press("f12")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press("f1")
        await stage.until_seen("f12 closes")


async def test_the_guide_names_the_keys_that_are_bound(workspace: Open) -> None:
    said = "Press `ctrl+n` for a new conversation, `esc` to stop."
    async with workspace(says(said), config='[keys]\nconversation.new = "f12"\n') as stage:
        await stage.ask("how?")
        await stage.until_seen("Press f12 for a new conversation, esc to stop.")
        await stage.until(lambda: stage.messages[-1].text == said)  # as it was generated
        await stage.press("escape", "y")
        file = stage.paths.state / "clipboard.txt"
        await stage.until(lambda: file.exists() and file.read_text() == said.replace("ctrl+n", "f12"))


async def test_other_models_mean_what_they_say(workspace: Open) -> None:
    config = 'model = "other"\n[keys]\nconversation.new = "f12"\n'
    async with workspace(says("In Emacs `ctrl+n` goes down."), config=config) as stage:
        await stage.ask("how?")
        await stage.until_seen("In Emacs ctrl+n goes down.")


async def test_ctrl_c_copies_above_the_workspace(workspace: Open) -> None:
    async with workspace() as stage:
        await stage.press("f1")
        await stage.until_seen("Send the message")
        stage.app.screen.query_one(Input).value = ""
        stage.app.screen.text_select_all()
        await stage.press("ctrl+c")
        file = stage.paths.state / "clipboard.txt"
        await stage.until(file.exists)
        assert "Send the message" in file.read_text()
        await stage.press("ctrl+c")
        await stage.until_seen("Nothing is selected")


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["vim", "emacs"])
@pytest.mark.parametrize("seed", range(3))
async def test_any_keys_of_a_preset(workspace: Open, preset: Preset, seed: int) -> None:
    chance = random.Random(seed)
    keys = [
        name
        for key in KEYMAP
        if key.id not in ("app.quit", "app.suspend", "composer.editor")
        for name in split_keys(KEYS_OF[preset].get(key.id, key.keys))
    ]
    async with workspace(config=f'[keys]\npreset = "{preset}"\n') as stage:
        for _ in range(200):
            await stage.press(chance.choice(keys))
        assert stage.app._exception is None
        assert not stage.app._exit
        await stage.press("ctrl+q")
        await stage.until(lambda: stage.app._exit)
