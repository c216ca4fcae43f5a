"""kill -9 while one types: all but the last moment of it is there again, and nothing is sent twice or lost."""

import random
import string
import time
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import (
    COMMAND,
    Steady,
    configure,
    drafts,
    forget_drafts,
    in_time,
    kill,
    lama,
    leave,
    provider,
    saved,
    server,
)

MAY_MISS = 0.5
"""Seconds of typing."""


def draft(home: Path) -> str:
    """The draft of the conversation that has not begun."""
    return drafts(home).get(0, "")


def test_what_was_typed_is_there_again(home: Path) -> None:
    typed = [(0.0, "begun ")]
    with lama(home, "--new") as terminal:
        terminal.send("begun ")
        wait_kept(home, "begun ")  # the store is open
        kept, deadline = {"begun "}, time.monotonic() + 60
        # it is kept while one types on, also where there is never time to come to rest
        while len(kept) < 4 or len(typed) < 20 + in_time(MAY_MISS) / 0.05:
            assert len(kept) >= 4 or time.monotonic() < deadline, f"only this was kept while one typed: {kept}"
            # a short word: what is typed faster than it is drawn comes late, and not because it is not kept
            word = "".join(string.ascii_uppercase[each % 26] for each in divmod(len(typed), 26))
            typed.append((time.monotonic(), f"{word} "))
            terminal.send(typed[-1][1])
            time.sleep(0.05)
            kept.add(draft(home))
        killed = time.monotonic()
        kill(terminal)
    may_miss = in_time(MAY_MISS)
    must = "".join(word for when, word in typed if when < killed - may_miss)
    found = draft(home)
    assert must and found.startswith(must)
    assert len(found) >= max(map(len, kept)) and "".join(word for _, word in typed).startswith(found)
    with Terminal(COMMAND, home=home, size=(100, 30)) as terminal:
        terminal.wait_for(found.split()[-1])
        terminal.send("END")
        terminal.wait_for("END")
        leave(terminal)
    assert draft(home) == f"{found}END"


def wait_kept(home: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while draft(home) != text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def send_and_kill(home: Path, steady: Steady, question: str, chance: random.Random) -> None:
    with lama(home, "--new") as terminal:
        terminal.send(question)
        terminal.wait_for(question)
        wait_kept(home, question)
        terminal.send("\r")
        time.sleep(chance.uniform(0.0, 0.12))
        kill(terminal)
    sent = [message.text for message in saved(home) if message.role == "user" and message.text == question]
    kept = draft(home)
    # either it is a message, or still a draft; never both, never neither
    assert (sent, kept) in (([question], ""), ([], question)), f"{sent} sent, and kept is {kept!r}"
    forget_drafts(home)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_what_is_being_sent_is_a_message_or_a_draft(home: Path, seed: int) -> None:
    chance = random.Random(seed)
    steady = Steady(50.0)
    with server(steady) as served:
        configure(home, provider(served.endpoint))
        for number in range(6):
            send_and_kill(home, steady, f"question number {number}", chance)
