"""Pictures of every screen at three sizes. Clock, ids, blink, samples and the version do not show or are fixed.

`pytest tests/snapshots --snapshot-update` takes new ones; look at them before they are committed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from chat.scripted import Scripted, Step, says
from textual.pilot import Pilot

from lama_tui.config.loader import LoadedSettings, load_settings
from lama_tui.errors import LamaError, ProviderTimeout
from lama_tui.events import PromptProgress, ReasoningDelta, ResourceSample, StreamStarted, TextDelta
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from lama_tui.types import Place, Usage
from lama_tui.ui.app import LamaApp
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.screens.model_picker import Choice, ModelPicker
from lama_tui.ui.widgets.composer import Composer
from lama_tui.ui.widgets.notice import Notice

SIZES = [(80, 24), (120, 36), (160, 48)]
SMALLEST = (60, 20)

ANSWER = """## Sorting in Python

Use **`sorted`** for a new list, or `list.sort` in place. See [the docs](https://docs.python.org/3/howto/sorting.html).

1. `key=` takes a function
2. `reverse=True` turns it around
   - works with `key` too

> Timsort is stable: equal items keep their order.

| Method | Time | Notes |
|---|--:|:--|
| `sorted` | 12 ms | returns a new list |
| `list.sort` | 9 ms | changes the list itself, returns None |

```python
people = [("Ada", 36), ("Linus", 21)]
for name, age in sorted(people, key=lambda p: p[1]):
    print(f"{name} is {age}")  # youngest first
```

That is all. 日本語もだいじょうぶ。
"""
USAGE = Usage(512, 0, 241, 85.0, 900.0, 61.3, 0, 8192)
SAMPLE = ResourceSample(
    at=0,
    cpu=37.0,
    memory_used=9 * 1024**3,
    memory_total=24 * 1024**3,
    process_cpu=12.0,
    process_memory=68 * 1024**2,
    model_memory=3 * 1024**3,
    model_peak=4 * 1024**3,
    model_cache=256 * 1024**2,
    decode_tok_s=61.3,
)
Act = Callable[["Pilot[None]", Scripted], Awaitable[None]]


class _Only:
    """Providers that all lead to the script."""

    def __init__(self, scripted: Scripted) -> None:
        self._scripted = scripted

    def provider_for(self, model: str) -> tuple[Scripted, str]:
        return self._scripted, model

    async def close(self) -> None:
        pass


class _Still:
    """A monitor that shows the same sample for ever."""

    def subscribe(self, listener: Callable[[ResourceSample], None]) -> Callable[[], None]:
        for _ in range(3):
            listener(SAMPLE)
        return lambda: None

    def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


def _app(scripted: Scripted, theme: str | None = None) -> LamaApp:
    async def opener(paths: Paths, loaded: LoadedSettings) -> Services:
        services = await open_services(paths, loaded)
        await services.sampler.stop()
        services.sampler = _Still()  # type: ignore[assignment]
        services.providers = _Only(scripted)  # type: ignore[assignment]
        return services

    paths = Paths.from_environment()
    return LamaApp(paths, load_settings(paths), WorkspaceOptions(theme=theme), opener)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.01)


async def _ready(pilot: "Pilot[Any]") -> Any:
    await _until(lambda: pilot.app.screen.query(Composer))
    screen: Any = pilot.app.screen
    screen.query_one(Composer).cursor_blink = False
    await _until(lambda: screen._current is not None and "guide" in str(screen.query_one("#status").render()))
    return screen


async def _ask(pilot: "Pilot[Any]", text: str = "how do I sort?") -> None:
    screen: Any = pilot.app.screen
    screen.query_one(Composer).insert(text)
    await pilot.press("enter")
    await _until(lambda: screen._current.messages)


async def _answered(pilot: "Pilot[Any]") -> None:
    await _ask(pilot)
    screen: Any = pilot.app.screen
    await _until(lambda: screen._current.messages[-1].state not in ("streaming",))
    await pilot.pause()


async def empty(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    """Nothing was said yet."""


async def usual(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    await _answered(pilot)


async def in_transcript(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    await _answered(pilot)
    await pilot.press("escape", "k")


async def in_list(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    await _answered(pilot)
    await pilot.press("ctrl+n")
    await _ask(pilot, "A conversation with a title that is far too long for the list that it stands in")
    await pilot.press("ctrl+s")


async def help_keys(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    await pilot.press("f1")


async def palette(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    await pilot.press("ctrl+p", "d", "e", "l")
    await pilot.app.workers.wait_for_complete()


async def rename(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    await _answered(pilot)
    await pilot.press("ctrl+s")
    await pilot.press("f2")
    await _until(lambda: pilot.app.screen.query("RenameDialog Input"))


async def picker(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    async def find() -> list[Choice]:
        return [
            Choice("guide", "0.7 M · 8-bit · 3.0 MiB · context 512", "Built in and tiny: it only knows this app."),
            Choice("mlx-community/Qwen3-0.6B-4bit", "0.6 B · 4-bit · 335 MiB · context 40,960", "qwen3 mlx"),
            Choice("someone/torch-only", "1.1 B", "Only PyTorch weights.", "has no weights that MLX can read"),
            Choice("work:large", "openai · https://api.example.org/v1", "Answers come from this server."),
        ]

    await pilot.app.push_screen(ModelPicker("guide", find))
    await _until(lambda: pilot.app.screen.query_one("#models").option_count == 4)  # type: ignore[attr-defined]


async def notice(pilot: "Pilot[Any]", scripted: Scripted) -> None:
    screen: Any = pilot.app.screen
    for number in (1, 2):
        screen.query_one(Notice).add(
            LamaError(f"Problem {number}: [/nope] is no markup", "Why it happened, in a sentence.", "What to do now.")
        )


FAILED: list[Step] = [
    StreamStarted("guide", Place("script", True)),
    TextDelta("The first half of an answer"),
    ProviderTimeout(
        "The server stopped answering", "No token came for 60 seconds.", "Try again, or raise timeout_token."
    ),
]
THINKING: list[Step] = [
    StreamStarted("guide", Place("script", True)),
    PromptProgress(512, 512),
    ReasoningDelta("First I look at the question.\nThen I think about lists, and about what was asked."),
    asyncio.Event(),
]
SCREENS: list[tuple[Act, list[Step]]] = [
    (empty, says("x")),
    (usual, says(ANSWER, usage=USAGE)),
    (in_transcript, says(ANSWER, usage=USAGE)),
    (in_list, says(ANSWER, usage=USAGE)),
    (help_keys, says("x")),
    (palette, says("x")),
    (rename, says("Done.", usage=USAGE)),
    (picker, says("x")),
    (notice, says("x")),
]


def _run(act: Act, scripted: Scripted) -> Callable[["Pilot[None]"], Awaitable[None]]:
    async def run_before(pilot: "Pilot[None]") -> None:
        await _ready(pilot)
        await act(pilot, scripted)
        await pilot.wait_for_animation()
        await pilot.pause()

    return run_before


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(("act", "script"), SCREENS, ids=lambda value: getattr(value, "__name__", ""))
def test_screen(snap_compare: Any, act: Act, script: list[Step], size: tuple[int, int]) -> None:
    scripted = Scripted(script)
    assert snap_compare(_app(scripted), terminal_size=size, run_before=_run(act, scripted))


@pytest.mark.parametrize("act", [empty, usual, in_list], ids=lambda act: act.__name__)
def test_one_pane(snap_compare: Any, act: Act) -> None:
    scripted = Scripted(says(ANSWER, usage=USAGE))
    assert snap_compare(_app(scripted), terminal_size=SMALLEST, run_before=_run(act, scripted))


def test_light(snap_compare: Any) -> None:
    scripted = Scripted(says(ANSWER, usage=USAGE))
    assert snap_compare(_app(scripted, "lama-light"), terminal_size=(120, 36), run_before=_run(usual, scripted))


def test_failed(snap_compare: Any) -> None:
    scripted = Scripted(FAILED)
    assert snap_compare(_app(scripted), terminal_size=(120, 36), run_before=_run(usual, scripted))


def test_thinking(snap_compare: Any) -> None:
    async def think(pilot: "Pilot[Any]", scripted: Scripted) -> None:
        await _ask(pilot)
        screen: Any = pilot.app.screen
        await _until(lambda: screen._current.running is not None and screen._current.running.reasoning)
        await _until(lambda: "thinking" in str(screen.query_one("#status").render()))
        await _until(lambda: "◌" in str(screen._list.get_option_at_index(0).prompt))

    scripted = Scripted(THINKING)
    assert snap_compare(_app(scripted), terminal_size=(120, 36), run_before=_run(think, scripted))
