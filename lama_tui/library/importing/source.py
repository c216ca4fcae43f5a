"""What is to be imported, and what it is at first sight. Blocks: call it in a thread."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lama_tui.errors import ModelError, ModelFormatError, ModelIntegrityError, ModelNotFoundError
from lama_tui.library.importing.contents import check_kind, weights_alone
from lama_tui.library.importing.copying import hash_of
from lama_tui.library.importing.fetch import name_in
from lama_tui.library.importing.kinds import ARCHIVES, WORDS, Kind, kind_of
from lama_tui.library.importing.names import check_model_name, derived_name
from lama_tui.library.importing.target import of_disk
from lama_tui.library.importing.work import Work
from lama_tui.security.gate import clean_line


@dataclass(frozen=True, slots=True)
class Wish:
    """What to import. `came_from` is the address that `source` was fetched from: it may be taken then, not copied;
    with what is in `beside` where it is weights."""

    source: Path
    name: str = ""
    sha256: str = ""
    link: bool = False
    came_from: str = ""
    beside: Path | None = None

    @property
    def origin(self) -> str:
        """What is recorded."""
        return self.came_from or str(self.source)

    @property
    def called(self) -> str:
        """The name of the file; untrusted."""
        return name_in(self.came_from) if self.came_from else self.source.name


@dataclass(frozen=True, slots=True)
class Seen:
    """What a source is, at first sight, and the name that it will have."""

    name: str
    kind: Kind
    is_folder: bool


def look(wish: Wish, models: Path) -> Seen:
    """Look at what is to be imported, without reading all of it. Raises a `ModelError`. Blocks."""
    source = wish.source
    try:
        str(source).encode()
    except UnicodeEncodeError as error:
        raise ModelError(
            "The path is not UTF-8: it could not be written down", clean_line(str(source)), "Rename it, and try again."
        ) from error
    with of_disk(source):
        if not source.exists():
            raise ModelNotFoundError(f"There is nothing at {clean_line(str(source))}", "", "Check the path.")
        is_folder = source.is_dir()
        kind: Kind = "not a file" if is_folder else kind_of(source)
    if is_folder and source.resolve().is_relative_to(models.resolve()):
        raise ModelError("It is among lama's own models already", f"{source} is in {models}.", "")
    if not is_folder:
        _check_single(wish, kind)
    elif wish.sha256:
        raise ModelError("A folder has no hash", "--sha256 is that of a file.", "Leave it out.")
    name = wish.name or derived_name(str(source))
    check_model_name(name)
    return Seen(name, kind, is_folder)


def absolute(path: str | Path) -> Path:
    """Where a path leads from here; links stay as named, and so does a home that nobody has."""
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111


def _check_single(wish: Wish, kind: Kind) -> None:
    """Whether one file can be a model, or hold one."""
    if kind in ARCHIVES:
        if wish.link:
            raise ModelError("An archive cannot be linked", "It has to be unpacked.", "Leave out --link.")
        return
    check_kind(wish.called, kind)
    if kind == "safetensors":
        if wish.beside is None or not wish.beside.exists():
            raise weights_alone(wish.called)
    elif kind != "gguf":
        raise ModelFormatError(
            f"{clean_line(wish.called, 80)} is no model", f"It is {WORDS[kind]}.",
            "A model is a folder, a GGUF file, or a zip or tar archive with one of these in it.",
        )  # fmt: skip


def check_hash(wish: Wish, work: Work) -> None:
    """Raise `ModelIntegrityError` where the file has another hash than was asked for."""
    work.begin("hashing", wish.source.stat().st_size)
    digest, _ = hash_of(wish.source, work, wish.called)
    if digest != wish.sha256.lower():
        raise ModelIntegrityError(
            f"{clean_line(wish.called, 80)} is not the file that was asked for",
            f"Its SHA-256 is {digest}, and it should be {wish.sha256.lower()}.",
            "Get it again, from somewhere else perhaps; nothing was imported.",
        )


def check_sha256(text: str) -> None:
    """Raise `ModelError` for what is not the hash of anything."""
    if text and not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ModelError("This is no SHA-256", clean_line(text, 80), "It has 64 hex digits")
