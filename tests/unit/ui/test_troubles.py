"""What went wrong in this run is kept: the last of it, clean, and without keys."""

import logging
import threading
from collections.abc import Iterator

import pytest

from lama_tui.errors import ConfigError, LamaError
from lama_tui.ui.troubles import KEPT, Troubles, told

log = logging.getLogger("lama_tui.somewhere")


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    troubles = Troubles()
    troubles.listen()
    yield troubles
    troubles.stop()


def test_what_is_told_is_kept_whole(troubles: Troubles) -> None:
    told(LamaError("The disk is full", "No room\non it", "Make some"))
    told(ConfigError("A typing mistake"), serious=False)
    newest, oldest = troubles.newest_first
    assert (newest.title, newest.serious) == ("A typing mistake", False)
    assert (oldest.title, oldest.detail, oldest.hint) == ("The disk is full", "No room\non it", "Make some")
    assert oldest.text.endswith("The disk is full\nNo room\non it\n→ Make some")
    assert oldest.text[:4].isdigit()


def test_warnings_of_the_log_are_kept_and_less_is_not(troubles: Troubles) -> None:
    log.info("nothing of note")
    log.warning("a %s failed\nmore of it", "probe")
    try:
        raise OSError("no such\x1b[2J device")
    except OSError:
        log.exception("sampling failed")
    last, first = troubles.newest_first
    assert (first.title, first.detail, first.serious) == ("a probe failed (somewhere)", "more of it", False)
    assert (last.title, last.serious) == ("sampling failed (somewhere)", True)
    assert "OSError: no such␛[2J device" in last.detail


def test_keys_and_commands_do_not_stay_in_it(troubles: Troubles) -> None:
    told(LamaError("Refused: sk-abcdefghijklmnop", "Authorization: Bearer abcdefgh\x1b]52;c;x\x07", "\u202ehint"))
    (trouble,) = troubles.newest_first
    assert "abcdefgh" not in trouble.text
    assert not {"\x1b", "\x07", "\u202e"} & set(trouble.text)


def test_only_the_last_are_kept_and_all_are_counted(troubles: Troubles) -> None:
    threads = [threading.Thread(target=lambda: [log.warning("again") for _ in range(KEPT)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles.count == 3 * KEPT
    assert len(troubles.newest_first) == KEPT


def test_a_record_that_cannot_be_read_is_left_out(troubles: Troubles) -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError

    troubles.handle(logging.LogRecord("lama_tui", logging.WARNING, "", 0, "%s", (Bad(),), None))
    assert troubles.newest_first == ()


def test_it_ends(troubles: Troubles) -> None:
    troubles.stop()
    troubles.stop()
    log.warning("unheard")
    assert troubles.count == 0
