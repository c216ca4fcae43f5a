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
    words = ("--prompt-tokens", "40,90000", "--tokens", "4", "--runs", "2", "--together", "1,3")
    with spawn("bench", "guide", *words, "--json") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    told = json.loads(out)
    measured, skipped = told["results"]
    assert (measured["prompt_tokens"], len(measured["runs"]), measured["skipped"]) == (40, 2, None)
    speeds = sorted(run["prefill_tok_s"] for run in measured["runs"])
    assert measured["prefill_tok_s"] == pytest.approx(sum(speeds) / 2)
    assert skipped["decode_tok_s"] is None and "context" in skipped["skipped"]
    assert (told["batch_size"], told["tuned"]) == (512, False)
    several, too_long = told["together"]
    assert (several["together"], several["prompt_tokens"], len(several["runs"])) == (3, 40, 2 * 3)
    assert several["prefill_tok_s"] > 0 and several["decode_tok_s"] > 0 and too_long["skipped"]
    # prompts are by chance, so that none was read before: what they share is the template
    assert all(run["cached_tokens"] < 20 for each in (measured, several) for run in each["runs"])
    import sqlite3

    with sqlite3.connect(Paths.from_environment().database) as database:
        rows = database.execute("SELECT ref, prompt_tokens, runs, decode_tok_s FROM measurements").fetchall()
    assert rows == [("guide", 40, 2, pytest.approx(measured["decode_tok_s"]))]


@pytest.mark.parametrize(
    "words", [("guide", "--runs", "0"), ("guide", "--prompt-tokens", "1,x"), ("guide", "--tokens", "-1"), ()]
)
def test_bad_usage(words: tuple[str, ...], lama: Lama) -> None:
    assert lama("bench", *words).code == 2


@pytest.mark.slow
def test_the_best_step_is_found_kept_used_and_forgotten(lama: Lama, spawn: Spawn) -> None:
    make_tiny_llama(Paths.from_environment().models / "tiny", window=700)
    with spawn("bench", "tiny", "--tune", "--runs", "1", "--json") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    told = json.loads(out)
    tried = {each["batch_size"]: each["prefill_tok_s"] for each in told["tried"]}
    assert {64, 512} <= set(tried) and (told["before"], told["threads"]) == (512, None)
    assert told["before_tok_s"] == tried[512] and told["prefill_tok_s"] == tried[told["batch_size"]]
    assert tried[told["batch_size"]] >= 0.98 * max(tried.values())
    assert f"steps of {told['batch_size']:,} tokens, tuned here on {told['device']}" in lama("show", "tiny").out
    assert json.loads(lama("show", "tiny", "--json").out)["batch_size"] == told["batch_size"]
    quick = ("bench", "tiny", "--prompt-tokens", "60", "--tokens", "2", "--runs", "1", "--together", "1", "--json")
    with spawn(*quick) as process:
        measured = json.loads(process.communicate(timeout=120)[0])
    assert (measured["batch_size"], measured["tuned"], measured["together"]) == (told["batch_size"], True, [])
    for known in (True, False):
        forgotten = json.loads(lama("bench", "tiny", "--tune", "--forget", "--json").out)
        assert forgotten == {"ref": "tiny", "batch_size": 512, "tuned": False, "forgotten": known}
    assert json.loads(lama("show", "tiny", "--json").out)["batch_size"] is None


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
