"""File names that others chose, checked before anything is done with them: they must stay inside their folder.

For listings of the hub and members of archives alike. Control characters are refused too: no model needs them.
"""

import re
import unicodedata
from collections.abc import Iterable

from lama_tui.errors import DownloadError
from lama_tui.security.gate import clean_line

LONGEST = 1024  # bytes of a path
LONGEST_NAME = 255  # bytes of each of its parts: what file systems take

_DRIVE = re.compile(r"[A-Za-z]:")
_HINT = "Nothing was written. Use another model"


def safe_path(text: object) -> str:
    """Return `text`, a relative path with `/`, unchanged. Raises `DownloadError` where it could lead anywhere else."""
    if not isinstance(text, str) or not text:
        raise DownloadError("A file has no name", "The listing names something that is no file", _HINT)
    if why := _fault(text):
        raise DownloadError("A file name is not safe", f"“{clean_line(text, 80)}” {why}", _HINT)
    return text


def safe_paths(texts: Iterable[object]) -> list[str]:
    """Check each name, and that no two of them are one file on some file system. Raises `DownloadError`."""
    paths = [safe_path(text) for text in texts]
    files: dict[str, str] = {}
    for path in paths:
        if (other := files.get(_same(path))) is not None:
            raise _clash(other, path)
        files[_same(path)] = path
    for path in paths:
        folder, slash, _ = path.rpartition("/")
        while slash:
            if (other := files.get(_same(folder))) is not None:
                raise _clash(other, path)
            folder, slash, _ = folder.rpartition("/")
    return paths


def _fault(text: str) -> str:
    """What is wrong with a name; empty where nothing is."""
    parts = text.split("/")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        return "has control characters"
    if text.startswith("/") or _DRIVE.match(text):
        return "is an absolute path"
    if "\\" in text:
        return "has a backslash, which leads elsewhere on some systems"
    if ".." in parts:
        return "leads out of its folder"
    if "" in parts or "." in parts:
        return "is not a plain path"
    if len(text.encode()) > LONGEST or any(len(part.encode()) > LONGEST_NAME for part in parts):
        return "is too long"
    return ""


def _same(path: str) -> str:
    """One text for all spellings that a file system may take for one file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _clash(one: str, other: str) -> DownloadError:
    return DownloadError(
        "Two files have the same place",
        f"“{clean_line(one, 80)}” and “{clean_line(other, 80)}” are one on some file systems",
        _HINT,
    )
