"""The welcome of the first start, and small windows that ask for one thing."""

from collections.abc import Sequence

from invented import GUIDE_MODEL, LONG_LINE, LONG_NAME, USUAL, WIDE, Talk, Turn
from still import MEMORY
from visit import CONFIG, State, Visit

from lama_tui.errors import StoreError
from lama_tui.monitor.capacity import Capacity
from lama_tui.types import ConversationId
from lama_tui.ui.options import WorkspaceOptions
from lama_tui.ui.screens.dialogs import RenameDialog
from lama_tui.ui.screens.export_dialog import ExportDialog

FIRST = WorkspaceOptions()
NO_MLX = Capacity(MEMORY.available, MEMORY.total, None)


async def greeted(visit: Visit) -> None:
    await visit.until_seen("Welcome to lama")
    await visit.until_gone("looking…")


async def rename(visit: Visit) -> None:
    await visit.press("ctrl+s")
    await visit.until(lambda: visit.sidebar.has_focus)
    await visit.press("f2")
    await visit.at(RenameDialog)
    await visit.in_field()


async def rename_in_vain(visit: Visit) -> None:
    """The disk is full."""
    await rename(visit)

    async def fail(conversation: ConversationId, title: str) -> None:
        raise StoreError("The conversations cannot be written", "lama.db: the disk is full.", "Make room on the disk.")

    visit.conversations.rename = fail  # type: ignore[method-assign]
    await visit.press("enter")
    await visit.until_seen("the disk is full")


async def rename_to_nothing(visit: Visit) -> None:
    await rename(visit)
    await visit.press("ctrl+u")


async def export(visit: Visit) -> None:
    await visit.press("escape")
    await visit.until(lambda: visit.transcript.has_focus)
    await visit.press("x")
    await visit.at(ExportDialog)
    await visit.in_field()


async def export_nowhere(visit: Visit) -> None:
    await export(visit)
    await visit.press("ctrl+u")
    await visit.type("/no/such/folder/file.md")
    await visit.press("enter")
    await visit.until_seen("folder")
    await visit.settled()


async def export_over(visit: Visit) -> None:
    """Something is there already."""
    await export(visit)
    await visit.press("ctrl+u")
    await visit.type("~/Sorting people by age.md")
    await visit.press("enter")
    await visit.until_seen("Replace")


async def export_to_nothing(visit: Visit) -> None:
    await export(visit)
    await visit.press("ctrl+u")


LENGTHY = (*USUAL, Talk((Turn("Well?", "Yes."),), title=f"{LONG_NAME} {WIDE} {LONG_LINE}", ago=0))

STATES: Sequence[State] = (
    State("first-run", "empty", greeted, config="", models=(GUIDE_MODEL,), options=FIRST),
    State("first-run", "usual", greeted, config=CONFIG, options=FIRST),
    State("first-run", "error", greeted, config="", models=(GUIDE_MODEL,), options=FIRST, capacity=NO_MLX),
    State("first-run", "long", greeted, config=f'model = "someone/{LONG_LINE}"\n', options=FIRST),
    State("rename", "empty", rename_to_nothing, USUAL),
    State("rename", "usual", rename, USUAL),
    State("rename", "error", rename_in_vain, USUAL),
    State("rename", "long", rename, LENGTHY),
    State("export", "empty", export_to_nothing, USUAL),
    State("export", "usual", export, USUAL),
    State("export", "error", export_nowhere, USUAL),
    State(
        "export", "taken", export_over, USUAL, files={"Sorting people by age.md": "mine"}, sizes=((80, 24), (120, 36))
    ),
    State("export", "long", export, LENGTHY),
)
