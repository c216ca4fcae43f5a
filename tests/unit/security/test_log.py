"""The log on disk."""

import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lama_tui.paths import Paths
from lama_tui.security.log import KEPT, SIZE, Log, open_log

logger = logging.getLogger("lama_tui.test")
Open = Callable[..., Log]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_environment({"LAMA_HOME": str(tmp_path)})


@pytest.fixture
def start() -> Iterator[Open]:
    opened: list[Log] = []

    def begin(paths: Paths, debug: bool = False) -> Log:
        opened.append(open_log(paths, debug))
        return opened[-1]

    yield begin
    for log in opened:
        log.close()


def end(log: Log) -> None:
    """Close it, and wait until all is written: closing waits for a second, and a busy disk may take longer."""
    log.close()
    log._thread.join(60)
    assert not log._thread.is_alive()


def test_records_are_written_redacted_and_private(paths: Paths, start: Open) -> None:
    log = start(paths)
    logger.info("with key sk-%s", "abcdefgh12345678")
    logger.debug("only with --debug")
    end(log)
    log.close()
    text = paths.log.read_text()
    assert "with key [redacted]" in text
    assert "only with --debug" not in text
    assert stat.S_IMODE(paths.log.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.state.stat().st_mode) == 0o700


def test_debug_tells_more_and_libraries_stay_quiet(paths: Paths, start: Open) -> None:
    log = start(paths, debug=True)
    logger.debug("more")
    logging.getLogger("somelibrary").info("chatter")
    logging.getLogger("somelibrary").warning("trouble")
    end(log)
    text = paths.log.read_text()
    assert "more" in text
    assert "trouble" in text
    assert "chatter" not in text


def test_exceptions_are_written_with_their_trace(paths: Paths, start: Open) -> None:
    log = start(paths)
    try:
        raise OSError("the reason")
    except OSError:
        logger.exception("it failed")
    end(log)
    text = paths.log.read_text()
    assert "it failed" in text
    assert "OSError: the reason" in text
    assert "test_log.py" in text


def test_it_rotates(paths: Paths, start: Open) -> None:
    log = start(paths)
    for _ in range(6):
        logger.info("x" * (SIZE - 200))
    end(log)
    files = sorted(paths.state.glob("lama.log*"))
    assert len(files) == 1 + KEPT
    assert all(file.stat().st_size <= SIZE for file in files)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


@pytest.mark.parametrize("trouble", ["full disk", "folder is a file", "log is a folder"])
def test_trouble_with_the_disk_is_silent(
    trouble: str, paths: Paths, start: Open, capfd: pytest.CaptureFixture[str]
) -> None:
    if trouble == "folder is a file":
        paths.state.write_text("")
    else:
        paths.state.mkdir()
        if trouble == "log is a folder":
            paths.log.mkdir()
        elif Path("/dev/full").exists():
            paths.log.symlink_to("/dev/full")
        else:
            pytest.skip("no full device here")
    log = start(paths)
    for number in range(100):
        logger.warning("lost %d", number)
    logger.warning("wrong %d arguments")
    log.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_hanging_disk_does_not_hold_the_program(paths: Paths, start: Open) -> None:
    paths.state.mkdir()
    os.mkfifo(paths.log)  # opening it for writing waits for a reader
    log = start(paths)
    for number in range(20_000):
        logger.info("%d", number)
    log.close()
    logger.info("after closing")
    reader = os.open(paths.log, os.O_RDONLY | os.O_NONBLOCK)  # lets the thread go
    os.close(reader)


def test_closing_gives_the_loggers_back(paths: Paths, start: Open) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level, logging.getLogger("lama_tui").level
    start(paths, debug=True).close()
    after = logging.getLogger().handlers[:], logging.getLogger().level, logging.getLogger("lama_tui").level
    assert after == before
