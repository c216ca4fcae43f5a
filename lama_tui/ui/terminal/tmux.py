"""What the tmux between lama and the terminal lets through, and handing it what was copied. Everything here blocks."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SECONDS = 2.0
_FACTS = ("version", "set-clipboard", "extended-keys", "allow-passthrough")
_COMMAND = ("tmux",)


@dataclass(frozen=True, slots=True)
class Tmux:
    """tmux between lama and the terminal: its version and what it lets through; None is not known."""

    version: str | None = None
    set_clipboard: str | None = None
    extended_keys: str | None = None
    allow_passthrough: str | None = None


def find_tmux(environment: Mapping[str, str] | None = None, command: Sequence[str] = _COMMAND) -> Tmux | None:
    """Ask the tmux that this runs in; None where it runs in none."""
    env = os.environ if environment is None else environment
    if not env.get("TMUX"):
        return None
    facts = "\n".join(f"#{{{name}}}" for name in _FACTS)
    try:
        done = subprocess.run(
            [*command, "display-message", "-p", facts],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_SECONDS, check=False, env=dict(env),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return Tmux()
    said = [line.strip()[:40] or None for line in done.stdout.split("\n")] + [None] * len(_FACTS)
    said = [{"0": "off", "1": "on"}.get(line or "", line) for line in said]  # how formats show some options
    return Tmux(*said[: len(_FACTS)]) if done.returncode == 0 else Tmux()


def hand_over(text: str, command: Sequence[str] = _COMMAND) -> bool:
    """Let tmux put `text` into its newest buffer and into the clipboard of its terminal; False where it did not.

    It does that for its own commands where it ignores what programs send (`set-clipboard` is `external`, as shipped).
    """
    try:
        done = subprocess.run(
            [*command, "load-buffer", "-w", "-"],
            input=text.encode("utf-8", "replace"), capture_output=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
