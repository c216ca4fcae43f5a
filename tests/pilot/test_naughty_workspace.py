"""A workspace in which everything that is stored, named, said and told is naughty: what it draws are characters."""

from collections.abc import Awaitable, Callable

import pytest
from chat.scripted import Scripted, Step
from drawn import Drawn
from stage import Only, Open
from textual.events import Paste

from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import ConnectionLost, LamaError
from lama_tui.events import ReasoningDelta, StreamFailed, StreamFinished, StreamStarted, TextDelta
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from lama_tui.types import Place, Usage
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.screens.dialogs import RenameDialog
from tests.naughty import NAUGHTY, SHORT
from tests.naughty_home import furnish, quoted, store

BEGUN = StreamStarted(SHORT, Place(SHORT, False))


def scripts() -> list[list[Step]]:
    """Naughty answers, the last one again and again."""
    said: list[Step] = [BEGUN]
    for text in NAUGHTY.values():
        said += [ReasoningDelta(text), TextDelta(f"{text}\n\n")]
    return [
        [*said, StreamFinished("stop", Usage())],
        [*said, StreamFailed(ConnectionLost(SHORT, SHORT, SHORT))],
        [BEGUN, TextDelta(SHORT), StreamFinished("stop", Usage())],
    ]


def opener(scripted: Scripted) -> Callable[..., Awaitable[Services]]:
    async def open_naughty(paths: Paths, loaded: LoadedSettings) -> Services:
        services = await open_services(paths, loaded)
        await store(services)
        services.providers = Only(scripted)  # type: ignore[assignment]
        return services

    return open_naughty


ABOVE = {
    "f1": "escape",
    "f3": "enter escape escape",
    "f4": "pagedown pagedown enter escape end enter escape slash n a u escape",
    "f6": "down down pagedown end escape",
    "f7": "down down down pagedown end escape",
    "f8": "down down pagedown t pagedown t escape",
    "ctrl+p": "t h e m e down down escape",
    "ctrl+f": "o w n e d down down down escape",
    "ctrl+l": "down down pagedown end p d right_square_bracket left_square_bracket slash n o escape escape escape",
    "ctrl+r": "o w n down down escape",
    "ctrl+g": "ctrl+g ctrl+g",
    "ctrl+s": "down down pagedown pagedown end home f2 escape delete u escape",
}
"""Keys that open something, and what is pressed there."""


@pytest.mark.slow
async def test_a_workspace_full_of_naughty_things(
    workspace: Open, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(paths)
    drawn = Drawn.of_all_apps(monkeypatch)
    config = f'theme = "{"no [such]"}"\nmodel = "[/nope]"\n'
    scripted = Scripted(*scripts())
    async with workspace(size=(130, 44), config=config, opener=opener(scripted)) as stage:
        await stage.until_seen("␛")
        for text in [*NAUGHTY.values(), SHORT]:
            stage.app.tell(LamaError(text, text, text))
        await stage.pilot.pause()
        for key, then in ABOVE.items():
            await stage.press(key, *then.split())
            await stage.pilot.pause()
            assert drawn.strangers() == [], key
            await stage.back()
        stage.transcript.focus()
        for key in ("end", *["pageup"] * 12, "s", "space", "home", "space", "down", "space", "v", "down", "escape"):
            await stage.press(key)
        assert drawn.strangers() == []


@pytest.mark.slow
async def test_what_is_typed_said_and_told_is_naughty(
    workspace: Open, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = Drawn.of_all_apps(monkeypatch)
    here = paths.config_file.parents[2] / "a\x1b[31m\x9b2Jfolder"
    here.mkdir()
    monkeypatch.chdir(here)  # what is exported is written there
    async with workspace(*scripts(), size=(100, 40)) as stage:
        for text in (SHORT, *NAUGHTY.values()):
            stage.app.post_message(Paste(text))
            await stage.pilot.pause()
        assert drawn.strangers() == []
        await stage.press("enter")
        await stage.until(lambda: len(stage.scripted.requests) == 1)
        await stage.idle()
        await stage.ask(SHORT)
        await stage.until_seen("␛[6n")
        await stage.press("escape")
        stage.transcript.focus()
        for key in ("r", "e"):
            await stage.press(key)
            await stage.pilot.pause()
        await stage.press("escape")
        stage.transcript.focus()
        await stage.press("x")
        await stage.until(lambda: len(stage.app.screen_stack) == 2)
        await stage.press("enter")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)
        stage.app.notify(SHORT, title=SHORT, markup=False)
        await stage.pilot.pause()
        for typed in (f"/model {SHORT}", f"/theme {SHORT}", f"/{SHORT}", f"/export {SHORT}", f"/system {SHORT}"):
            stage.composer.focus()
            stage.composer.text = typed
            await stage.press("enter")
            await stage.back()
            stage.composer.text = ""
        await stage.press("ctrl+s", "f2")
        await stage.until(lambda: isinstance(stage.app.screen, RenameDialog))
        stage.app.post_message(Paste(SHORT))
        await stage.press("enter")
        await stage.back()
        assert drawn.strangers() == []
        stage.transcript.focus()
        await stage.press("end", "y")
        await stage.until(lambda: any("]52;" in sequence for sequence in drawn.beside))
        assert drawn.strangers(copied=True) == []


@pytest.mark.parametrize(
    "config", ["options", "values", *(pytest.param(config, marks=pytest.mark.slow) for config in ("not TOML", "names"))]
)
async def test_what_it_is_opened_with_is_naughty(workspace: Open, monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    drawn = Drawn.of_all_apps(monkeypatch)
    texts = [quoted(text) for text in (SHORT, *NAUGHTY.values())]
    configs = {
        "options": "",
        "not TOML": f"model = {SHORT}",
        "names": "\n".join([*(f"{text} = 1" for text in texts), "[keys]", *(f"{text} = {text}" for text in texts)]),
        "values": "\n".join(f"{key} = {text}" for key, text in zip(("model", "theme"), texts, strict=False)),
    }
    given = WorkspaceOptions(model=SHORT, theme=SHORT, conversation=SHORT, welcome=False)
    options = given if config == "options" else WorkspaceOptions(welcome=False)
    async with workspace(config=configs[config], options=options, size=(120, 40)) as stage:
        await stage.until_seen("config.toml" if configs[config] else "␛")
        for key in ("f4", "f8"):
            await stage.press(key)
            await stage.pilot.pause()
            await stage.press("down", "escape")
        assert drawn.strangers() == []
