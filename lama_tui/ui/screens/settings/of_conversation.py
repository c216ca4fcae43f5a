"""The settings of one conversation: what differs here from the defaults."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from lama_tui.config.sampling import SAMPLING, stops_written
from lama_tui.config.values import READERS, typed
from lama_tui.config.values import text as read_text
from lama_tui.conversations.messages import ConversationSettings
from lama_tui.library.answering import Answering
from lama_tui.security.gate import clean, clean_line
from lama_tui.ui.chat_settings import DEFAULT, HERE, MODEL, SERVER, Counting, counting
from lama_tui.ui.current import CurrentConversation
from lama_tui.ui.opening import Opening
from lama_tui.ui.screens.settings.page import SettingsPage
from lama_tui.ui.screens.settings.rows import Row

LONGEST_SYSTEM = 100_000
"""Characters of a system prompt."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What the screen asks others to do. `answering` tells how a model wants to be asked, None for one on a server."""

    answering: Callable[[str], Awaitable[Answering | None]]
    choose_model: Callable[[], Awaitable[None]]
    write: Callable[[str], Awaitable[str | None]]
    """Hands a text to the person's editor; what came back, None where nothing changed. Raises a `LamaError`."""
    changed: Callable[[], None]


class ConversationSettingsScreen(SettingsPage):
    """What is changed here counts from the next answer on, also in a conversation that has not begun."""

    def __init__(self, current: CurrentConversation, opening: Opening, ways: Ways) -> None:
        super().__init__()
        self._current = current
        self._opening = opening
        self._ways = ways
        self.HEADING = f"Settings of this conversation: {clean_line(current.title)}"

    @property
    def known(self) -> Sequence[Row]:
        """All but what the model says: its files are read in a thread, and the screen does not wait for that."""
        return [_unasked(row) for row in rows_of(self._current.settings, self._model, Answering(), self._opening)]

    async def find(self) -> Sequence[Row]:
        """Every setting that a conversation can have of its own."""
        answering = await self._ways.answering(self._current.model)
        return rows_of(self._current.settings, self._model, answering, self._opening)

    @property
    def _model(self) -> tuple[str, str]:
        """The reference of the model, and where it is from."""
        model = self._current.model
        own = self._current.conversation is not None or model != self._current.default_model
        source = HERE if own else self._opening.loaded.sources.get("model", DEFAULT)
        named = self._opening.paths.config_file.name if source == str(self._opening.paths.config_file) else source
        return model, named

    async def save(self, row: Row, text: str | None) -> None:
        """Write it to the conversation."""
        await self._current.change_settings(**{row.id: entered(row.id, text)})
        self._ways.changed()

    async def change_elsewhere(self, row: Row) -> None:
        """The model has a list of its own."""
        await self._ways.choose_model()

    async def edit_outside(self, row: Row | None) -> None:
        """Write the system prompt in the person's editor, from what is typed of it so far."""
        typed = "" if row is not None and row.id == "stop" else self.typed_prose
        written = await self._ways.write(typed or self._current.settings.system)
        if written is not None:
            await self._current.change_settings(system=written[:LONGEST_SYSTEM])
            self._ways.changed()


def entered(name: str, text: str | None) -> object:
    """What was entered for a setting; None is the default. Raises `ValueError` saying what is expected."""
    if text is None or not text.strip():
        return () if name == "stop" else "" if name in ("system", *_PARTS) else None
    match name:
        case "system":
            return clean(text)[:LONGEST_SYSTEM]
        case "context":
            return text
        case "thinking":
            return {"on": True, "off": False}.get(text)
        case "draft" | "adapter" | "tokenizer":
            return read_text(text)
        case "stop":
            return SAMPLING[name](text)
        case "top_k" | "min_p" | "repetition_penalty" | "seed":
            return SAMPLING[name](typed(SAMPLING[name], text))
        case _:
            return READERS[f"generation.{name}"](typed(READERS[f"generation.{name}"], text))


def rows_of(
    settings: ConversationSettings, model: tuple[str, str], answering: Answering | None, opening: Opening
) -> list[Row]:
    """A row for each. `model` is the reference and where it is from; `answering` is None for one on a server."""
    own = None if answering is None else answering.own

    def number(name: str, label: str, about: str) -> Row:
        here: float | None = getattr(settings, name)
        found: Counting = counting(name, here, own, opening.loaded, opening.paths.config_file.name)
        return Row(
            name, label, found.value, found.source, about, "line",
            differs=here is not None, resets=here is not None,
            written="" if here is None else f"{here}" if isinstance(here, int) else f"{here:g}",
            note=_NOT_SENT if answering is None and name in _NEVER_SENT else "",
        )  # fmt: skip

    lines = settings.system.strip().splitlines()
    more = f" (+{len(lines) - 1} lines)" if len(lines) > 1 else ""
    return [
        Row(
            "system",
            "System prompt",
            f"{clean_line(lines[0], 120)}{more}" if lines else "none",
            HERE if lines else DEFAULT,
            "What the model is to be and to keep in mind. It stands before every prompt of this conversation.",
            "prose",
            differs=bool(lines),
            resets=bool(lines),
            written=settings.system,
        ),
        Row(
            "model",
            "Model",
            clean_line(model[0]),
            model[1],
            "Which model answers from now on. Earlier answers stay as they are.",
            "elsewhere",
        ),
        number(
            "temperature",
            "Temperature",
            "How freely tokens are chosen, from 0 (always the likeliest) to 2.",
        ),
        number(
            "top_p",
            "Top-p",
            "Tokens are chosen among the likeliest that together have this probability, from 0.01 to 1 (all of them).",
        ),
        number("max_tokens", "Max tokens", "An answer ends after so many tokens; it can be continued."),
        Row(
            "context",
            "Context policy",
            _CONTEXT[settings.context or "refuse"],
            HERE if settings.context is not None else DEFAULT,
            "What happens when the conversation no longer fits the model's context window. The system prompt and "
            "pinned messages always stay, and a line in the transcript shows where the model's view begins."
            + (_NOT_MEASURED if answering is None else ""),
            "choice",
            differs=settings.context not in (None, "refuse"),
            resets=settings.context is not None,
            written=settings.context or "refuse",
            choices=tuple(_CONTEXT.items()),
        ),
        _thinking(settings, answering),
        number("top_k", "Top-k", "Tokens are chosen among so many of the likeliest; 0 for all of them."),
        number(
            "min_p",
            "Min-p",
            "Tokens are left out that are less likely than this share of the likeliest one, from 0 (none) to 1.",
        ),
        number(
            "repetition_penalty",
            "Repetition",
            "How much less likely the tokens of the last moment become, from 1 (not at all) to 2. Most need none.",
        ),
        number(
            "seed",
            "Seed",
            "With a seed, the same question gets the same answer where everything else is the same too. On this "
            "machine such answers are made alone, beside no others.",
        ),
        Row(
            "stop",
            "Stop sequences",
            clean_line(" · ".join(stops_written(settings.stop).splitlines()), 120) if settings.stop else "none",
            HERE if settings.stop else DEFAULT,
            "An answer ends before any of these texts. One on each line; \\n stands for a new line inside one.",
            "prose",
            differs=bool(settings.stop),
            resets=bool(settings.stop),
            written=stops_written(settings.stop),
        ),
        *(_part(settings, name, answering is None) for name in _PARTS),
    ]


_CONTEXT = {
    "refuse": "refuse to send it",
    "drop": "leave out the oldest turns",
    "summarize": "summarize the oldest turns",
}

_NOT_MEASURED = (
    " What a server's model reads cannot be measured from here: everything is sent, and where it is too much the "
    "server says so."
)

_PARTS = {
    "draft": (
        "Draft model",
        "A small model that drafts answers, which this one only checks: the same words, sooner where they agree. "
        "It must have the same tokenizer. Answers with a draft are made alone, beside no others.",
    ),
    "adapter": ("Adapter", "The folder of a LoRA adapter that mlx_lm.lora made for this model."),
    "tokenizer": ("Tokenizer", "The folder of a tokenizer, and its chat template, in place of the model's own."),
}


def _part(settings: ConversationSettings, name: str, on_server: bool) -> Row:
    label, about = _PARTS[name]
    here = getattr(settings, name)
    return Row(
        name, label, clean_line(here, 120) or "none", HERE if here else DEFAULT, about, "line",
        differs=bool(here), resets=bool(here), written=here,
        note="Only models on this machine can have one." if on_server else "",
    )  # fmt: skip


_NEVER_SENT = frozenset({"top_k", "min_p", "repetition_penalty"})

_NOT_SENT = "Servers have no common name for this: it is not sent."

_THINKING = (("", "as the model likes"), ("on", "think"), ("off", "do not think"))


def _unasked(row: Row) -> Row:
    """The row as long as it is not known what the model says of it."""
    if row.id == "thinking":
        return replace(row, source=row.source if row.differs else "", note="")
    return replace(row, value="…", source="") if row.id in _OF_MODELS and not row.differs else row


_OF_MODELS = frozenset({"temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens"})
"""Settings that a model can have values of its own for."""


def _thinking(settings: ConversationSettings, answering: Answering | None) -> Row:
    written = {True: "on", False: "off", None: ""}[settings.thinking]
    note = ""
    if answering is None:
        note = "Servers have no common switch for this: it is not sent."
    elif not answering.thinks:
        note = "This model has no such switch: it does what it was made to do."
    otherwise = SERVER if answering is None else MODEL if answering.thinks else DEFAULT
    return Row(
        "thinking",
        "Thinking",
        dict(_THINKING)[written],
        HERE if written else otherwise,
        "Whether the model reasons before it answers. Reasoning takes time, and is folded when the answer begins.",
        "choice",
        differs=bool(written),
        resets=bool(written),
        written=written,
        choices=_THINKING,
        note=note,
    )
