"""What may be imported, looked at while it is typed: a path on this disk or an address. No widgets; blocks on disk."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from lama_tui.errors import LamaError, ModelError, ModelFormatError
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures

Way = Literal["", "https", "http", "copy", "unpack"]
"""How it would come here; empty where it cannot. What is copied can be linked as well."""

_ENDINGS = (".gguf", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst")
_LOOKED_AT = 20_000  # entries of a folder, at most
_LONGEST = 200

NOTHING_YET = "A folder, a .gguf file, a zip or tar archive, or the https address of one of these files."


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there. `about` is a sentence on it, `problem` one on what is wrong; `name` is what it would be called."""

    way: Way = ""
    about: str = ""
    problem: str = ""
    name: str = ""


def is_address(text: str) -> bool:
    """Whether it can be no path."""
    return "://" in text


def source_of(text: str) -> str:
    """What is meant by what was typed or dropped: an address, or an absolute path, from the home where it begins
    nowhere. `~` is the home; quotes round all of it, and backslashes before spaces, are those of a terminal that a file
    was dropped on."""
    text = text.replace("\0", "").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    elif "\\ " in text:
        text = re.sub(r"\\(.)", r"\1", text)
    if text.startswith("file:///"):
        text = unquote(text.removeprefix("file://"))
    if not text or is_address(text):
        return text
    path = os.path.expanduser(text)  # noqa: PTH111 - that of Path raises for a home that nobody has
    return os.path.normpath(Path.home() / path)


def look(text: str, models: Path) -> Seen:
    """What is at a source, without reading all of it. `models` is the folder that is imported into."""
    source = source_of(text)
    if not source:
        return Seen(about=NOTHING_YET)
    try:
        return _address(source) if is_address(source) else _path(Path(source), models)
    except LamaError as error:
        return Seen(problem=said(error), name=_name(source))
    except OSError as error:
        return Seen(problem=f"It cannot be read: {error.strerror or error}.", name=_name(source))
    except ValueError:  # no system has such a name
        return Seen(problem="That is no path, and no address.")


def check_name(name: str, models: Path) -> str:
    """What is wrong with a name for a new model, as sentences; empty where nothing is."""
    from lama_tui.library.importing.names import check_free, check_model_name

    try:
        check_model_name(name)
        check_free(models, name)
    except ModelError as error:
        return said(error)
    return ""


def check_hash(sha256: str, way: Way, source: str) -> str:
    """What is wrong with a hash, as sentences; empty where nothing is."""
    from lama_tui.library.importing.source import check_sha256

    try:
        check_sha256(sha256)
    except ModelError as error:
        return said(error)
    if sha256 and way == "copy" and Path(source).is_dir():
        return "A folder has no hash: that is of a single file. Leave it out."
    return ""


def said(error: LamaError) -> str:
    """An error in sentences, without what only the command line can do."""
    pieces = (error.title, error.detail, "" if "--" in error.hint else error.hint)
    return clean_line(" ".join(f"{piece.rstrip('.')}." for piece in pieces if piece), 600)


def completions(text: str) -> Sequence[str]:
    """How a path that was begun can go on, in the order of the alphabet: folders, and files that may be models."""
    source = text.lstrip()
    if not source or is_address(source) or source[0] in "'\"":
        return ()
    begun = source.rpartition("/")[2]
    folder = source_of(source[: len(source) - len(begun)] or "~")
    if begun in ("~", ".", ".."):
        return ()
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in islice(entries, _LOOKED_AT) if _goes_on(entry, begun)]
            if not begun and any(entry.name == "config.json" for entry in os.scandir(folder)):
                return ()  # a model itself
            return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in found)
    except (OSError, ValueError):
        return ()


def _goes_on(entry: "os.DirEntry[str]", begun: str) -> bool:
    name = entry.name
    if not name.startswith(begun) or not name.isprintable() or (name.startswith(".") and not begun.startswith(".")):
        return False
    return name.lower().endswith(_ENDINGS) or entry.is_dir()


def _name(source: str) -> str:
    from lama_tui.library.importing.fetch import name_for
    from lama_tui.library.importing.names import derived_name

    try:
        return name_for(source) if is_address(source) else derived_name(source)
    except ValueError:
        return ""


def _address(source: str) -> Seen:
    from lama_tui.library.importing.fetch import check_address

    check_address(source, insecure_http=True)
    if urlsplit(source).scheme == "http":
        return Seen("http", "Over http anybody on the way can read what comes, and change it.", name=_name(source))
    return Seen("https", "It is fetched in the background; cut off, it goes on from there.", name=_name(source))


def _path(path: Path, models: Path) -> Seen:
    from lama_tui.library.importing.contents import check_kind, weights_alone
    from lama_tui.library.importing.kinds import ARCHIVES, WORDS, kind_of

    name = _name(str(path))
    if not path.exists():
        others = [clean_line(each, 60) for each in completions(str(path))]
        listed = f" What begins so: {', '.join(others[:4])}{' …' if len(others) > 4 else ''}" if others else ""
        return Seen(problem=f"There is nothing at {clean_line(str(path), _LONGEST)}.{listed}", name=name)
    if path.is_dir():
        if path.resolve().is_relative_to(models.resolve()):
            return Seen(problem="It is among lama's own models already.", name=name)
        return _folder(path, name)
    kind, size = kind_of(path), figures.size(path.stat().st_size)
    if kind in ARCHIVES:
        words = WORDS[kind]
        return Seen(
            "unpack", f"{words[0].upper()}{words[1:]} of {size}: it is unpacked, and stays where it is.", name=name
        )
    check_kind(path.name, kind)
    if kind == "safetensors":
        raise weights_alone(path.name)
    if kind != "gguf":
        raise ModelFormatError(f"{clean_line(path.name, 80)} is no model", f"It is {WORDS[kind]}", "")
    return Seen("copy", f"A GGUF file of {size}.", name=name)


def _folder(path: Path, name: str) -> Seen:
    """A folder is looked into as far as a model is deep: on the way to it there are others, with all of a disk."""
    from lama_tui.engine.model_files import weight_files
    from lama_tui.library.importing.contents import check_model

    with os.scandir(path) as entries:
        names = [entry.name for entry in islice(entries, _LOOKED_AT)]
    if weight_files(names) or "config.json" in names:
        check_model(name, path)
    elif not _has_gguf(path):
        raise ModelFormatError("There is no model in this folder", "Its weights, or a GGUF file, would be there", "")
    return Seen("copy", "A folder with a model in it.", name=name)


def _has_gguf(path: Path) -> bool:
    looked = 0
    for _, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if any(name.lower().endswith(".gguf") for name in names):
            return True
        looked += len(names) + len(folders)
        if looked > _LOOKED_AT:
            return False
    return False
