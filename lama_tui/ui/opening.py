"""Opening the store behind the first paint, and what to do when it cannot be opened."""

import asyncio
import importlib
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.config.loader import LoadedSettings, load_settings
from lama_tui.config.settings import Settings
from lama_tui.errors import ConfigError, LamaError, StoreError
from lama_tui.paths import Paths
from lama_tui.types import ConversationId

if TYPE_CHECKING:
    from lama_tui.chat.chat import Chat
    from lama_tui.conversations.table import Conversations
    from lama_tui.services import Services


_LATER = ("lama_tui.ui.current", "lama_tui.ui.drawn_message", "lama_tui.services")
"""What a conversation is, and is drawn with, and the parts."""

UNDO_MILLISECONDS = 24 * 3_600_000
"""How long a deleted conversation can be brought back by a window that is still open."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts that the workspace works with; `problem` says why they keep nothing, where that is so."""

    services: "Services"
    conversations: "Conversations"
    chat: "Chat"
    problem: LamaError | None = None


async def open_services(paths: Paths, loaded: LoadedSettings) -> "Services":
    """The parts, imported now and not before the first paint: they take half as long as the screen."""
    *_, services = await asyncio.to_thread(lambda: [importlib.import_module(name) for name in _LATER])
    opened: Services = await services.open_services(paths, loaded)
    return opened


class Opening:
    """Opens the services once. Where the store cannot be used, a temporary one takes its place:
    the workspace works, and says that nothing is kept."""

    def __init__(
        self,
        paths: Paths,
        loaded: LoadedSettings,
        open_services: Callable[[Paths, LoadedSettings], Awaitable["Services"]],
    ) -> None:
        self.paths = paths
        self.is_first = not paths.database.exists()
        """Whether lama was never opened here before."""
        self.problems: tuple[ConfigError, ...] = _with_consequence(loaded.problems, paths.config_file)
        self._loaded = loaded
        self._open_services = open_services
        self._services: Services | None = None
        self._temporary: Path | None = None
        self._deleted: Sequence[ConversationId] = ()
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._followers: list[Callable[[Settings, LoadedSettings], None]] = []
        self._reading = asyncio.Lock()
        self._changing = asyncio.Lock()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._loaded.settings

    @property
    def loaded(self) -> LoadedSettings:
        """The settings in force, where each is from, and what is wrong with them."""
        return self._loaded

    @property
    def problems_of_file(self) -> tuple[ConfigError, ...]:
        """What is wrong with `config.toml` itself."""
        file = self.paths.config_file
        own = tuple(problem for problem in self._loaded.problems if problem.title.startswith(str(file)))
        return _with_consequence(own, file)

    def follow(self, follower: Callable[[Settings, LoadedSettings], None]) -> None:
        """Call `follower` with the settings before and now, whenever they change while lama runs."""
        self._followers.append(follower)

    async def read_settings(self) -> None:
        """Read them again, and where they changed let everything that runs follow."""
        async with self._reading:
            loaded = await asyncio.to_thread(load_settings, self.paths)
            if loaded.settings == self._loaded.settings and not (loaded.problems or self._loaded.problems):
                self._loaded = loaded  # a key may say now what was the default before
                return
            before, self._loaded = self.settings, loaded
            self.problems = _with_consequence(loaded.problems, self.paths.config_file)
            if self._services is not None:
                await self._services.use(loaded)
        for follower in self._followers:
            follower(before, loaded)

    async def change_settings(self, values: Mapping[str, str | float | bool | None]) -> None:
        """Write values by dotted key to `config.toml`, None for the default, and follow them. Raises `ConfigError`.

        That goes on when the screen where they were changed is closed meanwhile.
        """
        await asyncio.shield(self._change_settings(values))

    async def _change_settings(self, values: Mapping[str, str | float | bool | None]) -> None:
        from lama_tui.config.edit import set_values

        async with self._changing:
            await asyncio.to_thread(set_values, self.paths.config_file, values)
            await self.read_settings()

    @property
    def saves(self) -> bool:
        """What is said will be there next time."""
        return self._temporary is None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the status line must always say."""
        notes = ("local only",) if self.settings.privacy.local_only else ()
        return notes if self.saves else (*notes, "not saved")

    async def open(self) -> Opened:
        """Open the store and mark what a crash cut short."""
        try:
            return await self._open_at(self.paths, None)
        except StoreError as error:
            await self._close_services()
            problem = StoreError(
                f"Nothing is saved this time: {error.title}",
                error.detail,
                error.hint or "Mend the cause and start lama again; what was saved before is untouched.",
            )
            try:
                self._temporary = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="lama-"))
            except OSError as why:
                raise StoreError(error.title, f"{error.detail} And no temporary store: {why}.", error.hint) from why
            elsewhere = replace(self.paths, data=self._temporary / "data", state=self._temporary / "state")
            return await self._open_at(elsewhere, problem)

    async def _open_at(self, paths: Paths, problem: LamaError | None) -> Opened:
        self._services = services = await self._open_services(paths, self._loaded)
        conversations, chat = await services.conversations(), await services.chat()
        await conversations.recover()
        self._deleted = await conversations.deleted()  # before they are erased
        await conversations.purge_deleted(time.time_ns() // 1_000_000 - UNDO_MILLISECONDS)
        return Opened(services, conversations, chat, problem)

    async def check(self) -> None:
        """Read the whole database once and compare it with itself. Raises `StoreError`.

        Before that what a lama that still had a deleted conversation in memory wrote of it later goes from the disk.
        """
        if self._services is not None:
            if self._deleted:
                await self._services.forget_prompts(*self._deleted)
            from lama_tui.store.checks import quick_check

            await quick_check((await self._services.database()).path)

    def before_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Call `closer` at the end, while everything is still open."""
        self._closers.append(closer)

    async def close(self) -> None:
        """Save what waits for the end and close what was opened; a temporary store is removed."""
        closers, self._closers = self._closers, []
        for closer in closers:
            await closer()
        await self._close_services()
        if self._temporary is not None:
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)

    async def _close_services(self) -> None:
        if self._services is not None:
            await self._services.close()
            self._services = None


def _with_consequence(problems: tuple[ConfigError, ...], file: Path) -> tuple[ConfigError, ...]:
    """What is wrong with the settings, with a short title; the first says what is in force meanwhile."""
    if not problems:
        return ()
    short = [ConfigError(each.title.replace(str(file), file.name), each.detail, each.hint) for each in problems]
    first, *others = short
    meanwhile = "Until it is put right lama runs on its defaults, and no request leaves this machine."
    detail = f"{first.detail.rstrip('.')}. {meanwhile}" if first.detail else meanwhile
    return (ConfigError(first.title, f"{detail} The file is {file}.", first.hint), *others)
