"""The monitor in the workspace: a pane, a strip, or nothing; and only what is seen is measured."""

import pytest
from chat.scripted import says
from stage import Open, Stage
from textual.geometry import Region

from lama_tui.events import ResourceSample
from lama_tui.ui.widgets.monitor_pane import MonitorPane
from lama_tui.ui.widgets.monitor_strip import MonitorStrip

SAMPLE = ResourceSample(at=0, cpu=20.0, memory_used=9 << 30, memory_total=24 << 30)


def form(stage: Stage) -> str:
    """What is seen of the monitor."""
    pane, strip = stage.screen.query_one("#monitor-pane"), stage.screen.query_one("#strip")
    return {(1, 0): "pane", (0, 1): "strip", (0, 0): "off"}[bool(pane.region.area), bool(strip.region.area)]


def watched(stage: Stage) -> bool:
    assert stage.screen._opened is not None
    return stage.screen._opened.services.sampler.running


@pytest.mark.parametrize(("width", "height", "first"), [(60, 20, "off"), (80, 24, "off"), (120, 40, "pane")])
async def test_one_key_goes_through_the_forms(workspace: Open, width: int, height: int, first: str) -> None:
    forms = {"pane": "strip", "strip": "off", "off": "pane"}
    async with workspace(size=(width, height)) as stage:
        await stage.until(lambda: form(stage) == first and watched(stage) == (first != "off"))
        now = first
        for _ in range(6):
            now = forms[now]
            await stage.press("ctrl+g")
            await stage.until(lambda now=now: form(stage) == now and watched(stage) == (now != "off"))
            if now != "off":
                await stage.until_seen("Mem", "Queue", "idle")
        await stage.press("x")
        await stage.until(lambda: stage.composer.text == "x")


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24)])
async def test_a_pane_that_covers_others_says_how_they_come_back(workspace: Open, width: int, height: int) -> None:
    async with workspace(size=(width, height)) as stage:
        await stage.press("ctrl+g")
        await stage.until_seen("Monitor  esc back")
        await stage.press("escape")
        await stage.until(lambda: form(stage) == "off" and not watched(stage) and stage.composer.has_focus)
        await stage.press("ctrl+g")
        await stage.until(lambda: form(stage) == "pane")
        await stage.pilot.click("#monitor-title")
        await stage.until(lambda: form(stage) == "off" and not watched(stage))
        await stage.press("ctrl+g", "ctrl+s")
        await stage.until(lambda: form(stage) == "off" and stage.sidebar.has_focus and not watched(stage))


async def test_typing_leads_back_from_a_pane_that_covers_everything(workspace: Open) -> None:
    async with workspace(size=(60, 20)) as stage:
        await stage.press("ctrl+g")
        await stage.until(lambda: form(stage) == "pane")
        await stage.press("h", "i")
        await stage.until(lambda: form(stage) == "off" and not watched(stage))
        await stage.until(lambda: stage.composer.text == "hi" and stage.composer.region.area)


@pytest.mark.parametrize(("wish", "first"), [("pane", "pane"), ("strip", "strip"), ("off", "off")])
async def test_the_form_at_the_start_is_a_setting(workspace: Open, wish: str, first: str) -> None:
    async with workspace(size=(120, 30), config=f'[workspace]\nmonitor = "{wish}"\n') as stage:
        await stage.until(lambda: form(stage) == first and watched(stage) == (first != "off"))


async def test_the_form_that_was_chosen_outlasts_other_sizes_and_conversations(workspace: Open) -> None:
    async with workspace(says("One."), size=(120, 30)) as stage:
        await stage.press("ctrl+g")
        await stage.until(lambda: form(stage) == "strip")
        for size in ((60, 20), (200, 60), (100, 30)):
            await stage.pilot.resize_terminal(*size)
            await stage.until(lambda size=size: stage.screen.size == size and form(stage) == "strip")
        await stage.ask("hi")
        await stage.press("ctrl+n")
        await stage.until(lambda: not stage.messages)
        assert form(stage) == "strip"


async def test_a_pane_gives_way_where_it_gets_narrow(workspace: Open) -> None:
    async with workspace(size=(120, 30)) as stage:
        await stage.until(lambda: form(stage) == "pane")
        await stage.pilot.resize_terminal(80, 24)
        await stage.until(lambda: form(stage) == "off" and not watched(stage))
        await stage.press("ctrl+g")
        await stage.until(lambda: form(stage) == "pane")
        await stage.pilot.resize_terminal(120, 30)
        await stage.until_gone("esc back")
        await stage.press("escape")  # leads nowhere: nothing is covered
        await stage.pilot.pause()
        assert form(stage) == "pane"


async def test_what_a_screen_covers_is_not_measured(workspace: Open) -> None:
    async with workspace(size=(120, 30)) as stage:
        await stage.until(lambda: watched(stage))
        await stage.press("f1")
        await stage.until(lambda: stage.app.screen is not stage.screen)
        modal = stage.app.screen.is_modal
        await stage.until(lambda: watched(stage) == modal)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen and watched(stage))


@pytest.mark.parametrize("monitor", ["pane", "strip"])
async def test_only_cells_that_changed_are_drawn_again(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, monitor: str
) -> None:
    async with workspace(size=(120, 40), config=f'[workspace]\nmonitor = "{monitor}"\n') as stage:
        await stage.until(lambda: form(stage) == monitor)
        assert stage.screen._opened is not None
        await stage.screen._opened.services.sampler.stop()
        kind = MonitorPane if monitor == "pane" else MonitorStrip
        drawn: list[Region] = []
        stage.screen._machine.append(SAMPLE)
        stage.screen.query_one(kind).look()
        await stage.pilot.pause()

        def sample(**figures: float) -> int:
            """How many cells one more sample draws."""
            drawn.clear()
            with monkeypatch.context() as patch:
                patch.setattr(kind, "refresh", lambda _, *regions: drawn.extend(regions))
                stage.screen._sampled(ResourceSample(**{"at": 0, "memory_total": 24 << 30, **figures}))  # type: ignore[arg-type]
            return sum(region.area for region in drawn)

        assert sample(cpu=22.0, memory_used=(9 << 30) + 4096) == 0
        assert 0 < sample(cpu=29.0, memory_used=9 << 30) <= 3
        assert sample(cpu=29.0, memory_used=9 << 30) <= 1  # the newest column of the graph is a mean
