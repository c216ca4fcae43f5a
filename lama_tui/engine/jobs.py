"""What waits in line for the engine thread, and how each kind is answered."""

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from lama_tui.engine.backend import GenerationRequest, LoadedModel, ModelSource
from lama_tui.engine.bridge import EventBuffer
from lama_tui.engine.scheduler import Wish
from lama_tui.errors import LamaError
from lama_tui.events import Queued, StreamEvent, StreamFailed
from lama_tui.types import ChatMessage


class GenerationJob:
    """A request and the buffer that its events go to."""

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.buffer = EventBuffer()
        self.wish = Wish(request.source.reference, request.source)
        self.told: Queued | None = None
        self.cancelled = False
        """Set by the reader, from its own thread; read by the engine thread between steps."""

    def report(self, event: StreamEvent) -> None:
        """Pass an event on; a reader whose loop is gone counts as having cancelled."""
        if not self.buffer.put(event):
            self.cancelled = True

    def fail(self, error: LamaError) -> None:
        """End with an error."""
        self.report(StreamFailed(error))


class LoadJob:
    """A wish to have a model loaded."""

    def __init__(self, source: ModelSource) -> None:
        self.wish = Wish(source.reference, source, generates=False)
        self.told: Queued | None = None
        self.done: Future[LoadedModel] = Future()

    @property
    def cancelled(self) -> bool:
        """Whether the asking task was cancelled."""
        return self.done.cancelled()

    def report(self, event: StreamEvent) -> None:
        """Nobody watches the loading itself here."""

    def finish(self, model: LoadedModel) -> None:
        """The model is in memory."""
        with suppress(InvalidStateError):  # cancelled in this moment
            self.done.set_result(model)

    def fail(self, error: LamaError) -> None:
        """It could not be loaded."""
        with suppress(InvalidStateError):
            self.done.set_exception(error)


class UnloadJob:
    """A wish to have a model dropped; answered with the bytes freed."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        self.wish = Wish(reference, None)
        self.told: Queued | None = None
        self.done: Future[int] = Future()

    @property
    def cancelled(self) -> bool:
        """Whether the asking task was cancelled."""
        return self.done.cancelled()

    def report(self, event: StreamEvent) -> None:
        """There is nothing to watch."""

    def finish(self, freed: int) -> None:
        """The model is gone."""
        with suppress(InvalidStateError):
            self.done.set_result(freed)

    def fail(self, error: LamaError) -> None:
        """It could not be dropped."""
        with suppress(InvalidStateError):
            self.done.set_exception(error)


class CountJob:
    """A question how many tokens messages make; answered between steps, never in line. None: not loaded."""

    def __init__(self, source: ModelSource, messages: tuple[ChatMessage, ...], thinking: bool | None = None) -> None:
        self.source = source
        self.messages = messages
        self.thinking = thinking
        self.done: Future[int | None] = Future()

    @property
    def cancelled(self) -> bool:
        """Whether the asking task was cancelled."""
        return self.done.cancelled()

    def finish(self, tokens: int | None) -> None:
        """They were counted, or cannot be."""
        with suppress(InvalidStateError):
            self.done.set_result(tokens)

    def fail(self, error: LamaError) -> None:
        """The model's template or tokenizer failed."""
        with suppress(InvalidStateError):
            self.done.set_exception(error)


class ForgetJob:
    """A wish that nothing of a conversation be kept in memory; served between steps, never in line."""

    def __init__(self, conversation: int) -> None:
        self.conversation = conversation
        self.done: Future[None] = Future()

    def finish(self) -> None:
        """It is forgotten."""
        with suppress(InvalidStateError):
            self.done.set_result(None)


Job = GenerationJob | LoadJob | UnloadJob
"""What waits in line."""
