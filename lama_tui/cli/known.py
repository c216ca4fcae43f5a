"""What the store knows of models, for `ls` and `show`: their use, their checks, newer revisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lama_tui.cli import output
from lama_tui.errors import StoreError
from lama_tui.paths import Paths
from lama_tui.ui.figures import UNKNOWN, rate

if TYPE_CHECKING:
    from lama_tui.library.benchmarking.estimate import SpeedEstimate, Speeds
    from lama_tui.library.installed import InstalledModel
    from lama_tui.library.model_table import ModelUse
    from lama_tui.library.trusted_code import Trust
    from lama_tui.library.tuning_table import Tuning
    from lama_tui.library.updates.update import Update
    from lama_tui.library.verify.facts import Facts


@dataclass(frozen=True, slots=True)
class Known:
    """Of one model; None is not known. `update` is the commit of a newer revision, False: there is none.

    `trusted` is the digest of the program that the person agreed to run; empty: none.
    """

    last_used: int | None = None
    pinned: bool = False
    verified: bool | None = None
    signature: str | None = None
    update: str | bool | None = None
    speed: "SpeedEstimate | None" = None
    tuning: "Tuning | None" = None
    trusted: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """One look at the store."""

    uses: "Mapping[str, ModelUse]"
    facts: "Mapping[tuple[str, str], Facts]"
    updates: "Mapping[str, Update]"
    speeds: "Speeds"
    tunings: "Mapping[str, Tuning]"
    trusted: "Mapping[str, Trust]"

    def of(self, model: "InstalledModel", experts: int | None = None) -> Known:
        """What is known of `model`; its speed only with its `experts`, 0 for a dense model."""
        use, facts = self.uses.get(model.ref), self.facts.get((model.ref, model.revision or ""))
        newer = self.updates.get(model.ref)
        update = None if newer is None else newer.newest if newer.offered(model.revision) else False
        return Known(
            use.last_used if use else None,
            use.pinned if use else False,
            facts.verified if facts else None,
            facts.signature if facts else None,
            update,
            self.speeds.of(model.ref, model.weights, model.bits, experts),
            self.tunings.get(model.ref),
            self.trusted[model.ref].digest if model.ref in self.trusted else "",
        )


async def known(paths: Paths, models: "list[InstalledModel]") -> Store:
    """Look; where the store cannot be opened nothing is known, which is said on stderr. Makes no store."""
    from lama_tui.library.benchmarking.estimate import Speeds

    if not paths.database.exists():
        return Store({}, {}, {}, Speeds(()), {}, {})
    from lama_tui.library.benchmarking.known import known_speeds
    from lama_tui.library.measurement_table import MeasurementTable
    from lama_tui.library.model_table import ModelTable
    from lama_tui.library.trusted_code import TrustedCode
    from lama_tui.library.tuning_table import TuningTable
    from lama_tui.library.updates.update_table import UpdateTable
    from lama_tui.library.verify.facts import all_facts
    from lama_tui.store.database import Database

    try:
        database = await Database.open(paths)
        try:
            return Store(
                await ModelTable(database).all(),
                await all_facts(database),
                await UpdateTable(database).all(),
                await known_speeds(MeasurementTable(database), models),
                await TuningTable(database).all(),
                await TrustedCode(database).all(),
            )
        finally:
            await database.close()
    except StoreError as error:
        output.error(f"What is known of models beside their files cannot be read. {error}")
        return Store({}, {}, {}, Speeds(()), {}, {})


def speed_line(speed: "SpeedEstimate | None") -> str:
    """A speed and what it is from."""
    if speed is None:
        return UNKNOWN
    return f"{'' if speed.kind == 'measured' else 'about '}{rate(speed.decode_tok_s)}, {speed.source}"


def step_line(tuning: "Tuning") -> str:
    """How much of a prompt a model reads at once, and what that is from."""
    return f"steps of {tuning.batch_size:,} tokens, tuned here on {tuning.device}"
