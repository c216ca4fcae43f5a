"""What a folder would bring with it, and whether it is a model: looked at before copying and after unpacking.

Blocks: call it in a thread.
"""

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.model_files import check_folder, weight_files
from lama_tui.errors import ModelFormatError
from lama_tui.library.gguf_models import NOT_YET, gguf_models
from lama_tui.library.importing.archive import FILES
from lama_tui.library.importing.kinds import ARCHIVES, PICKLES, WORDS, Kind, kind_of
from lama_tui.library.importing.names import Places, is_hidden
from lama_tui.library.importing.target import of_disk
from lama_tui.library.importing.work import Work
from lama_tui.security.gate import clean_line

_MEANT: dict[str, Kind] = {".safetensors": "safetensors", ".gguf": "gguf"}
_FOLDERS = 10_000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that belongs to a model. `path` is relative, with `/`; what it was when it was looked at, in bytes."""

    path: str
    size: int
    mtime_ns: int
    inode: tuple[int, int]


def list_files(folder: Path, work: Work) -> list[SourceFile]:
    """The files of a model in `folder`, links to files followed, hidden ones left out.

    Raises `ModelFormatError` for what is no plain file and for names that are refused, `ModelError`, `Stopped`.
    """
    places = Places()
    files: list[SourceFile] = []
    visited = 0
    with of_disk(folder):
        for base, folders, names in os.walk(folder, onerror=_raise):
            visited += 1
            inside = Path(base).relative_to(folder)
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            for name in folders:
                if Path(base, name).is_symlink():
                    raise _refused(inside / name, "It is a link to a folder, which is not followed")
            for name in sorted(names):
                if not is_hidden(name):
                    files.append(_source_file(folder, (inside / name).as_posix(), places))
                work.advance(0, name)
            if len(files) > FILES or visited > _FOLDERS:
                raise ModelFormatError(
                    "It has too many files", f"{folder} holds more than {FILES:,}.", "A model has a few dozen."
                )
    return files


def _source_file(folder: Path, path: str, places: Places) -> SourceFile:
    places.add(path)
    try:
        status = (folder / path).stat()
    except OSError as error:
        raise _refused(path, f"It cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "It is a pipe or a device, or a link to one")
    return SourceFile(path, status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino))


def check_kinds(folder: Path, files: Collection[SourceFile], work: Work) -> None:
    """Refuse what no model needs: pickles, whatever they are called, and what hides other files."""
    for file in files:
        work.advance(0, file.path)
        with of_disk(folder / file.path):
            kind = kind_of(folder / file.path)
        check_kind(file.path, kind)


def check_kind(name: str, kind: Kind) -> None:
    """Raise `ModelFormatError` for a file of this kind under this name."""
    shown = clean_line(name, 120)
    if kind in PICKLES:
        raise ModelFormatError(
            f"{shown} is {WORDS[kind]}: it is refused",
            "A pickle is a program: who reads it runs whatever its author wrote into it.",
            "Get the model as safetensors or GGUF, which hold nothing but numbers.",
        )
    if kind in ARCHIVES or kind == "not a file":
        raise ModelFormatError(
            f"{shown} is {WORDS[kind]}",
            "What is in it was not looked at.",
            "Unpack it, or leave it out, and try again.",
        )
    meant = _MEANT.get(Path(name).suffix.lower())
    if meant is not None and kind != meant:
        raise ModelFormatError(
            f"{shown} is {WORDS[kind]}", f"Its name says that it is {WORDS[meant]}; its first bytes do not.",
            "Get it again: what came may be a page that asks to sign in.",
        )  # fmt: skip


def check_model(name: str, folder: Path) -> None:
    """Raise a `ModelError` that says what is missing where `folder` is no model, of MLX or GGUF."""
    names = [entry.name for entry in folder.iterdir()]
    if not weight_files(names) and (found := gguf_models(folder)):
        wrong = next((model for model in found if model.problem != NOT_YET), None)
        if wrong is not None:
            raise ModelFormatError(f"{clean_line(wrong.name, 120)} cannot be used", wrong.problem, "Get it again.")
        return
    if names and all(name.lower().endswith(".safetensors") for name in names):
        raise weights_alone(min(names))
    check_folder(ModelSource(name, str(folder)))


def weights_alone(name: str) -> ModelFormatError:
    """The error for safetensors and nothing else."""
    return ModelFormatError(
        "Weights alone are no model",
        f"Beside {clean_line(name, 80)} there must be config.json, tokenizer.json and tokenizer_config.json.",
        "Import the folder or the archive that holds all of them.",
    )


def _refused(path: Path | str, why: str) -> ModelFormatError:
    return ModelFormatError(f"{clean_line(str(path), 120)} is refused", why + ".", "Leave it out, and try again.")


def _raise(error: OSError) -> None:
    raise error
