"""The writer, against a pipe that is read when the test says so."""

import os
import threading
from collections.abc import Iterator

import pytest

from lama_tui.ui.terminal.writer import TerminalWriter


class Pipe:
    """The end of a writer: `caught_up` and `gone` are set by what it reports."""

    def __init__(self, backlog: int = 1000) -> None:
        self.out, descriptor = os.pipe()
        os.set_blocking(descriptor, False)
        os.set_blocking(self.out, False)
        self.caught_up, self.gone = threading.Event(), threading.Event()
        self.descriptor = descriptor
        self.writer = TerminalWriter(
            descriptor, on_gone=self.gone.set, on_caught_up=self.caught_up.set, backlog=backlog
        )
        self.writer.start()

    def fill(self) -> None:
        """Leave no room, as a terminal that does not read."""
        try:
            while os.write(self.descriptor, b"-" * 4096):
                pass
        except BlockingIOError:
            pass

    def read(self) -> bytes:
        read = b""
        try:
            while data := os.read(self.out, 65536):
                read += data
        except BlockingIOError:
            pass
        return read

    def close(self) -> None:
        self.writer.stop(0)
        os.close(self.descriptor)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()
    os.close(pipe.out)


def test_everything_is_written_in_order(pipe: Pipe) -> None:
    for number in range(50):
        (pipe.writer.frame if number % 2 else pipe.writer.control)(f"{number:03}é\ud800 ")
    pipe.writer.control("")
    read = b""
    while b"049" not in read:
        read += pipe.read()
    assert pipe.writer.stop()
    assert read + pipe.read() == "".join(f"{number:03}é? " for number in range(50)).encode()
    assert not pipe.caught_up.is_set()


def test_while_nobody_reads_frames_are_dropped_and_sequences_kept(pipe: Pipe) -> None:
    pipe.fill()
    for number in range(100):
        pipe.writer.frame("f" * 100)
        pipe.writer.control(f"<{number}>")
    assert pipe.writer.is_behind
    assert not pipe.caught_up.is_set()
    read = b""
    while not pipe.caught_up.wait(0.01):
        read += pipe.read()
    assert not pipe.writer.is_behind
    pipe.writer.frame("drawn anew")
    while b"drawn anew" not in read:
        read += pipe.read()
    said = read.replace(b"-", b"")
    assert said.replace(b"f", b"") == "".join(f"<{number}>" for number in range(100)).encode() + b"drawn anew"
    assert said.count(b"f") % 100 == 0  # whole frames, or none
    assert said.count(b"f") <= 100  # the one that was begun


def test_a_frame_larger_than_the_backlog_is_written(pipe: Pipe) -> None:
    pipe.writer.frame("f" * 5000)
    read = b""
    while len(read) < 5000:
        read += pipe.read()
    assert not pipe.writer.is_behind


def test_stopping_does_not_wait_for_who_does_not_read(pipe: Pipe) -> None:
    pipe.fill()
    pipe.writer.control("lost")
    done: list[bool] = []
    stopping = threading.Thread(target=lambda: done.append(pipe.writer.stop(0.1)), daemon=True)
    stopping.start()
    stopping.join(5)
    assert done == [False]
    pipe.writer.control("after the end")
    assert b"a" not in pipe.read()


def test_a_hang_up_is_told_once_and_harmless() -> None:
    pipe = Pipe()
    os.close(pipe.out)
    pipe.writer.control("x")
    assert pipe.gone.wait(5)
    pipe.writer.control("y")
    pipe.writer.frame("z")
    assert pipe.writer.stop()
    pipe.close()
