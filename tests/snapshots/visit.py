"""Opens lama at a person's home that was made for one picture."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from chat.scripted import Scripted, Step, says
from invented import MODELS, QWEN, USAGE, Talk, write
from pilot.stage import Stage
from still import CAPACITY, GIB, LOADED, Clock, Watched, samples
from textual._context import visible_screen_stack
from textual.strip import Strip
from textual.widgets import Input, TextArea

from lama_tui.config.loader import LoadedSettings, load_settings
from lama_tui.engine import device
from lama_tui.engine.figures import EngineFigures
from lama_tui.events import ResourceSample
from lama_tui.library import answering, installed
from lama_tui.library.answering import Answering
from lama_tui.library.downloads import space
from lama_tui.library.installed import InstalledModel
from lama_tui.library.storage import quota
from lama_tui.library.storage.quota import DiskRoom
from lama_tui.monitor import capacity
from lama_tui.monitor.capacity import Capacity
from lama_tui.paths import Paths
from lama_tui.providers.registry import Providers
from lama_tui.services import Services, open_services
from lama_tui.types import Place
from lama_tui.ui.app import LamaApp
from lama_tui.ui.options import WorkspaceOptions

Size = tuple[int, int]
"""Columns and rows."""

_ALIKE = 2
"""Looks in a row at which the screen is as it was at the look before."""

SHORT = (
    "open",
    "wishes",
    "begun",
    "ended",
    "switch",
    "count",
    "look",
    "measure",
    "recall",
    "known",
    "storage",
    "clean-look",
    "clean-sum",
    "hub",
    "hub-look",
    "hub-advice",
    "queue",
    "updates-look",
    "card",
    "section",
)
"""Groups of work that ends by itself, and soon; other work waits for what a person does."""

CONFIG = f'model = "{QWEN}"\n'


class Visit(Stage):
    """A running lama, and what one does there."""

    async def at(self, *screens: type) -> Any:
        """Wait until one is on a screen."""
        await self.until(lambda: isinstance(self.app.screen, screens))
        return self.app.screen

    async def type(self, text: str) -> None:
        """Write into what has the focus, at once: a key at a time takes long."""
        await self.in_field()
        field = self.app.focused
        if isinstance(field, Input):
            field.insert_text_at_cursor(text)
        else:
            self.composer.insert(text)
        await self.pilot.pause()

    async def in_field(self, selector: str = "*") -> None:
        """Wait until a field has the focus, and knows it: it marks what is in it when it hears of that."""
        await self.until(
            lambda: (
                isinstance(field := self.app.focused, Input | TextArea)
                and field.has_focus
                and field in self.app.screen.query(selector)
            )
        )

    async def settled(self) -> None:
        """Wait until nothing more will change: what is counted is counted, and the screen is drawn as it was before."""
        alike, before = 0, None
        async with asyncio.timeout(120):
            while alike < _ALIKE:
                await self.until(lambda: all(work.is_finished for work in self.app.workers if work.group in SHORT))
                await self.pilot.pause()
                drawn = self.drawn()
                alike = alike + 1 if drawn == before else 0
                before = drawn

    def drawn(self) -> list[Strip]:
        """What is on screen, with its colours."""
        visible_screen_stack.set(self.app._background_screens)
        return self.app.screen._compositor.render_strips()


@dataclass(frozen=True)
class State:
    """A state of a screen, and the home in which it comes about."""

    screen: str
    name: str
    act: Callable[[Visit], Awaitable[None]]
    talks: Sequence[Talk] = ()
    script: Callable[[], list[Step]] = lambda: says("An answer.", usage=USAGE)
    config: str = CONFIG
    files: dict[str, str] = field(default_factory=dict)
    """Other files of the home, by path."""
    models: Sequence[InstalledModel] = MODELS
    engine: EngineFigures = LOADED
    capacity: Capacity = CAPACITY
    samples: Sequence[ResourceSample] = field(default_factory=samples)
    options: WorkspaceOptions = field(default_factory=lambda: WorkspaceOptions(welcome=False))
    sizes: Sequence[Size] = ((80, 24), (120, 36), (160, 48))

    @property
    def id(self) -> str:
        return f"{self.screen}-{self.name}"


class Local(Scripted):
    """Answers by a script where a local model would."""

    name = "local"

    def place(self, model: str) -> Place:
        return Place("Metal", True)


def open_lama(state: State, paths: Paths, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> tuple[LamaApp, Scripted]:
    """The app, not running yet, and what answers in it."""
    for path, text in {str(paths.config_file): state.config, **state.files}.items():
        file = paths.config.cwd() / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr(installed, "_list", lambda paths: list(state.models))
    monkeypatch.setattr(installed, "_describe", lambda ref, paths: _described(ref, state.models))
    monkeypatch.setattr(answering, "_look", lambda folder: Answering(thinks="Qwen3" in str(folder)))
    monkeypatch.setattr(capacity, "measure", lambda share: state.capacity)
    monkeypatch.setattr(device, "advice", lambda: "Install it with `pip install mlx mlx-lm`.")
    monkeypatch.setattr(space, "free_space", lambda folder: (93 * GIB, GIB))
    monkeypatch.setattr(quota, "_disk_room", lambda folder, enough: DiskRoom(folder, 93 * GIB, 460 * GIB, False))
    local = Local(state.script())
    local.count = lambda messages: sum(len(message.text) // 4 for message in messages)
    local.window = 40_960

    async def opener(paths: Paths, loaded: LoadedSettings) -> Services:
        services = await open_services(paths, loaded)
        await services.sampler.stop()
        services.sampler = Watched(list(state.samples))  # type: ignore[assignment]
        services.providers = Providers(loaded.settings, local)
        services.engine.figures = lambda: state.engine  # type: ignore[method-assign]
        await write(services, state.talks, clock)
        return services

    return LamaApp(paths, load_settings(paths), state.options, opener), local


def _described(reference: str, models: Sequence[InstalledModel]) -> InstalledModel:
    found = next((model for model in models if model.ref == reference), None)
    if found is None:
        raise installed._not_here(reference)
    return found
