"""The file that what was copied can be taken from, where a terminal does not take it: `state/clipboard.txt`."""

import os
import tempfile
from pathlib import Path

from lama_tui.errors import StoreError
from lama_tui.paths import Paths, make_private
from lama_tui.security.gate import clean


def copied_file(paths: Paths) -> Path:
    """Where it is."""
    return paths.state / "clipboard.txt"


def write_copied(paths: Paths, text: str) -> Path:
    """Replace the file as a whole, readable by its owner only (0600). Blocks. Raises `StoreError`."""
    file = copied_file(paths)
    try:
        descriptor, name = tempfile.mkstemp(dir=make_private(file.parent), prefix=file.name)  # 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as new:
                new.write(clean(text))
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoreError(
            f"{file} cannot be written", reason, "Free some space, or check who owns the folder."
        ) from error
    return file
