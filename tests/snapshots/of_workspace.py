"""The workspace: what is said, waited for, marked, typed and monitored there."""

import asyncio
from collections.abc import Sequence

from chat.scripted import Step
from invented import FAILED, LONG, LONG_LINE, LONG_NAME, QWEN, REASONING, USUAL, WIDE, Talk, Turn
from still import MIB, strained
from textual import events
from visit import CONFIG, State, Visit

from lama_tui.errors import LamaError
from lama_tui.events import ModelLoading, PromptProgress, ReasoningDelta, StreamStarted, TextDelta
from lama_tui.types import Place
from lama_tui.ui.screens.search import SearchScreen
from lama_tui.ui.widgets.notice import Notice

TWO = ((80, 24), (120, 36))
STARTED = StreamStarted(QWEN, Place("Metal", True))


async def nothing(visit: Visit) -> None:
    """As it opens."""


async def asked(visit: Visit) -> None:
    """A question was sent, and its answer goes as far as the script goes."""
    await visit.say("How do I sort a list?")
    await visit.until(lambda: "streaming" in visit.states)


async def reading(visit: Visit) -> None:
    await asked(visit)
    await visit.until_seen("reading")


async def loading(visit: Visit) -> None:
    await asked(visit)
    await visit.until_seen("loading")


async def thinking(visit: Visit) -> None:
    await asked(visit)
    await visit.until_seen("Then I think", "thinking")


async def writing(visit: Visit) -> None:
    await asked(visit)
    await visit.until_seen("half of an answer", "writing")


async def queued(visit: Visit) -> None:
    await writing(visit)
    await visit.say("And how do I sort it backwards?")
    await visit.say(f"And then: {LONG_NAME}")
    await visit.until_seen("next:")


async def held_up(visit: Visit) -> None:
    """What waited is not sent where its answer failed before."""
    await asked(visit)
    await visit.until_seen("first half")
    await visit.say("And how do I sort it backwards?")
    await visit.until_seen("next:")
    cut = visit.scripted.scripts[0]
    next(step for step in cut if isinstance(step, asyncio.Event)).set()
    await visit.until_seen("not sent yet", "asks again")


async def noticed(visit: Visit) -> None:
    for number in (1, 2):
        visit.screen.query_one(Notice).add(
            LamaError(f"Problem {number}: [/nope] is no markup", "Why it happened, in a sentence.", "What to do now.")
        )


async def long_notice(visit: Visit) -> None:
    visit.screen.query_one(Notice).add(LamaError(f"{WIDE} {LONG_LINE}", "Why it happened. " * 40, "What to do. " * 40))


async def in_list(visit: Visit) -> None:
    await visit.press("ctrl+s")
    await visit.until(lambda: visit.sidebar.has_focus)
    await visit.press("down", "down")


async def in_reading(visit: Visit) -> None:
    await visit.press("escape")
    await visit.until(lambda: visit.transcript.has_focus)


async def in_transcript(visit: Visit) -> None:
    await in_reading(visit)
    await visit.press("k")


async def ranged(visit: Visit) -> None:
    await in_transcript(visit)
    await visit.press("v", "j")


async def figured(visit: Visit) -> None:
    await in_reading(visit)
    await visit.press("s")


async def scrolled_up(visit: Visit) -> None:
    await in_reading(visit)
    await visit.press("g")
    await visit.until_seen("follows")


async def editing(visit: Visit) -> None:
    await in_reading(visit)
    await visit.press("e")
    await visit.until_seen("editing your message")


async def pasted(visit: Visit) -> None:
    visit.app.post_message(events.Paste("".join(f"line {number}\n" for number in range(200))))
    await visit.until_seen("pasted")
    await visit.type(" what is this?")


async def hit(visit: Visit) -> None:
    await visit.press("ctrl+f")
    await visit.at(SearchScreen)
    await visit.type("commits")
    await visit.until_seen("1 message")
    await visit.press("enter")
    await visit.until(lambda: visit.app.screen is visit.screen and visit.transcript.has_focus)


async def summarized(visit: Visit) -> None:
    """Older turns have a summary, a message among them is pinned, and the next prompt is counted."""
    visit.scripted.count, visit.scripted.window = (lambda messages: 310 * len(messages)), 4096
    first, answer = visit.messages[:2]
    await visit.conversations.pin(first.id, True)
    await visit.conversations.summarize(answer.id, "They greeted each other; what to work on is open.", QWEN)
    current = visit.screen._current
    assert current is not None
    await current.change_settings(context="summarize")
    await visit.screen._show()
    visit.transcript.focus()
    await visit.press("g")
    await visit.until_seen("≡ summary of 2 messages", "◆ pinned", "/4,096")


async def themed(visit: Visit) -> None:
    """Much of what has a colour: a line of code is highlighted, a message marked, a question typed."""
    await in_transcript(visit)
    await visit.press("b")


async def strip(visit: Visit) -> None:
    await visit.until_seen("CPU")


async def monitor(visit: Visit) -> None:
    """Where there is no room for all panes, the monitor covers the others."""
    if visit.app.size.width < 120:
        await visit.press("ctrl+g")
    await visit.until_seen("Machine")


def for_ever() -> asyncio.Event:
    """What a script waits for where it is to go no further; each test has its own loop."""
    return asyncio.Event()


def thought() -> list[Step]:
    text = "First I look at the question.\nThen I think about lists, and about what was asked."
    return [STARTED, PromptProgress(512, 512), ReasoningDelta(text), for_ever()]


def written() -> list[Step]:
    return [STARTED, ReasoningDelta(REASONING), TextDelta("The first half of an answer"), for_ever()]


def cut_off() -> list[Step]:
    gone = LamaError("The server left", "It said so.", "Ask again.")
    return [STARTED, TextDelta("The first half"), for_ever(), gone]


def read() -> list[Step]:
    return [STARTED, PromptProgress(12_288, 40_000), for_ever()]


def loaded() -> list[Step]:
    return [ModelLoading(QWEN, 1200 * MIB, 4400 * MIB), for_ever()]


OTHER_ANSWERS = (
    *USUAL[:4],
    Talk((Turn("Name a colour", "Blue.", left=("Red.", "Green.")), Turn("Another?", "Teal.")), ago=60_000),
)


def more(name: str, act: object, **options: object) -> State:
    """A state beyond the four, at two sizes."""
    return State("workspace", name, act, **{"talks": USUAL, "sizes": TWO, **options})  # type: ignore[arg-type]


STATES: Sequence[State] = (
    State("workspace", "empty", nothing),
    State("workspace", "usual", nothing, USUAL),
    State("workspace", "error", nothing, FAILED),
    State("workspace", "long", nothing, LONG),
    State("narrow", "empty", nothing, sizes=((60, 20),)),
    State("narrow", "usual", nothing, USUAL, sizes=((60, 20), (40, 12))),
    State("narrow", "list", in_list, USUAL, sizes=((60, 20),)),
    State("narrow", "long", nothing, LONG, sizes=((60, 20),)),
    more("loading", loading, script=loaded),
    more("prefill", reading, script=read),
    more("reasoning", thinking, script=thought),
    more("streaming", writing, script=written),
    more("queue", queued, script=written),
    more("held-up", held_up, script=cut_off),
    more("notice", noticed),
    more("notice-long", long_notice),
    more("broken-config", nothing, config='model = "guide"\nthme = "x"\n[generation]\ntemperature = "hot"\n'),
    more("unknown-server", nothing, config='model = "works:large"\n', talks=()),
    more("server", nothing, config='model = "work:large"\n[providers.work]\nkind = "openai"\n'
         'endpoint = "https://api.example.org/v1"\nmodel = "large"\n', talks=()),
    more("list", in_list),
    more("list-long", in_list, talks=LONG),
    more("transcript", in_transcript),
    more("range", ranged),
    more("figures", figured),
    more("siblings", in_transcript, talks=OTHER_ANSWERS),
    more("scrolled-up", scrolled_up),
    more("edit", editing),
    more("paste", pasted),
    more("search-hit", hit),
    more("summary", summarized, sizes=((60, 20), (80, 24))),
    more("strip", strip, config=CONFIG + '[workspace]\nmonitor = "strip"\n'),
    more("monitor", monitor, sizes=((80, 24), (160, 48))),
    more("monitor-strained", monitor, samples=strained(), sizes=((80, 24), (160, 48))),
    more("monitor-unknown", monitor, samples=[], sizes=((80, 24), (160, 48))),
)  # fmt: skip
