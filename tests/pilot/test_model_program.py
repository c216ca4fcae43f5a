"""A model that brings a program: the browser shows it, asks, loads, and lets one take that back."""

from pathlib import Path

import pytest
from browsing import browse, details, highlight, real, status
from models import make_coded, make_tiny_llama
from test_model_browser import Open

from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.program import Code, ProgramDialog

LONG = "#" + "x" * 300 + "END\n"


def told(browser: ModelBrowser) -> str:
    return " ".join(details(browser).split())


def coded(models: Path) -> Path:
    folder = make_coded(make_tiny_llama(models / "own"))
    program = folder / "model.py"
    program.write_text(program.read_text() + LONG + "".join(f"line{n} = {n}\n" for n in range(200)))
    return folder


@pytest.mark.slow
async def test_it_asks_before_it_runs_and_no_is_the_default(workspace: Open) -> None:
    pytest.importorskip("mlx.core")
    async with workspace(size=(120, 40), opener=real) as stage:
        folder = coded(stage.paths.models)
        browser = await browse(stage)
        await highlight(stage, browser, "own")
        await stage.until(lambda: "asks before it runs" in told(browser))

        for keys in (("l", "enter"), ("l", "escape"), ("o", "enter")):
            await stage.press(keys[0])
            await stage.until(lambda: isinstance(stage.app.screen, ProgramDialog))
            await stage.until_seen("everything that you can do", "from mlx_lm.models.llama", "model.py", "END")
            await stage.press(keys[1])
            await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))
            await stage.until(lambda: "does not run" in status(browser))
        assert not (folder / "ran").exists()

        await stage.press("l")
        await stage.until(lambda: isinstance(stage.app.screen, ProgramDialog))
        await stage.until(lambda: stage.app.screen.query_one(Code).count > 200)
        for _ in range(30):
            await stage.press("pagedown")
        await stage.until_seen("line199 = 199")
        await stage.press("down", "enter")
        await stage.until(lambda: "own is loaded" in status(browser))
        assert (folder / "ran").exists()
        await stage.until(lambda: "which may run" in told(browser))

        await stage.press("o")
        await stage.until_seen("Do not run it any more")
        await stage.press("down", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))
        await stage.until(lambda: "own left memory" in status(browser))
        await stage.until(lambda: "asks before it runs" in told(browser))

        (folder / "ran").unlink()
        await stage.press("l")
        await stage.until(lambda: isinstance(stage.app.screen, ProgramDialog))
        (folder / "model.py").write_text("raise SystemExit")  # while it is read
        await stage.press("down", "enter")
        await stage.until_seen("not what was trusted before")
        assert not (folder / "ran").exists()


async def test_what_brings_no_program_says_so(workspace: Open) -> None:
    async with workspace(size=(80, 24)) as stage:
        browser = await browse(stage)
        await stage.press("o")
        await stage.until(lambda: "brings no program" in status(browser))
