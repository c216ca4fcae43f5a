"""Holds still what differs from one moment, or one machine, to the next: clock, monitor, memory, engine.

Everything else on a picture is as lama draws it, from a real store and a real config.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App
from textual.widgets import Input, TextArea

from lama_tui.engine.backend import DeviceFacts, LoadedModel, MemoryFigures
from lama_tui.engine.figures import EngineFigures
from lama_tui.engine.fit import Machine
from lama_tui.events import ResourceSample
from lama_tui.library import installed
from lama_tui.monitor.capacity import Capacity
from lama_tui.paths import Paths
from lama_tui.ui.screens import search, theme_picker, writing
from lama_tui.ui.waiting import Phases, Waits

GIB = 1024**3
MIB = 1024**2
NOW = 1_772_445_600_000
"""UTC milliseconds: 2 March 2026, 10:00."""

CAPACITY = Capacity(12 * GIB, 24 * GIB, "metal", 0.8)
MEMORY = Machine(24 * GIB, 12 * GIB)
LOADED = EngineFigures(
    device=DeviceFacts("metal", "Apple M4 Pro", 18 * GIB),
    loaded=(LoadedModel("mlx-community/Qwen3-8B-4bit", "", "metal", int(4.3 * GIB), 40_960, 2.4, True),),
    memory=MemoryFigures(active=int(4.8 * GIB), peak=int(5.3 * GIB), cache=256 * MIB, kv=int(0.5 * GIB)),
)


class Clock:
    """The time of day. It stands, so that what is written now is from just now."""

    def __init__(self) -> None:
        self.now = NOW

    def seconds(self) -> float:
        return self.now / 1000

    def nanoseconds(self) -> int:
        return self.now * 1_000_000


def hold_still(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """For the time of a test: the clock, cursors, pauses, and what is measured of this machine."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(time, "time", clock.seconds)
    monkeypatch.setattr(time, "time_ns", clock.nanoseconds)
    for waits in (Phases, Waits):  # since when an answer is thought about: told in seconds
        monkeypatch.setattr(waits.__init__, "__defaults__", (lambda: 0.0,))
    for field in (Input, TextArea):
        monkeypatch.setattr(field.cursor_blink, "_default", False)
    for screen, pause in ((writing, "_COUNT_DELAY"), (search, "_PAUSE"), (theme_picker, "_PAUSE")):
        monkeypatch.setattr(screen, pause, 0.001)
    monkeypatch.setattr(App, "NOTIFICATION_TIMEOUT", 3600)  # what is told in passing stays for the picture
    monkeypatch.setattr(installed, "machine_memory", lambda: MEMORY)
    monkeypatch.setattr("lama_tui.ui.screens.models.catalogue.machine_memory", lambda: MEMORY)


def live_at(monkeypatch: pytest.MonkeyPatch, home: Path) -> Paths:
    """Be at home in `home`. Paths are relative: wherever `home` is, none on screen begins with it."""
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    for name in ("NO_COLOR", "TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    for name in list(os.environ):
        if name.startswith("TEXTUAL_") and name != "TEXTUAL_SNAPSHOT_TEMPDIR":
            monkeypatch.delenv(name)
    return Paths(Path(".config/lama"), Path(".local/share/lama"), Path(".local/state/lama"), Path(".cache/lama"))


def sample(second: int) -> ResourceSample:
    """What a laptop could show while a model answers: every figure there, and moving."""
    wave = (0, 12, 31, 24, 9, 40, 28, 17, 5, 22)
    at = wave[second % len(wave)]
    answers = second % 10 < 7
    return ResourceSample(
        at=NOW - (120 - second) * 2000,
        cpu=20.0 + 1.4 * at,
        cores=tuple(float((11 * core + 17 * wave[(second + core) % len(wave)]) % 101) for core in range(8)),
        memory_used=(12 * 1024 + 8 * at) * MIB,
        memory_total=24 * GIB,
        swap_used=int(0.6 * GIB),
        swap_total=2 * GIB,
        disk_free=212 * GIB,
        disk_total=926 * GIB,
        process_cpu=12.0 + at / 4,
        process_memory=68 * MIB,
        model_memory=int(4.8 * GIB),
        model_peak=int(5.3 * GIB),
        model_cache=256 * MIB,
        model_weights=int(4.3 * GIB),
        model_kv=int(0.5 * GIB),
        decode_tok_s=52.0 + at / 2 + second / 100 if answers else 60.0,
        prefill_tok_s=840.0 + 9 * at + second / 10 if not answers else 900.0,
        ttft_ms=85.0,
        running=1,
        waiting=0,
    )


def samples(count: int = 40) -> list[ResourceSample]:
    return [sample(second) for second in range(120 - count, 120)]


def strained() -> list[ResourceSample]:
    """A machine at its end, of which some figures cannot be had."""
    return [
        replace(
            each,
            cpu=97.0,
            cores=(100.0,) * 8,
            memory_used=int(23.4 * GIB),
            swap_used=(500 + 40 * number) * MIB,
            swap_total=8 * GIB,
            disk_free=9 * GIB,
            model_kv=None,
            ttft_ms=None,
            decode_tok_s=None,
            running=4,
            waiting=17,
        )
        for number, each in enumerate(samples())
    ]


class Watched:
    """A monitor that has sampled for a while, and shows the last of it for ever."""

    def __init__(self, seen: list[ResourceSample]) -> None:
        self._seen = seen

    def subscribe(self, listener: Callable[[ResourceSample], None]) -> Callable[[], None]:
        seen, self._seen = self._seen, self._seen[-1:]  # who comes back has seen the rest
        for each in seen:
            listener(each)
        return lambda: None

    def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass
