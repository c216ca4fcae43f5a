"""A small hub for the tests of the model browser, and ways to look at the sections that ask it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from models import make_tiny_llama
from stage import Stage

from lama_tui.ui.screens.models.browser import ModelBrowser
from lama_tui.ui.screens.models.downloads import DownloadsSection
from lama_tui.ui.screens.models.hub import HubSection
from lama_tui.ui.widgets.long_list import LongList
from tests.library.hub import TestHub

CARD = "---\nlicense: mit\n---\n# The [card]\n\nWritten by **strangers** \x1b]52;c;evil\x07 [/nope].\n"
REAL = "org/real-4bit"


@contextmanager
def hub_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, others: int = 3, page: int = 1000) -> Iterator[TestHub]:
    """A hub with one model that can be downloaded and `others` that are only listed; lama asks it from now on."""
    with TestHub(page=page) as hub:
        folder = make_tiny_llama(tmp_path / "published" / "real", hidden=64)
        files: dict[str, bytes | str | Path] = {file.name: file for file in folder.iterdir()}
        hub.add(
            REAL, {**files, "README.md": CARD}, tags=("mlx", "license:mit", "conversational"), downloads=5_000_000,
            likes=7, safetensors={"parameters": {"F32": 40_000}, "total": 40_000},
        )  # fmt: skip
        for number in range(others):
            bits = (4, 8)[number % 2]
            hub.add(
                f"{('first', 'second')[number % 2]}/model-{number:04}-{bits}bit",
                {"config.json": "{}", "README.md": CARD},
                tags=("mlx", f"{bits}-bit", "conversational"),
                downloads=1_000_000 - number,
                likes=number,
                gated="manual" if number == 0 else False,
                safetensors={"parameters": {"U32": 10**8 * bits // 32}, "total": 10**8},
            )
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield hub


async def hub_section(stage: Stage) -> HubSection:
    """Open the browser to search the hub, and wait for the first page and the advice above it."""
    await stage.press("f10")
    await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser) and stage.app.screen.query(HubSection))
    section = stage.app.screen.query_one(HubSection)
    await stage.until(lambda: section._listing.models or section._listing.trouble)
    await stage.until(lambda: section._field.has_focus)
    await stage.until(lambda: all(work.is_finished for work in stage.app.workers if work.group == "hub"))
    return section


async def downloads_section(stage: Stage) -> DownloadsSection:
    """Open the browser at the downloads."""
    await stage.press("f11")
    await stage.until(lambda: isinstance(stage.app.screen, ModelBrowser) and stage.app.screen.query(DownloadsSection))
    section = stage.app.screen.query_one(DownloadsSection)
    await stage.until(lambda: section.query_one(LongList).has_focus)
    return section


def repos(section: HubSection) -> list[str]:
    """What the list shows, in its order."""
    return [model.repo for model in section._listing.lines]


async def go_to(stage: Stage, section: HubSection, repo: str) -> None:
    """Highlight a model, with the keys in the list."""
    section._list.focus()
    section._list.highlighted = repos(section).index(repo)
    await stage.until(lambda: section._looks.of(repo) is not None and repo in section._looks.cards)
    await stage.until(lambda: repo in details(section))


def details(section: HubSection) -> str:
    """All of the details above the card, on one line."""
    return " ".join(section.query_one("#hub-details").text.split())  # type: ignore[attr-defined]


def state_of(stage: Stage, repo: str) -> str:
    """What the queue says of the model now; empty where it knows none."""
    queue = stage.screen._queue_of_downloads
    job = queue.job_of(repo) if queue is not None else None
    return job.state if job is not None else ""
