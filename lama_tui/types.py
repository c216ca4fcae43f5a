"""Ids, literals and the small values that every room shares. Pure, no I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NewType

ConversationId = NewType("ConversationId", int)
MessageId = NewType("MessageId", int)
RequestId = NewType("RequestId", str)

Role = Literal["system", "user", "assistant", "tool"]
MessageState = Literal["streaming", "complete", "stopped", "interrupted", "failed"]
"""`stopped`: by the person; `interrupted`: by a crash or by quitting; `failed`: by an error."""

FinishReason = Literal["stop", "length", "cancelled", "content_filter", "tool_calls"]
PartKind = Literal["text", "reasoning", "calls"]
"""`calls`: tools that the model asked for, `NAME(ARGUMENTS)` on a line each."""

DeviceKind = Literal["metal", "cuda", "cpu"]

GUIDE = "guide"
"""The model reference of the built-in model."""


ContextPolicy = Literal["refuse", "drop", "summarize"]
"""What happens where a conversation no longer fits: nothing is sent, the oldest turns are left out, or the model
summarizes them first."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Figures of one answer. Tokens, milliseconds, tokens per second, bytes; None is unknown.

    `decode_tok_s` = (completion − 1) / (t_last − t_first), None below two tokens.
    `prompt_tokens` counts the whole prompt; `cached_tokens` is the part of it not computed again.
    `left_out` counts the oldest messages that the model did not see, because they no longer fit; it saw those of
    them that are pinned. `accepted_tokens` of the completion were proposed by a draft model; None without one.
    """

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    ttft_ms: float | None = None
    prefill_tok_s: float | None = None
    decode_tok_s: float | None = None
    peak_memory: int | None = None
    context_window: int | None = None
    left_out: int | None = None
    accepted_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens. `temperature` 0 is greedy; None leaves it to the model, the settings or the server.

    `top_k` and `min_p` are off at 0, `repetition_penalty` at 1. `stop`: the answer ends before any of these texts.
    `thinking` asks models that can for reasoning, or for none; None is the model's own default.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    top_p: float | None = None
    thinking: bool | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelParts:
    """What a model on this machine is loaded with besides its own files; empty: nothing.

    `draft` refers to a small model that drafts its answers; `adapter` and `tokenizer` are folders.
    """

    draft: str = ""
    adapter: str = ""
    tokenizer: str = ""


NO_PARTS = ModelParts()


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message as a provider gets it. The turn of a `pinned` one is never left out."""

    role: Role
    text: str
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model runs, as shown to people.

    `label` is short ("CPU", "Metal", "api.example.org"); `on_machine` is False as soon as
    words leave this machine, or may.
    """

    label: str
    on_machine: bool


ReferenceKind = Literal["guide", "hub", "folder", "gguf", "provider"]


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model as people name it. `provider` is empty unless kind is "provider"."""

    kind: ReferenceKind
    name: str
    provider: str = ""

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}" if self.kind == "provider" else self.name

    @classmethod
    def parse(cls, text: str, exists: Callable[[str], bool]) -> "ModelReference":
        """Read `guide`, a hub id, a folder, a `.gguf` path or `PROVIDER:MODEL`.

        `exists` tells whether a path is there (given by the caller: this module does no I/O).
        The first colon splits; what contains `/` before the colon, or exists as a path, is
        never a provider.
        """
        text = text.strip()
        if text == GUIDE:
            return cls("guide", GUIDE)
        looks_like_path = text.startswith(("/", "./", "../", "~"))
        if exists(text) or looks_like_path:
            return cls("gguf" if text.lower().endswith(".gguf") else "folder", text)
        before, colon, after = text.partition(":")
        if colon and "/" not in before:
            return cls("provider", after, before)
        if text.lower().endswith(".gguf"):
            return cls("gguf", text)
        return cls("hub", text)


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One GPU: `busy` in percent of the time, memory in bytes; None unknown.

    `memory_total` is None where it has no memory of its own.
    """

    busy: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """One look at the machine. Bytes, percent of one core or of the whole as said; None unknown.

    `at` is UTC milliseconds. `process_cpu` is percent of one core, `cpu` of the whole machine, `cores`
    of each core. `disk_*` is the volume that holds the models. `running` and `waiting` count requests.
    `model_prompts` is what is kept of prompts that were read, and given up where room is needed.
    `relief` says what was done a moment ago because memory was short. `gpus` is empty where there is none, or none
    that can be asked.
    """

    at: int
    cpu: float | None = None
    cores: tuple[float, ...] = ()
    memory_used: int | None = None
    memory_total: int | None = None
    swap_used: int | None = None
    swap_total: int | None = None
    disk_free: int | None = None
    disk_total: int | None = None
    process_cpu: float | None = None
    process_memory: int | None = None
    model_memory: int | None = None
    model_peak: int | None = None
    model_cache: int | None = None
    model_weights: int | None = None
    model_kv: int | None = None
    model_prompts: int | None = None
    decode_tok_s: float | None = None
    prefill_tok_s: float | None = None
    ttft_ms: float | None = None
    running: int | None = None
    waiting: int | None = None
    relief: str = ""
    gpus: tuple[GpuSample, ...] = ()
