"""Whether a model answers: a few tokens through the engine, like any other answer."""

import time
import uuid
from contextlib import aclosing

from lama_tui.engine.backend import GenerationRequest, LoadedModel, ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.errors import InferenceError, LamaError, OutOfMemoryError, UntrustedCodeError
from lama_tui.events import ModelLoading, StreamFinished
from lama_tui.library.installed import InstalledModel
from lama_tui.library.verify.check import Check, Progress, Watch
from lama_tui.types import ChatMessage, RequestId, Sampling, Usage

TOKENS = 8
"""Tokens of the answer at most."""

_QUESTION = ChatMessage("user", "Say hello.")


async def check_generates(engine: Engine, model: InstalledModel, watch: Watch) -> Check:
    """Ask `model` for a few tokens. What does not fit in the free memory is not tried.

    Waits behind what the engine does; afterwards the memory is as before: the model is dropped unless it was
    loaded already, and what it displaced is loaded again. Cancelling ends the answer first.
    """
    before = engine.figures().loaded
    if model.fits is False and not _holds(before, model):
        return Check("generates", "unknown", "It was not run: it does not fit in the memory that is free now")
    source = ModelSource(model.ref, model.path, code=model.trusted)
    began = time.perf_counter()
    try:
        usage = await _answer(engine, source, watch)
    except (OutOfMemoryError, UntrustedCodeError) as error:
        return Check("generates", "unknown", f"It was not run: {error.title}", hint=error.hint)
    except LamaError as error:
        return Check("generates", "failed", f"{error.title}: {error.detail}"[:400], hint=error.hint)
    finally:
        await _restore(engine, before, model)
    seconds = time.perf_counter() - began
    count = usage.completion_tokens or 0
    if count < 1:
        return Check("generates", "failed", "It ended without a single token", hint="Get the model again.")
    return Check("generates", "ok", f"{count} token{'s' if count != 1 else ''}, {seconds:.1f} s with loading")


async def _answer(engine: Engine, source: ModelSource, watch: Watch) -> Usage:
    """The figures of a short answer. Raises a `LamaError`."""
    sampling = Sampling(temperature=0.0, max_tokens=TOKENS, seed=0)
    request = GenerationRequest(RequestId(uuid.uuid4().hex), source, (_QUESTION,), sampling)
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            if isinstance(event, ModelLoading):
                watch(Progress("generates", event.done, event.total, "loading"))
            elif isinstance(event, StreamFinished):
                return event.usage
            else:
                watch(Progress("generates", now="answering"))
    raise InferenceError("The answer did not end", "The engine was closed meanwhile.", "Try again.")


async def _restore(engine: Engine, before: tuple[LoadedModel, ...], model: InstalledModel) -> None:
    """Leave the memory as it was. What fails here is not the checked model's fault, and shows at its next use."""
    if _holds(before, model):
        return
    try:
        await engine.unload(model.ref)
        stayed = {each.reference for each in engine.figures().loaded}
        for gone in (each for each in before if each.reference not in stayed):
            await engine.load(gone.source or ModelSource(gone.reference, gone.folder))  # with its parts
    except LamaError:
        return


def _holds(loaded: tuple[LoadedModel, ...], model: InstalledModel) -> bool:
    return any((each.reference, each.folder) == (model.ref, model.path) for each in loaded)
