"""What the engine says of what failed under it."""

import logging

from lama_tui.errors import InferenceError, LamaError, ModelLoadError, OutOfMemoryError

log = logging.getLogger(__name__)

_OUT_OF_MEMORY = ("malloc", "out of memory", "outofmemory", "unable to allocate", "insufficient memory")
"""What allocators say, and Metal of a command that found no memory when it ran."""


class LoadAbandoned(Exception):
    """Nobody waits any more for the model that is loading."""


def stopped() -> InferenceError:
    """The error of everything that is asked of an engine that has ended."""
    return InferenceError("The engine has stopped", "Lama is closing.", "Start lama again.")


def explain(error: Exception) -> LamaError:
    """Give a foreign exception that escaped the backend the shape of ours.

    What leaves the thread has no traceback: people look at an error for long, and its frames would keep the model
    in memory that it came from.
    """
    if isinstance(error, LamaError):
        _forget_frames(error)
        return error
    log.error("the backend failed", exc_info=error)
    detail = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, ImportError):
        explained: LamaError = ModelLoadError(
            "The inference runtime could not be started", detail, "Run `lama doctor`."
        )
    elif is_out_of_memory(error):
        hint = "Start a new conversation, choose a smaller model, or unload one."
        explained = OutOfMemoryError("Memory ran out", detail, hint)
    else:
        explained = InferenceError("The engine failed", detail, "Try again; the log has the details.")
    explained.__cause__ = error
    _forget_frames(explained)
    return explained


def is_out_of_memory(error: Exception) -> bool:
    """Whether MLX, or Python, failed to get memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(said in text for said in _OUT_OF_MEMORY)


def _forget_frames(error: BaseException) -> None:
    at: BaseException | None = error
    seen: set[int] = set()
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        at.__traceback__ = None
        at = at.__cause__ or at.__context__
