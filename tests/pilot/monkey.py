"""A monkey at the workspace: what it can do, and how one knows afterwards that nothing broke.

Every choice comes from a `random.Random`: a seeded one, or Hypothesis's, which makes what fails short.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from time import monotonic

import pytest
from chat.scripted import Step, says
from stage import Stage
from textual import events
from textual.keys import _character_to_key, key_to_character

from lama_tui.config.key_presets import KEYS_OF, PRESETS, Preset
from lama_tui.config.keymap import KEYMAP, split_keys
from lama_tui.errors import ConnectionLost
from lama_tui.events import PromptProgress, ReasoningDelta, StreamFailed, StreamFinished, StreamStarted, TextDelta
from lama_tui.paths import shipped_themes
from lama_tui.types import Place, Usage
from lama_tui.ui.screens.workspace import Workspace

QUITTING = {"app.quit"}
"""Leaves on purpose; it is tried at the end of every run. The editor and ctrl+z are pressed: here is no terminal
to lend, which must be said and no more; with one, tests/e2e tries them."""

SIZES = [(1, 1), (5, 3), (20, 5), (40, 12), (60, 20), (80, 24), (119, 30), (120, 40), (160, 45), (200, 60)]
CHARACTERS = "aZ09 /?[]:;'\"\\<>|@#%{}~`§é漢🙂👩\u200d💻e\u0301\u202e\u200b\u00ad\ufffd"
COMMANDS = [key.command for key in KEYMAP if key.command and key.id not in QUITTING]
TITLES = ["\x1b]2;x\x07[red]", "\u202eabc", "[/nope] [bold", "", "line\nline", "漢" * 200, "x" * 5_000]
THEMES = ["[colors", "name = 3", "", '[colors]\nbackground = "#nothex"\n', "\x00\xff"]
CONFIGS = [
    "",
    "model = [broken",
    "modle = 1\n",
    '[workspace]\nmonitor = "pane"\n',
    '[workspace]\nmonitor = "off"\nmouse = false\n',
    'theme = "lama-light"\n',
    'theme = "no-such-theme"\n',
    "[privacy]\nlocal_only = true\n",
    '[keys]\n"composer.send" = "ctrl+x"\n',
    '[keys]\n"search.open" = ""\n"no.such" = "f99"\n',
    *(f'[keys]\npreset = "{preset}"\n' for preset in PRESETS),
    "[generation]\ntemperature = 9e99\ntop_p = 0.5\n",
]
_SLOW = 60.0
"""Seconds after which something that was asked for is stuck, on a machine that does much else."""


def keys_of(preset: Preset) -> list[str]:
    """Every key of the keymap, and those that widgets know of themselves."""
    bound = [key for key in KEYMAP if key.id not in QUITTING]
    names = [name for key in bound for name in split_keys(KEYS_OF[preset].get(key.id, key.keys))]
    return [
        *names,
        *["backspace", "shift+up", "shift+left", "shift+down", "shift+home", "ctrl+shift+left", "ctrl+x", "ctrl+v"],
    ]


def answers(chance: Random) -> list[list[Step]]:
    """What the model says: long and short, thinking, failing, never ending, nothing."""
    begun = StreamStarted("scripted", Place("script", True))
    many: list[Step] = [begun, PromptProgress(10, 100), 0.01, PromptProgress(100, 100), ReasoningDelta("well\n" * 30)]
    for number in range(40):
        many += [TextDelta(f"line {number} *of* [it] \x1b[2J\n\n```py\nx\n```\n| a | b\n|--|--\n"), 0.01]
    kinds: list[list[Step]] = [
        [*many, StreamFinished("stop", Usage(10, 0, 200, 5.0, 100.0, 60.0, 0, 512))],
        [*many, StreamFailed(ConnectionLost("The [server] went", "away \x1b[31m", "Ask again."))],
        [begun, 0.02, StreamFailed(ConnectionLost("At once", "", ""))],
        [begun, ReasoningDelta("hm " * 500), asyncio.Event()],
        [begun, TextDelta("x" * 20_000), StreamFinished("length", Usage())],
        [begun, StreamFinished("stop", Usage())],
        says("Short."),
    ]
    return [chance.choice(kinds) for _ in range(60)]


@dataclass
class Monkey:
    """Does anything to a stage, one act after the other; `trail` is what it did last."""

    stage: Stage
    chance: Random
    keys: list[str]
    trail: deque[str] = field(default_factory=lambda: deque(maxlen=40))

    async def play(self, acts: int) -> int:
        """Do so many acts, fewer when one of them quit lama; how many were done."""
        for number in range(acts):
            if self.stage.app._exit:
                return number
            act = self.chance.choices(ACTS, WEIGHTS)[0]
            self.trail.append(act.__name__)
            async with self.answering():
                await act(self)
                await self.stage.pilot.pause(0)
            assert self.stage.app._exception is None and not self.stage.app.faults, self.told()
        return acts

    @contextlib.asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """The block ends in time."""
        try:
            async with asyncio.timeout(_SLOW):
                yield
        except TimeoutError:
            pytest.fail(f"stuck {self.told()}\n{self.stage.seen()}")

    def told(self) -> str:
        return f"after {list(self.trail)}"

    async def press(self, *keys: str) -> None:
        """As fast as they come over a line: nothing waits for what a key does before the next one is there."""
        self.trail.extend(keys)
        for key in keys:
            character = key if len(key) == 1 else key_to_character(key)
            self.send(events.Key(_character_to_key(key) if len(key) == 1 else key, character))
            await asyncio.sleep(0)

    def send(self, *arrived: events.Event) -> None:
        """Let the app have what the terminal sent."""
        for event in arrived:
            assert self.stage.app._driver is not None
            self.stage.app._driver.process_message(event)

    # --- afterwards --------------------------------------------------------------------

    async def comes_back(self) -> None:
        """Escapes lead to the workspace, and what is typed there arrives."""
        await self.stage.pilot.resize_terminal(100, 30)
        for _ in range(100):  # a screen that opens or closes does so in its own time
            async with self.answering():
                await self.press("escape")
                await self.stage.pilot.pause(0.02)
            if self.stage.app._exit:
                return
            if isinstance(self.stage.app.screen, Workspace) and self.stage.composer.has_focus:
                break
        else:
            pytest.fail(f"no way back {self.told()}\n{self.stage.seen()}")
        self.stage.composer.load_text("")
        async with self.answering():
            await self.press("漢")
        await self.stage.until(lambda: "漢" in self.stage.composer.text)

    async def quits(self) -> None:
        """One key leaves, wherever one is."""
        began = monotonic()
        await self.press("ctrl+q")
        while not self.stage.app._exit:
            assert monotonic() - began < _SLOW, f"does not quit {self.told()}\n{self.stage.seen()}"
            await asyncio.sleep(0.01)
        assert self.stage.app._exception is None and not self.stage.app.faults, self.told()

    # --- what it does ------------------------------------------------------------------

    async def key(self) -> None:
        await self.press(self.chance.choice(self.keys))

    async def character(self) -> None:
        await self.press(self.chance.choice(CHARACTERS))

    async def words(self) -> None:
        await self.press(*"hi", "enter")

    async def command(self) -> None:
        """A slash command, with or without something behind it."""
        words = self.chance.choice(["", " x", " on", " [/nope]", " " + "9" * 50])
        await self.press("escape", "escape", "ctrl+u", *f"/{self.chance.choice(COMMANDS)}{words}", "enter")

    async def find(self) -> None:
        """Something from the palette."""
        label = self.chance.choice([key for key in KEYMAP if key.id not in QUITTING]).label
        await self.press(*split_keys(self.chance.choice(["ctrl+p", "ctrl+x"])), *label[:4], "enter")

    async def paste(self) -> None:
        text = self.chance.choice(["word", "a\nb\n" * 20, "\x1b[2J\x00\x9b31m\r\n\u2028" * 9, "漢字🙂 " * 20_000, ""])
        self.send(events.Paste(text))

    async def click(self) -> None:
        at = self.somewhere()
        for _ in range(self.chance.choice([1, 1, 2, 3])):
            self.send(_mouse(events.MouseDown, at, 1), _mouse(events.MouseUp, at, 1))

    async def drag(self) -> None:
        self.send(_mouse(events.MouseDown, self.somewhere(), 1))
        for _ in range(3):
            self.send(_mouse(events.MouseMove, self.somewhere(), 1))
            await asyncio.sleep(0)
        if self.chance.random() < 0.9:  # else the button is let go outside the window
            self.send(_mouse(events.MouseUp, self.somewhere(), 1))

    async def wheel(self) -> None:
        turned = self.chance.choice([events.MouseScrollDown, events.MouseScrollUp])
        self.send(_mouse(turned, self.somewhere(), 0, ctrl=self.chance.random() < 0.2))

    async def resize(self) -> None:
        await self.stage.pilot.resize_terminal(*self.chance.choice(SIZES))

    async def look_away(self) -> None:
        self.send(self.chance.choice([events.AppBlur, events.AppFocus])())

    async def wait(self) -> None:
        await asyncio.sleep(self.chance.choice([0.0, 0.02, 0.1]))

    async def configure(self) -> None:
        """The config changes on the disk; some of it is read at the next look."""
        file = self.stage.paths.config_file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.chance.choice(CONFIGS))

    async def paint(self) -> None:
        """The person's theme files change, and are looked at."""
        folder = self.stage.paths.config / "themes"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / self.chance.choice(["own.toml", "[nope].toml", "lama-dark.toml"])
        if self.chance.random() < 0.3:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(self.chance.choice([*THEMES, _a_theme()]).encode("utf-8", "surrogateescape"))
        self.stage.app.look_at_theme_files()

    async def elsewhere(self) -> None:
        """Another window renames, deletes and begins conversations."""
        if self.stage.screen._opened is None:
            return
        listed = await self.stage.conversations.list()
        if not listed or len(listed) < 5 or self.chance.random() < 0.3:
            await self.stage.conversations.create(self.chance.choice(TITLES), "guide")
        elif self.chance.random() < 0.3:
            await self.stage.conversations.delete(self.chance.choice(listed).id)
        else:
            await self.stage.conversations.rename(self.chance.choice(listed).id, self.chance.choice(TITLES))

    def somewhere(self) -> tuple[int, int]:
        width, height = self.stage.app.size
        return self.chance.randrange(max(1, width)), self.chance.randrange(max(1, height))


def _mouse(kind: type[events.MouseEvent], at: tuple[int, int], button: int, ctrl: bool = False) -> events.MouseEvent:
    x, y = at
    return kind(None, x, y, 0, 0, button, False, False, ctrl, x, y)


def _a_theme() -> str:
    return (shipped_themes() / "lama-light.toml").read_text()


Act = Callable[[Monkey], Awaitable[None]]
_WEIGHED: list[tuple[Act, int]] = [
    (Monkey.key, 60),
    (Monkey.character, 12),
    (Monkey.words, 3),
    (Monkey.command, 4),
    (Monkey.find, 4),
    (Monkey.paste, 2),
    (Monkey.click, 5),
    (Monkey.drag, 2),
    (Monkey.wheel, 3),
    (Monkey.resize, 4),
    (Monkey.look_away, 1),
    (Monkey.wait, 3),
    (Monkey.configure, 1),
    (Monkey.paint, 1),
    (Monkey.elsewhere, 1),
]
ACTS = [act for act, _ in _WEIGHED]
WEIGHTS = [weight for _, weight in _WEIGHED]
