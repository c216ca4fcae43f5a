"""The first welcome: once, above the workspace, and no key is lost to it."""

import pytest
from stage import Open

from lama_tui.monitor.capacity import Capacity
from lama_tui.ui.commands.perform import close_above
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.widgets.composer import Composer
from lama_tui.ui.widgets.first_run import card

FRESH = WorkspaceOptions()
CARD = "Welcome to lama"


async def test_it_says_who_answers_which_keys_matter_and_what_this_machine_could_run(workspace: Open) -> None:
    config = '[keys]\n"help.open" = "f12"\n'
    async with workspace(options=FRESH, size=(120, 40), config=config) as stage:
        await stage.until_seen(
            CARD, "The guide", "This machine", "What you write stays on this machine", "lama pull", "f10"
        )
        row = next(row for row in stage.seen().split("\n") if "every key" in row)
        assert "f12" in row
        await stage.until_seen("parameters")


@pytest.mark.parametrize("key", ["escape", "enter", "x", "漢"])
async def test_any_key_puts_it_away_and_reaches_the_composer(workspace: Open, key: str) -> None:
    async with workspace(options=FRESH) as stage:
        await stage.until_seen(CARD)
        await stage.until(lambda: stage.composer.has_focus)
        await stage.press(key)
        await stage.until_gone(CARD)
        await stage.until(lambda: stage.composer.text == (key if len(key) == 1 else ""))
        assert not stage.scripted.requests
        await stage.until_seen("You are talking to the guide") if len(key) > 1 else None


async def test_keys_typed_before_it_is_there_are_not_lost_and_it_stays_away(workspace: Open) -> None:
    async with workspace(options=FRESH, wait=False) as stage:
        await stage.press(*"early")
        await stage.opened()
        await stage.pilot.pause()
        await stage.until(lambda: stage.composer.text == "early")
        assert not stage.sees(CARD)


async def test_what_was_sent_before_it_is_there_keeps_it_away(workspace: Open) -> None:
    async with workspace(options=FRESH, wait=False) as stage:
        await stage.press(*"early", "enter")
        await stage.opened()
        await stage.idle()
        await stage.until(lambda: stage.messages[0].text == "early")
        assert not stage.sees(CARD)


async def test_what_was_sent_before_it_was_heard_that_it_was_typed_keeps_it_away(workspace: Open) -> None:
    async with workspace(options=FRESH, wait=False) as stage:
        stage.composer.post_message(Composer.Submitted("early"))  # a burst of keys: the composer is empty again
        await stage.opened()
        await stage.idle()
        await stage.until(lambda: stage.messages[0].text == "early")
        assert not stage.sees(CARD)


async def test_a_click_puts_it_away(workspace: Open) -> None:
    async with workspace(options=FRESH) as stage:
        await stage.until_seen(CARD)
        await stage.pilot.click("#first-run")
        await stage.until_gone(CARD)


async def test_it_is_shown_once(workspace: Open) -> None:
    async with workspace(options=FRESH) as stage:
        await stage.until_seen(CARD)
    async with workspace(options=FRESH) as stage:
        await stage.until_seen("You are talking to the guide")
        assert not stage.sees(CARD)


@pytest.mark.parametrize(
    "options",
    [WorkspaceOptions(model="guide"), WorkspaceOptions(conversation="x"), WorkspaceOptions(new=True)],
)
async def test_it_is_not_shown_where_something_was_asked_for(workspace: Open, options: WorkspaceOptions) -> None:
    async with workspace(options=options) as stage:
        await stage.pilot.pause()
        assert not stage.sees(CARD)


async def test_other_screens_open_above_it(workspace: Open) -> None:
    async with workspace(options=FRESH) as stage:
        await stage.until_seen(CARD)
        await stage.press("f1")
        await stage.until(lambda: len(stage.app.screen_stack) > 1)
        await close_above(stage.app)
        await stage.press("tab")
        await stage.until_gone(CARD)


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (60, 20), (80, 24), (200, 60)])
async def test_the_composer_is_never_covered(workspace: Open, size: tuple[int, int]) -> None:
    async with workspace(options=FRESH, size=size) as stage:
        await stage.until(lambda: stage.screen._card is not None)
        card = stage.screen.query_one("#first-run")
        await stage.until(lambda: card.display == (size[1] >= 20))
        await stage.until(lambda: card.region.bottom <= stage.composer.region.y or not card.display)
        await stage.until(lambda: not stage.screen.show_vertical_scrollbar)
        await stage.press("x")
        await stage.until(lambda: stage.composer.text == "x" and stage.screen._card is None)


GIB = 1024**3


@pytest.mark.parametrize(
    ("capacity", "said"),
    [
        (Capacity(17 * GIB, 32 * GIB, "metal", 0.8), "16.0 GiB of it for weights"),
        (Capacity(17 * GIB, 32 * GIB, "metal", 0.8), "up to 31 B parameters"),
        (Capacity(31 * GIB, 32 * GIB, "metal", 0.5), "15.0 GiB of it for weights"),
        (Capacity(8 * GIB, 16 * GIB, "cpu", 0.8), "it will be slow"),
        (Capacity(GIB // 2, 2 * GIB, "cpu", 0.8), "too little"),
        (Capacity(None, None, "cuda", 0.8), "cannot be told"),
        (Capacity(17 * GIB, 32 * GIB, None, 0.8), "runs only the guide. Use a server."),
        (None, "looking"),
    ],
)
def test_what_this_machine_could_run(capacity: Capacity | None, said: str) -> None:
    text = card(70, 40, "guide", lambda binding: binding, capacity, "Use a server.").plain
    assert said in " ".join(text.split())


def test_the_least_important_goes_first() -> None:
    capacity = Capacity(17 * GIB, 32 * GIB, "metal", 0.8)
    for height in range(5, 40):
        text = card(50, height, "guide", lambda binding: binding, capacity, "").plain
        assert len(text.split("\n")) <= height
        assert "help.open" in text


def test_another_model_than_the_guide_is_named() -> None:
    text = card(70, 40, "here:steady", lambda binding: binding, None, "").plain
    assert "here:steady will answer" in text
    assert "The guide is a tiny model" in text
