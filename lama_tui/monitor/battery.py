"""Whether the machine runs on its battery."""


def on_battery() -> bool | None:
    """True while nothing charges it; None where there is no battery, or nobody can tell. Blocks for a moment."""
    try:
        import psutil

        battery = psutil.sensors_battery()
    except Exception:  # a foreign library on an unknown system; not on every one is there such a function
        return None
    if battery is None or battery.power_plugged is None:
        return None
    return not battery.power_plugged
