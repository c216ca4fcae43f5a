"""What one types into to find something: palette, slash commands, help, themes, prompts, search."""

from collections.abc import Awaitable, Callable, Sequence

from invented import LONG, LONG_LINE, USUAL, WIDE, Talk, Turn
from visit import CONFIG, State, Visit

from lama_tui.errors import StoreError
from lama_tui.ui.screens.help import HelpScreen
from lama_tui.ui.screens.palette import PaletteScreen
from lama_tui.ui.screens.prompt_history import PromptHistory
from lama_tui.ui.screens.search import SearchScreen
from lama_tui.ui.screens.theme_picker import ThemePicker

Act = Callable[[Visit], Awaitable[None]]


def opened(key: str, screen: type, typed: str = "", seen: str = "") -> Act:
    """Opens a screen by its key, types, and waits for what is to be seen then."""

    async def act(visit: Visit) -> None:
        await visit.press(key)
        await visit.at(screen)
        await visit.settled()
        await visit.type(typed)
        await visit.settled()
        if seen:
            await visit.until_seen(seen)

    return act


def typed(text: str, seen: str = "") -> Act:
    """Types into the composer."""

    async def act(visit: Visit) -> None:
        await visit.type(text)
        await visit.until_seen(seen or text)

    return act


async def searched_much(visit: Visit) -> None:
    await opened("ctrl+f", SearchScreen, "super")(visit)
    screen = await visit.at(SearchScreen)
    await visit.until(lambda: screen._hits)


async def searched_in_vain(visit: Visit) -> None:
    """The store cannot be read."""
    await visit.press("ctrl+f")
    screen = await visit.at(SearchScreen)
    await visit.settled()

    async def fail(words: str) -> None:
        raise StoreError(
            "The conversations cannot be read", "lama.db: disk I/O error.", "Check the disk, then try again."
        )

    screen._search.find = fail
    await visit.type("sky")
    await visit.until_seen("cannot be read")


async def moved_in_themes(visit: Visit) -> None:
    await opened("f7", ThemePicker)(visit)
    await visit.press("down", "down")
    picker = await visit.at(ThemePicker)
    choices = picker.query_one("#choices")
    await visit.until(lambda: visit.app.theme == picker._shown[choices.highlighted].value != "lama-dark")


BOUND = CONFIG + '[keys]\n"conversation.new" = "f12,ctrl+shift+alt+end"\n"search.open" = ""\n'


def theme(name: str, background: str = "#101418") -> str:
    colours = {"surface": "#161b20", "panel": "#1d242b", "foreground": "#e8e8e8", "primary": "#7aa2f7"}
    colours |= {"secondary": "#9ece6a", "accent": "#e0af68", "success": "#9ece6a", "warning": "#e0af68"}
    colours |= {"error": "#f7768e", "background": background}
    return "\n".join([f'name = "{name}"', "dark = true", *(f'{key} = "{value}"' for key, value in colours.items())])


THEMES = {
    f".config/lama/themes/{name}.toml": theme(name)
    for name in (f"a-theme-with-a-very-long-name-{number:02}" for number in range(40))
}
SAID = (
    *LONG,
    Talk(tuple(Turn(f"{text} {number}", "Yes.") for number in range(100) for text in (LONG_LINE, WIDE)), title="Many"),
)

STATES: Sequence[State] = (
    State("palette", "empty", opened("ctrl+p", PaletteScreen)),
    State("palette", "usual", opened("ctrl+p", PaletteScreen, "del"), USUAL),
    State("palette", "error", opened("ctrl+p", PaletteScreen, "no such thing", "Nothing that lama does"), USUAL),
    State("palette", "long", opened("ctrl+p", PaletteScreen, "conv"), LONG),
    State("slash", "empty", typed("/", "/conversations")),
    State("slash", "usual", typed("/mo", "/model"), USUAL),
    State("slash", "error", typed("/nosuchthing"), USUAL),
    State("slash", "long", typed("/theme ", "lama-light"), LONG, files=THEMES),
    State("help", "empty", opened("f1", HelpScreen)),
    State("help", "usual", opened("f1", HelpScreen, "mo"), USUAL),
    State("help", "error", opened("f1", HelpScreen, "no such thing"), USUAL),
    State("help", "long", opened("f1", HelpScreen), USUAL, config=BOUND),
    State("themes", "empty", opened("f7", ThemePicker, "no such theme", "Nothing here")),
    State("themes", "usual", moved_in_themes, USUAL),
    State("themes", "error", opened("f7", ThemePicker), USUAL,
          files={".config/lama/themes/mine.toml": theme("mine", "puce")}),
    State("themes", "long", opened("f7", ThemePicker), LONG, files=THEMES),
    State("history", "empty", opened("ctrl+r", PromptHistory, seen="not written anything")),
    State("history", "usual", opened("ctrl+r", PromptHistory), USUAL),
    State("history", "error", opened("ctrl+r", PromptHistory, "no such text", "Nothing here"), USUAL),
    State("history", "long", opened("ctrl+r", PromptHistory), SAID),
    State("search", "empty", opened("ctrl+f", SearchScreen)),
    State("search", "usual", opened("ctrl+f", SearchScreen, "sort", "newest first"), USUAL),
    State("search", "nothing", opened("ctrl+f", SearchScreen, "quokka", "Nothing that was said"), USUAL,
          sizes=((80, 24),)),
    State("search", "error", searched_in_vain, USUAL),
    State("search", "long", searched_much, SAID),
)  # fmt: skip
