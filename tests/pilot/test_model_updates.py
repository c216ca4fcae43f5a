"""What is newer in the model browser: asked, shown, fetched, gone back from; and models removed and checked."""

from pathlib import Path

import pytest
from browsing import browse, highlight, status
from browsing import details as details_of
from hub_world import CARD, REAL, hub_of, state_of
from models import make_tiny_llama
from stage import Open, Stage

from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.updates import UpdatesSection
from tests.library.cached import lay_in_cache


async def downloaded(stage: Stage) -> None:
    assert stage.screen._opened is not None
    await stage.screen.queue_of(stage.screen._opened.services).add(REAL)
    await stage.until(lambda: state_of(stage, REAL) == "done")


async def updates(stage: Stage) -> UpdatesSection:
    await stage.press("ctrl+backslash")
    await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser) and stage.app.screen.query(UpdatesSection))
    section = stage.app.screen.query_one(UpdatesSection)
    await stage.until(lambda: section._rows and section._list.has_focus)
    return section


async def agree(stage: Stage, *seen: str) -> None:
    """Take the second answer of the window that asks."""
    await stage.until(lambda: isinstance(stage.app.screen, Ask))
    await stage.until_seen(*seen)
    await stage.press("down", "enter")
    await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))


@pytest.mark.slow
async def test_a_newer_revision_is_fetched_and_gone_back_from(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        async with workspace(size=(120, 40)) as stage:
            await downloaded(stage)
            section = await updates(stage)
            await stage.until_seen("not asked yet")
            await stage.press("u")
            await stage.until(lambda: "Nothing newer is known" in status(stage.app.screen))  # type: ignore[arg-type]
            folder = make_tiny_llama(tmp_path / "published" / "newer", hidden=64, seed=5)
            files: dict[str, bytes | str | Path] = {file.name: file for file in folder.iterdir()}
            newer = hub.add(REAL, {**files, "README.md": CARD + "\nNews.\n"})
            await stage.press("r")
            await stage.until_seen("▲", "newer:", "What changed", "README.md", "1 newer")
            await stage.press("u")
            await agree(stage, "are fetched", "free", newer[:10])
            await stage.until(lambda: section._chosen() is not None and section._chosen().model.revision == newer)  # type: ignore[union-attr]
            await stage.until_seen("newest", "goes back to")
            await stage.press("b")
            await agree(stage, "Go back to")
            await stage.until(lambda: section._chosen().model.revision != newer)  # type: ignore[union-attr]
            await stage.until_seen("Gone back", "you went back from the newest")
            await stage.press("u")  # for who wants it again
            await agree(stage, "are fetched", newer[:10])
            await stage.until(lambda: section._chosen().model.revision == newer)  # type: ignore[union-attr]


async def test_it_is_said_who_is_told_which_names_and_what_ends_that(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        for name in ("other/one", "other/two"):  # that another tool fetched
            lay_in_cache(name, {"config.json": "{}"}, hub.add(name, {"config.json": "{}"}))
        async with workspace(size=(80, 24)) as stage:
            assert stage.screen._opened is not None
            services = stage.screen._opened.services
            await (await services.models()).note_use("other/one")
            await updates(stage)
            await stage.until_seen("127.0.0.1 was not asked yet", "asked about only by r", "not asked yet")
            for said in (
                "lama asks daily about 1 of the 2 models, which it fetched or used, until",
                "library.check_updates is off. r names all 2 to 127.0.0.1.",
            ):
                await stage.until(lambda said=said: said in " ".join(stage.seen().split()))
            asked = len(hub.asked())
            await stage.press("r")
            await stage.until_seen("Asked: by you just now about 2.")
            assert len(hub.asked()) == asked + 2
            await (await services.updates()).note_question("lama", 1)
            await stage.press("left_square_bracket", "right_square_bracket")
            await stage.until_seen("Asked: by itself just now about 1, by you just now about 2.")
            hub.close()
            await stage.press("r")
            await stage.until_seen("The hub told nothing of 2 of 2 models.")
    async with workspace(config='[library]\ncheck_updates = "off"\n', size=(80, 24)) as stage:
        await updates(stage)
        await stage.until_seen("Nothing is asked by itself: library.check_updates is off.")


async def test_a_model_is_checked_and_removed_with_what_that_frees(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        async with workspace(size=(120, 60)) as stage:
            await downloaded(stage)
            browser = await browse(stage)
            await highlight(stage, browser, REAL)
            await stage.until(lambda: "Checks" in details_of(browser) and hub.endpoint in details_of(browser))
            await stage.press("v")
            await stage.until(lambda: "is right" in status(browser))
            levels = ("Complete     ✓", "As published ✓", "Supported    ✓", "Answers      ✓", "Measured     –")
            for told in (*levels, "Signature    unsigned"):
                await stage.until(lambda told=told: told in details_of(browser))  # type: ignore[misc]
            assert stage.screen._opened is not None
            engine = stage.screen._opened.services.engine
            if engine.figures().loaded:  # what is in memory is not removed
                await stage.press("delete")
                await stage.until_seen("Unload it there first")
                await stage.press("escape", "l")
                await stage.until(lambda: "left memory" in status(browser))
            await stage.press("delete")
            await stage.until(lambda: isinstance(stage.app.screen, Ask))
            await stage.press("escape")
            await stage.until(lambda: stage.app.screen is browser)
            assert REAL in browser.installed.references
            await stage.press("delete")
            await agree(stage, "are freed", "model.safetensors", "Keep it", "Remove it and free")
            await stage.until(lambda: "was removed:" in status(browser))
            await stage.until(lambda: REAL not in browser.installed.references)
            cache = tmp_path / "hub" / "hub"
            assert not list(cache.rglob("*.safetensors"))
