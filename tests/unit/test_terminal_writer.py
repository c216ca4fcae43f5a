"""The writer, against a pipe that is read when the test says so."""

import os
import threading
from collections.abc import Iterator

import pytest

from lama_tui.ui.terminal.writer import TerminalWriter


class Pipe:
    """The end of a writer: `free` and `gone` are set by what it reports."""

    def __init__(self) -> None:
        self.out, descriptor = os.pipe()
        os.set_blocking(descriptor, False)
        os.set_blocking(self.out, False)
        self.free, self.gone = threading.Event(), threading.Event()
        self.descriptor = descriptor
        self.writer = TerminalWriter(descriptor, on_gone=self.gone.set, on_free=self.free.set)
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
    assert pipe.writer.stop(60)
    assert read + pipe.read() == "".join(f"{number:03}é? " for number in range(50)).encode()
    assert not pipe.free.is_set()


def test_while_nobody_reads_there_is_room_for_one_frame_and_all_sequences(pipe: Pipe) -> None:
    pipe.fill()
    frames = 0
    for number in range(100):
        if pipe.writer.has_room():
            pipe.writer.frame("f" * 100)
            frames += 1
        pipe.writer.control(f"<{number}>")
    assert frames == 1
    assert not pipe.free.is_set()
    read = b""
    while not pipe.free.wait(0.01):
        read += pipe.read()
    assert pipe.writer.has_room()
    pipe.writer.frame("the newest")
    while b"the newest" not in read:
        read += pipe.read()
    said = read.replace(b"-", b"").replace(b"f" * 100, b"")
    assert said == "".join(f"<{number}>" for number in range(100)).encode() + b"the newest"


def test_nobody_is_told_of_room_who_did_not_ask(pipe: Pipe) -> None:
    assert pipe.writer.has_room()
    for _ in range(3):
        while not pipe.writer.has_room():
            assert pipe.free.wait(60)
        pipe.free.clear()
        pipe.writer.frame("frame")
        while b"frame" not in pipe.read():
            pass
    assert not pipe.free.is_set()


def test_a_large_frame_is_written_whole_and_its_time_is_measured(pipe: Pipe) -> None:
    assert pipe.writer.delay == 0
    pipe.fill()
    pipe.writer.frame("f" * 500_000)
    while pipe.writer.delay < 0.01:  # grows while nobody reads
        assert not pipe.writer.has_room()
    read = b""
    while read.count(b"f") < 500_000:
        read += pipe.read()
    assert pipe.free.wait(60)
    taken = pipe.writer.delay
    assert taken >= 0.01
    assert pipe.writer.delay == taken


def test_stopping_does_not_wait_for_who_does_not_read(pipe: Pipe) -> None:
    pipe.fill()
    pipe.writer.control("lost")
    done: list[bool] = []
    stopping = threading.Thread(target=lambda: done.append(pipe.writer.stop(0.1)), daemon=True)
    stopping.start()
    stopping.join(60)
    assert done == [False]
    pipe.writer.control("after the end")
    assert b"a" not in pipe.read()


def test_a_hang_up_is_told_once_and_harmless() -> None:
    pipe = Pipe()
    os.close(pipe.out)
    pipe.writer.control("x")
    assert pipe.gone.wait(60)
    pipe.writer.control("y")
    pipe.writer.frame("z")
    assert pipe.writer.stop(60)
    pipe.close()
