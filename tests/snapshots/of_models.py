"""The model browser, and the model picker."""

from collections.abc import Sequence

from invented import BROKEN, GUIDE_MODEL, MANY, USUAL
from visit import CONFIG, State, Visit

from lama_tui.engine.figures import EngineFigures
from lama_tui.ui.screens.model_picker import ModelPicker
from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.details import ModelDetails, lines
from lama_tui.ui.screens.models.list import ModelList

SERVER = CONFIG + '[providers.work]\nkind = "openai"\nendpoint = "https://api.example.org/v1"\nmodel = "large"\n'
COLD = EngineFigures()


def fits(details: ModelDetails) -> bool:
    """Whether what is drawn is as wide as there is room beside the scroll bar, which the first drawing brings about."""
    if details._shown is None:
        return False
    return details._drawn.plain == "\n".join(
        line.plain for line in lines(details._shown, max(10, details.scrollable_content_region.width))
    )


async def browse(visit: Visit) -> ModelBrowser:
    await visit.press("ctrl+l")
    browser = await visit.at(ModelBrowser)
    await visit.until(lambda: browser.query(ModelList) and browser.query_one(ModelList)._rows)
    await visit.settled()
    details = browser.query_one(ModelDetails)
    for _ in range(10):  # it does not notice by itself that its scroll bar came
        if fits(details):
            break
        details.on_resize()
        await visit.settled()
    assert fits(details)
    assert isinstance(browser, ModelBrowser)
    return browser


async def browsed(visit: Visit) -> None:
    await browse(visit)


async def usual(visit: Visit) -> None:
    """One is pinned, two were used; the highlight is on the one that answers here."""
    assert visit.screen._opened is not None
    models = await visit.screen._opened.services.models()
    await models.note_use("mlx-community/Qwen3-8B-4bit")
    await models.note_use("guide")
    await models.pin("mlx-community/Llama-3.2-3B-Instruct-4bit", True)
    await browse(visit)


async def too_big(visit: Visit) -> None:
    """The highlighted one does not fit, and it was asked for all the same."""
    await usual(visit)
    await visit.press("home", "down", "l")
    await visit.until_seen("does not fit")


async def broken(visit: Visit) -> None:
    await browse(visit)
    await visit.press("down", "down", "enter")
    await visit.until_seen("It cannot be used")


async def narrowed(visit: Visit) -> None:
    await usual(visit)
    await visit.press("slash")
    await visit.type("nothing like it")
    await visit.until_seen("Nothing here")


async def pick(visit: Visit) -> None:
    await visit.press("f6")
    picker = await visit.at(ModelPicker)
    await visit.until(lambda: picker._choices)


async def pick_broken(visit: Visit) -> None:
    await pick(visit)
    await visit.press("down", "down", "enter")


async def pick_nothing(visit: Visit) -> None:
    await pick(visit)
    await visit.type("nothing like it")
    await visit.until_seen("Nothing here")


STATES: Sequence[State] = (
    State("models", "empty", browsed, models=(GUIDE_MODEL,), config="", engine=COLD),
    State("models", "usual", usual, USUAL, config=SERVER),
    State("models", "error", broken, USUAL, models=BROKEN),
    State("models", "long", browsed, USUAL, models=MANY),
    State("models", "too-big", too_big, USUAL, sizes=((80, 24), (120, 36))),
    State("models", "filter", narrowed, USUAL, sizes=((80, 24), (120, 36))),
    State("picker", "empty", pick, models=(GUIDE_MODEL,), config="", engine=COLD),
    State("picker", "usual", pick, USUAL, config=SERVER),
    State("picker", "error", pick_broken, USUAL, models=BROKEN),
    State("picker", "long", pick, USUAL, models=MANY),
    State("picker", "filter", pick_nothing, USUAL, sizes=((80, 24),)),
)
