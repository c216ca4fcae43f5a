"""What a conversation is made of, as values. A conversation is a tree of messages: editing or
regenerating makes a sibling and overwrites nothing; its `head` names the leaf that is shown."""

from dataclasses import dataclass, field, fields

from lama_tui.types import (
    ContextPolicy,
    ConversationId,
    FinishReason,
    MessageId,
    MessageState,
    ModelParts,
    PartKind,
    Role,
    Sampling,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message; `text` is its plain text."""

    kind: PartKind
    text: str


@dataclass(frozen=True, slots=True)
class MessageError:
    """Why an answer failed, as kept with it."""

    kind: str
    title: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a model wrote to be read in place of a message and all before it. `created` is UTC milliseconds."""

    text: str
    model: str
    created: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `created` is UTC milliseconds; `sibling` counts from 1.

    `pinned`: its turn is read by the model also where older ones are left out. `summary` stands for it and all
    before it. `covers`: so many messages this one is the summary of, as `shown_with` puts them; 0 for all others.
    """

    id: MessageId
    conversation: ConversationId
    parent: MessageId | None
    role: Role
    state: MessageState
    parts: tuple[Part, ...]
    created: int
    model: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage = field(default_factory=Usage)
    error: MessageError | None = None
    sibling: int = 1
    siblings: int = 1
    pinned: bool = False
    summary: Summary | None = None
    covers: int = 0

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if part.kind == "text")

    @property
    def reasoning(self) -> str:
        """The reasoning parts, joined."""
        return "".join(part.text for part in self.parts if part.kind == "reasoning")

    @property
    def calls(self) -> tuple[str, ...]:
        """The tools that the model asked for, each as `NAME(ARGUMENTS)`."""
        return tuple(call for part in self.parts if part.kind == "calls" for call in part.text.split("\n"))


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """What waits for an answer to end, to be sent to `model`; the lowest `ordinal` is sent first."""

    ordinal: int
    conversation: ConversationId
    text: str
    model: str


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """What differs in one conversation from the defaults; None is the default.

    `temperature` from 0 to 2, `top_p` above 0 up to 1, `max_tokens` of one answer; `stop` as in `types.Sampling`.
    """

    system: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    context: ContextPolicy | None = None
    thinking: bool | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    draft: str = ""
    adapter: str = ""
    tokenizer: str = ""

    @property
    def parts(self) -> ModelParts:
        """What a model on this machine is loaded with here."""
        return ModelParts(self.draft, self.adapter, self.tokenizer)

    @property
    def sampling(self) -> Sampling:
        """How tokens are to be chosen here."""
        return Sampling(**{field.name: getattr(self, field.name) for field in fields(Sampling)})


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as the list shows it. Times are UTC milliseconds.

    `unseen`: an answer ended while another conversation was on screen. `interrupted`: its
    shown answer was cut short by a crash or by quitting. `draft`: something was typed there and not sent.
    """

    id: ConversationId
    title: str
    model: str
    created: int
    updated: int
    unseen: bool = False
    interrupted: bool = False
    draft: bool = False
    settings: ConversationSettings = field(default_factory=ConversationSettings)
