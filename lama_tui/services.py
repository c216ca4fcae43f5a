"""The composition root: the only place that builds the concrete parts, each when it is first needed.

Opening costs nothing that a person could notice: the engine's thread, the database and the
connections to servers begin with their first use.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.config.loader import LoadedSettings
from lama_tui.config.settings import Settings
from lama_tui.engine.backend import Backend, ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.errors import LamaError, StoreError
from lama_tui.events import StreamEvent, TurnStarted
from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.library.installed import describe, source_of
from lama_tui.library.trusted_code import TrustedCode, demand_agreement
from lama_tui.library.use import UseOfModels
from lama_tui.library.watching import Watching
from lama_tui.monitor.battery import on_battery
from lama_tui.monitor.instances import is_quiet, loaded_models
from lama_tui.monitor.looks import probes
from lama_tui.monitor.presence_writer import PresenceWriter
from lama_tui.monitor.sampler import Sampler
from lama_tui.paths import Paths
from lama_tui.providers.local import LocalProvider
from lama_tui.providers.registry import Providers
from lama_tui.types import ConversationId, MessageId

if TYPE_CHECKING:
    from lama_tui.chat.chat import Chat
    from lama_tui.conversations.drafts import Drafts
    from lama_tui.conversations.prompts import Prompts
    from lama_tui.conversations.search import Search
    from lama_tui.conversations.table import Conversations
    from lama_tui.engine.prompt_files import PromptFiles
    from lama_tui.library.benchmarking.estimate import Speeds
    from lama_tui.library.downloads.queue import Downloads
    from lama_tui.library.hub.hub import Hub
    from lama_tui.library.importing.imports import Imports
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.measurement_table import MeasurementTable
    from lama_tui.library.model_table import ModelTable
    from lama_tui.library.signed import Signatures
    from lama_tui.library.storage.clean_up import CleanUp
    from lama_tui.library.storage.removal import Removal
    from lama_tui.library.tuning_table import TuningTable
    from lama_tui.library.updates.update import Update
    from lama_tui.library.updates.updates import Updates
    from lama_tui.library.watch import ModelWatch
    from lama_tui.store.database import Database

log = logging.getLogger(__name__)

_ENGINE_SECONDS = 0.3  # a token takes less; an import or the read of a large file may take more


async def open_services(paths: Paths, loaded: LoadedSettings) -> "Services":
    """The parts of one instance. Touches no disk; call `close` at the end, whatever happened."""
    services = Services(paths, loaded)
    services.sampler.start()
    return services


class Services:
    """What the screen and the verbs work with. All of it belongs to one event loop."""

    def __init__(self, paths: Paths, loaded: LoadedSettings) -> None:
        self.paths = paths
        self.loaded = loaded
        self.engine = Engine(
            partial(_mlx_backend, self.settings, self.paths),
            parallel=self.settings.engine.parallel,
            idle_unload=self.settings.engine.idle_unload,
        )
        local = LocalProvider(self.engine, self.resolve, lambda: self.settings.generation)
        self.providers = Providers(self.settings, local)
        self.sampler = Sampler(probes(self.engine.figures, hub_cache_folder()))
        self._presence = PresenceWriter(paths, self.engine)
        self._opening = asyncio.Lock()
        self._database: Database | None = None
        self._conversations: Conversations | None = None
        self._chat: Chat | None = None
        self._hub: Hub | None = None
        self._downloads: Downloads | None = None
        self._watching = Watching(self._watch)
        self._uses = UseOfModels(self.models, self.engine.pin)
        self._closed = False

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.loaded.settings

    async def use(self, loaded: LoadedSettings) -> None:
        """Follow changed settings: privacy, servers and generation at once, the engine's at the next start."""
        self.loaded = loaded
        await self.providers.use(loaded.settings)
        if self._hub is not None:
            await self._hub.use(loaded.settings.privacy.local_only)

    async def database(self) -> "Database":
        """The database, opened by the first call. Raises `StoreError`; a later call tries again."""
        async with self._opening:
            if self._closed:
                raise StoreError("The conversations are closed", "lama is quitting", "Start it again")
            if self._database is None:
                from lama_tui.store.database import Database

                self._database = await Database.open(self.paths)
            return self._database

    async def conversations(self) -> "Conversations":
        """The tables of conversations. Raises `StoreError` where the database cannot be opened."""
        if self._conversations is None:
            from lama_tui.conversations.table import Conversations

            database = await self.database()
            self._conversations = self._conversations or Conversations(database)
        return self._conversations

    async def drafts(self) -> "Drafts":
        """What was typed and not sent. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.conversations.drafts import Drafts

        return Drafts(await self.database())

    async def prompts(self) -> "Prompts":
        """What was written before. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.conversations.prompts import Prompts

        return Prompts(await self.database())

    async def search(self) -> "Search":
        """Search in all conversations. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.conversations.search import Search

        return Search(await self.database())

    async def chat(self) -> "Chat":
        """The running turns. Raises `StoreError` where the database cannot be opened."""
        if self._chat is None:
            from lama_tui.chat.chat import Chat

            conversations = await self.conversations()
            chat = Chat(conversations, self.providers.provider_for)
            await chat.load()
            await self.follow_pins()
            chat.subscribe(self._note_use)
            self._chat = self._chat or chat
        return self._chat

    async def models(self) -> "ModelTable":
        """When models were used, and which are pinned. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.library.model_table import ModelTable

        return ModelTable(await self.database())

    async def hub(self) -> "Hub":
        """The hub, as the environment names it. Raises `ConfigError` where that cannot be used."""
        if self._hub is None:
            made = await asyncio.to_thread(_hub_of_environment, self.settings.privacy.local_only)
            self._hub = self._hub or made  # another may have asked meanwhile, or the settings have changed
            await self._hub.use(self.settings.privacy.local_only)
        return self._hub

    async def downloads(self, *, adopt: bool = True) -> "Downloads":
        """The queue that all instances share; with `adopt` this one goes on with what nobody works on.

        Raises `StoreError` where the database cannot be opened.
        """
        if self._downloads is None:
            database = await self.database()
            made = await asyncio.to_thread(self._downloads_of, database, adopt)
            self._downloads = self._downloads or made
        return self._downloads

    def _downloads_of(self, database: "Database", adopt: bool) -> "Downloads":
        """Imports what the start does not need, and looks where the hub's cache is. Blocks."""
        from lama_tui.library.downloads.queue import Downloads

        return Downloads(database, self.hub, lambda: self.settings, self.imports(), adopt=adopt, on_battery=on_battery)

    async def resume_downloads(self) -> bool:
        """Go on with downloads that an earlier start left; whether there are any. Raises `StoreError`."""
        from lama_tui.library.downloads.job_table import JobTable

        if not await JobTable(await self.database()).any_workable():
            return False
        (await self.downloads()).start()
        return True

    async def updates(self) -> "Updates":
        """What is known of newer revisions. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.library.updates.updates import Updates

        return Updates(await self.database())

    def watch_models(self, changed: "Callable[[LamaError], None]", newer: "Callable[[Update], None]") -> None:
        """Re-check files and look for updates in the background, as the settings say, well behind the start.

        `changed` gets what differs from what was published, `newer` each newer revision once.
        """
        if not self._closed:
            self._watching.begin(changed, newer)

    async def _watch(self) -> "ModelWatch":
        watch = await asyncio.to_thread(_model_watch)
        return watch(self.paths, await self.database(), lambda: self.settings, self.hub, self._is_at_rest)

    async def _is_at_rest(self) -> bool:
        """Whether nothing generates or loads, here or in another lama, nothing is fetched, and there is power."""
        figures = self.engine.figures()
        if figures.running or figures.waiting or figures.loading:
            return False
        from lama_tui.library.downloads.job_table import JobTable

        fetches = await JobTable(await self.database()).any_running()
        return not fetches and await asyncio.to_thread(is_quiet, self.paths.run)

    async def signatures(self) -> "Signatures":
        """What says who signed a model, by the settings now. Raises `StoreError`, `SignatureError`."""
        from lama_tui.library.signed import Signatures

        return Signatures(await self.database(), self.settings.library)

    async def resolve(self, reference: str) -> ModelSource:
        """The model to load, where it may be: signed and agreed to. Raises a `ModelError`, `SignatureError`."""
        model = await self.trusting(await describe(reference, self.paths))
        if self.settings.library.require_signatures == "always":
            await (await self.signatures()).demand(model)
        await demand_agreement(model)
        return replace(source_of(model), batch_size=await self.batch_size(model.ref))

    async def trusting(self, model: "InstalledModel") -> "InstalledModel":
        """`model` with what of its program the person agreed to run. Makes no store. Raises `StoreError`."""
        return await (await self.trusted_code()).told(model) if model.code and await self._has_store() else model

    async def trusted_code(self) -> TrustedCode:
        """The programs of models that the person agreed to run. Raises `StoreError`."""
        return TrustedCode(await self.database())

    async def batch_size(self, reference: str) -> int:
        """The prefill step that `lama bench --tune` found for a model; 0: that of the settings. Makes no store."""
        try:
            tuning = await (await self.tunings()).of(reference) if await self._has_store() else None
        except StoreError as error:  # nobody's answer fails for this
            log.warning("how %s was tuned is not known: %s", reference, error.title)
            return 0
        return tuning.batch_size if tuning is not None else 0

    async def _has_store(self) -> bool:
        return self._database is not None or await asyncio.to_thread(self.paths.database.exists)

    def imports(self) -> "Imports":
        """What brings models from elsewhere into `data/models/`."""
        from lama_tui.library.importing.imports import Imports
        from lama_tui.library.snapshot_table import SnapshotTable

        async def snapshots() -> SnapshotTable:
            return SnapshotTable(await self.database())

        async def accept(ref: str, folder: Path) -> None:
            await (await self.signatures()).demand_of_new(ref, folder)

        return Imports(self.paths, snapshots, accept)

    async def removal(self) -> "Removal":
        """Takes models off this disk. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.library.storage.record_table import RecordTable
        from lama_tui.library.storage.removal import Removal

        return Removal(self.paths, RecordTable(await self.database()), self.loaded_models)

    async def clean_up(self) -> "CleanUp":
        """Finds what could go so that there is more room. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.library.storage.clean_up import CleanUp
        from lama_tui.library.storage.leftovers import Leftovers
        from lama_tui.library.storage.record_table import RecordTable

        leftovers = Leftovers(self.paths, RecordTable(await self.database()))
        return CleanUp(leftovers, await self.removal(), await self.models(), lambda: self.settings, self.loaded_models)

    async def measurements(self) -> "MeasurementTable":
        """Speeds as measured here. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.library.measurement_table import MeasurementTable

        return MeasurementTable(await self.database())

    async def tunings(self) -> "TuningTable":
        """What was found best for each model. Raises `StoreError` where the database cannot be opened."""
        from lama_tui.library.tuning_table import TuningTable

        return TuningTable(await self.database())

    async def speeds(self, models: "Sequence[InstalledModel]" = ()) -> "Speeds":
        """Estimates of speed, from benchmarks and from the answers of `models`. Raises `StoreError`."""
        from lama_tui.library.benchmarking.known import known_speeds

        device = self.engine.figures().device
        return await known_speeds(await self.measurements(), models, device.name if device else None)

    def loaded_models(self) -> dict[str, int]:
        """What is in memory or on its way there, by reference, and the process that has it: this one or another lama.

        Blocks.
        """
        return loaded_models(self.paths.run, self.engine.figures())

    def _note_use(self, conversation: ConversationId, message: MessageId, event: StreamEvent) -> None:
        """A turn began: if its model is one of this machine, keep that it was used now."""
        if not isinstance(event, TurnStarted):
            return
        try:
            provider, model = self.providers.provider_for(event.model)
        except LamaError:
            return  # the turn itself tells
        if provider.name == LocalProvider.name:
            self._uses.note(model)

    async def forget_prompts(self, *conversations: ConversationId) -> None:
        """Let no model remember these conversations any more, in memory or on the disk."""
        for conversation in conversations:
            await self.engine.forget(int(conversation))
        files = _remembered_prompts(self.settings, self.paths)
        await asyncio.to_thread(files.forget, *map(int, conversations))

    async def follow_pins(self) -> None:
        """Let the engine keep what is pinned now, here or by another lama. Raises `StoreError`."""
        await self._uses.follow_pins()

    async def close(self) -> None:
        """Save what runs, then release everything; what fails is logged. Safe to call twice.

        The engine comes late and is not waited for long: it may be in a step that nothing can end.
        """
        if self._closed:
            return
        self._closed = True
        steps: list[Callable[[], Awaitable[object]]] = [
            self._close_database,
            self._presence.close,
            self.sampler.stop,
            partial(self.engine.stop, _ENGINE_SECONDS),
            self.providers.close,
        ]
        if self._downloads is not None:  # before the database: what runs is given to others
            steps.insert(0, self._downloads.close)
        if self._hub is not None:
            steps.append(self._hub.close)
        steps.insert(0, self._watching.end)
        if self._chat is not None:  # first: it saves the running answers
            steps.insert(0, self._chat.close)
        for step in steps:
            try:
                await step()
            except Exception:
                log.exception("closing failed: %s", getattr(step, "__qualname__", step))

    async def _close_database(self) -> None:
        async with self._opening:  # it may be opening just now
            if self._database is not None:
                await self._database.close()


def _hub_of_environment(local_only: bool) -> "Hub":
    """Reads the token's file, and imports what the start does not need."""
    from lama_tui.library.hub.access import HubAccess
    from lama_tui.library.hub.hub import Hub

    return Hub(HubAccess.from_environment(), local_only)


def _model_watch() -> "type[ModelWatch]":
    """Imports what the start does not need."""
    from lama_tui.library.watch import ModelWatch

    return ModelWatch


def _mlx_backend(settings: Settings, paths: Paths) -> Backend:
    """Called in the engine's thread: the import is too slow for any other."""
    from lama_tui.engine.mlx_backend import MlxBackend

    return MlxBackend(settings.engine, _remembered_prompts(settings, paths))


def _remembered_prompts(settings: Settings, paths: Paths) -> "PromptFiles":
    """What models remember of prompts beyond the end of the program."""
    from lama_tui.engine.prompt_files import PromptFiles

    return PromptFiles(paths.prompts, settings.engine.prompt_cache_disk, settings.privacy.wipe)
