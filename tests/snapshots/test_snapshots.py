"""Pictures of every screen, empty, usual, in error and with too much of everything, at three sizes.

`pytest tests/snapshots --snapshot-update` takes new ones; look at them before they are committed.
"""

import re
from collections.abc import Callable
from typing import Any

import of_choosers
import of_clean_up
import of_dialogs
import of_library
import of_models
import of_settings
import of_workspace
import pytest
from invented import USUAL
from still import Clock, hold_still, live_at
from textual.pilot import Pilot
from visit import Size, State, Visit, open_lama

from lama_tui.paths import shipped_themes
from lama_tui.ui.options import WorkspaceOptions

STATES = [
    *of_workspace.STATES,
    *of_models.STATES,
    *of_library.STATES,
    *of_clean_up.STATES,
    *of_choosers.STATES,
    *of_settings.STATES,
    *of_dialogs.STATES,
]
EVERY = [
    pytest.param(
        state,
        size,
        id=f"{state.id}-{size[0]}x{size[1]}",
        # four fifths of the time, for what is seldom different
        marks=[pytest.mark.slow] if size > (100, 0) or state.name == "long" else [],
    )
    for state in STATES
    for size in state.sizes
]

_CLIPS = re.compile(
    r' clip-path="url\(#[\w-]+-line-\d+\)"|<clipPath id="[\w-]+-line-\d+">\s*<rect[^>]*/>\s*</clipPath>\s*'
)


def lean(svg: str) -> str:
    """The same picture in half the bytes: texts have their lengths and need not be cut, what all share is said once."""
    for long, short in (
        (' shape-rendering="crispEdges"', ""),
        ("<style>", "<style>\n    rect { shape-rendering: crispEdges }"),
        ("&#160;", "\N{NO-BREAK SPACE}"),
    ):
        svg = svg.replace(long, short)
    return _CLIPS.sub("", svg)


Compare = Callable[[State, Size], bool]
"""Whether a state looks as it did."""


@pytest.fixture
def looks_as_before(snap_compare: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Compare:
    clock = Clock()

    def compare(state: State, size: Size) -> bool:
        hold_still(monkeypatch, clock)
        paths = live_at(monkeypatch, tmp_path / "ada")
        app, scripted = open_lama(state, paths, clock, monkeypatch)
        drawn = app.export_screenshot
        app.export_screenshot = lambda **options: lean(drawn(**options))  # type: ignore[method-assign]

        failed: list[BaseException] = []

        async def act(pilot: Pilot[None]) -> None:
            visit = Visit(app, pilot, scripted, paths)
            try:
                await visit.opened()
                await visit.settled()
                await state.act(visit)
                # an answer that grows is followed in steps: how many rows it leaves free depends on when its lines came
                await visit.settled()
                visit.transcript.redraw()
                await visit.settled()
                assert str(tmp_path) not in visit.seen()
            except BaseException as error:
                failed.append(error)  # raised here, it would leave the app running for ever

        looks = bool(snap_compare(app, terminal_size=size, run_before=act))
        if failed:
            raise failed[0]
        return looks

    return compare


@pytest.mark.slow
@pytest.mark.parametrize("theme", sorted(file.stem for file in shipped_themes().glob("*.toml")))
def test_theme(looks_as_before: Compare, theme: str) -> None:
    state = State("theme", theme, of_workspace.themed, USUAL, options=WorkspaceOptions(theme=theme, welcome=False))
    assert looks_as_before(state, (120, 36))


@pytest.mark.parametrize(("state", "size"), EVERY)
def test_screen(looks_as_before: Compare, state: State, size: Size) -> None:
    assert looks_as_before(state, size)
