"""Ways to look at the model browser under test."""

from stage import Stage

from lama_tui.config.loader import LoadedSettings
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.columns import Row
from lama_tui.ui.screens.models.details import ModelDetails
from lama_tui.ui.screens.models.list import ModelList


async def real(paths: Paths, loaded: LoadedSettings) -> Services:
    """The services as lama opens them: the engine, and the local provider."""
    return await open_services(paths, loaded)


async def browse(stage: Stage) -> ModelBrowser:
    """Open the browser and wait for its models."""
    await stage.press("ctrl+l")
    await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser))
    browser = stage.app.screen
    assert isinstance(browser, ModelBrowser)
    await stage.until(lambda: browser.installed is not None and browser.installed._models is not None)
    await stage.until(lambda: browser.query_one(ModelList)._rows)
    await stage.until(lambda: browser.query_one(ModelList).lines.has_focus)
    await stage.pilot.pause()
    return browser


def rows(browser: ModelBrowser) -> list[Row]:
    """The models that are listed now."""
    return list(browser.query_one(ModelList)._rows)


def names(browser: ModelBrowser) -> list[str]:
    return [row.model.name for row in rows(browser)]


def row_of(browser: ModelBrowser, reference: str) -> Row:
    return next(row for row in rows(browser) if row.model.reference == reference)


def details(browser: ModelBrowser) -> str:
    """All of the details, also what is scrolled out of view."""
    return browser.query_one(ModelDetails)._drawn.plain


def status(browser: ModelBrowser) -> str:
    return str(browser.query_one("#models-status").render())


async def highlight(stage: Stage, browser: ModelBrowser, reference: str) -> None:
    at = [row.model.reference for row in rows(browser)].index(reference)
    browser.query_one(ModelList).lines.highlighted = at
    await stage.until(lambda: browser.query_one(ModelList).highlighted == rows(browser)[at])
    await stage.pilot.pause()
