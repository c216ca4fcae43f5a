"""`lama --plain` with pipes: what lines do, what is said, what is saved, how it ends."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lama_tui.cli.plain_answer import _whole_words
from lama_tui.cli.plain_commands import COMMANDS, Commands
from lama_tui.cli.plain_io import Interrupted, Interrupts, Lines
from lama_tui.config.keymap import KEYMAP
from lama_tui.paths import Paths
from lama_tui.ui.commands.slash import NAMED
from tests.providers.server import DONE, LoopbackServer, Request, delta, head

WAIT = 60


@contextmanager
def answering(paths: Paths) -> Iterator[list[Request]]:
    """A server that answers by the last word of what it is asked, as the default model; yields what it was asked."""
    asked: list[Request] = []

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        question = request.json["messages"][-1]["content"]
        if question.endswith("refuse"):
            writer.write(head("400 Bad Request", "application/json") + b'{"error":{"message":"not \x1b[31m today"}}')
            return
        writer.write(head())
        if question.endswith("think"):
            writer.write(delta(reasoning_content="Let me "))
            writer.write(delta(reasoning_content="see."))
        texts = (
            ["a\x1b[2Jb\tc\r\n", "\x9b31m\u202e\x07"] if question.endswith("attack") else ["You said ", question, "."]
        )
        for text in texts:
            writer.write(delta(content=text))
            await writer.drain()
        if question.endswith("forever"):
            await asyncio.Event().wait()
        writer.write(delta("length" if question.endswith("short") else "stop") + DONE)
        await writer.drain()

    loop = asyncio.new_event_loop()
    served = LoopbackServer(handle)
    listening = loop.run_until_complete(asyncio.start_server(served.serve, "127.0.0.1", 0))
    served.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    paths.config.mkdir(parents=True)
    paths.config_file.write_text(
        f'model = "here:m"\n[providers.here]\nkind = "openai"\nendpoint = "{served.endpoint}"\nmodel = "m"\n'
    )
    try:
        yield asked
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        listening.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@pytest.fixture
def asked(paths: Paths) -> Iterator[list[Request]]:
    with answering(paths) as requests:
        yield requests


@pytest.fixture
def talk(spawn: Callable) -> Callable[..., tuple[int, str, str]]:
    """Pipe lines into `lama --plain`; the status, what it said, and what it complained of."""

    def run(*lines: str, flags: tuple[str, ...] = ()) -> tuple[int, str, str]:
        process = spawn("--plain", *flags, stdin=subprocess.PIPE)
        out, err = process.communicate("".join(f"{line}\n" for line in lines).encode(), WAIT)
        assert not [byte for byte in out + err if byte < 0x20 and byte != 0x0A]
        return process.returncode, out.decode(), err.decode()

    return run


def test_lines_are_sent_and_answered_and_saved(talk: Callable, asked: list[Request]) -> None:
    assert talk("one", "two \\", "lines") == (
        0,
        "m: You said one.\nm: You said two \nlines.\n".replace("m:", "here:m:"),
        "",
    )
    assert [request.json["messages"][-1]["content"] for request in asked] == ["one", "two \nlines"]
    # the same conversation, the next time
    status, out, _ = talk("/read", flags=("-c", "one"))
    assert (status, out) == (0, "You: one\nhere:m: You said one.\nYou: two \nlines\nhere:m: You said two \nlines.\n")
    assert talk("/read", flags=("--new",))[1] == "There is no message in this conversation yet.\n"
    status, out, err = talk("x", flags=("-c", "nothing like it"))
    assert (status, out) == (1, "") and "no such conversation" in err


def test_reasoning_is_named_and_the_end_is_told(talk: Callable, asked: list[Request]) -> None:
    _, out, _ = talk("think")
    assert out == "here:m, reasoning: Let me see.\nhere:m: You said think.\n"


def test_what_a_server_sends_is_only_text(talk: Callable, asked: list[Request]) -> None:
    status, out, err = talk("attack", "refuse")
    assert out == "here:m: a␛[2Jb    c\n31m␇\n"
    assert status == 1 and err.startswith("lama: ") and err.count("\n") == 1 and "not ␛[31m today" in err


def test_a_conversation_is_listed_renamed_deleted_and_brought_back(talk: Callable, asked: list[Request]) -> None:
    _, out, err = talk(
        *("first", "/rename A better name", "/new", "second", "/conversations", "/open 1", "/delete", "no"),
        *("/delete", "yes", "/conversations", "/undo", "/find second", "/open A better"),
    )
    assert err == ""
    for said in (
        "It is “A better name” now.",
        "2. second (just now, open here)\n1. A better name (just now)\n",
        "Conversation: A better name. Model: here:m.",
        "It is kept.\n",
        "Deleted; /undo brings it back.",
        "2. second, user: second\n",
    ):
        assert said in out
    assert out.count("A better name (just now") == 1  # not in the second list
    assert out.count("Conversation: A better name") == 3  # opened, brought back, opened


def test_deleting_needs_a_yes(talk: Callable, asked: list[Request]) -> None:
    assert "It is kept." in talk("first", "/delete")[1]
    assert "1. first" in talk("/conversations")[1]


def test_answers_again_in_other_words_and_figures(talk: Callable, asked: list[Request]) -> None:
    _, out, err = talk(
        "short", "/regenerate", "/edit longer", "/figures", "/system Be kind", "/system", "/fork", "last"
    )
    assert out.count("You said short.") == 3 - 1 and "You said longer." in out and "prompt, " in out
    assert "\nBe kind\n" in out and err == ""
    assert asked[-1].json["messages"][0] == {"role": "system", "content": "Be kind"}
    status, _, err = talk("/continue")
    assert status == 1 and "complete" in err


def test_copies_and_exports_go_to_files(talk: Callable, asked: list[Request], paths: Paths, tmp_path: Path) -> None:
    file = tmp_path / "out.md"
    status, out, err = talk("one", "/copy", f"/export {file}", f"/export {file}")
    copied = paths.state / "clipboard.txt"
    assert copied.read_text() == "You said one." and copied.stat().st_mode & 0o777 == 0o600
    assert f"Written to {copied}" in out and "You said one." in file.read_text()
    assert status == 1 and "is there" in err


def test_the_model_is_told_and_changed(talk: Callable, asked: list[Request]) -> None:
    _, out, err = talk("/models", "/model", "/model guide", "/model nonsense")
    assert "here:m (answers here): " in out and "guide: " in out
    assert "here:m answers here.\nguide answers here.\n" in out
    assert "“nonsense”" in err
    assert talk("/model", flags=("--model", "here:other"))[1] == "here:other answers here.\n"


def test_every_command_of_the_full_screen_is_the_same_or_says_that_it_needs_it(talk: Callable) -> None:
    assert all(callable(getattr(Commands, command.method)) for command in COMMANDS.values())
    others = [name for name in NAMED if name not in COMMANDS]
    _, out, err = talk(*(f"/{name}" for name in others), "/nonsens", "/new thing", "/help")
    assert [f"/{name} needs the full screen." in out for name in others] == [True] * len(others)
    assert "There is no command /nonsens." in out and "/new takes nothing after it" in out and err == ""
    tooltips = {key.command: key.tooltip for key in KEYMAP if key.command}
    for name in ("new", "search", "model", "regenerate", "continue", "export", "rename", "quit"):
        assert f"\n/{name}" in out and tooltips[name] in out


def test_it_ends_where_it_is_told_to(talk: Callable, asked: list[Request]) -> None:
    assert talk("/quit", "never sent")[:2] == (0, "") and not asked
    assert talk()[:2] == (0, "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_saves_what_is_there(
    spawn: Callable, asked: list[Request], talk: Callable, number: int, status: int
) -> None:
    process = spawn("--plain", stdin=subprocess.PIPE)
    process.stdin.write(b"go on forever\n")
    process.stdin.flush()
    said = b""
    while b"forever." not in said:  # all that comes: it streams on, and nothing more is said
        piece = os.read(process.stdout.fileno(), 4096)
        assert piece, "it ended"
        said += piece
    process.send_signal(number)
    _, err = process.communicate(timeout=WAIT)
    assert (process.returncode, err) == (status, b"")
    how = "Stopped" if number == signal.SIGINT else "Interrupted"
    assert f"here:m: You said go on forever.\n({how}: what is there" in talk("/read")[1]


def test_a_reader_that_leaves_is_no_error(spawn: Callable, asked: list[Request]) -> None:
    process = spawn("--plain", stdin=subprocess.PIPE)
    process.stdout.close()
    process.stdin.write(b"one\ntwo\n")
    process.stdin.close()
    assert process.wait(WAIT) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


async def test_a_line_that_nobody_waited_for_is_not_lost() -> None:
    reading, writing = os.pipe()
    lines, interrupts = Lines(reading), Interrupts()
    with interrupts.listening():
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            await interrupts.race(lines.next())
    os.write(writing, "eins\nzw\xe9i".encode())
    os.close(writing)
    assert [await lines.next() for _ in range(3)] == ["eins", "zw\xe9i", None]
    os.close(reading)


def test_half_a_word_is_kept_back_and_a_script_without_spaces_is_not() -> None:
    assert _whole_words("One two thr") == "One two "
    assert _whole_words("One two ") == "One two "
    assert _whole_words("漢" * 30) == "漢" * 30
