"""`lama run REF [PROMPT]`: one answer, streamed to stdout. Saves nothing."""

import argparse
import asyncio
import logging
import os
import stat
import sys
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from lama_tui.cli import output
from lama_tui.cli import sampling_flags as flags
from lama_tui.cli.logged import run_logged
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import LamaError
from lama_tui.events import (
    ModelLoaded,
    ModelLoading,
    PromptProgress,
    Queued,
    ReasoningDelta,
    StreamEvent,
    StreamFinished,
    StreamStarted,
    TextDelta,
    UsageUpdated,
)
from lama_tui.paths import Paths
from lama_tui.providers.base import ChatRequest
from lama_tui.security.gate import clean
from lama_tui.types import ChatMessage, FinishReason, Usage
from lama_tui.ui.figures import size

_log = logging.getLogger(__name__)

_BAD_USAGE = 2


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb and its flags."""
    parser = verbs.add_parser("run", help="stream one answer to stdout", allow_abbrev=False)
    parser.add_argument("model", metavar="REF", help="guide, a hub id, a folder, or PROVIDER:MODEL")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="the question; a piped stdin follows it")
    parser.add_argument("--system", metavar="TEXT", help="what the model is to be")
    parser.add_argument("--force", action="store_true", help="load the model even if it does not seem to fit in memory")
    flags.add_to(parser)
    parser.add_argument("--json", action="store_true", help="JSON lines; the last one is the result")
    parser.set_defaults(verb=run)


def run(arguments: argparse.Namespace, paths: Paths, loaded: LoadedSettings) -> int:
    """Ask, and write the answer as it comes."""
    question = "\n\n".join(part for part in (arguments.prompt or "", _piped()) if part.strip())
    if not question:
        output.error(f"There is nothing to ask. Write a question: lama run {arguments.model} 'How are you?'")
        return _BAD_USAGE
    messages = [ChatMessage("user", question)]
    if arguments.system:
        messages.insert(0, ChatMessage("system", arguments.system))
    sampling = flags.sampling(arguments)
    answer = _JsonAnswer(arguments.model) if arguments.json else _Answer(arguments.model)
    request = ChatRequest("", tuple(messages), sampling, forced=arguments.force, parts=flags.parts(arguments))
    asked = _ask(answer, request, paths, loaded)
    return run_logged(asked, paths, debug=arguments.debug)


async def _ask(answer: "_Answer", request: ChatRequest, paths: Paths, loaded: LoadedSettings) -> int:
    from lama_tui.services import open_services

    services = await open_services(paths, loaded)
    try:
        provider, model = services.providers.provider_for(answer.model)
        for name in flags.ignored(request, provider.capabilities):
            answer.note(f"{provider.name} has no {name}: it is not sent")
        stream = provider.stream(replace(request, model=model))
        async with aclosing(stream) as events:  # type: ignore[type-var]
            async for event in events:
                # stdout may be a pipe that nobody reads: it may block a thread, never the loop
                await asyncio.to_thread(answer.take, event)
    except LamaError as error:
        _log.warning("the answer failed: %s", error.title)
        answer.end(error=error)
        raise
    except asyncio.CancelledError:
        answer.end(finish_reason="cancelled")
        raise
    finally:
        await services.close()
    answer.end()
    return 0


class _Answer:
    """The answer as text on stdout, with what is going on as progress on stderr."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.text = ""
        self.reasoning = ""
        self.usage = Usage()
        self.finish_reason: FinishReason | None = None
        self._progress = output.Progress()

    def take(self, event: StreamEvent) -> None:
        """Show one event."""
        match event:
            case TextDelta(text):
                self._progress.clear()
                self.text += clean(text)
                self.show_text(text)
            case ReasoningDelta(text):
                self._progress.show("thinking…")
                self.reasoning += clean(text)
                self.show_reasoning(text)
            case Queued(place, of):
                self._progress.show(f"waiting in line, {place} of {of}")
            case ModelLoading(model, done, total):
                share = f" {size(done)} of {size(total)}" if total else "…"
                self._progress.show(f"loading {model}{share}")
            case ModelLoaded():
                self._progress.clear()
            case StreamStarted(model, _, False):
                self._progress.note(f"{model} has no chat template: it is asked as plain text and may not answer well")
            case PromptProgress(done, total):
                self._progress.show(f"reading the prompt, {done:,} of {total:,} tokens")
            case UsageUpdated(usage):
                self.usage = usage
            case StreamFinished(reason, usage):
                self.finish_reason, self.usage = reason, usage

    def note(self, text: str) -> None:
        """Say something beside the answer."""
        self._progress.note(text)

    def show_text(self, text: str) -> None:
        """Write a piece of the answer."""
        output.write(text)

    def show_reasoning(self, text: str) -> None:
        """Reasoning is not the answer: stdout is for what was asked."""

    def end(self, error: LamaError | None = None, finish_reason: FinishReason | None = None) -> None:
        """End the line, so that what follows starts on its own."""
        self._progress.clear()
        if self.text and not self.text.endswith("\n"):
            output.line()


class _JsonAnswer(_Answer):
    """The answer as JSON lines; the last one, `result`, holds all of it."""

    def show_text(self, text: str) -> None:
        """Write a piece of the answer."""
        output.json_line({"type": "text", "text": clean(text)})

    def show_reasoning(self, text: str) -> None:
        """Write a piece of the reasoning."""
        output.json_line({"type": "reasoning", "text": clean(text)})

    def end(self, error: LamaError | None = None, finish_reason: FinishReason | None = None) -> None:
        """Write the result."""
        self._progress.clear()
        usage = self.usage
        output.json_line(
            {
                "type": "result",
                "model": self.model,
                "text": self.text,
                "reasoning": self.reasoning,
                "finish_reason": finish_reason or self.finish_reason,
                "error": None if error is None else _error(error),
                "prompt_tokens": usage.prompt_tokens,
                "cached_tokens": usage.cached_tokens,
                "completion_tokens": usage.completion_tokens,
                "ttft_ms": usage.ttft_ms,
                "prefill_tok_s": usage.prefill_tok_s,
                "decode_tok_s": usage.decode_tok_s,
                "peak_memory": usage.peak_memory,
                "accepted_tokens": usage.accepted_tokens,
            }
        )


def _error(error: LamaError) -> dict[str, Any]:
    fields = {"title": error.title, "detail": error.detail, "hint": error.hint}
    return {"kind": error.kind, **{name: clean(text) for name, text in fields.items()}}


def _piped() -> str:
    """What is piped in; nothing for a terminal or a device, which might never end."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return ""
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
        return ""
    return sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n")
