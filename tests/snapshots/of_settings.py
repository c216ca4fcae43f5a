"""The settings of lama and of a conversation, and the log."""

import logging
from collections.abc import Sequence

from invented import LONG_LINE, QWEN, USUAL, WIDE, Talk, Turn
from visit import CONFIG, State, Visit

from lama_tui.conversations.messages import ConversationSettings
from lama_tui.errors import LamaError
from lama_tui.ui.screens.log import LogScreen
from lama_tui.ui.screens.settings.fields import Field
from lama_tui.ui.screens.settings.list import SettingList
from lama_tui.ui.screens.settings.page import SettingsPage
from lama_tui.ui.troubles import told


async def _open(visit: Visit, key: str) -> SettingsPage:
    await visit.press(key)
    await visit.until(lambda: isinstance(visit.app.screen, SettingsPage) and visit.app.screen._rows)
    await visit.settled()
    page = visit.app.screen
    assert isinstance(page, SettingsPage)
    return page


async def _go_to(visit: Visit, page: SettingsPage, wanted: str) -> None:
    listed = page.query_one(SettingList)
    listed.highlighted = next(at for at, row in enumerate(listed._shown) if row is not None and row.id == wanted)
    await visit.settled()


async def settings(visit: Visit) -> None:
    await _open(visit, "f4")


async def refused(visit: Visit) -> None:
    """A value that is none."""
    page = await _open(visit, "f4")
    await _go_to(visit, page, "generation.temperature")
    await visit.press("enter")
    await visit.until(lambda: page.query_one(Field).row is not None)
    await visit.settled()
    await visit.press("ctrl+u", *"hot", "enter")
    await visit.until_seen("Expected")


async def narrowed(visit: Visit) -> None:
    await _open(visit, "f4")
    await visit.press("slash")
    await visit.type("nothing like that")
    await visit.until_seen("No setting here")


async def choosing(visit: Visit) -> None:
    page = await _open(visit, "f4")
    await _go_to(visit, page, "theme")
    await visit.press("enter")
    await visit.until(lambda: page.query_one(Field).row is not None)


async def of_conversation(visit: Visit) -> None:
    await _open(visit, "f3")


async def prompt(visit: Visit) -> None:
    page = await _open(visit, "f3")
    await visit.press("enter")
    await visit.until(lambda: page.query_one(Field).row is not None)


async def out_of_range(visit: Visit) -> None:
    page = await _open(visit, "f3")
    await _go_to(visit, page, "temperature")
    await visit.press("enter")
    await visit.until(lambda: page.query_one(Field).row is not None)
    await visit.settled()
    await visit.press("ctrl+u", "9", "enter")
    await visit.until_seen("Expected")


async def log(visit: Visit) -> None:
    await visit.press("f8")
    screen = await visit.at(LogScreen)
    await visit.until(lambda: screen._count >= 0)
    await visit.settled()


async def logged(visit: Visit) -> None:
    told(
        LamaError("The server stopped answering", "No token came for 60 seconds.", "Try again, or raise timeout_token.")
    )
    told(
        LamaError(
            "The theme was not saved", "config.toml: Permission denied.", "lama-light is shown until lama is closed."
        )
    )
    logging.getLogger("lama_tui.monitor.sampler").warning("the monitor leaves out GpuProbe for 30 s: TimeoutError()")
    await log(visit)
    await visit.press("down")


async def no_file(visit: Visit) -> None:
    await log(visit)
    await visit.press("t")
    await visit.until_seen("cannot be read")


async def logged_much(visit: Visit) -> None:
    for number in range(120):
        told(
            LamaError(f"Problem {number}: {WIDE if number % 2 else LONG_LINE}", "Why it happened. " * 60, "What to do.")
        )
    await log(visit)


MINE = """# mine
model = "mlx-community/Qwen3-8B-4bit" # small
theme = "lama-dark"
[generation]
temperature = 0.5 # calm
[providers.work]
kind = "openai"
endpoint = "https://api.example.org/v1"
model = "large"
[keys]
"conversation.new" = "f12"
"""
OWN = ConversationSettings("You are brief.\nYou never apologise.", 0.2, 0.9, 512, "drop", True)
MUCH = ConversationSettings(
    f"{WIDE}\n{LONG_LINE}\n" + "Keep this in mind as well.\n" * 80, 1.234567, 0.123456, 1_000_000
)
ALIKE = Talk((Turn("How do I sort?", "With sorted."),), "Sorting people by age", ago=0, settings=OWN)
LOTS = Talk((Turn("How do I sort?", "With sorted."),), f"Sorting {WIDE} {LONG_LINE}", ago=0, settings=MUCH,
            model=f"someone/{LONG_LINE}")  # fmt: skip
SERVERS = CONFIG + "".join(
    f'[providers.a-server-with-a-long-name-{number}]\nkind = "openai"\nmodel = "{LONG_LINE}"\n'
    f'endpoint = "https://{"sub." * 30}example.org/v1"\n'
    for number in range(20)
)

STATES: Sequence[State] = (
    State("settings", "empty", settings, config=""),
    State("settings", "usual", settings, USUAL, config=MINE),
    State("settings", "error", settings, USUAL, config=f'model = "{QWEN}"\n[generation]\ntemprature = 0.5\n'),
    State("settings", "long", settings, USUAL, config=SERVERS),
    State("settings", "refused", refused, USUAL, config=MINE, sizes=((80, 24), (120, 36))),
    State("settings", "choice", choosing, USUAL, config=MINE, sizes=((80, 24), (120, 36))),
    State("settings", "filter", narrowed, USUAL, config=MINE, sizes=((80, 24),)),
    State("chat-settings", "empty", of_conversation),
    State("chat-settings", "usual", of_conversation, (*USUAL, ALIKE)),
    State("chat-settings", "error", out_of_range, (*USUAL, ALIKE)),
    State("chat-settings", "long", of_conversation, (*USUAL, LOTS)),
    State("chat-settings", "prompt", prompt, (*USUAL, ALIKE), sizes=((80, 24), (120, 36))),
    State("log", "empty", log),
    State("log", "usual", logged, USUAL),
    State("log", "error", no_file, USUAL),
    State("log", "long", logged_much, USUAL),
)
