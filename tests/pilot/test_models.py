"""The model picker: what it lists, what it says of what cannot run, and what choosing does."""

from pathlib import Path

from models import make_tiny_llama
from stage import Open, Stage
from textual.widgets import Input, OptionList

from lama_tui.ui.screens.model_picker import ModelPicker
from lama_tui.ui.widgets.status_line import StatusLine

SERVERS = """
[providers.work]
kind = "openai"
endpoint = "https://a.example/v1"
model = "big-[/nope]"
[providers.home]
kind = "openai"
endpoint = "http://127.0.0.1:1/v1"
model = "small"
"""


async def pick(stage: Stage) -> OptionList:
    """Open the picker and wait for its models."""
    await stage.press("f6")
    await stage.until(lambda: isinstance(stage.app.screen, ModelPicker))
    await stage.until(lambda: stage.app.screen.query_one("#choices", OptionList).option_count)
    return stage.app.screen.query_one("#choices", OptionList)


def listed(models: OptionList) -> list[str]:
    return [str(option.prompt)[2:].split("   ")[0] for option in models.options]


def model(stage: Stage) -> str:
    assert stage.screen._current is not None
    return stage.screen._current.model


async def test_a_server_is_chosen_for_this_conversation_and_kept(workspace: Open) -> None:
    async with workspace(config=SERVERS) as stage:
        await stage.ask("hi")
        await stage.until(lambda: model(stage) == "guide")
        models = await pick(stage)
        assert {"guide", "work:big-[/nope]", "home:small"} <= set(listed(models))
        await stage.until_seen("work:big-[/nope]", "openai · https://a.example/v1")
        await stage.press(*"home")
        await stage.until(lambda: listed(models) == ["home:small"])
        await stage.until_seen("what you write is sent there")
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.until(lambda: model(stage) == "home:small")
        await stage.until(lambda: "small" in stage.screen.query_one(StatusLine).status.model)
        await stage.ask("again")
        assert [r.model for r in stage.scripted.requests] == ["guide", "home:small"]
    async with workspace(config=SERVERS) as stage:
        await stage.until(lambda: model(stage) == "home:small")
        await stage.press("ctrl+n")
        await stage.until(lambda: model(stage) == "guide")


async def test_narrowing_to_nothing_says_so(workspace: Open) -> None:
    async with workspace(config=SERVERS) as stage:
        models = await pick(stage)
        await stage.press(*"[/x] zzz")
        await stage.until(lambda: not listed(models))
        await stage.until_seen("Nothing here is called “[/x] zzz”")
        await stage.press("enter")
        assert isinstance(stage.app.screen, ModelPicker)
        stage.app.screen.query_one(Input).value = ""
        await stage.until(lambda: len(listed(models)) >= 3)
        await stage.press("down", "up", "pagedown", "pageup", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.until(lambda: model(stage) == "guide")


async def test_a_model_that_cannot_run_says_why_and_is_not_chosen(workspace: Open, paths: object) -> None:
    async with workspace() as stage:
        broken = stage.paths.models / "bro[/]ken"
        broken.mkdir(parents=True)
        (broken / "config.json").write_text("{ not json \x1b]52;")
        (broken / "model.safetensors").write_bytes(b"\x00" * 8)
        models = await pick(stage)
        await stage.press(*"bro")
        await stage.until(lambda: len(listed(models)) == 1)
        await stage.press("enter")
        assert isinstance(stage.app.screen, ModelPicker)
        about = str(stage.app.screen.query_one("#about").render())
        assert about.strip()
        await stage.press("escape")
        await stage.until(lambda: model(stage) == "guide")


async def test_a_model_in_a_deep_folder_is_named_whole(workspace: Open, tmp_path: Path) -> None:
    async with workspace() as stage:
        make_tiny_llama(stage.paths.models / ("long-" * 48))
        models = await pick(stage)
        await stage.press(*"long")
        await stage.until(lambda: len(listed(models)) == 1)
        await stage.press("enter")
        await stage.until(lambda: model(stage) != "guide")
        assert "…" not in model(stage)


async def test_the_list_of_a_hub_cache_with_strange_names(workspace: Open, home: Path) -> None:
    async with workspace() as stage:
        for name in ("models--a--[/nope]", "models--a--\x1b[2J", "models----", "models--a--b--c", "not-a-model"):
            (home / "hub" / "hub" / name / "snapshots" / "0").mkdir(parents=True)
        for name in ("same", "Same", "sa\x1bme", "sa\u202eme"):
            folder = stage.paths.models / name
            folder.mkdir(parents=True)
            (folder / "config.json").write_text("{}")
        models = await pick(stage)
        await stage.until(lambda: listed(models).count("same") == 2)  # two folders that look alike
        await stage.press("escape")


async def test_a_long_name_leaves_room_for_the_facts_and_is_told_whole_below(workspace: Open) -> None:
    name = "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8-quantized"
    config = f'[providers.work]\nkind = "openai"\nendpoint = "http://127.0.0.1:1/v1"\nmodel = "{name}"\n'
    async with workspace(config=config, size=(80, 24)) as stage:
        make_tiny_llama(stage.paths.models / ("long-" * 20 + "4bit"))
        await pick(stage)
        await stage.until_seen("  work:meta", "-quantized   openai · http://127.0.0.1:1/v1 ")
        await stage.until_gone("Maverick")
        line = next(line for line in stage.seen().split("\n") if "-4bit" in line)
        assert "…" in line.split("-4bit")[0]
        assert "iB" in line  # its size
        await stage.press("down", "down")
        await stage.until(lambda: f"work:{name}" in str(stage.app.screen.query_one("#about").render()))
        await stage.pilot.resize_terminal(60, 20)
        await stage.until_seen("  work:", "-quantized   openai · http", "-4bit   ")
        await stage.pilot.resize_terminal(160, 20)
        await stage.until_seen("-quantized   openai · http://127.0.0.1:1/v1 ")


async def test_the_picker_in_a_tiny_terminal(workspace: Open) -> None:
    async with workspace(config=SERVERS, size=(30, 8)) as stage:
        await pick(stage)
        for size in [(1, 1), (10, 3), (200, 50)]:
            await stage.pilot.resize_terminal(*size)
        await stage.until_seen("home:small")
        await stage.press("f1", "escape", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
