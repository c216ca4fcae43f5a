"""What is typed while the workspace opens: the first frame shows it, and every key means what it always means."""

import pytest
from stage import Open
from textual import events
from textual.driver import Driver
from textual.keys import _character_to_key

from lama_tui.ui.app import LamaApp
from lama_tui.ui.screens.help import HelpScreen
from lama_tui.ui.screens.workspace import Workspace


@pytest.fixture
def typed_early(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys that arrive in one go before the workspace has widgets; set before it is opened."""
    keys: list[str] = []
    compose = Workspace._compose

    async def after_keys(self: Workspace) -> None:
        driver: Driver | None = self.app._driver
        assert driver is not None and not self.is_mounted
        for key in keys:
            single = len(key) == 1
            driver.process_message(events.Key(_character_to_key(key) if single else key, key if single else None))
        await compose(self)

    monkeypatch.setattr(Workspace, "_compose", after_keys)
    return keys


async def test_the_first_frame_shows_what_was_typed(
    workspace: Open, typed_early: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[tuple[str, bool]] = []
    display = LamaApp._display

    def look(self: LamaApp, *frame: object) -> None:
        frames.append((self.workspace.composer.text, self.workspace.composer.has_focus))
        display(self, *frame)  # type: ignore[arg-type]

    monkeypatch.setattr(LamaApp, "_display", look)
    typed_early += "at once"
    async with workspace() as stage:
        assert frames[0] == ("at once", True)
        await stage.press(*"!?")
        await stage.until(lambda: stage.composer.text == "at once!?")


async def test_a_message_sent_before_the_first_frame(workspace: Open, typed_early: list[str]) -> None:
    typed_early += [*"hello", "enter"]
    async with workspace() as stage:
        await stage.until(lambda: [message.text for message in stage.messages] == ["hello", "An answer."])
        assert not stage.composer.text


async def test_a_key_of_the_app_before_the_first_frame(workspace: Open, typed_early: list[str]) -> None:
    typed_early += [*"words", "f1", "down", "escape", *" and more"]
    async with workspace() as stage:
        await stage.until(lambda: stage.composer.text == "words and more")
        assert not isinstance(stage.app.screen, HelpScreen)


async def test_a_command_before_the_first_frame(workspace: Open, typed_early: list[str]) -> None:
    typed_early += [*"/help", "enter"]
    async with workspace() as stage:
        await stage.until(lambda: isinstance(stage.app.screen, HelpScreen))


async def test_moving_about_before_there_is_a_line_to_move_in(workspace: Open, typed_early: list[str]) -> None:
    typed_early += ["up", "pageup", "tab", *"a b", "home", "down", "shift+end", "delete", "escape", "ctrl+c"]
    async with workspace() as stage:
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press(*"still")
        await stage.until(lambda: "still" in stage.composer.text)
