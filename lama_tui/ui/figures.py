"""Figures as people read them: units, and `–` for what is not known."""

from typing import TYPE_CHECKING

from lama_tui.types import Usage

if TYPE_CHECKING:
    from lama_tui.library.benchmarking.benchmark import BenchmarkProgress

UNKNOWN = "–"


def size(count: int | float | None) -> str:
    """Bytes in binary units: `1.5 GiB`."""
    if count is None:
        return UNKNOWN
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def of_total(part: int | float | None, total: int | float | None) -> str:
    """Bytes of a whole, both in the unit of the whole: `9.0 of 24 GiB`."""
    if part is None or total is None:
        return UNKNOWN
    unit, scale = "B", 1.0
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(total) < 1024 * scale:
            break
        unit, scale = larger, scale * 1024
    return f"{_short(part / scale)} of {_short(total / scale).removesuffix('.0')} {unit}"


def _short(value: float) -> str:
    return "0" if value == 0 else f"{value:.1f}" if abs(value) < 9.95 else f"{value:.0f}"


def percent(value: float | None) -> str:
    """Percent without decimals."""
    return UNKNOWN if value is None else f"{value:.0f} %"


def rate(value: float | None) -> str:
    """Tokens per second."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f} tok/s" if value >= 10 else f"{value:.1f} tok/s"


def speed(value: float | None) -> str:
    """Bytes per second."""
    return UNKNOWN if value is None else f"{size(value)}/s"


def duration(seconds: float | None) -> str:
    """How long something takes: `40 s`, `12 min`, `3 h 5 min`."""
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes >= 5 else f"{minutes} min {rest} s"


def milliseconds(value: float | None) -> str:
    """A short time."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def model_name(reference: str) -> str:
    """A model reference, of a folder only its name: paths are long and start alike."""
    return reference.rstrip("/").rpartition("/")[2] if reference.startswith(("/", "~", ".")) else reference


def count(value: int | None) -> str:
    """A count, shortened from ten thousand on: `8,192`, `131k`, `1.0M`."""
    if value is None:
        return UNKNOWN
    if value >= 999_500:
        return f"{value / 1e6:.1f}M"
    return f"{value:,}" if value < 10_000 else f"{value / 1000:.0f}k"


def parameters(count: int | None) -> str:
    """Parameters as people say them: `0.6 B`, `135 M`."""
    if count is None:
        return UNKNOWN
    if count < 50_000:
        return f"{count:,}"
    if count >= 0.95e9:
        return f"{count / 1e9:.1f} B"
    return f"{count / 1e6:.1f} M" if count < 9.95e6 else f"{count / 1e6:.0f} M"


def ago(when: int | None, now: int) -> str:
    """How long before `now`, both UTC milliseconds: `3 d ago`; `never` where it never was."""
    if when is None:
        return "never"
    seconds = max(0, now - when) // 1000
    for unit, length in (("y", 365 * 86_400), ("mo", 30 * 86_400), ("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def benchmark_step(at: "BenchmarkProgress") -> str:
    """How far a benchmark is."""
    of_runs = f"run {at.run} of {at.runs}, " if at.run else ""
    if at.doing == "loading":
        return f"{of_runs}{at.doing} {of_total(at.done, at.total)}" if at.total else f"{of_runs}{at.doing}…"
    return f"{of_runs}{at.doing} {at.done:,} of {at.total:,} tokens" if at.total else f"{of_runs}{at.doing}…"


def cost(usage: Usage) -> str:
    """What an answer cost, on one line."""
    return " · ".join(
        (
            f"{count(usage.prompt_tokens)} prompt",
            f"{count(usage.cached_tokens)} cached",
            f"{count(usage.completion_tokens)} completion"
            + ("" if usage.accepted_tokens is None else f" ({count(usage.accepted_tokens)} drafted)"),
            f"prefill {rate(usage.prefill_tok_s)}",
            f"decode {rate(usage.decode_tok_s)}",
            f"first token {milliseconds(usage.ttft_ms)}",
            f"peak {size(usage.peak_memory)}",
        )
    )
