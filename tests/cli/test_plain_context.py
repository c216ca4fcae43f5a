"""`lama --plain`: summaries, pins, and what is said where a conversation no longer fits."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lama_tui.paths import Paths
from tests.cli.test_plain import answering, talk
from tests.models import make_tiny_llama
from tests.providers.server import Request

__all__ = ["talk"]

pytestmark = pytest.mark.slow


@pytest.fixture
def asked(paths: Paths) -> Iterator[list[Request]]:
    with answering(paths) as requests:
        yield requests


def test_a_summary_and_pins_are_made_and_printed(talk: Callable, asked: list[Request]) -> None:
    _, out, err = talk(
        *("/compact", "one", "/compact", "/pin", "two", "three", "/compact", "/read", "four", "/pin", "/pin"),
        *("/context summarize", "/context", "/context nonsense"),
    )
    assert err.count("\n") == 3 and "There is no message in this conversation yet" in err
    assert "There is nothing to summarize yet" in err and "“nonsense” is no such policy" in err
    assert "Your last message stays in the model's view, with its answer.\n" in out
    summary = "Summary of 2 messages by here:m: You said Summarize our conversation so far"
    assert out.count(summary) == 2  # when it was made, and where it stands
    assert out.index("You (pinned): one") < out.rindex(summary) < out.rindex("You: two")
    # the pinned turn, the summary in place of it and all before it, and what follows
    read = [message["content"] for message in asked[-1].json["messages"]]
    assert read[0].startswith("one") and read[-1] == "four" and any("Summarize what we said" in each for each in read)
    assert "is not kept for the model any more" in out
    assert out.count("the model summarizes the oldest turns first (summarize).") == 2
    assert "here:m counts tokens when it is in memory here, and no server does." in out


def test_a_summary_that_fails_says_why_and_nothing_is_kept(talk: Callable, asked: list[Request]) -> None:
    talk("one", "two")
    status, out, err = talk("/compact", "/read", flags=("--model", "nowhere:m"))
    assert status == 1 and "nowhere" in err and "Summary" not in out and out.startswith("You: one\n")


def test_what_no_longer_fits_is_said_with_its_figures(
    talk: Callable, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlx.core")
    monkeypatch.setenv("MLX_DISABLE_COMPILE", "1")
    paths.config.mkdir(parents=True)
    paths.config_file.write_text("[generation]\ntemperature = 0\nmax_tokens = 20\n")
    tiny = str(make_tiny_llama(tmp_path / "tiny", window=400))
    status, out, err = talk(
        *("a" * 150, "b" * 150, "c" * 150, "/context drop", "/regenerate", "/context"), flags=("--model", tiny)
    )
    assert status == 1  # one was refused
    refused = next(line for line in err.splitlines() if "longer than the model's context window" in line)
    assert "tiny reads at most 400, answer included." in refused and "/compact" in refused
    left_out = "The model did not see the oldest 2 messages: they no longer fit."
    assert left_out in err and left_out not in out  # a pipe gets answers
    assert "tiny reads at most 400.\n" in out and "The oldest 2 messages will not be read.\n" in out
    assert "the oldest turns are left out, except pinned ones (drop)." in out
