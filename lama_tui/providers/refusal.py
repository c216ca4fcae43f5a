"""What a server's refusal means: status, headers and body become one of our errors.

The server's own words are kept, cleaned and cut, because they often say what to change.
"""

import email.utils
import json
import math
import re
import time
from collections.abc import Mapping

from lama_tui.errors import AuthError, ContextError, ProviderError, ProviderTimeout, RateLimitError
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact

_TOO_LONG = (b"context_length_exceeded", b"exceed_context_size_error", b"maximum context length")
"""What servers answer 400 with when a prompt is too long: a code of OpenAI, one of llama.cpp, and words of vLLM."""

_LENGTH = 400  # characters kept of what the server says


def refusal(name: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error for an answer of provider `name` that is not 200. Header names are lower case."""
    said = explanation(body)
    detail = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in (401, 403):
        return AuthError(
            f"`{name}` did not accept the key" if status == 401 else f"`{name}` does not allow this",
            detail,
            f"Set the variable that providers.{name}.key_env names, or the key in the key store",
        )
    if status == 429:
        wait = retry_after(headers)
        hint = f"Try again in {math.ceil(wait)} s" if wait is not None else "Try again later"
        return RateLimitError(f"`{name}` asks to slow down", detail, hint, wait)
    if 300 <= status < 400:
        target = redact(clean_line(headers.get("location", ""), 200))
        where = f"HTTP {status} to {target}" if target else detail
        return ProviderError(
            f"`{name}` answers from elsewhere", where, f"Redirects are not followed: correct providers.{name}.endpoint"
        )
    if status == 404:
        hint = f"Check the model's name, and that providers.{name}.endpoint ends as the server wants, often in /v1"
        return ProviderError(f"`{name}` does not know this model or address", detail, hint)
    if status == 413 or (status == 400 and any(sign in body for sign in _TOO_LONG)):
        return ContextError(
            f"The conversation is too long for `{name}`",
            detail,
            "Summarize the oldest turns (/compact), shorten the message, or start a new conversation",
        )
    if status >= 500:
        return ProviderError(f"`{name}` has a problem", detail, "Try again in a moment")
    return ProviderError(f"`{name}` refused the request", detail, "Change what the server names, and try again")


def error_object(name: str, error: object) -> ProviderError:
    """Return the error for an error object inside an answer that began well."""
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 0
    if status:
        return refusal(name, status, {}, json.dumps({"error": error}).encode())
    said = _said(error) or "It did not say why"
    return ProviderError(f"`{name}` stopped with an error", said, "Continue the answer, or try again")


def too_slow(name: str, phase: str, seconds: float, setting: str) -> ProviderTimeout:
    """Return the error for a `phase` ("first token") of provider `name` that took over `seconds`."""
    return ProviderTimeout(
        f"`{name}` is too slow",
        f"The {phase} did not come within {seconds:g} s",
        f"Try again, or raise providers.{name}.{setting}",
    )


def explanation(body: bytes | bytearray) -> str:
    """Return what the body of a refusal says, as one safe line: JSON's message, a page's title, or text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        said = _said(json.loads(text))
    except (ValueError, RecursionError):
        said = ""
    if said:
        return said
    if text[:1] == "<":
        title = re.search(r"<title[^<>]{0,200}>([^<]{1,500})", text, re.IGNORECASE)
        return f"a web page, “{clean_line(title[1], 100)}”" if title else "a web page"
    return redact(clean_line(text, _LENGTH))


def _said(value: object) -> str:
    """Find the message in the shapes that servers use: error.message, error, message, detail."""
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    return redact(clean_line(value, _LENGTH)) if isinstance(value, str) else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds to wait, from a number of seconds or a date; None where it is not said."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
