"""What the browser shows and changes: the models, how they are used, the default. No widgets."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lama_tui.engine.fit import Fit, KvForm, Machine, fit
from lama_tui.engine.machine import for_models
from lama_tui.library.installed import installed_models, machine_memory, resolve
from lama_tui.ui.models import ListedModel, listed
from lama_tui.ui.screens.models.columns import short_name
from lama_tui.ui.screens.models.known import Known, Storage, known, storage

if TYPE_CHECKING:
    from lama_tui.engine.figures import EngineFigures
    from lama_tui.engine.model_code import ModelCode
    from lama_tui.library.benchmarking.benchmark import BenchmarkProgress, Result
    from lama_tui.library.hub.hub import Hub
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.measurement_table import Measurement
    from lama_tui.library.storage.clean_up import CleanUp
    from lama_tui.library.storage.removal import Removal
    from lama_tui.library.updates.updates import Updates
    from lama_tui.library.verify.verification import Verification
    from lama_tui.security.signatures import SignatureFact
    from lama_tui.services import Services
    from lama_tui.ui.opening import Opening


@dataclass(frozen=True, slots=True)
class Measured:
    """The machine as last measured, in bytes; None is unknown."""

    total: int | None = None
    available: int | None = None


class Catalogue:
    """Reads from disk and writes to it, never on the event loop."""

    def __init__(self, opening: "Opening", services: "Services") -> None:
        self._opening = opening
        self._services = services

    @property
    def default(self) -> str:
        """The reference of the model of new conversations."""
        return self._opening.settings.model

    @property
    def memory_limit(self) -> float:
        """The share of the memory that models may take."""
        return self._opening.settings.engine.memory_limit

    @property
    def asking(self) -> tuple[str, bool]:
        """Whether the hub is asked for newer revisions by itself: `library.check_updates`, and `privacy.local_only`."""
        settings = self._opening.settings
        return settings.library.check_updates, settings.privacy.local_only

    @property
    def kv_form(self) -> KvForm:
        """How KV is kept."""
        engine = self._opening.settings.engine
        return KvForm(engine.window, engine.kv_bits)

    @property
    def folder(self) -> str:
        """Where models can be put."""
        return str(self._opening.paths.models)

    async def find(self) -> list[ListedModel]:
        """Every model of this machine, and those of the configured servers. Raises `StoreError`."""
        installed = await installed_models(self._opening.paths)
        uses = await (await self._services.models()).all()
        return listed(installed, self._opening.settings, uses)

    async def check_usable(self, reference: str) -> None:
        """Raise a `ModelError` where a model of this machine is gone, or cannot answer."""
        await resolve(reference, self._opening.paths)

    async def updates(self) -> "Updates":
        """What is known of newer revisions. Raises `StoreError`."""
        return await self._services.updates()

    async def known(self, model: "InstalledModel") -> Known:
        """What is known of a model beside its files. Raises `StoreError`."""
        return await known(self._services, model)

    async def storage(self) -> Storage:
        """What all models take. Raises `StoreError`."""
        return await storage(self._services)

    async def removal(self) -> "Removal":
        """What plans removals and carries them out. Raises `StoreError`."""
        return await self._services.removal()

    async def clean_up(self) -> "CleanUp":
        """What finds what could go, and lets it go. Raises `StoreError`."""
        return await self._services.clean_up()

    async def check_signature(self, model: "InstalledModel") -> "SignatureFact":
        """Who signed it, looked at now: every byte is read. Raises `StoreError`, `SignatureError`."""
        return await (await self._services.signatures()).check(model)

    async def program(self, model: "InstalledModel") -> "tuple[ModelCode | None, bool]":
        """The program that it brings, as it is now, and whether the person agreed to it. Raises a `LamaError`."""
        from lama_tui.engine.model_files import read_code

        code = await asyncio.to_thread(read_code, Path(model.path))
        trust = await (await self._services.trusted_code()).of(model.ref)
        return code, code is not None and trust is not None and trust.digest == code.digest

    async def trust(self, model: "InstalledModel", code: "ModelCode") -> None:
        """The person read this program and agrees to run it. Raises `StoreError`."""
        await (await self._services.trusted_code()).trust(model.ref, code.digest)

    async def withdraw(self, model: "InstalledModel") -> None:
        """The person does not agree any more. Raises `StoreError`."""
        await (await self._services.trusted_code()).withdraw(model.ref)

    async def benchmark(
        self,
        model: "InstalledModel",
        watch: "Callable[[BenchmarkProgress], None]",
        ran: "Callable[[int, Measurement], None]",
    ) -> "tuple[Result, ...]":
        """Measure how fast it is as `lama bench` does, and keep that. Raises a `LamaError`."""
        from lama_tui.library.benchmarking.benchmark import benchmark
        from lama_tui.library.benchmarking.known import experts_in

        source = await self._services.resolve(model.ref)  # raises where it may not be loaded
        experts = await asyncio.to_thread(experts_in, Path(model.path))
        keep = (await self._services.measurements()).record
        return await benchmark(
            self._services.engine, await self._services.trusting(model), watch,
            batch_size=source.batch_size, experts=experts or 0, ran=ran, keep=keep,
        )  # fmt: skip

    async def verification(self) -> "Verification":
        """What checks models. Raises `StoreError`."""
        from lama_tui.library.verify.verification import Verification

        return Verification(await self._services.database(), self._services.engine)

    async def hub(self) -> "Hub":
        """Whom to ask for them. Raises `ConfigError`."""
        return await self._services.hub()

    async def free_space(self) -> int | None:
        """Bytes that are free where models of the hub are kept."""
        from lama_tui.library.downloads.space import free_space
        from lama_tui.library.hub_cache import hub_cache_folder

        return (await asyncio.to_thread(free_space, hub_cache_folder()))[0]

    async def measure(self) -> Measured:
        """The memory of this machine now."""
        memory = await asyncio.to_thread(machine_memory)
        return Measured(memory.total, memory.available)

    async def pin(self, reference: str, pinned: bool) -> None:
        """Keep a model when room is needed, or let it go then. Raises `StoreError`."""
        await (await self._services.models()).pin(reference, pinned)
        await self._services.follow_pins()

    async def set_default(self, reference: str) -> str:
        """Write into the config what new conversations begin with; says what is in force then. Raises `ConfigError`."""
        await self._opening.change_settings({"model": reference})
        if self.default == reference:
            return f"New conversations begin with {short_name(reference)}."
        stronger = (
            "LAMA_MODEL" if os.environ.get("LAMA_MODEL", "").strip() else "config.toml has problems that come first"
        )
        return f"Written to config.toml, but now {self.default} is in force: {stronger}."


def machine(measured: Measured, engine: "EngineFigures", share: float) -> Machine:
    """What a model could have, if it took the place of the loaded ones, as the engine counts it."""
    device, memory = engine.device, engine.memory
    kind, own = (None, None) if device is None else (device.kind, device.memory)
    held = 0 if memory is None else memory.active + memory.cache
    return for_models(Machine(measured.total, measured.available), kind, own, held, share)


def fit_of(
    model: ListedModel,
    context: int,
    machine: Machine,
    engine: "EngineFigures",
    form: KvForm = KvForm(),  # noqa: B008 - it is frozen
) -> Fit:
    """How a model fits at a context, no longer than its own; of a loaded one the weights are as measured."""
    if model.installed is None or model.problem:
        return Fit(None, None, machine)
    measured = next((loaded.weights for loaded in engine.loaded if loaded.reference == model.reference), 0)
    installed = model.installed
    return fit(measured or installed.weights, installed.kv, min(context, installed.context or context), machine, form)
