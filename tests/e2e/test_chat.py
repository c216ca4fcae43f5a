"""The main job with the real `lama`: ask, watch, quit, come back, find it, go on."""

import threading
import time
from pathlib import Path

import pytest
from workspace import (
    Steady,
    ask,
    configure,
    in_time,
    lama,
    leave,
    pieces_of,
    provider,
    reached,
    saved,
    server,
    wait_saved,
)

from tests.models import make_reciter

ANSWER = "The **quick** brown fox jumps over `lazy` dogs and then rests under some tall trees."
LAST = "trees."


@pytest.fixture(scope="module")
def reciter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reciter(tmp_path_factory.mktemp("models") / "reciter", pieces_of(ANSWER))


def test_ask_quit_return_find_and_go_on(tmp_path: Path, reciter: Path) -> None:
    with lama(tmp_path, "--model", reciter) as terminal:
        terminal.wait_for("reciter will answer")
        ask(terminal, "What does the fox do?")
        drawn = "The quick brown fox jumps over lazy dogs"  # not its source
        asked = "What does the fox do?"
        terminal.wait_for(
            lambda text: all(each in text for each in (asked, drawn, LAST, "tok/s")) and "writing" not in text
        )
        leave(terminal)
    assert [(m.role, m.state, m.text.strip()) for m in saved(tmp_path)] == [
        ("user", "complete", "What does the fox do?"),
        ("assistant", "complete", ANSWER),
    ]

    with lama(tmp_path, "--model", reciter) as terminal:  # the last conversation, without being asked for it
        terminal.wait_for(lambda text: "What does the fox do?" in text and LAST in text)
        ask(terminal, "And then?")
        wait_saved(tmp_path, lambda saved: len(saved) == 4 and saved[-1].state == "complete")
        terminal.key("ctrl+n")
        terminal.wait_for(lambda text: "New conversation" in text and LAST not in text)
        ask(terminal, "Something else")
        wait_saved(tmp_path, lambda saved: len(saved) == 6 and saved[-1].state == "complete")
        leave(terminal)
    assert {m.conversation for m in saved(tmp_path)} == {"What does the fox do?", "Something else"}

    with lama(tmp_path, "-c", "what does") as terminal:
        terminal.wait_for(lambda text: "And then?" in text and "Something else" in text)
        terminal.key("ctrl+s")
        terminal.wait_for("Rename")
        terminal.key("up", "enter")  # the newest is above; the highlight is on the one that is open
        terminal.wait_for(lambda text: "And then?" not in text and LAST in text)
        leave(terminal)

    with lama(tmp_path, "--new") as terminal:
        text = terminal.wait_for(lambda text: "What does the fox" in text and "Something else" in text)
        assert LAST not in text
        leave(terminal)

    with lama(tmp_path, "-c", "no such title") as terminal:
        terminal.wait_for(lambda text: "There is no such conversation" in text and "ctrl+s" in text)
        terminal.key("escape")
        terminal.wait_for(lambda text: "no such conversation" not in text)
        leave(terminal)


def test_the_guide_answers_offline_from_the_first_start_on(tmp_path: Path) -> None:
    with lama(tmp_path) as terminal:
        terminal.wait_for(lambda text: "the guide" in text.lower())  # the welcome may be above what says so, or not yet
        ask(terminal, "how do I quit?")
        wait_saved(tmp_path, lambda saved: saved and saved[-1].state == "complete")
        assert "ctrl+q" in saved(tmp_path)[-1].text
        terminal.wait_for(lambda text: "ctrl+q" in text and "tok/s" in text)
        terminal.key("ctrl+l")  # where its answers to other questions send people
        terminal.wait_for("For a real one")
        terminal.key("escape")
        terminal.wait_for(lambda text: "For a real one" not in text)
        leave(terminal)


def test_an_answer_grows_on_screen_as_it_is_written(tmp_path: Path) -> None:
    steady = Steady(rate=20, words=60)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            ask(terminal, "Count")
            delays = []
            for word in range(5, 55, 10):
                terminal.wait_for(reached(f"w0.{word}"))
                delays.append(time.monotonic() - steady.sent[0][word][0])
            terminal.wait_for("w0.59")
            assert min(delays) < in_time(0.5), f"seconds from the server to the screen: {delays}"
            leave(terminal)


def test_stopping_keeps_the_text_and_continuing_goes_on_after_it(tmp_path: Path) -> None:
    stopped_one = threading.Event()
    with server(Steady(rate=30, words=40, held=stopped_one)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            ask(terminal, "Count")
            terminal.wait_for("w0.5 ")
            terminal.key("escape")
            terminal.wait_for("stopped")
            stopped_one.set()
            stopped = wait_saved(tmp_path, lambda saved: saved[-1].state == "stopped")[-1]
            assert stopped.text.startswith("w0.0 w0.1")
            terminal.key("escape")  # to the transcript
            terminal.wait_for("Continue")
            terminal.send("c")
            terminal.wait_for("w1.39")
            answer = wait_saved(tmp_path, lambda saved: saved and saved[-1].state == "complete")[-1]
            assert answer.text.startswith(stopped.text)
            prefix = served.requests[-1].json["messages"][-1]
            assert prefix["role"] == "assistant" and prefix["content"].rstrip() == stopped.text.rstrip()
            leave(terminal)


def test_messages_sent_meanwhile_wait_their_turn(tmp_path: Path) -> None:
    seen = threading.Event()
    with server(Steady(rate=30, words=30, held=seen)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            ask(terminal, "First")
            terminal.wait_for("w0.2 ")
            ask(terminal, "Second")
            terminal.wait_for("next: Second")
            seen.set()
            terminal.wait_for("w1.29")
            leave(terminal)
    assert [m.text for m in saved(tmp_path) if m.role == "user"] == ["First", "Second"]
    assert all(m.state == "complete" for m in saved(tmp_path))


def test_a_theme_is_used(tmp_path: Path) -> None:
    from lama_tui.config.themes import load_themes
    from lama_tui.paths import Paths

    light = load_themes(Paths.from_environment({"LAMA_HOME": str(tmp_path)})).by_name["lama-light"]
    background = light.background
    red, green, blue = (int(background[at : at + 2], 16) for at in (1, 3, 5))
    with lama(tmp_path, "--theme", "lama-light") as terminal:
        assert f"48;2;{red};{green};{blue}".encode() in bytes(terminal.raw)
        leave(terminal)
    with lama(tmp_path, "--theme", "lama-lihgt") as terminal:
        terminal.wait_for("lama-light")  # the nearest, or the list of those there are
        leave(terminal)


def test_a_conversation_is_in_the_list_from_its_first_message_on(tmp_path: Path) -> None:
    seen = threading.Event()
    with server(Steady(rate=60, words=90, held=seen)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            ask(terminal, "A title of its own")
            terminal.wait_for(lambda text: "◌" in text and text.count("A title of its own") >= 2)
            terminal.key("ctrl+n")  # what runs goes on
            terminal.wait_for(lambda text: "w0.1 " not in text)
            seen.set()
            terminal.wait_for("●")  # done, and not seen yet
            terminal.key("ctrl+s")
            terminal.wait_for("Rename")
            terminal.key("home", "enter")
            terminal.wait_for("w0.89")
            terminal.wait_for(lambda text: "●" not in text)
            leave(terminal)


def test_the_line_that_is_typed_is_in_view(tmp_path: Path) -> None:
    with lama(tmp_path) as terminal:
        for line in range(15):
            terminal.send(f"line {line}\n")  # ctrl+j
        terminal.wait_for("line 14")
        terminal.wait_for(lambda text: 0 <= text.find("line 14") < text.find("│   "))  # the empty line below it
        terminal.send("the last")
        terminal.wait_for("the last")
        leave(terminal)
