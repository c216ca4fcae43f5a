"""What the engine says of what failed under it."""

from lama_tui.errors import InferenceError, LamaError, ModelLoadError


def stopped() -> InferenceError:
    """The error of everything that is asked of an engine that has ended."""
    return InferenceError("The engine has stopped", "Lama is closing.", "Start lama again.")


def explain(error: Exception) -> LamaError:
    """Give a foreign exception that escaped the backend the shape of ours."""
    if isinstance(error, LamaError):
        return error
    detail = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, ImportError):
        explained: LamaError = ModelLoadError(
            "The inference runtime could not be started", detail, "Run `lama doctor`."
        )
    else:
        explained = InferenceError("The engine failed", detail, "Try again; the log has the details.")
    explained.__cause__ = error
    return explained
