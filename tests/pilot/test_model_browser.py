"""The model browser: what it lists and says, and what each of its keys does."""

import asyncio
import threading

import pytest
from browsing import browse, details, highlight, names, real, row_of, rows, status
from models import make_tiny_llama
from stage import Open, Stage
from textual.widgets import Input

from lama_tui.engine.backend import LoadedModel, ModelSource
from lama_tui.library import installed
from lama_tui.types import GUIDE
from lama_tui.ui.screens.models import browser as browser_module
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.catalogue import Measured
from lama_tui.ui.screens.models.list import ModelList
from lama_tui.ui.widgets.notice import Notice

CONFIG = """
# what I chose
model = "guide"  # small
[providers.work]
kind = "openai"
endpoint = "https://a.example/v1"
model = "big-[/nope]"
[providers.nameless]
kind = "openai"
endpoint = "https://b.example/v1"
"""


def model(stage: Stage) -> str:
    assert stage.screen._current is not None
    return stage.screen._current.model


def put(stage: Stage, *folders: str) -> None:
    for folder in folders:
        make_tiny_llama(stage.paths.models / folder)


async def back(stage: Stage) -> None:
    await stage.until(lambda: stage.app.screen is stage.screen)


async def test_the_guide_alone_says_how_to_get_more(workspace: Open) -> None:
    async with workspace(size=(120, 40)) as stage:
        browser = await browse(stage)
        assert names(browser) == [GUIDE]
        assert "lama pull" in details(browser) and str(stage.paths.models) in details(browser).replace("\n", "")
        assert row_of(browser, GUIDE).in_use and row_of(browser, GUIDE).fits is not None
        await stage.until_seen("[Installed]", "guide", "llama", "never")
        await stage.press("escape")
        await back(stage)
        await stage.until(lambda: model(stage) == GUIDE)


async def test_a_model_is_used_in_this_conversation(workspace: Open) -> None:
    async with workspace(size=(120, 40), config=CONFIG) as stage:
        put(stage, "tiny")
        await stage.ask("hi")
        browser = await browse(stage)
        assert names(browser) == [GUIDE, "tiny", "work:big-[/nope]", "nameless:"]
        assert "lama pull" not in details(browser)
        await stage.press("down")
        await stage.until(lambda: "tiny" in details(browser))
        await stage.press("enter")
        await back(stage)
        await stage.until(lambda: model(stage) == "tiny")
        await stage.ask("again")
        assert [request.model for request in stage.scripted.requests] == [GUIDE, "tiny"]
        browser = await browse(stage)
        highlighted = browser.query_one(ModelList).highlighted
        assert highlighted is not None and highlighted.model.reference == "tiny" and highlighted.in_use
        await highlight(stage, browser, "work:big-[/nope]")
        await stage.until(lambda: "what you write is sent there" in details(browser).replace("\n", " "))
        await stage.press("enter")
        await back(stage)
        await stage.until(lambda: model(stage) == "work:big-[/nope]")


async def test_what_cannot_be_used_says_why(workspace: Open) -> None:
    async with workspace(size=(100, 30), config=CONFIG) as stage:
        broken = stage.paths.models / "bro[b]ken\x1b]52;c;x"
        broken.mkdir(parents=True)
        (broken / "config.json").write_text("{ not json")
        (stage.paths.models / "empty").mkdir()
        (stage.paths.models / "file.gguf").write_bytes(b"GGUF")
        browser = await browse(stage)
        for row in rows(browser)[1:]:
            if row.model.server and row.model.reference != "nameless:":
                continue
            await highlight(stage, browser, row.model.reference)
            assert row.model.problem and row.fits is None
            await stage.until(lambda row=row: row.model.problem in details(browser).replace("\n", " "))
            for key in ("enter", "l", "d"):
                await stage.press(key)
                await stage.until(lambda: stage.app.screen is browser)
                await stage.until(lambda row=row: row.model.problem in status(browser))
        await stage.until_gone("\x1b")
        assert len(rows(browser)) == 6
        assert "# what I chose" in stage.paths.config_file.read_text()


async def test_what_others_brought_is_there_when_one_comes_back(workspace: Open) -> None:
    async with workspace(size=(100, 30), config=CONFIG) as stage:
        put(stage, "alpha")
        browser = await browse(stage)
        await stage.until(lambda: "alpha" in names(browser))
        await stage.press("left_square_bracket")
        await stage.until(lambda: browser.section is not browser.installed)
        put(stage, "beta")
        await stage.press("right_square_bracket")
        await stage.until(lambda: "beta" in names(browser))


async def test_the_filter(workspace: Open) -> None:
    async with workspace(config=CONFIG) as stage:
        put(stage, "alpha", "beta", "alphabet")
        browser = await browse(stage)
        everything = names(browser)
        await stage.press("slash")
        await stage.until(lambda: browser.query_one("#models-filter").has_focus)
        await stage.press(*"alp")  # letters that are keys outside of the filter
        await stage.until_gone("l Load")
        assert not stage.sees("enter Use") and stage.sees("esc Back")
        await stage.until(lambda: names(browser) == ["alpha", "alphabet"])
        await stage.press("enter")
        await stage.until(lambda: browser.query_one(ModelList).lines.has_focus)
        assert names(browser) == ["alpha", "alphabet"]
        assert not row_of(browser, "alpha").model.pinned
        await stage.press("slash")
        await stage.until(lambda: browser.query_one("#models-filter").has_focus)
        await stage.press(*"zz")
        await stage.until(lambda: not rows(browser))
        await stage.until_seen("Nothing here is called “zz”")
        for key in ("l", "p", "d", "enter"):
            browser.query_one(ModelList).lines.focus()
            await stage.press(key)
            await stage.until(lambda: stage.app.screen is browser)
        await stage.press("slash")
        await stage.until(lambda: browser.query_one("#models-filter").has_focus)
        await stage.press("escape")
        await stage.until(lambda: names(browser) == everything)
        assert browser.query_one("#models-filter", Input).value == ""
        await stage.until(lambda: browser.query_one(ModelList).lines.has_focus)
        await stage.press("escape")
        await back(stage)


async def test_the_context_and_the_marks_follow(workspace: Open) -> None:
    async with workspace(size=(120, 40)) as stage:
        make_tiny_llama(stage.paths.models / "wide", hidden=64, window=1 << 20)
        browser = await browse(stage)
        await highlight(stage, browser, "wide")
        row = row_of(browser, "wide").model.installed
        assert row is not None and row.kv is not None
        await stage.until(lambda: "At 8,192 of 1,048,576 tokens" in details(browser))
        # as much memory as makes it fit 16k tokens and not 32k
        enough = row.weights + row.kv.size(16384) + 512 * 1024**2
        browser.installed._unwatch()
        browser.installed._measured = Measured(8 * 1024**3, enough)
        for tokens, fits in ((16384, True), (32768, False), (65536, False)):
            await stage.press("plus")
            await stage.until(lambda tokens=tokens: f"At {tokens:,} of" in details(browser))
            assert row_of(browser, "wide").fits is fits
            assert ("✓ fits" in details(browser)) is fits
            assert ("more than there is" in details(browser)) is not fits
        for tokens in (32768, 16384, 8192, 4096, 2048):
            await stage.press("minus")
            await stage.until(lambda tokens=tokens: f"At {tokens:,} of" in details(browser))
        assert row_of(browser, "wide").fits is True
        await stage.press("minus")
        await stage.until(lambda: "2,048 tokens" in status(browser))
        for _ in range(12):
            await stage.press("plus")
        await stage.until(lambda: "At 1,048,576 tokens" in details(browser))


async def test_a_pin_survives(workspace: Open) -> None:
    async with workspace(size=(120, 40), config=CONFIG) as stage:
        put(stage, "tiny")
        browser = await browse(stage)
        await highlight(stage, browser, "tiny")
        await stage.press("p")
        await stage.until(lambda: row_of(browser, "tiny").model.pinned)
        await stage.until_seen("◆", "kept when room is needed")
        await highlight(stage, browser, "work:big-[/nope]")
        await stage.press("p")
        await stage.until(lambda: "Only models on this machine" in status(browser))
    async with workspace(size=(120, 40)) as stage:
        browser = await browse(stage)
        assert row_of(browser, "tiny").model.pinned
        await highlight(stage, browser, "tiny")
        await stage.press("p")
        await stage.until(lambda: not row_of(browser, "tiny").model.pinned)


async def test_the_default_is_written_and_followed(workspace: Open) -> None:
    async with workspace(size=(120, 40), config=CONFIG) as stage:
        put(stage, "tiny")
        await stage.ask("hi")
        browser = await browse(stage)
        await highlight(stage, browser, "tiny")
        await stage.press("d")
        await stage.until(lambda: "New conversations begin with tiny" in status(browser))
        await stage.until(lambda: "begins new conversations" in details(browser))
        await stage.press("escape")
        await back(stage)
        await stage.until(lambda: model(stage) == GUIDE)  # this conversation stays with its own
        await stage.press("ctrl+n")
        await stage.until(lambda: model(stage) == "tiny")
        text = stage.paths.config_file.read_text()
        assert 'model = "tiny"  # small' in text and "# what I chose" in text


async def test_a_config_that_cannot_be_changed_is_told_and_dismissed(workspace: Open) -> None:
    async with workspace(size=(120, 40), config=CONFIG) as stage:
        put(stage, "tiny")
        browser = await browse(stage)
        await highlight(stage, browser, "tiny")
        stage.paths.config_file.write_text("[[[")
        await stage.press("d")
        await stage.until_seen("The setting was not saved")
        await stage.press("escape")
        await stage.until(lambda: not browser.query_one(Notice).has_class("-shown"))
        await stage.until(lambda: stage.app.screen is browser)
        assert stage.paths.config_file.read_text() == "[[["


async def test_every_section_says_what_to_do_where_it_is_empty(workspace: Open) -> None:
    async with workspace(size=(80, 24)) as stage:
        browser = await browse(stage)
        for name, said in (
            ("Hub", "The hub is not asked in offline mode"),
            ("Downloads", "Nothing is being downloaded"),
            ("Updates", "No model here came from the hub"),
        ):
            await stage.press("right_square_bracket")
            await stage.until_seen(f"[{name}]", said, "esc Back")
            await stage.until_gone("l Load")
            for key in ("enter", "l", "p", "d", "delete", "plus", "minus"):
                await stage.press(key)
            await stage.until(lambda: stage.app.screen is browser)
        await stage.press("right_square_bracket")
        await stage.until_seen("[Installed]", GUIDE, "enter Use", "l Load")
        await stage.press("left_square_bracket")
        await stage.until_seen("[Updates]")
        await stage.pilot.click("#models-sections", offset=(16, 0))
        await stage.until_seen("[Hub]")


@pytest.mark.parametrize(
    "size", [(60, 20), (1, 1), *(pytest.param(size, marks=pytest.mark.slow) for size in [(80, 24), (200, 60), (30, 8)])]
)
async def test_any_size_and_any_name(workspace: Open, size: tuple[int, int]) -> None:
    async with workspace(size=(120, 40), config=CONFIG) as stage:
        put(stage, "plain", "[bold]x[nope]", "sa\u202eme", "日本語" * 20, "long-" * 40)
        browser = await browse(stage)
        await stage.pilot.resize_terminal(*size)
        await stage.until(lambda: browser.size == size)
        for _ in range(len(rows(browser))):
            await stage.press("down")
        await stage.press(
            "plus", "tab", "pagedown", "end", "home", "shift+tab", "right_square_bracket", "left_square_bracket"
        )
        if size[0] >= 60:
            await stage.until_seen("[bold]x[nope]", "plain", "FITS", "✓ yes")
            assert all(len(line) <= size[0] for line in stage.seen().splitlines())
        await stage.pilot.resize_terminal(120, 40)
        await stage.until_seen("[bold]x[nope]", "same")
        await stage.press("escape")
        await back(stage)


async def test_a_click_highlights_and_a_double_click_uses(workspace: Open) -> None:
    async with workspace(size=(120, 40), config=CONFIG) as stage:
        put(stage, "tiny")
        browser = await browse(stage)
        await stage.pilot.click("#models-lines", offset=(10, 1))
        await stage.until(lambda: "tiny" in details(browser).splitlines()[0])
        await stage.until(lambda: stage.app.screen is browser)
        await stage.pilot.click("#models-lines", offset=(10, 1), times=2)
        await back(stage)
        await stage.until(lambda: model(stage) == "tiny")


async def test_looking_takes_long(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = installed._list

    seen = threading.Event()

    def list_slowly(paths: object) -> object:
        seen.wait(60)
        return slow(paths)  # type: ignore[arg-type]

    monkeypatch.setattr(installed, "_list", list_slowly)
    async with workspace() as stage:
        await stage.press("ctrl+l")
        await stage.until_seen("Looking…")
        await stage.press("down", "enter", "l", "p", "d", "plus", "slash", "x", "escape")
        assert isinstance(stage.app.screen, ModelBrowser)
        seen.set()
        await stage.until_seen("guide", "✓")


async def test_the_real_guide_is_loaded_and_unloaded(workspace: Open) -> None:
    pytest.importorskip("mlx.core")
    async with workspace(size=(120, 40), opener=real) as stage:
        browser = await browse(stage)
        await stage.press("l")
        await stage.until_seen("guide is loaded:", "of weights in")
        await stage.until(lambda: row_of(browser, GUIDE).loaded)
        await stage.until_seen("●", "in memory on the CPU, loaded in")
        assert row_of(browser, GUIDE).model.last_used is None  # loading is not using
        await stage.press("l")
        await stage.until_seen("guide left memory and gave back")
        await stage.until(lambda: not row_of(browser, GUIDE).loaded)
        freed = status(browser).split("gave back ")[1]
        assert not freed.startswith("0 ")


@pytest.mark.slow
async def test_what_left_memory_is_told_once(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at later it would stand over what was said since."""
    pytest.importorskip("mlx.core")
    monkeypatch.setattr(browser_module, "_LOOK", 3600)  # looked at below
    async with workspace(size=(120, 40), opener=real) as stage:
        browser = await browse(stage)
        await stage.press("l")
        await stage.until(lambda: "guide is loaded:" in status(browser))
        browser._follow()
        await stage.press("l")
        await stage.until(lambda: "guide left memory and gave back" in status(browser))
        await stage.press("p")
        await stage.until(lambda: "Pinned: " in status(browser))
        browser._follow()
        await stage.pilot.pause()
        assert "Pinned: " in status(browser)


async def test_a_turn_notes_that_its_model_was_used(workspace: Open) -> None:
    pytest.importorskip("mlx.core")
    async with workspace(size=(120, 40), opener=real) as stage:
        stage.composer.focus()
        stage.composer.text = "how do I quit"
        await stage.press("enter")
        await stage.until(lambda: stage.states[-1:] == ["complete"])
        opened = stage.screen._opened
        assert opened is not None
        await stage.until(lambda: not opened.services._uses._noting)  # the answer did not wait for that
        browser = await browse(stage)
        assert row_of(browser, GUIDE).model.last_used is not None and row_of(browser, GUIDE).loaded
        await stage.until_seen("just now")


async def test_a_load_that_fails_is_told(workspace: Open) -> None:
    pytest.importorskip("mlx.core")
    async with workspace(size=(120, 40), opener=real) as stage:
        make_tiny_llama(stage.paths.models / "odd", config={"model_type": "never_heard_of"})
        browser = await browse(stage)
        await highlight(stage, browser, "odd")
        await stage.press("l")
        await stage.until_seen("This kind of model is not supported")
        await stage.press("escape")
        await stage.until_gone("This kind of model is not supported")
        await stage.until(lambda: stage.app.screen is browser)


class Waiting:
    """Takes the place of the engine's loading, which is over too soon to look at."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.begun = 0
        self.cancelled = 0

    async def load(self, source: ModelSource) -> LoadedModel:
        self.begun += 1
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return LoadedModel(source.reference, source.folder, "cpu", 5 * 1024**2, 512, 0.25, mapped=False)


async def test_escape_stops_a_load_before_it_leaves(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace(size=(80, 24)) as stage:
        waiting = Waiting()
        assert stage.screen._opened is not None
        monkeypatch.setattr(stage.screen._opened.services.engine, "load", waiting.load)
        browser = await browse(stage)
        await stage.press("l")
        await stage.until_seen("Loading guide…", "esc stops it")
        await stage.until(lambda: waiting.begun)
        await stage.press("l")  # one at a time
        await stage.press("escape")
        await stage.until_seen("Stopped. In memory now: no model.")
        assert waiting.cancelled == 1 and stage.app.screen is browser
        await stage.press("escape")
        await back(stage)


async def test_a_load_goes_on_when_the_browser_is_left(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workspace(size=(80, 24)) as stage:
        waiting = Waiting()
        assert stage.screen._opened is not None
        monkeypatch.setattr(stage.screen._opened.services.engine, "load", waiting.load)
        await browse(stage)
        await stage.press("l")
        await stage.until_seen("Loading guide…")
        await stage.press("enter")
        await back(stage)
        await browse(stage)
        await stage.until_seen("Loading guide…")
        await stage.press("enter")
        await back(stage)
        waiting.let.set()
        await stage.until_seen("guide is loaded")


async def test_what_does_not_fit_is_loaded_only_when_asked_twice(
    workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace(size=(120, 40)) as stage:
        waiting = Waiting()
        assert stage.screen._opened is not None
        monkeypatch.setattr(stage.screen._opened.services.engine, "load", waiting.load)
        browser = await browse(stage)
        browser.installed._unwatch()
        browser.installed._measured = Measured(8 * 1024**3, 1024)
        await stage.until(lambda: row_of(browser, GUIDE).fits is False)
        await stage.press("l")
        await stage.until_seen("It does not fit in what is free now. l again")
        assert browser._memory.wish is None
        await stage.press("l")
        await stage.until_seen("Loading guide…")
