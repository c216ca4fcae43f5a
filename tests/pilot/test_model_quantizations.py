"""A GGUF repo of the hub: which of its quantizations is downloaded, and what is here of it afterwards."""

from pathlib import Path

import pytest
from hub_world import details, go_to, hub_of, hub_section, state_of
from stage import Open, Stage

from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.ui.screens.models.hub import HubSection
from lama_tui.ui.screens.models.quantizations import QuantizationChooser
from lama_tui.ui.widgets.options import Options
from tests.library.gguf_files import LLAMA, write_gguf
from tests.library.hub import TestHub

REPO = "org/Tiny-GGUF"
GIB = 1024**3


def gguf(folder: Path, kind: int, parts: int = 1, part: int = 1) -> Path:
    """A model of one kind of `general.file_type`, or a part of it; each has other bytes."""
    values = {**LLAMA, "general.file_type": kind}
    if parts > 1:
        values |= {"split.count": parts, "split.no": part - 1}
    return write_gguf(folder / f"{kind}-{part}.gguf", values)


def add_gguf(hub: TestHub, folder: Path) -> None:
    """A repo with two whole models, one in two parts, a projector, one that lacks a part, and one of no bytes."""
    files: dict[str, bytes | str | Path] = {
        "README.md": "# Tiny", ".gitattributes": "",
        "Tiny-Q4_K_M.gguf": gguf(folder, 15),
        "Tiny-Q8_0-00001-of-00002.gguf": gguf(folder, 7, 2, 1),
        "Tiny-Q8_0-00002-of-00002.gguf": gguf(folder, 7, 2, 2),
        "Tiny-F16-00001-of-00003.gguf": gguf(folder, 1),
        "Tiny-Q2_K.gguf": b"",
        "mmproj-Tiny-F16.gguf": b"GGUF projector",
    }  # fmt: skip
    hub.add(REPO, files, tags=("gguf",), downloads=9, gguf={"architecture": "llama", "context_length": 2048})


async def at_gguf(stage: Stage, repo: str = REPO) -> HubSection:
    """Look closely at a GGUF repo."""
    section = await hub_section(stage)
    section._list.focus()
    await stage.press("f")
    await stage.until(lambda: any(model.repo == repo for model in section._listing.models))
    await go_to(stage, section, repo)
    return section


async def asked(stage: Stage) -> QuantizationChooser:
    """Press the key that downloads, and wait for the question."""
    await stage.press("d")
    await stage.until(lambda: isinstance(stage.app.screen, QuantizationChooser))
    chooser = stage.app.screen
    assert isinstance(chooser, QuantizationChooser)
    await stage.until(lambda: chooser.query_one(Options).option_count)
    return chooser


@pytest.mark.slow
async def test_one_quantization_after_the_other(
    workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        add_gguf(hub, tmp_path / "made")
        async with workspace(size=(120, 40)) as stage:
            section = await at_gguf(stage)
            shown = details(section)
            assert "d chooses one of 2 quantizations" in shown
            assert "Q4_K_M ✓ fits" in shown and "by default" in shown
            assert "Tiny-Q8_0" not in shown and "Q8_0 21.4 KiB" in shown  # its two files are one choice
            assert "2 of 3 files missing" in shown and "it is empty" in shown and "pictures" in shown

            chooser = await asked(stage)
            await stage.until_seen("Which quantization of", "Tiny-Q4_K_M.gguf", "4-bit")
            assert chooser.query_one(Options).highlighted == 2  # by default; two that are no models are before it
            await stage.press("up", "up", "enter")
            await stage.until_seen("It cannot be used: it is empty")
            await stage.press(*"q8")
            await stage.until_seen("2 files")
            await stage.press("enter")
            await stage.until(lambda: stage.app.screen is not chooser)
            await stage.until(lambda: state_of(stage, REPO) == "done")
            await stage.until(lambda: "on this machine: Q8_0" in details(section))
            weights = sorted(path.name for path in hub_cache_folder().rglob("snapshots/*/*"))
            assert weights == ["Tiny-Q8_0-00001-of-00002.gguf", "Tiny-Q8_0-00002-of-00002.gguf"]

            chooser = await asked(stage)
            await stage.press(*"q8")
            await stage.press("enter")
            await stage.until_seen("All of it is here already.")
            await stage.press("escape")
            await stage.until(lambda: stage.app.screen is not chooser)
            chooser = await asked(stage)
            await stage.press("enter")  # the one that is highlighted: the usual one
            await stage.until(lambda: stage.app.screen is not chooser)
            await stage.until(lambda: "on this machine: Q4_K_M, Q8_0" in details(section))
            await stage.until(lambda: section._row(section._listing.lines[0]).here)
            await stage.press("left_square_bracket")
            await stage.until_seen("[Installed]", "✕ Q4_K_M  GGUF weights", "✕ Q8_0  GGUF weights")
            await stage.until_seen("1 model takes")  # the repo; the guide takes no room that could be made
            await stage.press("f11")
            await stage.until_seen("[Downloads", "cannot be used: ")  # not that enter lets it answer


async def test_asked_before_the_hub_has_told(workspace: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with hub_of(monkeypatch, tmp_path) as hub:
        add_gguf(hub, tmp_path / "made")
        async with workspace(size=(60, 20)) as stage:
            section = await hub_section(stage)
            section._list.focus()
            held = hub.trouble("/revision/", status=503, hold=0)
            await stage.press("f")
            await stage.until(lambda: section.chosen() is not None and section.chosen().repo == REPO)  # type: ignore[union-attr]
            await stage.press("d")
            await stage.until_seen("Asking the hub which quantizations")
            held.release()
            await stage.until_seen("The hub has a problem", "esc puts this away")  # nothing is downloaded blindly
            assert state_of(stage, REPO) == "" and not isinstance(stage.app.screen, QuantizationChooser)
            held.status = None
            await stage.press("escape")
            await asked(stage)
            await stage.until_seen("★ Q4_K_M", "by default", "Downloads 10.7 KiB")
