"""Keys never reach a log or an error text."""

import logging
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.security.redaction import REDACTED, RedactingFormatter, redact, register_secret

SECRET = "Zx9Zx9Zx9Zx9Zx9Zx9"


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: sk-{SECRET}.",
        f"sk-proj-{SECRET}",
        f"token hf_{SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"{{'authorization': 'Bearer {SECRET}'}}",
        f"[(b'Authorization', b'Basic {SECRET}==')]",
        f"authorization={SECRET} and more",
        f"curl -H 'x-api-key: {SECRET}'",
        f"GET /v1/models?api_key={SECRET}&x=1",
        f'{{"api_key": "{SECRET}", "x": 1}}',
        f"https://me:{SECRET}@example.org/v1",
    ],
)
def test_keys_are_found_by_their_looks(text: str) -> None:
    assert SECRET not in redact(text)
    assert REDACTED in redact(text)
    assert redact(redact(text)) == redact(text)


def test_what_is_not_a_key_stays() -> None:
    text = "GET http://localhost:8080/v1/chat/completions 200, task-oriented, 2 tokens/s, risk-assessment"
    assert redact(text) == text
    assert redact("api_key=abc&x=1") == f"api_key={REDACTED}&x=1"
    assert redact("https://me:pw@example.org/") == f"https://{REDACTED}@example.org/"


@given(st.text(min_size=8), st.text(), st.text())
def test_registered_keys_are_found_by_value(secret: str, before: str, after: str) -> None:
    register_secret(secret)
    assert secret not in redact(f"{before}{secret}{after}") or secret in REDACTED


def test_redaction_takes_linear_time() -> None:
    for text in ("a." * 100_000, "sk-" * 60_000, "authorization " * 20_000, "http://" * 40_000):
        began = time.thread_time()
        redact(text)
        assert time.thread_time() - began < 5


def test_a_record_with_its_exception_is_redacted_and_safe() -> None:
    try:
        raise ValueError(f"refused sk-{SECRET}\x1b[2J\n2025-01-01 a forged line")
    except ValueError:
        record = logging.LogRecord("lama_tui", logging.ERROR, "", 1, "key %s", (f"sk-{SECRET}",), sys.exc_info())
    text = RedactingFormatter("%(message)s").format(record)
    assert SECRET not in text
    assert "\x1b" not in text
    assert "\n2025" not in text
