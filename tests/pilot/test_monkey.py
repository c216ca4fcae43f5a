"""Keys, clicks, pastes, sizes and files that change in any order, while answers come: nothing ends the workspace,
nothing sticks, and quitting always works."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from monkey import Monkey, answers, keys_of
from stage import Open

from lama_tui.config.key_presets import PRESETS, Preset
from lama_tui.conversations import export
from lama_tui.errors import StoreError
from lama_tui.ui.options import WorkspaceOptions
from tests.chance import seeds


@pytest.fixture(autouse=True)
def cage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is written lands below the home of the test, wherever the monkey wants it; there is no editor."""
    written: Callable[..., None] = export.write

    def write(path: Path, text: str, *, replace: bool) -> None:
        try:
            inside = path.resolve().is_relative_to(tmp_path)
        except ValueError:  # a null character: for the export itself to refuse
            inside = True
        if not inside:
            raise StoreError("The conversation was not written", "Not there.", "Choose another place.")
        written(path, text, replace=replace)

    monkeypatch.setattr(export, "write", write)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VISUAL", "false")
    monkeypatch.chdir(tmp_path)
    for name in ("[nope]", "two\nlines\x1b[31m", "\u202eright to left", "x" * 200):
        folder = tmp_path / "lama" / "data" / "models" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model_type": name, "num_hidden_layers": "[bold]"}))
    return tmp_path


async def play(workspace: Open, chance: Random, preset: Preset, acts: int, welcome: bool = False) -> None:
    """A monkey does so many acts; where one of them quits lama, it goes on in the next one."""
    config = f'[keys]\npreset = "{preset}"\n'
    while acts > 0:
        options = WorkspaceOptions(welcome=welcome)
        async with workspace(*answers(chance), config=config, options=options, wait=chance.random() < 0.5) as stage:
            monkey = Monkey(stage, chance, keys_of(preset))
            acts -= await monkey.play(acts)
            if not stage.app._exit:
                if chance.random() < 0.7:
                    await monkey.comes_back()
                await monkey.quits()


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(chance=st.randoms(use_true_random=False), preset=st.sampled_from(PRESETS))
async def test_a_few_acts(workspace: Open, cage: Path, chance: Random, preset: Preset) -> None:
    shutil.rmtree(cage / "lama" / "config", ignore_errors=True)
    await play(workspace, chance, preset, 25, welcome=True)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("seed", seeds(*range(4)))
async def test_five_thousand_acts(workspace: Open, seed: int, preset: Preset) -> None:
    """In twelve runs, each of them a day's work long."""
    await play(workspace, Random(f"{preset} {seed}"), preset, 420)
