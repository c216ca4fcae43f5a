"""Names that come from elsewhere: of models, of files in archives and folders."""

import re
import unicodedata
from pathlib import Path, PurePosixPath

from lama_tui.errors import ModelError, ModelFormatError
from lama_tui.library.safe_path import safe_path
from lama_tui.security.gate import clean_line
from lama_tui.types import GUIDE

_SUFFIXES = re.compile(r"(\.tar)?\.(safetensors|gguf|zip|tar|tgz|tbz2?|txz|gz|bz2|xz|zst)$", re.IGNORECASE)
_UNUSUAL = re.compile(r"[^\w.+-]+")
_LONGEST = 96  # bytes of a model's name
_DEEPEST = 16


def derived_name(source: str) -> str:
    """A name for what comes from `source`, a path or the path of an address; empty where it gives none."""
    last = source.rstrip("/").rpartition("/")[2]
    name = _UNUSUAL.sub("-", _SUFFIXES.sub("", last)).strip("-.~")
    return name.encode()[:_LONGEST].decode("utf-8", "ignore") if name not in (GUIDE, "model") else ""


def check_model_name(name: str) -> None:
    """Raise `ModelError` for a name under which nobody could ask for the model."""
    why = ""
    if not name.strip() or name != name.strip():
        why = "It is empty, or begins or ends with a space"
    elif name == GUIDE:
        why = "It is the built-in model's"
    elif any(sign in name for sign in "/\\:") or name.startswith((".", "-", "~")):
        why = "A name has no / \\ : in it, and does not begin with . - ~"
    elif name.lower().endswith(".gguf"):
        why = "What ends with .gguf is the name of a file"
    elif len(name.encode("utf-8", "replace")) > _LONGEST or not name.isprintable():
        why = f"A name has {_LONGEST} bytes at most, and nothing that cannot be printed"
    if why:
        raise ModelError(f"{clean_line(name, 40) or 'An empty name'} is no name for a model", why, "Choose another")


def check_free(models: Path, name: str) -> None:
    """Raise `ModelError` where a model of that name is in `models` already, in whatever case."""
    try:
        taken = next((entry.name for entry in models.iterdir() if _folded(entry.name) == _folded(name)), None)
    except OSError:
        return
    if taken is not None:
        raise ModelError(
            f"There is a model named {clean_line(taken, 80)} already",
            f"It is in {models}.",
            f"Choose another name with --name, or remove that one: `lama rm {clean_line(taken, 80)}`",
        )


class Places:
    """The paths in one folder: each is checked to stay in it, and to differ from the others on every file system."""

    def __init__(self) -> None:
        self._spelled: dict[str, str] = {}
        self._files: set[str] = set()

    def add(self, path: str) -> PurePosixPath:
        """Check a relative path with `/`. Raises `DownloadError` or `ModelFormatError`."""
        safe_path(path)
        if path.startswith("~") or path.count("/") >= _DEEPEST:
            raise _refused(path, "it names a home folder, or is too deep")
        folded = _folded(path)
        if folded in self._spelled:
            raise _refused(path, "another one differs from it by upper and lower case only, or not at all")
        inside = folded
        spelled = path
        while "/" in inside:
            inside, spelled = inside.rpartition("/")[0], spelled.rpartition("/")[0]
            if self._spelled.setdefault(inside, spelled) != spelled or inside in self._files:
                raise _refused(path, "another one differs from it by upper and lower case only, or is a file")
        self._spelled[folded] = path
        self._files.add(folded)
        return PurePosixPath(path)


def is_hidden(path: str) -> bool:
    """Whether a file belongs to tools and systems (`.git`, `.cache`, `__MACOSX`) and not to the model."""
    return any((part.startswith(".") and part not in (".", "..")) or part == "__MACOSX" for part in path.split("/"))


def _folded(name: str) -> str:
    """What file systems take for the same name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _refused(path: str, why: str) -> ModelFormatError:
    return ModelFormatError(
        "A file has a name that is refused", f"{clean_line(path, 120)}: {why}.", "Get the model from somewhere else."
    )
