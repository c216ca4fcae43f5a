"""Copying: through the terminal where it allows that, and always into a file as well."""

import asyncio
import os
import tempfile
from pathlib import Path
from weakref import WeakSet

from textual.app import App

from lama_tui.paths import Paths, make_private
from lama_tui.security.gate import clean

# The most that an OSC 52 sequence carries in common terminals: 100,000 bytes with its frame, in base64.
_LONGEST = 74_994

_told: WeakSet[App[None]] = WeakSet()
"""The apps that said where else the text is: once is enough, who copies often would read it all day."""


async def copy(app: App[None], text: str, paths: Paths) -> str:
    """Copy `text` to the terminal's clipboard and to `state/clipboard.txt` (0600); return what to tell the person.

    Control characters are not copied: what is pasted into a shell must be text. Terminals do not say
    whether they took it, and tmux by default does not, so the file is named at the first copy.
    """
    text = clean(text)
    fits = len(text.encode("utf-8", "replace")) <= _LONGEST
    if fits:
        app.copy_to_clipboard(text)
    file = paths.state / "clipboard.txt"
    try:
        await asyncio.to_thread(_write_private, file, text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return f"{'Copied' if fits else 'Not copied: too long for the terminal'}; {file} cannot be written: {reason}."
    if not fits:
        return f"Too long for the terminal's clipboard; it is in {file}."
    if app in _told:
        return "Copied."
    _told.add(app)
    if "TMUX" in os.environ:
        return f"Copied, and written to {file}: tmux ignores it while `set-clipboard` is `external`."
    return f"Copied, and written to {file} for terminals that ignore it."


def _write_private(file: Path, text: str) -> None:
    """Replace `file` as a whole, readable by its owner only. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=make_private(file.parent), prefix=file.name)  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as new:
            new.write(text)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
