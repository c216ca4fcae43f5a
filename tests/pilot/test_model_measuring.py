"""Measuring a model in the browser: what is shown while it runs, what stays, and when it is refused."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import browse, details, highlight, real, row_of, status
from hub_world import REAL, go_to, hub_of, hub_section
from hub_world import details as details_on_hub
from models import make_tiny_llama
from stage import Open, Stage

from lama_tui.engine.backend import GenerationRequest
from lama_tui.engine.thread import Engine
from lama_tui.events import StreamEvent
from lama_tui.library.measurement_table import Measurement, MeasurementTable
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.catalogue import Measured
from lama_tui.ui.screens.models.list import ModelList

SERVER = '[providers.work]\nkind = "openai"\nendpoint = "http://127.0.0.1:1/v1"\nmodel = "big"\n'


def engine_of(stage: Stage) -> Engine:
    assert stage.screen._opened is not None
    return stage.screen._opened.services.engine


async def table_of(stage: Stage) -> MeasurementTable:
    assert stage.screen._opened is not None
    return await stage.screen._opened.services.measurements()


def flat(browser: ModelBrowser) -> str:
    return " ".join(details(browser).split())


@pytest.mark.slow
async def test_figures_are_shown_as_they_come_and_stay(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlx.core")
    async with workspace(size=(120, 40), opener=real) as stage:
        make_tiny_llama(stage.paths.models / "tiny")
        browser = await browse(stage)
        await highlight(stage, browser, "tiny")
        await stage.until(lambda: "Measured – Not measured on this machine" in flat(browser))
        engine, seen = engine_of(stage), asyncio.Event()
        generate, asked = engine.generate, 0

        async def held(request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
            """One of the runs, until the line that tells of it was seen."""
            nonlocal asked
            asked += 1
            if asked == 3:
                await seen.wait()
            async for event in generate(request):
                yield event

        monkeypatch.setattr(engine, "generate", held)
        await stage.press("b")
        await stage.until(lambda: "Measuring tiny: run " in status(browser) and "esc stops it" in status(browser))
        seen.set()
        await stage.until(lambda: "tiny writes " in status(browser))
        await stage.until(lambda: "Medians of 3 runs 3 runs" in flat(browser))
        shown = flat(browser)
        measured = await (await table_of(stage)).of("tiny")
        assert [(each.runs, each.completion_tokens) for each in measured] == [(3, 64), (3, 64)]
        assert measured[0].prompt_tokens > measured[1].prompt_tokens > 100
        for figure in (
            "tok/s",
            "First token",
            "Peak memory",
            f"{measured[0].prompt_tokens:,} tokens",
            f"on {measured[0].device}",
        ):
            assert figure in shown
        await stage.until(lambda: "Measured ✓" in flat(browser))  # the level of the check
        assert stage.screen._opened is not None
        speeds = await stage.screen._opened.services.speeds()  # what the hub's estimates come from
        similar = speeds.of("org/like", measured[0].weights, None, 0)
        assert similar is not None and similar.kind == "similar" and similar.runs == 6
        await stage.pilot.resize_terminal(60, 20)
        await stage.until(lambda: "Medians of" in details(browser))


@pytest.mark.slow
async def test_it_is_stopped_and_keeps_what_was_measured_whole(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlx.core")
    async with workspace(size=(80, 24), opener=real) as stage:
        make_tiny_llama(stage.paths.models / "tiny")
        engine = engine_of(stage)
        generate, asked, ended = engine.generate, [], []

        async def held(request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
            """The second length of prompt has no end."""
            asked.append(request)
            try:
                if len(asked) > 5:
                    await asyncio.Event().wait()
                async for event in generate(request):
                    yield event
            finally:
                ended.append(request)

        monkeypatch.setattr(engine, "generate", held)
        browser = await browse(stage)
        await highlight(stage, browser, "tiny")
        await stage.press("b")
        await stage.until(lambda: len(asked) == 6)
        await stage.until(lambda: "1 run" in flat(browser) and "esc stops it" in status(browser))
        await stage.press("b", "v")  # one thing at a time
        await stage.press("left_square_bracket", "right_square_bracket")  # it goes on while one looks elsewhere
        await stage.until(lambda: browser.section is browser.installed and "esc stops it" in status(browser))
        await stage.press("escape")
        await stage.until(lambda: "Stopped:" in status(browser))
        await stage.until(lambda: len(ended) == 6)
        assert [each.runs for each in await (await table_of(stage)).of("tiny")] == [3]
        await stage.until(lambda: "Medians of 3 runs" in flat(browser))
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_it_is_refused_in_words(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace(size=(120, 40), config=SERVER) as stage:
        make_tiny_llama(stage.paths.models / "tiny")
        (stage.paths.models / "broken").mkdir()
        browser = await browse(stage)
        await highlight(stage, browser, "work:big")
        await stage.press("b")
        await stage.until(lambda: "It runs on its server" in status(browser))
        await highlight(stage, browser, "broken")
        await stage.press("b")
        await stage.until(lambda: "It cannot be measured" in status(browser))
        await highlight(stage, browser, "tiny")
        figures = engine_of(stage).figures
        monkeypatch.setattr(engine_of(stage), "figures", lambda: replace(figures(), running=1))
        await stage.press("b")
        await stage.until(lambda: "An answer is being written" in status(browser))
        monkeypatch.setattr(engine_of(stage), "figures", figures)
        browser.installed._unwatch()
        browser.installed._measured = Measured(8 * 1024**3, 1024)
        await stage.until(lambda: row_of(browser, "tiny").fits is False)
        await stage.press("b")
        await stage.until(lambda: "It does not fit" in status(browser))
        assert not await (await table_of(stage)).all()


@pytest.mark.slow
async def test_the_hub_estimates_by_what_was_measured_meanwhile(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        async with workspace(size=(120, 40)) as stage:
            section = await hub_section(stage)
            await go_to(stage, section, REAL)
            assert "tok/s" not in details_on_hub(section)
            asked = len(hub.asked())
            found = Measurement(
                "org/else", "", "a chip", "llama", 8, None, 160_000, 128, 64, 900.0, 123.0, 9.0, None, 1
            )
            await (await table_of(stage)).record(found)
            await stage.press("left_square_bracket")
            await stage.until(lambda: stage.app.screen.query_one(ModelList).lines.has_focus)
            await stage.press("right_square_bracket")
            await stage.until(lambda: "tok/s from 1 run of 1 similar model" in details_on_hub(section))
            assert len(hub.asked()) == asked
