"""The sections of the browser: a line to move between them, and what is said of those that are still to come."""

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

SECTIONS = ("Installed", "Hub", "Downloads", "Updates")
KEYS_ELSEWHERE = ("models.next_section", "models.previous_section", "models.filter", "dialog.close")
"""The bindings that do something in the sections without models."""

_GAP = 3


class Sections(Widget):
    """One line with the names of the sections; a click goes to one."""

    current: reactive[int] = reactive(0)

    class Chosen(Message):
        """The person wants to see another section."""

        def __init__(self, section: int) -> None:
            super().__init__()
            self.section = section

    def render(self) -> Content:
        """The line; the current one also differs without colour."""
        pieces = [
            Content.styled(f"[{name}]", "bold $primary")
            if at == self.current
            else Content.styled(f" {name} ", "$foreground-muted")
            for at, name in enumerate(SECTIONS)
        ]
        return Content(" " * (_GAP - 2)).join(pieces)

    def on_click(self, event: events.Click) -> None:
        """Go to the section that was clicked."""
        start = self.gutter.left
        for at, name in enumerate(SECTIONS):
            end = start + len(name) + 2
            if start <= event.x < end:
                self.post_message(self.Chosen(at))
            start = end + _GAP - 2


def place(section: int, folder: str) -> str:
    """What will be in a section that this version cannot fill, and what to do until then."""
    return {
        "Hub": "Searching the Hugging Face hub from here comes with a later version.\n\n"
        "Until then find a model in MLX format on huggingface.co/mlx-community and get it in another terminal:\n\n"
        "    hf download mlx-community/Qwen3-0.6B-4bit\n\n"
        "It is listed under Installed when the browser is opened again.",
        "Downloads": "Downloads with their progress will be shown here by a later version: lama does not download by "
        "itself yet.\n\n"
        "Until then run this in another terminal; started again it goes on with the files that are missing:\n\n"
        "    hf download ORG/NAME\n\n"
        f"A folder with an MLX model can also be put into {folder}.",
        "Updates": "Models whose publisher has a newer revision will be listed here by a later version: lama does not "
        "ask the hub yet.\n\n"
        "Until then this gets the newest revision of a model, and downloads only what changed:\n\n"
        "    hf download ORG/NAME",
    }[SECTIONS[section]]
