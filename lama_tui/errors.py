"""The exception tree. Everything that lama raises on purpose is a `LamaError`.

LamaError
├── ConfigError          the config file, a flag or an environment variable
├── StoreError           the database: locked, newer, damaged, disk full
├── ProviderError        a server answered, but not with what was asked
│   ├── AuthError        key missing or refused
│   ├── RateLimitError   asked to slow down
│   ├── ProviderTimeout  a phase (connect, first token, next token) took too long
│   └── ConnectionLost   no connection, or it broke
├── ModelError           a model on this machine
│   ├── ModelLoadError   readable, but could not be loaded
│   ├── ModelFormatError not a model that can be used, or damaged
│   ├── ModelIntegrityError  differs from what was published
│   ├── ModelNotFoundError   no such model here
│   ├── UntrustedCodeError   it brings a program that the person has not agreed to
│   └── OutOfMemoryError     does not fit
├── InferenceError       generation failed (template, sampling, backend)
│   └── ContextError     the prompt is longer than the model reads (a ProviderError too: servers say so as well)
├── DownloadError
└── SignatureError

Foreign exceptions are translated once, at the boundary of the room that calls the foreign
library, with `raise … from`.
"""

from typing import ClassVar


class LamaError(Exception):
    """What went wrong, why, and what to do; each field is plain text for people.

    `title` is one short line; `detail` says why; `hint` says what to do next. The class
    survives pickling, so that it can cross a process border.
    """

    kind: ClassVar[str] = "error"

    def __init__(self, title: str, detail: str = "", hint: str = "") -> None:
        super().__init__(title, detail, hint)
        self.title = title
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        """One line: what, why, what to do."""
        return " ".join(_sentence(part) for part in (self.title, self.detail, self.hint) if part)


def _sentence(text: str) -> str:
    """End `text` like a sentence, so that joined parts read as prose."""
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?", ":")) else text + "."


class ConfigError(LamaError):
    """The config file, a flag or an environment variable cannot be used."""

    kind = "config"


class StoreError(LamaError):
    """The database cannot be opened, read or written."""

    kind = "store"


class ProviderError(LamaError):
    """A model server answered with an error or with something unreadable."""

    kind = "provider"


class AuthError(ProviderError):
    """The server wants a key, or refused the one it was given."""

    kind = "auth"


class RateLimitError(ProviderError):
    """The server asked to slow down; `retry_after` is in seconds where it said so."""

    kind = "rate_limit"

    def __init__(self, title: str, detail: str = "", hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(title, detail, hint)
        self.args = (title, detail, hint, retry_after)
        self.retry_after = retry_after


class ProviderTimeout(ProviderError):
    """Connecting, the first token or the next token took longer than configured."""

    kind = "timeout"


class ConnectionLost(ProviderError):
    """No connection could be made, or it broke before the answer ended."""

    kind = "connection"


class ModelError(LamaError):
    """Something about a model on this machine."""

    kind = "model"


class ModelLoadError(ModelError):
    """The files are readable, but the backend could not load them."""

    kind = "model_load"


class ModelFormatError(ModelError):
    """Not a model that this program can use, or its files are damaged."""

    kind = "model_format"


class ModelIntegrityError(ModelError):
    """The files differ from what was published."""

    kind = "model_integrity"


class ModelNotFoundError(ModelError):
    """No model of that name is on this machine."""

    kind = "model_not_found"


class UntrustedCodeError(ModelError):
    """The model brings a program of its own that the person has not agreed to run."""

    kind = "untrusted_code"


class OutOfMemoryError(ModelError):
    """The model or its context does not fit in memory."""

    kind = "out_of_memory"


class InferenceError(LamaError):
    """Generation failed: chat template, sampling or the backend."""

    kind = "inference"


class ContextError(InferenceError, ProviderError):
    """The prompt is longer than the model's context window, as the engine measured or a server said."""

    kind = "context"


class DownloadError(LamaError):
    """A transfer failed."""

    kind = "download"


class SignatureError(LamaError):
    """A signature is missing or does not match."""

    kind = "signature"
