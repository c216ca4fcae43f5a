"""Figures as people read them: units, and `–` for what is not known."""

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


def percent(value: float | None) -> str:
    """Percent without decimals."""
    return UNKNOWN if value is None else f"{value:.0f} %"


def rate(value: float | None) -> str:
    """Tokens per second."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f} tok/s" if value >= 10 else f"{value:.1f} tok/s"


def milliseconds(value: float | None) -> str:
    """A short time."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def model_name(reference: str) -> str:
    """A model reference, of a folder only its name: paths are long and start alike."""
    return reference.rstrip("/").rpartition("/")[2] if reference.startswith(("/", "~", ".")) else reference


def count(value: int | None) -> str:
    """A count, shortened from ten thousand on: `8,192`, `131k`."""
    if value is None:
        return UNKNOWN
    return f"{value:,}" if value < 10_000 else f"{value / 1000:.0f}k"
