"""The first welcome: what lama is, who answers, which keys matter, what this machine could run, and what stays here."""

from collections.abc import Callable

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from lama_tui.monitor.capacity import BITS, BYTES_PER_PARAMETER, Capacity
from lama_tui.types import GUIDE
from lama_tui.ui import figures

KEYS = (
    ("composer.send", "send what you typed"),
    ("models.open", "choose a model"),
    ("palette.open", "everything lama can do, by name"),
    ("help.open", "every key"),
    ("app.quit", "quit; everything is saved"),
)

_EXAMPLE = "mlx-community/Qwen3-0.6B-4bit"
_SMALL = "Without a GPU it will be slow: begin with one below 2 B."


class FirstRun(Static):
    """A card above the workspace. It never takes a key: one can type at once, and that puts it away."""

    def __init__(self, model: str, key: Callable[[str], str], advice: str) -> None:
        super().__init__("", id="first-run", markup=False)
        self._model = model  # that will answer
        self._key = key
        self._advice = advice  # what to do where no local model can be run
        self._capacity: Capacity | None = None
        self.border_title = "Welcome to lama"
        self.border_subtitle = Content(f"type, or {key('app.stop')} to begin")

    def tell(self, capacity: Capacity) -> None:
        """Show what was measured."""
        self._capacity = capacity
        self._lay_out()

    def on_resize(self) -> None:
        """As much as there is room for."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.content_size.width
        room = self.screen.size.height - 9  # the border, the composer, the lines below it
        if width > 0:  # it has been laid out
            text = card(width, room, self._model, self._key, self._capacity, self._advice)
            self.display = bool(text.plain)  # where there is no room, nothing is covered
            self.update(text)


_TRIES = ((1, 0), (1, 1), (0, 1), (1, 2), (0, 2), (1, 3), (0, 3), (0, 4))
"""Empty lines between paragraphs, and up to which importance they are left out, the best first."""


def card(
    width: int, height: int, model: str, key: Callable[[str], str], capacity: Capacity | None, advice: str
) -> Content:
    """The text in at most `height` lines of `width` cells: the least important paragraphs are left out."""
    longest = max(cell_len(key(binding)) for binding, _ in KEYS)
    keys = Content("\n").join(
        Content.assemble((f"{key(binding):<{longest}}", "$accent"), f"  {text}") for binding, text in KEYS
    )
    paragraphs = [  # with their importance
        (1, Content("A workspace for talking to language models: those on this machine, and any server you name.")),
        (4, _who(model)),
        (5, keys),
        (3, machine(capacity, advice, key("hub.open"))),
        (2, Content("What you write stays on this machine, unless you configure a server.")),
    ]
    for gap, least in _TRIES:
        kept = [text.wrap(width) for importance, text in paragraphs if importance > least]
        if sum(map(len, kept)) + gap * (len(kept) - 1) <= height:
            return Content("\n" * (gap + 1)).join(Content("\n").join(lines) for lines in kept)
    return Content("")


def _who(model: str) -> Content:
    """Who answers, and what the guide is."""
    guide = ("The guide", "bold $primary")
    if model == GUIDE:
        about = " answers first: a tiny model, built in, that only knows this app. Ask it how things work."
        return Content.assemble(guide, about)
    name = (figures.model_name(model), "bold $primary")
    return Content.assemble(name, " will answer. ", guide, " is a tiny model, built in, that only knows this app.")


def machine(capacity: Capacity | None, advice: str, hub_key: str) -> Content:
    """What this machine could run, with the arithmetic; `hub_key` searches the hub."""
    title = ("This machine", "bold $primary")
    if capacity is None:
        return Content.assemble(title, ": looking…")
    if capacity.device is None:
        return Content.assemble(title, f" runs only the guide. {advice}")
    where = {"cpu": "memory", "metal": "memory, shared with the GPU", "cuda": "GPU memory"}[capacity.device]
    hub = (hub_key, "$accent")
    get = Content.assemble(
        " ", hub, " finds one that suits it on the hub; in a shell ", (f"lama pull {_EXAMPLE}", "$accent")
    )
    slow = f" {_SMALL}" if capacity.device == "cpu" else ""
    most = capacity.parameters
    if most is None or capacity.available is None:
        return Content.assemble(title, f": how much {where} is free cannot be told here.", slow, get)
    free = figures.size(capacity.available)
    if not most:
        return Content.assemble(title, f": {free} of {where} free, too little for more than the guide.")
    billions = f"{most / 1e9:.0f}" if most >= 1e10 else f"{most / 1e9:.1f}"
    room = f"{free} of {where} free, {figures.size(capacity.weights)} of it for weights"
    sum_ = f"at {BITS} bits, {BYTES_PER_PARAMETER:.2f} bytes each, that is up to {billions} B parameters"
    return Content.assemble(title, f": {room}; {sum_}.", slow, get)
