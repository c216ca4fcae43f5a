"""Redaction: removes API keys from text that is kept or shown (logs, errors of servers).

Keys are found by what they look like and, where this program read them, by their value. What
people write is not redacted but never logged in the first place.
"""

import logging
import re

from lama_tui.security.gate import clean

REDACTED = "[redacted]"

_VALUE = r"""(?!\[redacted)[^\s"',;&\])}]+"""

# Group 1, where there is one, is kept: it says what was there.
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"""(authorization["']?\s*[:=,]\s*(?:b?["'])?+)(?:(?:bearer|basic|token|digest)\s+)?""" + _VALUE,
        r"(\bbearer\s+)" + _VALUE,
        r"""((?:api[_-]?key|access[_-]?token|client[_-]?secret|password)["']?\s*[:=,]\s*(?:b?["'])?+)""" + _VALUE,
        r"(\b[a-z][a-z0-9+.-]{0,15}://)(?!\[redacted)[^\s/@]+(?=@)",
        r"\b(?:sk|gsk|xai|hf|ghp|gho|ghs|glpat|github_pat|nvapi|pplx)[-_][A-Za-z0-9_*-]{8,}",
        r"\bAIza[A-Za-z0-9_-]{20,}",
    )
)

_secrets: set[str] = set()


def register_secret(value: str) -> None:
    """Remember a key, so that `redact` finds it whatever it looks like."""
    if len(value) >= 4:  # shorter ones would blacken ordinary words
        _secrets.add(value)


def redact(text: str) -> str:
    """Return `text` with every key replaced by `[redacted]`."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda match: (match[1] if match.re.groups else "") + REDACTED, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats a record, its exception and stack included, without keys and control characters.

    Further lines are indented, so that no text can look like a record of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as safe text."""
        return clean(redact(super().format(record))).replace("\n", "\n    ")
