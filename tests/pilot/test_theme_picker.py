"""Choosing a theme shows it at once; the person's own theme files are followed while the app runs."""

import asyncio

import pytest
from chat.scripted import says
from stage import Open, Stage
from textual.pilot import Pilot

from lama_tui.config.themes import COLOURS, load_themes
from lama_tui.paths import Paths
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.screens.theme_picker import ThemePicker
from lama_tui.ui.widgets.notice import Notice

CONFIG = '# mine\ntheme = "lama-dark"  # as it came\n'


def write(paths: Paths, name: str, primary: str = "#aabbcc", **changed: str) -> None:
    paths.user_themes.mkdir(parents=True, exist_ok=True)
    values = {"name": f'"{name}"', "dark": "true", **dict.fromkeys(COLOURS, '"#102030"'), "primary": f'"{primary}"'}
    lines = [f"{key} = {value}" for key, value in (values | changed).items()]
    (paths.user_themes / f"{name}.toml").write_text("\n".join(lines))


async def opened(stage: Stage) -> None:
    await stage.press("f7")
    await stage.until(lambda: isinstance(stage.app.screen, ThemePicker) and stage.app.screen._shown)


def background(stage: Stage) -> str:
    """What is behind the transcript, as drawn."""
    return str(stage.transcript.styles.background.hex).lower()


def colour_of(stage: Stage, text: str) -> str:
    """The colour in which a text of the workspace is drawn."""
    for strip in stage.screen._compositor.render_strips():
        for segment in strip:
            if text in segment.text and segment.style is not None and segment.style.color is not None:
                return segment.style.color.name
    raise LookupError(text)


async def test_moving_shows_each_theme_over_the_workspace(workspace: Open) -> None:
    async with workspace(says("**An answer.**"), size=(120, 40)) as stage:
        await stage.ask("hello")
        themes = load_themes(stage.paths).by_name
        await opened(stage)
        before = stage.app.theme
        await stage.press("down")
        await stage.until(lambda: stage.app.theme != before)
        shown = themes[stage.app.theme]
        await stage.until(lambda: background(stage) == shown.background)
        await stage.until(lambda: colour_of(stage, "An answer.") == shown.foreground, every=0.03)
        assert stage.screen.region.width > 2 * stage.app.screen.query_one(".dialog").region.width


async def test_esc_goes_back(workspace: Open, paths: Paths) -> None:
    async with workspace(config=CONFIG) as stage:
        await opened(stage)
        await stage.press("down", "down")
        await stage.until(lambda: stage.app.theme != "lama-dark")
        await stage.press("escape")
        await stage.until(lambda: stage.app.theme == "lama-dark")
        await stage.until(lambda: background(stage) == "#1a1715")
        assert paths.config_file.read_text() == CONFIG


async def test_enter_keeps_it_and_the_comments(workspace: Open, paths: Paths) -> None:
    async with workspace(config=CONFIG) as stage:
        await opened(stage)
        assert not stage.app.screen.query_one("#about").render()
        await stage.press(*"porc", "enter")
        await stage.until(lambda: stage.app.theme == "porcelain")
        await stage.until(lambda: "porcelain" in paths.config_file.read_text())
        assert paths.config_file.read_text() == CONFIG.replace("lama-dark", "porcelain")
    async with workspace() as stage:
        assert stage.app.theme == "porcelain"


@pytest.mark.parametrize("by", ["--theme", "LAMA_THEME"])
async def test_what_goes_before_the_theme_that_is_kept_is_said(
    workspace: Open, paths: Paths, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    flag = "harbour" if by == "--theme" else None
    if flag is None:
        monkeypatch.setenv("LAMA_THEME", "harbour")
    async with workspace(options=WorkspaceOptions(welcome=False, theme=flag)) as stage:
        assert stage.app.theme == "harbour"
        await opened(stage)
        await stage.until(lambda: by in str(stage.app.screen.query_one("#about").render()))
        await stage.press(*"porc", "enter")
        await stage.until_seen("porcelain is kept.", by)
        await stage.app._opening.change_settings({"generation.temperature": 0.5})
        assert stage.app.theme == "porcelain"  # of this run


async def test_a_config_that_cannot_be_written(workspace: Open, paths: Paths) -> None:
    async with workspace() as stage:
        paths.config.parent.mkdir(parents=True, exist_ok=True)
        paths.config.write_text("a file, where a folder belongs")
        await opened(stage)
        await stage.press(*"harb", "enter")
        await stage.until_seen("The theme was not saved", "harbour is shown until lama is closed")
        await stage.until(lambda: stage.app.theme == "harbour")


async def test_the_picker_opens_once(workspace: Open) -> None:
    async with workspace() as stage:
        await opened(stage)
        await stage.press("f7", "f7")
        await stage.until(lambda: sum(isinstance(s, ThemePicker) for s in stage.app.screen_stack) == 1)
        await stage.press("escape")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)
        await opened(stage)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
@pytest.mark.parametrize("theme", ["terminal", "contrast-light"])
async def test_every_kind_of_theme_at_every_size(workspace: Open, size: tuple[int, int], theme: str) -> None:
    async with workspace(size=size, config=f'theme = "{theme}"\n') as stage:
        await stage.ask("hello")
        await opened(stage)
        await stage.until_seen("Theme", theme, "keeps")
        await stage.press("escape")
        await stage.until_seen("An answer.")


async def test_the_terminals_own_colours_reach_the_terminal(workspace: Open) -> None:
    async with workspace(config='theme = "terminal"\n') as stage:
        await stage.ask("hello")
        styles = [s.style for strip in stage.screen._compositor.render_strips() for s in strip if s.style]
        colours = {c for style in styles for c in (style.color, style.bgcolor) if c is not None}
        assert colours
        assert all(colour.is_system_defined or colour.is_default for colour in colours)
        assert not [colour for colour in colours if colour.number == 8]  # bright black is drawn faint
        assert any(style.dim for style in styles)


# --- the person's own files -----------------------------------------------------------------------------


async def looked(stage: Stage) -> None:
    await stage.app.look_at_theme_files().wait()
    await stage.pilot.pause()


async def test_a_changed_file_is_shown_while_the_app_runs(workspace: Open, paths: Paths) -> None:
    write(paths, "mine", "#aabbcc")
    async with workspace(config='theme = "mine"\n') as stage:
        await stage.ask("hello")
        await stage.until(lambda: colour_of(stage, "guide") == "#aabbcc")
        write(paths, "mine", "#c0ffee")
        await looked(stage)
        await stage.until(lambda: colour_of(stage, "guide") == "#c0ffee", every=0.03)


async def test_it_is_noticed_without_being_asked(
    workspace: Open, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lama_tui.ui.themed_app._LOOK", 0.05)
    write(paths, "mine", "#aabbcc")
    async with workspace(config='theme = "mine"\n') as stage:
        write(paths, "mine", "#c0ffee")
        await stage.until(lambda: stage.app.current_theme.primary == "#c0ffee")


async def test_a_file_that_breaks_is_told_and_its_last_version_stays(workspace: Open, paths: Paths) -> None:
    write(paths, "mine", "#aabbcc")
    async with workspace(config='theme = "mine"\n') as stage:
        write(paths, "mine", "red")
        await looked(stage)
        await stage.until_seen("mine.toml", "`primary` is not right")
        await stage.until(lambda: (stage.app.theme, stage.app.current_theme.primary) == ("mine", "#aabbcc"))
        write(paths, "mine", "#c0ffee")
        await looked(stage)
        await stage.until_gone("`primary` is not right")
        await stage.until(lambda: stage.app.current_theme.primary == "#c0ffee")


async def test_a_file_that_is_broken_from_the_start_comes_right(workspace: Open, paths: Paths) -> None:
    write(paths, "mine", "red")
    async with workspace(config='theme = "mine"\n') as stage:
        await stage.until_seen("`primary` is not right", "1 more")
        await stage.until(lambda: stage.app.theme == "lama-dark")
        write(paths, "mine", "#c0ffee")
        await looked(stage)
        assert (stage.app.theme, stage.app.current_theme.primary) == ("mine", "#c0ffee")
        await stage.until(lambda: not stage.screen.query_one(Notice).display)


async def test_a_file_that_goes_is_told(workspace: Open, paths: Paths) -> None:
    write(paths, "mine")
    async with workspace(config='theme = "mine"\n') as stage:
        (paths.user_themes / "mine.toml").unlink()
        await looked(stage)
        assert stage.app.theme == "lama-dark"
        await stage.until_seen("There is no theme 'mine'")


async def test_files_change_while_one_chooses(workspace: Open, paths: Paths) -> None:
    write(paths, "mine")
    async with workspace() as stage:
        await opened(stage)
        await stage.press(*"mine")
        await stage.until(lambda: stage.app.theme == "mine")
        write(paths, "mine", "#c0ffee")
        await looked(stage)
        assert (stage.app.theme, stage.app.current_theme.primary) == ("mine", "#c0ffee")
        (paths.user_themes / "mine.toml").unlink()
        await looked(stage)
        assert stage.app.theme == "lama-dark"
        await stage.press("enter")
        await stage.until(lambda: len(stage.app.screen_stack) == 1)


async def test_quick_keys_do_no_harm(workspace: Open) -> None:
    async with workspace() as stage:
        for keys in (["f7", "down", "escape"], ["f7", "enter"], ["f7", "down", "down", "up", "enter"]):
            await stage.press(*keys)
            await stage.until(lambda: len(stage.app.screen_stack) == 1)
            await asyncio.sleep(0)
        pilot: Pilot[None] = stage.pilot
        await pilot.pause()
        await stage.until(lambda: stage.app.theme == stage.app._themes.chosen.name)
