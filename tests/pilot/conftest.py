"""Opens the whole workspace, with a real store and a provider that plays scripts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from chat.scripted import Scripted, Step, says
from stage import Only, Open, Stage
from textual.driver import Driver

from lama_tui.config.loader import LoadedSettings, load_settings
from lama_tui.paths import Paths
from lama_tui.services import Services, open_services
from lama_tui.ui.app import LamaApp
from lama_tui.ui.options import WorkspaceOptions


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths.from_environment()


@pytest.fixture
def workspace(paths: Paths) -> Open:
    """Opens the workspace: `async with workspace(says("Hello"), size=(80, 24)) as stage`."""

    @asynccontextmanager
    async def open_workspace(
        *scripts: list[Step],
        size: tuple[int, int] = (100, 30),
        config: str = "",
        options: WorkspaceOptions = WorkspaceOptions(welcome=False),  # noqa: B008 - frozen
        wait: bool = True,
        driver: type[Driver] | None = None,
        faults: bool = False,
        **arguments: Any,
    ) -> AsyncIterator[Stage]:
        scripted = Scripted(*(scripts or (says("An answer."),)))
        if config:
            paths.config.mkdir(parents=True, exist_ok=True)
            paths.config_file.write_text(config)

        async def opener(paths: Paths, loaded: LoadedSettings) -> Services:
            services = await open_services(paths, loaded)
            services.providers = Only(scripted)  # type: ignore[assignment]
            return services

        app = LamaApp(paths, load_settings(paths), options, arguments.pop("opener", opener))
        if driver is not None:
            app.driver_class = driver
        async with app.run_test(size=size, notifications=True, **arguments) as pilot:
            stage = Stage(app, pilot, scripted, paths)
            if wait:
                await stage.opened()
            yield stage
        assert faults or not app.faults  # of tasks of the screen: told there, and never expected

    return open_workspace
