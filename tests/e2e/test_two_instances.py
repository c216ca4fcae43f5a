"""Two windows on one home: both talk, each sees what the other does, and neither spoils it."""

import threading
import time
from pathlib import Path

import pytest
from workspace import Steady, ask, configure, in_time, lama, leave, provider, saved, server, wait_saved


def test_both_chat_and_see_each_other(tmp_path: Path) -> None:
    seen = threading.Event()
    steady = Steady(rate=20, words=60, held=seen)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as one, lama(tmp_path) as two:
            for terminal in (one, two):
                terminal.wait_for("will answer")  # it is open, on a new conversation
            ask(one, "First window")
            one.wait_for("w0.2 ")
            ask(two, "Second window")
            two.wait_for("w1.2 ")
            # its list was read anew when it spoke, so it knows what the first window began
            two.wait_for("First window")
            two.key("ctrl+s")
            two.wait_for("Rename")
            two.key("end", "enter")
            text = two.wait_for("another window is writing this answer")
            assert "interrupted" not in text
            leave(two)  # while both answers run: its own is interrupted, the other's is not

            states = {m.conversation: m.state for m in saved(tmp_path) if m.role == "assistant"}
            assert states == {"First window": "streaming", "Second window": "interrupted"}
            steady.words = 100_000  # the next one does not end by itself
            seen.set()
            one.wait_for("w0.59")
            ask(one, "And on")
            one.wait_for("Second window")
            one.wait_for("w2.2 ")
            leave(one)
    found = [(m.conversation, m.role, m.state) for m in saved(tmp_path)]
    assert sorted(found) == sorted(
        [
            ("First window", "user", "complete"),
            ("First window", "assistant", "complete"),
            ("Second window", "user", "complete"),
            ("Second window", "assistant", "interrupted"),
            ("First window", "user", "complete"),
            ("First window", "assistant", "interrupted"),
        ]
    )


@pytest.mark.slow
def test_a_start_does_not_take_a_running_answer_for_interrupted(tmp_path: Path) -> None:
    seen = threading.Event()
    with server(Steady(rate=40, words=80, held=seen)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as one:
            ask(one, "First window")
            one.wait_for("w0.2 ")
            with lama(tmp_path) as two:  # opens on the same conversation
                text = two.wait_for("another window is writing this answer")
                assert "interrupted" not in text and "◧" not in text
                two.key("escape")
                two.wait_for("Continue")
                two.send("c")
                two.wait_for("cannot be continued")
                two.key("escape")
                seen.set()
                one.wait_for("w0.79")
                two.wait_for(lambda text: "w0.79" in text and "another window" not in text)  # without a key
                leave(two)
            assert saved(tmp_path)[-1].state == "complete"
            leave(one)


@pytest.mark.slow
def test_what_one_window_does_shows_in_the_other(tmp_path: Path) -> None:
    with server(Steady(rate=50, words=5)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as one, lama(tmp_path) as two:
            two.wait_for("will answer")
            ask(one, "Begun in the first")
            two.wait_for("Begun in the first")
            one.wait_for("w0.4")
            wait_saved(tmp_path, lambda saved: saved[-1].state == "complete")
            one.key("ctrl+s")
            one.wait_for("Rename")
            one.key("delete")
            two.wait_for(lambda text: "Begun in the first" not in text)
            leave(one)
            leave(two)


@pytest.mark.slow
def test_both_write_into_one_conversation(tmp_path: Path) -> None:
    """Not what one means to do, but nothing may be lost by it: each answer is a branch of its own."""
    with server(Steady(rate=50, words=20)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as one:
            ask(one, "Begin")
            wait_saved(tmp_path, lambda saved: saved and saved[-1].state == "complete")
            with lama(tmp_path) as two:
                two.wait_for("w0.19")
                one.send("From the first\r")
                two.send("From the second\r")
                wait_saved(tmp_path, lambda saved: len(saved) == 6 and all(m.state == "complete" for m in saved))
                one.wait_for("From the first")
                two.wait_for("From the second")
                leave(two)
            leave(one)
        texts = {m.text for m in saved(tmp_path) if m.role == "user"}
        assert texts == {"Begin", "From the first", "From the second"}


@pytest.mark.slow
def test_much_at_once_from_both(tmp_path: Path) -> None:
    with server(Steady(rate=500, words=100)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as one, lama(tmp_path) as two:
            for terminal in (one, two):
                terminal.wait_for("will answer")
            began = time.monotonic()
            for number in range(4):
                for name, terminal in (("one", one), ("two", two)):
                    ask(terminal, f"{name} asks {number}")
                    terminal.key("ctrl+n")
                    # what is typed before a conversation begins is one draft for all windows, and this one reads it now
                    terminal.wait_for("will answer")
            done = wait_saved(
                tmp_path, lambda saved: len(saved) == 16 and all(m.state == "complete" for m in saved), in_time(30)
            )
            assert time.monotonic() - began < in_time(30)
            assert all(len(m.text.split()) == 100 for m in done if m.role == "assistant")
            leave(one)
            leave(two)
