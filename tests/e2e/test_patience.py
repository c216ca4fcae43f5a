"""How long a program that ends is waited for: by its own time, not by that of a machine that others keep busy."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lama_tui.ui.terminal import patience
from lama_tui.ui.terminal.patience import Patience, waited


def test_what_the_process_did_not_get_is_given_to_it_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lost = 100.0, 7.0
    monkeypatch.setattr(patience.time, "monotonic", lambda: now)
    monkeypatch.setattr(patience, "waited", lambda pid: lost)
    waiting = Patience(1, limit=0.9, most=4.0)
    assert waiting.left() == pytest.approx(0.9)
    now += 0.5
    lost += 0.25
    assert waiting.left() == pytest.approx(0.65)
    lost += 1000
    assert waiting.left() == pytest.approx(3.5)
    lost = 0  # of threads that ended nothing is known
    assert waiting.left() == pytest.approx(0.4)
    now += 0.5
    assert waiting.left() < 0


@contextmanager
def busy(count: int) -> Iterator[list[int]]:
    """So many programs on one processor that do nothing but run."""
    (processor, *_) = os.sched_getaffinity(0)
    code = f"import os; os.sched_setaffinity(0, [{processor}])\nwhile True: pass"
    processes = [subprocess.Popen([sys.executable, "-S", "-c", code]) for _ in range(count)]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not tell how long a program waited")
def test_who_shares_a_processor_waits_for_it() -> None:
    with busy(2) as programs:
        deadline = time.monotonic() + 60
        while not all(waited(pid) > 0.02 for pid in programs):
            assert time.monotonic() < deadline, [waited(pid) for pid in programs]
            time.sleep(0.01)


def test_of_one_that_is_gone_nothing_is_known() -> None:
    with busy(1) as (program,):
        pass
    assert waited(program) == 0
