"""Servers that send what they should not, or nothing; terminals that are odd; people who paste."""

import asyncio
import random
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import (
    COMMAND,
    READY,
    Steady,
    ask,
    configure,
    in_time,
    lama,
    leave,
    provider,
    reached,
    saved,
    server,
    wait_saved,
)

from tests.chance import seeds
from tests.naughty import NAUGHTY
from tests.providers.server import DONE, Handler, Request, delta, head, pieces, whole
from tests.sent import strangers

ESCAPES = [
    "a\x1b[31;5mred\x1b[2J\x1b[?1049l\x1b[?1000l",
    "b\x1b]52;c;c3RvbGVu\x07\x1b]0;owned\x07\x1b]8;;http://evil.example\x1b\\",
    "c\x9b31m\x9d52;c;c3RvbGVu\x9c\x90q\x9c",
    "d\u202eexe.txt\u2066\u2069\u200f",
    "e\x00\x07\x08\x7f\rover",
    "f[red]markup[/red] [/nope] [link=file:///etc]x[/link] `[/]`",
    "g\x1b",  # cut in the middle of a sequence
    "[31m",
]


def by_question(answers: Mapping[str, Handler]) -> Handler:
    """A server that behaves as it is asked to."""

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        messages = request.json["messages"]
        assert isinstance(messages, list)
        await answers[messages[-1]["content"]](request, writer)

    return handle


def says(*texts: str) -> Handler:
    return pieces(*(delta(content=text) for text in texts), delta("stop"), DONE)


def ask_anew(terminal: Terminal, question: str) -> None:
    """Ask in a conversation of its own."""
    terminal.key("ctrl+n")
    terminal.wait_for("New conversation")
    ask(terminal, question)


def unwrapped(text: str) -> str:
    """What a screen says, without its line breaks and frames."""
    return " ".join(text.replace("▕", " ").split())


def test_nothing_that_a_server_sends_is_obeyed(tmp_path: Path) -> None:
    reply = {"error": {"message": "bad \x1b]52;c;c3RvbGVu\x07 \x1b[31m request \u202e"}}
    broken = head() + b'data: {"choices":[{"delta":{"content":"h\xff\xfe\xc3 \xed\xa0\x80 i"}}]}\n\n'
    answers = by_question(
        {
            "text": says(*ESCAPES, "the end"),
            "more": says(*(f"{text}\n\n" for text in NAUGHTY.values()), "the end of it"),
            "thoughts": pieces(delta(reasoning=ESCAPES[1]), delta(content="over"), delta("stop"), DONE),
            "refusal": whole("400 Bad Request", reply),
            "not text": pieces(broken[len(head()) :], delta(content=" goes on"), delta("stop"), DONE),
        }
    )
    with server(answers) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            ask_anew(terminal, "text")
            shown = ("the end", "a␛[31;5mred", "[red]markup[/red] [/nope]")
            terminal.wait_for(lambda text: all(each in unwrapped(text) for each in shown))
            ask_anew(terminal, "more")
            terminal.wait_for("the end of it")
            while "␛[38;2;1;2;3m" not in (text := terminal.screen_text()):  # where it begins
                terminal.key("pageup")
                terminal.wait_for(lambda now, before=text: now != before)
            ask_anew(terminal, "thoughts")
            terminal.wait_for("over")
            ask_anew(terminal, "refusal")
            terminal.wait_for("request")
            ask_anew(terminal, "not text")
            terminal.wait_for("goes on")
            leave(terminal)
            raw = bytes(terminal.raw)
    assert strangers(raw) == []
    assert b"\x1b]8;id" not in raw
    raw.decode("utf-8")  # all of it is text
    assert not re.search("[\x1b\x9b\u202e]", "".join(m.text for m in saved(tmp_path)))


def test_long_answers_keep_the_screen_alive(tmp_path: Path) -> None:
    wall = "x" * 1_000_000
    lines = "".join(f"line {number}\n" for number in range(5000))
    answers = by_question(
        {"wall": says(wall, " end-of-wall"), "lines": says(lines, "end-of-lines"), "hi": says("hello")}
    )
    with server(answers) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            ask_anew(terminal, "wall")
            # one so long that it came before anyone could see it grow starts folded
            terminal.wait_for(lambda text: "end-of-wall" in text or "more lines" in text, 60)
            ask_anew(terminal, "lines")
            terminal.wait_for("end-of-lines", 60)
            terminal.key("pageup")
            terminal.wait_for(lambda text: "end-of-lines" not in text and "follows" in text)
            began = time.monotonic()
            ask_anew(terminal, "hi")
            terminal.wait_for("hello")
            assert time.monotonic() - began < in_time(3)
            leave(terminal)
    texts = [m.text for m in saved(tmp_path) if m.role == "assistant"]
    assert texts == [wall + " end-of-wall", lines + "end-of-lines", "hello"]


HTML = "<html><body><h1>Internal Server Error</h1></body></html>"
FAILING: dict[str, tuple[Handler, tuple[str, ...]]] = {
    "401": (whole("401 Unauthorized", {"error": {"message": "no such key"}}), ("key", "→")),
    "404": (whole("404 Not Found", {"error": {"message": "no such model"}}), ("no such model", "→")),
    "429": (whole("429 Too Many Requests", {}, Retry_After="7"), ("7", "→")),
    "500": (whole("500 Internal Server Error", HTML, "text/html"), ("500", "→")),
    "empty": (pieces(delta("stop"), DONE), ("the model answered with nothing",)),
    "garbage": (whole("200 OK", b"\x00\xff" * 100, "text/event-stream"), ("→",)),
    "breaks off": (pieces(delta(content="half of ")), ("half of", "→")),
}


@pytest.mark.slow
def test_what_goes_wrong_with_a_server_is_told_with_what_to_do(tmp_path: Path) -> None:
    with server(by_question({question: handler for question, (handler, _) in FAILING.items()})) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            for question, (_, told) in FAILING.items():
                ask_anew(terminal, question)
                terminal.wait_for(lambda text, told=told: all(each in text for each in told))
            ask_anew(terminal, "empty")
            wait_saved(tmp_path, lambda saved: len(saved) == 2 * len(FAILING) + 2 and saved[-1].state == "complete")
            leave(terminal)
    states = [m.state for m in saved(tmp_path) if m.role == "assistant"]
    assert states == ["failed" if name != "empty" else "complete" for name in FAILING] + ["complete"]


async def _silent(request: Request, writer: asyncio.StreamWriter) -> None:
    """Take the request and never say a word."""
    await asyncio.Event().wait()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "handler", "told"),
    [
        ("timeout_first", pieces(float("inf")), ("→",)),
        ("timeout_first", _silent, ("→",)),
        ("timeout_token", pieces(delta(content="half of "), float("inf")), ("half of", "→")),
    ],
    ids=["no answer", "silent", "hangs"],
)
def test_a_server_that_is_waited_for_in_vain(tmp_path: Path, limit: str, handler: Handler, told: list[str]) -> None:
    with server(handler) as served:
        configure(tmp_path, provider(served.endpoint, **{limit: 1}))
        with lama(tmp_path) as terminal:
            ask(terminal, "Hello")
            terminal.wait_for(lambda text: all(each in text for each in told))
            leave(terminal)
    assert [m.state for m in saved(tmp_path)] == ["complete", "failed"]


def test_local_only_sends_nothing_to_other_machines(tmp_path: Path) -> None:
    configure(
        tmp_path,
        """model = "far:m"
[privacy]
local_only = true
[providers.far]
kind = "openai"
endpoint = "http://no-such-host.invalid:9/v1"
model = "m"
""",
    )
    with lama(tmp_path) as terminal:
        terminal.wait_for("local only")
        ask(terminal, "Are you there?")
        terminal.wait_for(lambda text: all(each in text for each in ("local_only", "✕", "→")))
        leave(terminal)
    assert [m.state for m in saved(tmp_path)] == ["complete", "failed"]


def settle(terminal: Terminal) -> None:
    """Wait until the program has nothing left to do."""
    used, idle = terminal.cpu_seconds(), 0
    while idle < 3:
        still = terminal.rests()
        time.sleep(0.2)
        before, used = used, terminal.cpu_seconds()
        idle = idle + 1 if still and terminal.rests() and used - before < 0.03 else 0


@pytest.mark.slow
@pytest.mark.parametrize("bracketed", [True, False], ids=["bracketed", "as keys"])
def test_a_long_paste_is_never_sent_by_itself(tmp_path: Path, bracketed: bool) -> None:
    words = " pasted with ünïcödé 漢字 🦙"
    text = "\n".join(f"line {number}{words}" for number in range(1000))
    with server(says("I read it")) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            if bracketed:
                terminal.paste(text)
            else:
                terminal.send(text.replace("\n", "\r"))
            terminal.wait_for("[pasted 1,000 lines")
            settle(terminal)
            assert saved(tmp_path) == [] and not served.requests
            terminal.key("enter")
            terminal.wait_for("I read it")
            leave(terminal)
    assert [m.text for m in saved(tmp_path) if m.role == "user"] == [text]


def test_every_script_is_typed_saved_and_shown(tmp_path: Path) -> None:
    words = "naïve Ελληνικά русский 漢字かな 한국어 ไทย العربية עברית हिन्दी e\u0301 👩‍👩‍👧 🇩🇪 𝕬 ﷽"
    with server(says(words)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path, size=(118, 30)) as terminal:
            terminal.send(words + "\r")
            terminal.wait_for(lambda text: text.count("русский 漢字かな 한국어") >= 2)
            wait_saved(tmp_path, lambda saved: saved and saved[-1].state == "complete")
            leave(terminal)
    assert [m.text for m in saved(tmp_path)] == [words, words]
    with lama(tmp_path, "-c", "naïve ελληνικά") as terminal:
        terminal.wait_for("русский 漢字かな")
        leave(terminal)


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (300, 100)])
def test_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    with server(says("# Hello\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint(1)\n```\n")) as served:
        configure(tmp_path, provider(served.endpoint))
        with Terminal(COMMAND, home=tmp_path, size=size) as terminal:
            terminal.wait_for(lambda _: b"\x1b[?1049h" in terminal.raw)
            time.sleep(0.5)
            terminal.send("hi")
            terminal.key("enter")
            wait_saved(tmp_path, lambda saved: len(saved) == 2 and saved[-1].state == "complete")
            terminal.resize(100, 30)
            terminal.wait_for(lambda text: "Hello" in text and "print(1)" in text)
            leave(terminal)


@pytest.mark.slow
def test_a_storm_of_resizes_while_an_answer_streams(tmp_path: Path) -> None:
    with server(Steady(rate=100, words=250)) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path) as terminal:
            ask(terminal, "Count")
            for step in range(60):
                terminal.resize(20 + 37 * step % 280, 5 + 13 * step % 95)
                time.sleep(0.03)
            terminal.resize(100, 30)
            terminal.wait_for(lambda text: "w0.249" in text and READY in text and "^q" in text)
            leave(terminal)
    assert saved(tmp_path)[-1].state == "complete"


@pytest.mark.slow
def test_a_terminal_that_does_not_read_costs_nothing_of_the_answer(tmp_path: Path) -> None:
    steady = Steady(rate=50)
    with server(steady) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path, size=(200, 60)) as terminal:
            ask(terminal, "Count")
            terminal.wait_for(lambda text: steady.sent and "w0.5 " in text)
            with terminal.not_reading():
                deadline = time.monotonic() + 3
                while time.monotonic() < deadline:
                    terminal.key("pageup", "pagedown", "f5", "f1", "escape")  # draws much more than the line can hold
                    by_now = time.monotonic() - in_time(0.5)  # one moment for all of them
                    sent = "".join(word for when, word in steady.sent[0] if when < by_now)
                    assert saved(tmp_path)[-1].text.startswith(sent)
                    time.sleep(0.1)
            last = steady.sent[0][-1][1]
            terminal.wait_for(reached(last))
            with terminal.not_reading():
                time.sleep(0.5)
                since = time.monotonic()
                terminal.signal(signal.SIGTERM)
                assert terminal.wait_exit() == 0
                assert time.monotonic() - since <= in_time(1.2)
    assert saved(tmp_path)[-1].state == "interrupted"


@pytest.mark.parametrize("term", ["", "vt100"])
def test_terminals_of_any_name(tmp_path: Path, term: str) -> None:
    with lama(tmp_path, env={"TERM": term, "COLORTERM": ""}) as terminal:
        terminal.wait_for("lama")
        leave(terminal)


KEYS = (
    *("f1", "f1", "f1", "escape", "ctrl+l", "ctrl+p", "ctrl+s", "ctrl+g", "ctrl+n", "f2", "delete", "u", "tab"),
    *("shift+tab", "enter", "up", "down", "pageup", "pagedown", "ctrl+c", "f5", "j", "k", "g", "G", "r", "c"),
    *("[", "]", "space", "y", "i", "a", "home", "end", "ctrl+underscore", "ctrl+j"),
)


def in_a_row(terminal: Terminal, chance: random.Random, count: int) -> None:
    """Press keys faster than anything can be drawn, with pauses now and then."""
    for _ in range(count):
        terminal.key(*(chance.choice(KEYS) for _ in range(chance.randrange(1, 9))))
        time.sleep(chance.choice([0, 0.01, 0.05, 0.15]))


@pytest.mark.slow
def test_keys_typed_ahead_of_the_screen_end_nothing(tmp_path: Path) -> None:
    rows = ["f1 escape escape", "ctrl+l escape escape enter", "ctrl+p pagedown enter escape", "ctrl+s f2 escape escape"]
    with lama(tmp_path) as terminal:
        for row in rows * 3:
            terminal.key(*row.split())
            time.sleep(0.1)
        for _ in range(2):  # nothing may cover what is behind it for good
            settle(terminal)
            terminal.key("escape")
        leave(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(100, 30), (130, 40), (60, 12), (20, 5)])
@pytest.mark.parametrize("seed", seeds(1, 2))
def test_any_keys_in_any_order_end_nothing(tmp_path: Path, size: tuple[int, int], seed: int) -> None:
    with server(Steady(rate=50, words=40)) as served:
        configure(tmp_path, provider(served.endpoint))
        with Terminal(COMMAND, home=tmp_path, size=size) as terminal:
            # the app reads keys: before that ctrl+c ends it
            terminal.wait_for(lambda _: b"\x1b[?2004h" in terminal.raw)
            terminal.send("Count\r")
            in_a_row(terminal, random.Random(seed), 150)
            for _ in range(5):
                terminal.key("escape")
                settle(terminal)
            leave(terminal)
    log = (tmp_path / "lama" / "state" / "lama.log").read_text()
    assert "Traceback" not in log, log


def test_a_character_that_comes_in_pieces(tmp_path: Path) -> None:
    with lama(tmp_path) as terminal:
        for character in "漢🦙":
            for piece in character.encode():
                terminal.send(bytes([piece]))
                time.sleep(0.05)  # so that each is read alone
        terminal.wait_for("漢🦙")
        leave(terminal)
