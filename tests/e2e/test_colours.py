"""What colours are sent to terminals of few, of many and of none, and that what they say can be seen without."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal
from workspace import READY, ask, configure, lama, leave, provider, server

from tests.providers.server import DONE, Request, delta, head

SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
TEXT = "Some **bold** and `code`, a [link](https://a.example)."
ANSWER = f"# Title\n\n{TEXT}\n\n```python\ndef f():\n    return 'a'\n```\n\nThe finish."


async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(head() + delta(content=ANSWER) + delta("stop") + DONE)
    await writer.drain()


def colours(raw: bytes) -> Iterator[str]:
    """Every colour that was sent: its code, or that of `38;5` or `38;2` and so on."""
    for found in SGR.findall(raw):
        codes = iter(found.decode().replace(":", ";").split(";"))
        for code in codes:
            if code in ("38", "48", "58"):
                kind = next(codes)
                yield f"{code};{kind}"
                for _ in range(3 if kind == "2" else 1):
                    next(codes)
            elif code and (30 <= int(code) <= 49 or 90 <= int(code) <= 107):
                yield code


def stands_out(terminal: Terminal, *texts: str) -> None:
    """Wait until these texts are in what is reversed; one of a single character stands there alone."""

    def holds(_: str) -> bool:
        screen = terminal.xterm.screen
        found: list[str] = []
        for y in range(screen.lines):
            cells = [screen.buffer[y][x] for x in range(screen.columns)]
            found += "".join(cell.data if cell.reverse else "\0" for cell in cells).split("\0")
        return all(any(text == each or (len(text) > 1 and text in each) for each in found) for text in texts)

    terminal.wait_for(holds)


def tour(terminal: Terminal) -> None:
    """Through most of what has colours, each seen to be there."""
    ask(terminal, "Hello")
    terminal.wait_for("The finish.")
    terminal.key("ctrl+s")
    terminal.wait_for("Rename")
    terminal.key("escape")
    terminal.wait_for("i Write")
    terminal.key("i", "ctrl+p")
    terminal.wait_for("What do you want to do?")
    terminal.send("qu")
    terminal.wait_for("Save everything and quit")
    terminal.key("escape")
    terminal.wait_for(READY)
    terminal.key("ctrl+l")
    terminal.wait_for("Installed")
    terminal.key("escape")
    terminal.wait_for(READY)
    terminal.key("f4")
    terminal.wait_for("memory_limit")
    terminal.key("escape")
    terminal.wait_for(READY)


def test_without_colours_what_they_said_is_reversed(tmp_path: Path) -> None:
    with server(answer) as served:
        configure(tmp_path, provider(served.endpoint) + '[keys]\n"theme.choose" = "f7"\n')
        with lama(tmp_path, size=(120, 36), env={"NO_COLOR": "1"}) as terminal:
            stands_out(terminal, "A")  # the cursor, on the first letter of what the empty composer says
            ask(terminal, "Hello")
            terminal.wait_for("The finish.")
            terminal.key("ctrl+s")
            stands_out(terminal, "Hello")
            terminal.key("escape")
            terminal.wait_for("i Write")
            terminal.key("i")
            terminal.send("text")
            stands_out(terminal, " ")
            terminal.key("ctrl+p")
            terminal.wait_for("What do you want to do?")
            stands_out(terminal, "Start a new conversation", "W")
            terminal.key("escape")
            terminal.wait_for("text")
            terminal.key("ctrl+l")
            terminal.wait_for("Installed")
            stands_out(terminal, "here:steady")
            terminal.key("escape")
            terminal.wait_for("text")
            terminal.key("f4")
            terminal.wait_for("memory_limit")
            stands_out(terminal, "model")
            terminal.key("escape")
            terminal.wait_for("text")
            terminal.key("f7")
            terminal.wait_for("no colours to choose")
            terminal.key("ctrl+f")
            terminal.wait_for("Search in all")
            stands_out(terminal, "T")
            leave(terminal)
            assert list(colours(bytes(terminal.raw))) == []


@pytest.mark.parametrize(
    ("environment", "kinds"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, {"2"}),
        pytest.param({"TERM": "tmux-256color", "COLORTERM": "truecolor"}, {"2"}, marks=pytest.mark.slow),
        ({"TERM": "xterm-256color", "COLORTERM": ""}, {"5"}),  # also mosh
        pytest.param(
            {"TERM": "screen-256color", "COLORTERM": "truecolor", "STY": "1.x"}, {"5"}, marks=pytest.mark.slow
        ),
        ({"TERM": "xterm", "COLORTERM": ""}, set()),
        pytest.param({"TERM": "screen", "COLORTERM": ""}, set(), marks=pytest.mark.slow),
        pytest.param({"TERM": "linux", "COLORTERM": "", "NO_COLOR": ""}, set(), marks=pytest.mark.slow),
    ],
)
def test_no_more_colours_are_sent_than_there_are(tmp_path: Path, environment: dict[str, str], kinds: set[str]) -> None:
    with server(answer) as served:
        configure(tmp_path, provider(served.endpoint))
        with lama(tmp_path, size=(120, 36), env=environment) as terminal:
            tour(terminal)
            leave(terminal)
    sent = set(colours(bytes(terminal.raw)))
    assert {code.partition(";")[2] for code in sent if ";" in code} == kinds
    if not kinds:  # the terminal's own colours, of which few look the same on dark and on light
        assert sent and sent <= {str(code) for code in (*range(30, 38), 39, *range(40, 48), 49)}
