"""Keys, clicks, pastes and sizes in any order, while an answer streams: nothing ends the workspace."""

import random

import pytest
from chat.scripted import Step
from stage import Open
from textual import events

from lama_tui.config.keymap import KEYMAP
from lama_tui.events import ReasoningDelta, StreamFinished, StreamStarted, TextDelta
from lama_tui.types import Place, Usage

LEAVING = {"app.quit", "app.suspend"}
KEYS = [name for key in KEYMAP if key.id not in LEAVING for name in key.keys.split(",")]
KEYS += ["down", "left", "right", "home", "end", "backspace", "a", "?", "漢", "ctrl+a", "ctrl+k", "ctrl+w", "ctrl+y"]
KEYS += ["shift+up", "shift+left", "ctrl+left", "ctrl+x", "ctrl+v", "f6", "f7"]
SIZES = [(1, 1), (5, 5), (60, 20), (80, 24), (120, 30), (200, 50)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
async def test_any_keys(workspace: Open, seed: int) -> None:
    chance = random.Random(seed)
    script: list[Step] = [StreamStarted("scripted", Place("script", True)), ReasoningDelta("well\n" * 3)]
    for number in range(40):
        script += [TextDelta(f"line {number} *of* it\n\n```py\nx\n```\n"), 0.01]
    script.append(StreamFinished("stop", Usage()))
    async with workspace(script) as stage:
        for _ in range(250):
            await stage.press(chance.choice(KEYS))
            match chance.randrange(25):
                case 0:
                    await stage.pilot.resize_terminal(*chance.choice(SIZES))
                case 1:
                    width, height = stage.app.size
                    await stage.pilot.click(offset=(chance.randrange(width), chance.randrange(height)))
                case 2:
                    stage.app.post_message(events.Paste("pasted\n\x1b[2Jtext\n" * 3))
        assert stage.app._exception is None
        assert not stage.app._exit
