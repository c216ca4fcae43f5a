"""Imports in the model browser: asked for in a dialog, shown among the downloads, told when they end."""

import hashlib
import threading
from pathlib import Path

import pytest
from browsing import browse, names
from hub_world import state_of
from models import make_tiny_llama
from stage import Open, Stage
from test_mouse import click
from textual.widgets import Input, OptionList

from lama_tui.services import open_services
from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.downloads import DownloadsSection
from lama_tui.ui.screens.models.import_dialog import ImportDialog
from lama_tui.ui.screens.models.sections import Sections
from lama_tui.ui.widgets.status_line import StatusLine
from tests.library.gguf_files import write_gguf
from tests.library.web import serving


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a model in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return make_tiny_llama(tmp_path / "models" / "tiny-llama")


def field(stage: Stage, name: str) -> Input:
    return stage.app.screen.query_one(f"#import-{name}", Input)


async def asked(stage: Stage) -> ImportDialog:
    """Wait until the dialog is there, and the source can be typed."""
    await stage.until(lambda: isinstance(stage.app.screen, ImportDialog) and stage.app.screen.query("#import-source"))
    await stage.until(lambda: field(stage, "source").has_focus)
    dialog = stage.app.screen
    assert isinstance(dialog, ImportDialog)
    return dialog


async def type_into(stage: Stage, text: str) -> None:
    focused = stage.app.focused
    assert isinstance(focused, Input)
    focused.insert_text_at_cursor(text)
    await stage.pilot.pause()


async def highlighted(stage: Stage, ref: str) -> DownloadsSection:
    """Wait until the browser shows the downloads, at this one."""
    await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))
    browser = stage.app.screen
    await stage.until(lambda: browser.query(DownloadsSection))
    section = browser.query_one(DownloadsSection)
    await stage.until(lambda: (job := section._chosen()) is not None and job.ref == ref)
    await stage.until(lambda: isinstance(browser, ModelBrowser) and browser._open is section)
    return section


@pytest.mark.parametrize("size", [pytest.param((60, 20), marks=pytest.mark.slow), (80, 24)])
async def test_a_folder_is_asked_for_field_by_field(workspace: Open, folder: Path, size: tuple[int, int]) -> None:
    async with workspace(size=size) as stage:
        browser = await browse(stage)
        await stage.press("i")
        await asked(stage)
        await stage.until_seen("From", "Name", "SHA-256", "A folder, a .gguf file", "enter imports", "esc gives up")
        await type_into(stage, "models/ti")
        await stage.until_seen("There is nothing at", "tiny-llama/")
        await stage.until(lambda: field(stage, "source")._suggestion == "models/tiny-llama/")
        await stage.press("tab")
        await stage.until(lambda: field(stage, "source").value == "models/tiny-llama/")
        await stage.until_seen("A folder with a model in it", "(•) Copy it", "( ) Link to it")
        await stage.until(lambda: field(stage, "name").value == "tiny-llama")
        await stage.press("tab")
        await stage.until(lambda: field(stage, "name").has_focus)
        await stage.press("ctrl+u")
        await type_into(stage, "guide")
        await stage.until_seen("guide is no name for a model")
        await stage.press("ctrl+u")
        await type_into(stage, "of my own")
        await stage.press("down")
        await stage.until(lambda: field(stage, "sha256").has_focus)
        await type_into(stage, "f" * 64)
        await stage.until_seen("A folder has no hash")
        await stage.press("up", "enter")  # which is refused, and leads to where it is wrong
        await stage.until(lambda: field(stage, "sha256").has_focus)
        await stage.press("ctrl+u", "enter")
        await highlighted(stage, "of my own")
        await stage.until(lambda: state_of(stage, "of my own") == "done")
        await stage.until_seen("✓ of my own", "is here", "~/models/tiny-llama")
        await stage.press("left_square_bracket", "left_square_bracket")
        await stage.until(lambda: "of my own" in names(browser))
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.until(  # nobody looks any more at what others do
            lambda: all(work.is_finished for work in stage.app.workers if work.group == "queue-watch")
        )
        assert (stage.paths.models / "of my own" / "config.json").is_file()


@pytest.mark.slow
async def test_over_http_only_by_choice_then_paused_resumed_and_given_up(
    workspace: Open, folder: Path, tmp_path: Path
) -> None:
    with serving() as web:
        web.files["/some.gguf"] = write_gguf(tmp_path / "some.gguf").read_bytes()
        web.cut, web.hold = [2000], threading.Event()
        async with workspace(size=(80, 24)) as stage:
            stage.composer.text = f"/import {web.url('/some.gguf')}"
            await stage.press("enter")
            await asked(stage)
            await stage.until_seen("Over http anybody on the way can read what", "(•) Not over http")
            await stage.press("enter")
            await stage.until_seen("Choose that below, or write https instead")
            await stage.press("down", "enter")
            await highlighted(stage, "some")
            await stage.until_seen("importing: fetching", "1 import", "Pause", "Import")
            await stage.until(lambda: stage.screen.query_one(StatusLine).downloads.startswith("↓"))
            await stage.press("p")
            await stage.until_seen("‖ some", "p Resume")
            web.hold.set()
            await stage.press("x")
            await stage.until(lambda: isinstance(stage.app.screen, Ask))
            await stage.until_seen("Go on importing", "Give it up and keep")
            await stage.press("down", "down", "enter")
            await stage.until(lambda: state_of(stage, "some") == "cancelled")
            await stage.until_seen("given up", "nothing of it is here", "r begins it again", "r Retry")
            await stage.press("r")
            await stage.until(lambda: state_of(stage, "some") == "done")
            await stage.until_seen("some is here")  # as everybody is told, wherever one looks
            await stage.press("i")
            await asked(stage)
            await type_into(stage, web.url("/none.gguf"))
            await stage.until_seen("( ) Over http")
            await click(stage, "( ) Over http")
            await stage.until_seen("(•) Over http")
            assert stage.app.screen.query_one("#import-way", OptionList).highlighted == 1
            await click(stage, "enter imports")
            await stage.until_seen("The import of none failed")  # first: it goes away by itself
            await highlighted(stage, "none")
            await stage.until_seen("✕ none", "HTTP 404", "r tries again", "✕ 1 failed")
            await stage.press("delete")
            await stage.until_seen("Forget none", "Forget all 2 that have ended")
            await stage.press("down", "down", "enter")
            await stage.until_seen("Nothing is being downloaded", "i imports a model")


@pytest.mark.slow
async def test_what_another_program_does_is_seen_wherever_one_is_in_the_browser(
    workspace: Open, folder: Path, tmp_path: Path
) -> None:
    async with workspace(size=(80, 24)) as stage:
        browser = await browse(stage)
        other = await open_services(stage.paths, stage.screen._opening.loaded)
        try:
            wrong = hashlib.sha256(b"other").hexdigest()
            weights = write_gguf(tmp_path / "wrong.gguf")
            await (await other.downloads()).add_import(str(weights), sha256=wrong)
            await stage.until(lambda: "✕ 1 failed" in browser.query_one(Sections).marks[2])
            await (await other.downloads()).add_import(str(folder))
            await stage.until(lambda: "tiny-llama" in names(browser))
        finally:
            await other.close()


async def test_escape_and_a_click_give_it_up(workspace: Open, folder: Path) -> None:
    async with workspace(size=(80, 24)) as stage:
        await browse(stage)
        for leave in ("key", "click"):
            await stage.press("i")
            await asked(stage)
            await type_into(stage, str(folder))
            if leave == "key":
                await stage.press("escape")
            else:
                await stage.until_seen("(•) Copy it")  # which moves what is below it
                await click(stage, "esc gives up")
            await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))
        assert state_of(stage, "tiny-llama") == ""
