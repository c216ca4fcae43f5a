"""`lama bench`: real runs of the guide and of a model made here."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable

import pytest

from lama_tui.paths import Paths
from tests.cli.conftest import Ended
from tests.models import make_tiny_llama

Lama = Callable[..., Ended]
Spawn = Callable[..., "subprocess.Popen[bytes]"]


def test_the_guide_is_measured_and_kept(spawn: Spawn) -> None:
    with spawn("bench", "guide", "--prompt-tokens", "24,90000", "--tokens", "4", "--runs", "2", "--json") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    measured, skipped = json.loads(out)["results"]
    assert (measured["prompt_tokens"], len(measured["runs"]), measured["skipped"]) == (24, 2, None)
    speeds = sorted(run["prefill_tok_s"] for run in measured["runs"])
    assert measured["prefill_tok_s"] == pytest.approx(sum(speeds) / 2)
    assert skipped["decode_tok_s"] is None and "context" in skipped["skipped"]
    import sqlite3

    with sqlite3.connect(Paths.from_environment().database) as database:
        rows = database.execute("SELECT ref, prompt_tokens, runs, decode_tok_s FROM measurements").fetchall()
    assert rows == [("guide", 24, 2, pytest.approx(measured["decode_tok_s"]))]


@pytest.mark.parametrize(
    "words", [("guide", "--runs", "0"), ("guide", "--prompt-tokens", "1,x"), ("guide", "--tokens", "-1"), ()]
)
def test_bad_usage(words: tuple[str, ...], lama: Lama) -> None:
    assert lama("bench", *words).code == 2


@pytest.mark.parametrize("ref", ["org/none", "openai:gpt", "/nowhere"])
def test_what_is_not_here(ref: str, lama: Lama) -> None:
    ended = lama("bench", ref)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)


@pytest.mark.slow
def test_ctrl_c_ends_it(spawn: Spawn) -> None:
    make_tiny_llama(Paths.from_environment().models / "tiny", window=100_000)
    ours, theirs = os.openpty()
    with spawn("bench", "tiny", "--prompt-tokens", "128", "--tokens", "90000", stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while b"writing" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        rest = threading.Thread(target=lambda: iter(lambda: os.read(ours, 4096), b""), daemon=True)
        rest.start()
        assert process.wait(60) == 130
    os.close(ours)
