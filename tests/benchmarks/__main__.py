"""How fast the workspace is: `python -m tests.benchmarks [NAME…]` in the checkout.

Prints one table in about five minutes. Ratios are of programs that take turns in this run, so they bear some
other load on the machine; the other figures are of this machine as it is now. `--strict` ends with status 1 when a
bound is missed; without it a busy machine fails nothing.
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks import (
    decode,
    downloads,
    echo,
    engine,
    first_byte,
    idle,
    library_browse,
    memory,
    screens,
    startup,
    stream,
)
from tests.benchmarks.answer import pieces

_RATE = 100.0  # tokens a second
_ABOVE = 10_000  # messages
_MB = 1_000_000
_PAIRS = 3  # of downloads, each some hundred MB


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `holds` is None for what is shown for information."""

    figure: str
    measured: str
    bound: str = ""
    holds: bool | None = None


def _startup(rounds: int) -> list[Row]:
    found = startup.measure(rounds)
    return [
        Row("start-up until a key is on screen", f"{1000 * found.lama:.0f} ms"),
        Row("  a bare app with a text area and a footer", f"{1000 * found.bare:.0f} ms"),
        Row(f"  ratio, median of {rounds} pairs", f"{found.ratio:.2f}", "≤ 1.6", found.ratio <= 1.6),
    ]


def _first_byte(rounds: int) -> list[Row]:
    found = first_byte.measure()
    return [
        Row(
            "from the command until it is on the terminal", f"{1000 * found.lama:.0f} ms", "≤ 60 ms", found.lama <= 0.06
        ),
        Row("  a Python that only writes a byte", f"{1000 * found.python:.0f} ms"),
    ]


def _memory(rounds: int) -> list[Row]:
    found = memory.measure()
    unique, guard = ("–" if own is None else f"{own / _MB:.1f} MB" for own in (found.unique, found.guard))
    return [
        Row(
            "resident memory, no model loaded", f"{found.resident / _MB:.1f} MB", "≤ 75 MB", found.resident <= 75 * _MB
        ),
        Row("  of these its own", unique),
        Row("  the guard's own", guard),
    ]


def _decode(rounds: int) -> list[Row]:
    found = decode.measure(rounds)
    return [
        Row(f"decode by stream_generate alone, {found.device}", f"{found.alone:.0f} tok/s"),
        Row("  through the provider, at its reader", f"{found.seen:.0f} tok/s"),
        Row(f"  ratio, fastest of {rounds} each", f"{found.ratio:.2f}", "≥ 0.95", found.ratio >= 0.95),
    ]


def _engine(rounds: int) -> list[Row]:
    """Beside mlx-lm's own parts in the same run, of the guide and of random Llamas."""
    rows = []
    for found in engine.measure(rounds):
        speeds, waits = found.speeds, found.waits
        one, four = speeds.one.ratio, speeds.four.ratio
        rows += [
            Row(f"engine, {found.shape}: one request", f"{speeds.one.speed:.0f} tok/s"),
            Row("  over stream_generate, median of pairs", f"{one:.3f}", "≥ 0.97", one >= 0.97),
            Row("  four together", f"{speeds.four.speed:.0f} tok/s"),
            Row("  over BatchGenerator, median of pairs", f"{four:.3f}", "≥ 0.95", four >= 0.95),
        ]
        rows += _waits(waits) if waits is not None else []
    return rows


def _waits(found: engine.Waits) -> list[Row]:
    again, restarted = found.cold / found.warm, found.cold / found.restarted
    chunk = f"a chunk takes {1000 * found.chunk:.0f} ms"
    return [
        Row(f"  first token of a turn after {engine.HISTORY:,} tokens, cold", f"{1000 * found.cold:.0f} ms"),
        Row("    of the second turn, sooner", f"{again:.0f} ×", "≥ 10 ×", again >= 10),
        Row("    after a restart, sooner", f"{restarted:.0f} ×", "≥ 5 ×", restarted >= 5),
        Row("  first token of a short question alone", f"{1000 * found.question:.0f} ms"),
        Row(
            "    beside a long prompt, of twice that and a chunk", f"{found.waited:.2f}", "≤ 1.00", found.waited <= 1.0
        ),
        Row(f"  cancelling, worst ({chunk})", f"{1000 * found.cancel:.1f} ms", "≤ chunk", found.cancel <= found.chunk),
        Row("  of its weights a model gives back", f"{found.unloaded:.1%}", "≥ 99 %", found.unloaded >= 0.99),
    ]


def _stream(rounds: int) -> list[Row]:
    """Beside Textual's own drawing in the same run."""
    lag, below = stream.measure_lag(_RATE), stream.measure_lag(_RATE, _ABOVE)
    panes, alone, stock = (
        stream.measure_cost(_RATE),
        stream.measure_cost(_RATE, alone=True),
        stream.measure_cost(_RATE, stock=True),
    )
    return [
        Row(f"loop lag while {len(pieces()):,} tokens stream at {_RATE:.0f} tok/s", f"{1000 * lag.median:.1f} ms"),
        Row("  99th percentile", f"{1000 * lag.p99:.0f} ms", "< 40 ms", lag.p99 < 0.04),
        Row("  worst", f"{1000 * lag.worst:.0f} ms", "< 120 ms", lag.worst < 0.12),
        Row(
            f"  with {_ABOVE:,} messages above, 99th percentile",
            f"{1000 * below.p99:.0f} ms",
            "< 40 ms",
            below.p99 < 0.04,
        ),
        Row("  worst", f"{1000 * below.worst:.0f} ms", "< 120 ms", below.worst < 0.12),
        Row("processor meanwhile, of one core", f"{panes.cpu:.0%}", "≤ 25 %", panes.cpu <= 0.25),
        Row("  with Textual's own drawing", f"{stock.cpu:.0%}"),
        Row("bytes a token, all panes", f"{panes.bytes_a_token:.0f}", "≤ 110", panes.bytes_a_token <= 110),
        Row("  the transcript alone", f"{alone.bytes_a_token:.0f}", "≤ 45", alone.bytes_a_token <= 45),
        Row("  all panes with Textual's own drawing", f"{stock.bytes_a_token:.0f}"),
        Row("quarter-seconds in which the screen changed", f"{panes.alive:.0%}", "≥ 60 %", panes.alive >= 0.6),
        Row("  the transcript alone", f"{alone.alive:.0%}", "≥ 60 %", alone.alive >= 0.6),
    ]


def _echo(rounds: int) -> list[Row]:
    found = echo.measure(_RATE)
    return [
        Row(f"from a key to the screen while that streams, {found.keys} keys", f"{1000 * found.median:.0f} ms"),
        Row("  99th percentile", f"{1000 * found.p99:.0f} ms", "< 50 ms", found.p99 < 0.05),
        Row("  worst", f"{1000 * found.worst:.0f} ms"),
    ]


def _screens(rounds: int) -> list[Row]:
    found = screens.measure()
    slowest, again = max(found.first.items(), key=_seconds), max(found.again.items(), key=_seconds)
    return [
        Row(f"opening a screen for the first time, slowest: {slowest[0]}", f"{1000 * slowest[1]:.0f} ms"),
        Row(f"  again, slowest: {again[0]}", f"{1000 * again[1]:.0f} ms", "< 100 ms", again[1] < 0.1),
        Row(
            "switching between conversations of 1,000 messages",
            f"{1000 * found.switch:.0f} ms",
            "< 80 ms",
            found.switch < 0.08,
        ),
        Row("  worst", f"{1000 * found.worst_switch:.0f} ms"),
    ]


def _seconds(figure: tuple[str, float]) -> float:
    return figure[1]


def _idle(rounds: int) -> list[Row]:
    watched, quiet = idle.measure(20.0, monitor=True), idle.measure(20.0, monitor=False)
    return [
        Row("idle with the monitor, processor of one core", f"{watched.cpu:.1%}", "≤ 1 %", watched.cpu <= 0.01),
        Row("  bytes a second", f"{watched.bytes_a_second:.0f}", "≤ 120", watched.bytes_a_second <= 120),
        Row("idle without it, processor of one core", f"{quiet.cpu:.2%}", "≤ 0.4 %", quiet.cpu <= 0.004),
        Row("  bytes a second", f"{quiet.bytes_a_second:.0f}", "≤ 15", quiet.bytes_a_second <= 15),
    ]


def _downloads(rounds: int) -> list[Row]:
    """Beside the hub's own client in the same run."""
    pairs = min(rounds, _PAIRS)
    found = downloads.measure(pairs)
    best, theirs = (min(run.seconds for run in runs) for runs in (found.ours, found.theirs))
    memory, slow = max(run.memory for run in found.ours), max(found.ours, key=lambda run: run.lag)
    return [
        Row(f"download of {found.size / _MB:.0f} MB, fastest of {pairs}", f"{found.size / best / _MB:.0f} MB/s"),
        Row("  by the hub's own client", f"{found.size / theirs / _MB:.0f} MB/s"),
        Row("  what the hub gives alone", f"{found.alone / _MB:.0f} MB/s"),
        Row("  speed over theirs, median of pairs", f"{found.speed:.2f}", "≥ 1.0", found.speed >= 1.0),
        Row("  processor over theirs", f"{found.cpu:.2f}", "≤ 1.2", found.cpu <= 1.2),
        Row("  memory more than before", f"{memory / _MB:.0f} MB", "< 150 MB", memory < 150 * _MB),
        Row("  loop lag meanwhile, worst", f"{1000 * slow.lag:.0f} ms"),
        Row("    of that without a processor", f"{1000 * slow.starved:.0f} ms"),
    ]


def _library_browse(rounds: int) -> list[Row]:
    found = library_browse.measure()
    return [
        Row(
            f"loop lag while {found.models:,} models of a hub are gone through, 99th percentile",
            f"{1000 * found.lag_99:.0f} ms",
            "< 50 ms",
            found.lag_99 < 0.05,
        ),
        Row("  worst", f"{1000 * found.worst_lag:.0f} ms"),
        Row("from the hub's answer to the screen", f"{1000 * found.shown:.0f} ms", "< 100 ms", found.shown < 0.1),
    ]


_ALL: dict[str, Callable[[int], list[Row]]] = {
    "first_byte": _first_byte,
    "startup": _startup,
    "memory": _memory,
    "decode": _decode,
    "engine": _engine,
    "stream": _stream,
    "echo": _echo,
    "screens": _screens,
    "idle": _idle,
    "downloads": _downloads,
    "library_browse": _library_browse,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {' '.join(_ALL)}")
    parser.add_argument("--rounds", type=int, default=9, help="pairs of runs behind a ratio")
    parser.add_argument("--strict", action="store_true", help="fail when a bound is missed")
    options = parser.parse_args()
    if unknown := set(options.names) - set(_ALL):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    for name in options.names or _ALL:
        print(f"{name}…", file=sys.stderr, flush=True)
        rows += _ALL[name](options.rounds)
    wide, measured, bound = (max(len(text) for text in column) for column in zip(*map(_texts, rows), strict=True))
    for row in rows:
        verdict = "" if row.holds is None else "holds" if row.holds else "MISSED"
        print(f"{row.figure:<{wide}}  {row.measured:>{measured}}  {row.bound:<{bound}}  {verdict}".rstrip())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, Python {sys.version.split()[0]}")
    return int(options.strict and any(row.holds is False for row in rows))


def _texts(row: Row) -> tuple[str, str, str]:
    return row.figure, row.measured, row.bound


if __name__ == "__main__":
    sys.exit(main())
