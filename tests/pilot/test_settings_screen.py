"""The settings of lama: every key is there, changed in the file, and followed by what runs."""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest
from chat.scripted import says
from stage import Open, Stage
from textual.strip import Strip

from lama_tui.config.document import describe
from lama_tui.config.keymap import KEYMAP
from lama_tui.types import Usage
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.screens.settings.fields import Field
from lama_tui.ui.screens.settings.list import SettingList, _Line
from lama_tui.ui.screens.settings.of_lama import SettingsScreen
from lama_tui.ui.screens.settings.rows import Row

FILE = """# mine
model = "guide" # small
[generation]
temperature = 0.5 # calm
[providers.work]
kind = "openai"
endpoint = "https://api.example.org/v1"
model = "big"
"""


async def opened(stage: Stage) -> SettingsScreen:
    await stage.press("f4")
    await stage.until(lambda: isinstance(stage.app.screen, SettingsScreen) and rows(stage))
    screen = stage.app.screen
    assert isinstance(screen, SettingsScreen)
    return screen


def rows(stage: Stage) -> dict[str, Row]:
    return {row.id: row for row in stage.app.screen._rows}  # type: ignore[attr-defined]


async def go_to(stage: Stage, wanted: str) -> Row:
    listed = stage.app.screen.query_one(SettingList)
    place = next(index for index, row in enumerate(listed._shown) if row is not None and row.id == wanted)
    listed.highlighted = place
    await stage.pilot.pause()
    assert listed.row is not None
    return listed.row


async def write(stage: Stage, wanted: str, text: str) -> None:
    await go_to(stage, wanted)
    await stage.press("enter")
    await stage.until(lambda: stage.app.screen.query_one(Field).row is not None)
    stage.app.screen.query_one("#setting-line").value = text  # type: ignore[attr-defined]
    await stage.press("enter")


async def saved(stage: Stage, wanted: str, value: str) -> None:
    await stage.until(lambda: rows(stage)[wanted].value == value and stage.app.screen.query_one(Field).row is None)


def document(stage: Stage) -> dict[str, object]:
    return tomllib.loads(stage.paths.config_file.read_text())


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
async def test_every_key_is_there_at_every_size(workspace: Open, size: tuple[int, int]) -> None:
    async with workspace(size=size, config=FILE) as stage:
        await opened(stage)
        await stage.until_seen("General", "model", "guide")
        listed = rows(stage)
        keys = {setting.key for setting in describe(stage.app._opening.loaded)}
        assert keys | {f"keys.{key.id}" for key in KEYMAP} == set(listed)
        assert all(row.about and row.section for row in listed.values())
        assert listed["generation.temperature"].source == "config.toml"
        assert listed["engine.parallel"].source == "default"
        assert listed["providers.work.key_env"].about.endswith("is never in this file.")
        listing = stage.app.screen.query_one(SettingList)
        assert listing.size.height >= 4
        await stage.press("end")
        await stage.until(lambda: listing.row is not None and listing.row.id == f"keys.{KEYMAP[-1].id}")


async def test_a_value_is_written_and_the_comments_stay(workspace: Open) -> None:
    async with workspace(config=FILE) as stage:
        await opened(stage)
        await write(stage, "generation.temperature", "0.25")
        await saved(stage, "generation.temperature", "0.25")
        assert stage.paths.config_file.read_text() == FILE.replace("0.5", "0.25")
        await stage.press("delete")
        await stage.until(lambda: rows(stage)["generation.temperature"].source == "default")
        assert "temperature" not in document(stage)["generation"]  # type: ignore[operator]
        assert "# mine" in stage.paths.config_file.read_text()


@pytest.mark.parametrize(
    ("key", "bad", "why"),
    [
        ("generation.temperature", "7", "a number from 0 to 2"),
        ("generation.max_tokens", "many", "a whole number"),
        ("engine.idle_unload", "soon", "a duration"),
        ("providers.work.endpoint", "ftp://x", "an address"),
        ("keys.app.quit", "f1", "also the key of"),
        ("keys.app.quit", "nonsense", "is not a key"),
        ("model", "sk-12345678901234567890", "looks like an API key"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field_and_not_written(
    workspace: Open, key: str, bad: str, why: str
) -> None:
    async with workspace(config=FILE, size=(200, 60)) as stage:
        await opened(stage)
        await write(stage, key, bad)
        await stage.until(lambda: why in str(stage.app.screen.query_one("#setting-told").render()))
        assert stage.paths.config_file.read_text() == FILE
        assert stage.app.screen.query_one(Field).row is not None  # to be put right
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen.query_one(Field).row is None)


async def test_what_was_changed_by_hand_meanwhile_is_not_lost(workspace: Open) -> None:
    async with workspace(config=FILE) as stage:
        await opened(stage)
        stage.paths.config_file.write_text(FILE + "[engine]\nparallel = 2\n")
        await write(stage, "generation.temperature", "0.1")
        await saved(stage, "generation.temperature", "0.1")
        assert document(stage)["engine"] == {"parallel": 2}
        assert rows(stage)["engine.parallel"].value == "2"
        await stage.press("escape")
        stage.paths.config_file.write_text(FILE.replace("0.5", "1.5"))
        await opened(stage)
        await stage.until(lambda: rows(stage)["generation.temperature"].value == "1.5")


async def test_switches_and_choices(workspace: Open) -> None:
    async with workspace(size=(120, 40)) as stage:
        await opened(stage)
        await go_to(stage, "workspace.mouse")
        await stage.press("enter")
        await saved(stage, "workspace.mouse", "false")
        await stage.until_seen("at the next start")
        await stage.until(lambda: document(stage) == {"workspace": {"mouse": False}})
        await go_to(stage, "library.downloads")
        await stage.press("enter")
        await stage.until_seen("pause-on-battery")
        await stage.press("down", "enter")
        await saved(stage, "library.downloads", "pause-on-battery")
        await go_to(stage, "engine.threads")
        await stage.until_seen("does not use it yet")


# --- what follows at once -------------------------------------------------------------------------


async def test_the_theme_is_drawn_at_once(workspace: Open) -> None:
    async with workspace() as stage:
        await opened(stage)
        await go_to(stage, "theme")
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen.query_one(Field).row is not None)
        choices = [value for value, _ in rows(stage)["theme"].choices]
        options = stage.app.screen.query_one("#setting-choices")
        options.highlighted = choices.index("lama-light")  # type: ignore[attr-defined]
        await stage.press("enter")
        await stage.until(lambda: stage.app.theme == "lama-light")
        await go_to(stage, "theme")
        await stage.press("delete")
        await stage.until(lambda: stage.app.theme == "lama-dark")


async def test_a_flag_goes_before_the_file_and_the_screen_says_so(workspace: Open) -> None:
    async with workspace(config='theme = "lama-light"', options=WorkspaceOptions(theme="lama-dark")) as stage:
        await opened(stage)
        row = await go_to(stage, "theme")
        assert (row.value, row.source) == ("lama-dark", "flag") and "hidden" in row.note
        await stage.press("delete")
        await stage.until(lambda: document(stage) == {})
        assert stage.app.theme == "lama-dark"


async def test_the_environment_goes_before_the_file(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_MODEL", "org/from-environment")
    async with workspace(config='model = "guide"') as stage:
        await opened(stage)
        row = await go_to(stage, "model")
        assert (row.value, row.source) == ("org/from-environment", "LAMA_MODEL") and "hidden" in row.note


async def test_local_only_counts_at_once_and_is_seen(workspace: Open) -> None:
    async with workspace(config=FILE) as stage:
        await opened(stage)
        await go_to(stage, "privacy.local_only")
        await stage.press("enter")
        await saved(stage, "privacy.local_only", "true")
        services = stage.screen._opened.services if stage.screen._opened else None
        assert services is not None and services.settings.privacy.local_only
        await stage.until(lambda: "local only" in stage.app._opening.notes)
        await stage.press("escape")
        await stage.until_seen("local only")


async def test_the_model_of_new_conversations_changes_at_once(workspace: Open) -> None:
    async with workspace(says("yes")) as stage:
        await opened(stage)
        await write(stage, "model", "org/other")
        await saved(stage, "model", "org/other")
        await stage.press("escape")
        await stage.until_seen("other")
        await stage.ask("Hi")
        assert stage.scripted.requests[0].model == "org/other"


async def test_a_key_works_at_once_under_its_new_name(workspace: Open) -> None:
    async with workspace(size=(120, 40)) as stage:
        await opened(stage)
        await write(stage, "keys.settings.open", "f12")
        await saved(stage, "keys.settings.open", "f12")
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press("f4")
        await stage.pilot.pause()
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.press("f12")
        await stage.until(lambda: isinstance(stage.app.screen, SettingsScreen))


async def test_keys_of_the_composer_and_texts_that_name_keys_follow(workspace: Open) -> None:
    async with workspace(says("one " * 600, usage=Usage()), size=(100, 30)) as stage:
        await stage.ask("Hi")
        await opened(stage)
        await write(stage, "keys.composer.newline", "ctrl+b")
        await saved(stage, "keys.composer.newline", "ctrl+b")
        await write(stage, "keys.transcript.fold", "z")
        await saved(stage, "keys.transcript.fold", "z")
        await stage.press("escape")
        stage.composer.focus()
        await stage.press("a", "ctrl+b", "b")
        await stage.until(lambda: stage.composer.text == "a\nb")
        await stage.until(lambda: stage.transcript._drawings.keys.fold == "z")
        await stage.until(lambda: stage.transcript._column.messages[0].message.text == "Hi")


async def test_the_monitor_goes_and_comes_at_once(workspace: Open) -> None:
    async with workspace(size=(140, 40)) as stage:
        pane = stage.screen.query_one("#monitor-pane")
        assert pane.display
        await opened(stage)
        await go_to(stage, "workspace.monitor")
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen.query_one(Field).row is not None)
        await stage.press("end", "enter")
        await saved(stage, "workspace.monitor", "off")
        await stage.until(lambda: not pane.display)


# --- narrowing, long and broken ---------------------------------------------------------------------


async def test_the_filter_narrows_and_goes_away(workspace: Open) -> None:
    async with workspace(config=FILE) as stage:
        await opened(stage)
        await stage.press("slash", *"memory")
        listed = stage.app.screen.query_one(SettingList)
        await stage.until(lambda: 0 < len(listed._shown) < 12)
        await stage.press("enter", "down")
        assert listed.row is not None and "memory" in f"{listed.row.id} {listed.row.about}".lower()
        await stage.press("slash", *"zzz")
        await stage.until_seen("No setting here has to do with")
        await stage.press("escape")
        await stage.until(lambda: len(listed._shown) > 50)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_hostile_and_long_values_are_shown_as_text(workspace: Open) -> None:
    config = f'model = "[red]/{"x" * 3000}"\n[providers.a-very-long-name-of-a-provider-that-goes-on]\nkind = "openai"\n'
    async with workspace(config=config + f'endpoint = "https://{"y" * 60}.example/v1"', size=(60, 20)) as stage:
        await opened(stage)
        await stage.until_seen("[red]/xxx")
        await go_to(stage, "model")
        await stage.press("enter", "escape", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


@pytest.mark.parametrize("size", [(60, 20), (120, 40)])
async def test_a_broken_file_is_named_and_not_written_to(
    workspace: Open, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with workspace(config="themee = 'x'\n", size=size) as stage:
        await stage.press("escape")
        await opened(stage)
        await stage.until_seen("themee", "ctrl+o")
        await go_to(stage, "generation.temperature")
        await stage.press("enter")
        await stage.until_seen("Nothing can be changed here yet")
        await go_to(stage, "privacy.wipe")
        await stage.press("enter", "delete")
        assert stage.paths.config_file.read_text() == "themee = 'x'\n"
        assert "local only" in stage.app._opening.notes
        stage.paths.config_file.write_text("theme = 'lama-light'\n")  # put right by hand
        await stage.press("escape")
        await opened(stage)
        await stage.until_gone("themee")
        await stage.until(lambda: stage.app.theme == "lama-light" and "local only" not in stage.app._opening.notes)
        await write(stage, "generation.temperature", "0.1")
        await saved(stage, "generation.temperature", "0.1")


async def test_a_config_that_cannot_be_read(workspace: Open) -> None:
    async with workspace(size=(200, 60)) as stage:
        stage.paths.config.parent.mkdir(parents=True, exist_ok=True)
        stage.paths.config.write_text("in the way")
        await stage.press("f4")
        await stage.until(lambda: isinstance(stage.app.screen, SettingsScreen) and rows(stage))
        await go_to(stage, "workspace.mouse")
        await stage.press("enter")
        await stage.until_seen("Nothing can be changed here yet")
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_only_the_settings_in_view_are_drawn(workspace: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Row] = []
    draw = _Line.render_strips

    def noting(line: _Line, *given: Any) -> list[Strip]:
        drawn.append(line._row)
        return draw(line, *given)

    monkeypatch.setattr(_Line, "render_strips", noting)
    async with workspace(size=(120, 20)) as stage:
        await opened(stage)
        await stage.until_seen("General", "temperature")
        await stage.pilot.pause()
        assert 5 < len({row.id for row in drawn}) < 20 < len(rows(stage))
        await stage.press("end")
        await stage.until(lambda: drawn[-1].id == f"keys.{KEYMAP[-1].id}")


async def test_a_change_goes_on_when_the_screen_closes_meanwhile(workspace: Open) -> None:
    async with workspace() as stage:
        opening = stage.screen._opening
        changes = [asyncio.create_task(opening.change_settings({"theme": name})) for name in ("lama-light", "harbour")]
        await asyncio.sleep(0)
        for change in changes:
            change.cancel()
        await stage.until(lambda: opening.settings.theme == "harbour")  # one after the other
        assert tomllib.loads(stage.paths.config_file.read_text()) == {"theme": "harbour"}
