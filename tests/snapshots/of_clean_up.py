"""What takes room, and what of it could go."""

from collections.abc import Collection, Sequence
from pathlib import Path

from invented import USUAL
from of_models import browse
from still import GIB, MIB, NOW
from visit import State, Visit

from lama_tui.errors import ModelError
from lama_tui.library.storage.clean_up import CouldGo, Gone, TakesRoom
from lama_tui.library.storage.disk import StoredFile
from lama_tui.library.storage.leftovers import Leftover
from lama_tui.library.storage.plan import RemovalPlan
from lama_tui.library.storage.quota import DiskRoom, QuotaState
from lama_tui.library.storage.usage import LibraryUsage, ModelStorage
from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.clean_up import CleanUpScreen

DAY = 86_400_000
CACHE = Path("/home/ada/.cache/huggingface/hub")
QWEN, GEMMA = "mlx-community/Qwen3-8B-4bit", "mlx-community/gemma-2-27b-it-8bit"
LONG = "a-publisher-with-a-very-long-name/a-model-with-a-name-that-is-longer-than-any-column-6bit"


def stored(ref: str, name: str, size: int) -> StoredFile:
    return StoredFile(CACHE / ("models--" + ref.replace("/", "--")) / "blobs" / name, (1, hash((ref, name))), size)


def left(kind: str, ref: str, *sizes: int) -> CouldGo:
    files = [stored(ref, f"{number:064x}{'.part' if kind == 'part' else ''}", size)
             for number, size in enumerate(sizes)]  # fmt: skip
    leftovers = tuple(Leftover(kind, ref, file.path, (file,), file.size) for file in files)  # type: ignore[arg-type]
    return CouldGo(kind, ref, sum(sizes), leftovers)  # type: ignore[arg-type]


def plan(kind: str, ref: str, size: int, last_used: int | None = None, *commits: str) -> CouldGo:
    notes = (f"There is no going back to {commits[0]} then, unless it is fetched again.",) if commits else ()
    removal = RemovalPlan(ref, CACHE, not commits, commits, files=(stored(ref, "f" * 64, size),), notes=notes)
    return CouldGo(kind, ref, size, plan=removal, last_used=last_used)  # type: ignore[arg-type]


LOCKED = CouldGo(
    "old", "[/nope] is no markup", 3 * GIB,
    why_not=ModelError("[/nope] is no markup is being downloaded", "The download is paused.", "Cancel it first."),
)  # fmt: skip
COULD_GO = (
    left("part", GEMMA, 11 * GIB, 1_300 * MIB),
    left("incomplete", QWEN, 212 * MIB),
    left("orphan", QWEN, 17 * MIB),
    plan("old", QWEN, int(4.1 * GIB), None, "4f1c09b7e2d5"),
    LOCKED,
    plan("model", LONG, 11 * GIB),
    plan("model", "mlx-community/Mistral-7B-Instruct-v0.3-8bit", int(7.2 * GIB), NOW - 200 * DAY),
)


class StillCleanUp:
    """Measures the same at any time."""

    def __init__(self, could_go: Sequence[CouldGo], gone: Sequence[Gone] = ()) -> None:
        self._could_go = could_go
        self._gone = gone

    async def look(self, answering: Collection[str] = ()) -> TakesRoom:
        models = tuple(ModelStorage(f"org/{number}", "") for number in range(7))
        usage = LibraryUsage(models, 52 * GIB, 2 * GIB if self._could_go else 0)
        over = 12 * GIB if self._could_go else 0
        disk = DiskRoom(CACHE, 9 * GIB if self._could_go else 93 * GIB, 460 * GIB, bool(self._could_go), GIB)
        return TakesRoom(usage, QuotaState(40 * GIB if over else 64 * GIB, 52 * GIB, over, ()), disk,
                         tuple(self._could_go))  # fmt: skip

    async def freed(self, chosen: Collection[CouldGo]) -> int:
        return sum(each.size for each in chosen)


async def opened(visit: Visit, could_go: Sequence[CouldGo]) -> CleanUpScreen:
    assert visit.screen._opened is not None

    async def clean_up() -> StillCleanUp:
        return StillCleanUp(could_go)

    visit.screen._opened.services.clean_up = clean_up  # type: ignore[assignment,method-assign]
    await browse(visit)
    await visit.press("c")
    screen = await visit.at(CleanUpScreen)
    await visit.until(lambda: screen._room is not None)
    await visit.settled()
    assert isinstance(screen, CleanUpScreen)
    return screen


async def usual(visit: Visit) -> None:
    """A part of nobody is marked from the beginning, an old revision by the person."""
    screen = await opened(visit, COULD_GO)
    at = next(at for at, line in enumerate(screen._lines) if line.each[0].kind == "old" and not line.heading)
    await visit.press(*["down"] * at, "space")
    await visit.until_seen("3 marked", "no going back")


async def refused(visit: Visit) -> None:
    screen = await opened(visit, COULD_GO)
    at = next(at for at, line in enumerate(screen._lines) if line.each == (LOCKED,) and not line.heading)
    await visit.press(*["down"] * at, "space")
    await visit.until_seen("It cannot go now")


async def empty(visit: Visit) -> None:
    await opened(visit, ())
    await visit.until_seen("Nothing to clean up")


async def asked(visit: Visit) -> None:
    await usual(visit)
    await visit.press("enter")
    await visit.at(Ask)
    await visit.until_seen("Delete it and free")


STATES: Sequence[State] = (
    State("clean-up", "usual", usual, USUAL, sizes=((80, 24), (60, 20), (120, 36))),
    State("clean-up", "refused", refused, USUAL, sizes=((120, 36),)),
    State("clean-up", "empty", empty, USUAL, sizes=((80, 24),)),
    State("clean-up", "asked", asked, USUAL, sizes=((80, 24),)),
)
