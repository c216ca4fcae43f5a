"""kill -9 of the real `lama` at any moment: nothing that was said is lost, and the answer can go on."""

import random
import sys
import time
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import (
    UNHURRIED,
    Saved,
    Steady,
    ask,
    configure,
    forget_drafts,
    in_time,
    kill,
    lama,
    leave,
    pieces_of,
    provider,
    saved,
    server,
    spoken,
    wait_saved,
)

from tests.chance import seeds
from tests.models import make_reciter

RATE = 50.0
"""Tokens a second."""

MAY_MISS = 0.2
"""Seconds of tokens."""


def kill_once(home: Path, steady: Steady, question: str, chance: random.Random) -> int:
    """Ask, kill at a random moment, and look at what is saved; the number of tokens that were lost."""
    answers = len(steady.sent)
    with lama(home, "--new") as terminal:
        terminal.send(question + "\r")
        asked = time.monotonic()
        moment = asked + chance.uniform(0.0, 2.0)
        while time.monotonic() < moment:
            time.sleep(0.005)
        killed = time.monotonic()
        shown = kill(terminal)
    forget_drafts(home)  # what had not become a message: the next composer is empty
    found = [message for message in saved(home) if message.conversation == question]
    if len(steady.sent) == answers:  # the question had not left yet
        assert not found or [m.role for m in found] == ["user", "assistant"]
        assert found or f"You\n{question}" not in shown
        return 0
    user, answer = found
    assert (user.role, user.state, user.text) == ("user", "complete", question)
    assert (answer.role, answer.state) == ("assistant", "streaming")  # nobody could say otherwise yet
    sent = steady.sent[answers]
    said = "".join(word for _, word in sent)
    assert said.startswith(answer.text)
    may_miss = in_time(MAY_MISS)
    must = [word for when, word in sent if when < killed - may_miss]
    assert answer.text.startswith("".join(must)), f"more than {may_miss} s are missing"
    before = [word for when, word in sent if when < killed]
    return len(before) - answer.text.count(" ")


def survives(home: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    steady = Steady(RATE)
    lost = []
    with server(steady) as served:
        configure(home, provider(served.endpoint))
        questions = [f"Question number {number}" for number in range(rounds)]
        for question in questions:
            lost.append(kill_once(home, steady, question, chance))
        before = saved(home)
        print("tokens lost by each kill:", lost)

        with lama(home) as terminal:
            terminal.wait_for("interrupted · esc, then c continues it")
            after = saved(home)
            assert [m.text for m in after] == [m.text for m in before]
            assert {m.state for m in after if m.role == "assistant"} == {"interrupted"}
            steady.words = 10
            newest = after[-1]
            terminal.key("escape")
            terminal.wait_for("Continue")
            terminal.send("c")
            done = wait_saved(home, lambda saved: saved and saved[-1].state == "complete")[-1]
            assert done.text.startswith(newest.text) and len(done.text) > len(newest.text)
            terminal.wait_for(lambda text: "interrupted" not in text)
            leave(terminal)


def test_what_waits_survives(tmp_path: Path) -> None:
    steady = Steady(RATE)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            ask(terminal, "The first question")
            terminal.wait_for("w0.3 ")
            ask(terminal, "Waits for its turn")
            terminal.wait_for("next: Waits for its turn")
            kill(terminal)
        steady.words = 5
        with lama(tmp_path) as terminal:
            shown = ("next: Waits for its turn", "up edits it · enter sends it")
            terminal.wait_for(lambda text: all(each in text for each in shown))
            assert len(saved(tmp_path)) == 2  # it is not sent by itself
            terminal.key("up")
            terminal.wait_for(lambda text: "next:" not in text and "Waits for its turn" in text)
            terminal.send(" no more")
            terminal.key("enter")
            done = wait_saved(tmp_path, lambda saved: len(saved) == 4 and saved[-1].state == "complete")
            assert done[2].text == "Waits for its turn no more"
            leave(terminal)


@pytest.mark.parametrize("seed", seeds(1))
def test_killed_three_times(tmp_path: Path, seed: int) -> None:
    survives(tmp_path, 3, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(1))
def test_killed_twenty_times(tmp_path: Path, seed: int) -> None:
    survives(tmp_path, 20, seed)


@pytest.mark.slow
def test_killed_while_a_real_model_speaks(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(400)]
    model = make_reciter(tmp_path / "reciter", pieces_of(" ".join(words)))
    with Terminal([sys.executable, "-c", UNHURRIED, "--model", str(model)], home=tmp_path) as terminal:
        ask(terminal, "Recite")
        text = terminal.wait_for(spoken(40))
        seen = [word for word in text.split() if word.startswith("word")]
        since = time.monotonic()
        wait_saved(tmp_path, lambda saved: seen[-2] in saved[-1].text.split())
        assert time.monotonic() - since <= in_time(0.2)
        kill(terminal)
    question, answer = saved(tmp_path)
    assert question == Saved("Recite", "user", "complete", "Recite")
    said = answer.text.split()
    assert said == words[: len(said)]
    assert seen[-2] in said  # the last one may have been cut by the edge of a frame

    with lama(tmp_path) as terminal:
        terminal.wait_for("interrupted · esc, then c continues it")
        terminal.key("escape")
        terminal.wait_for("Continue")
        terminal.send("c")
        wait_saved(
            tmp_path, lambda saved: saved and saved[-1].text.split() == words and saved[-1].state == "complete", 30
        )
        leave(terminal)
