"""The program that some models bring (`model_file` in config.json): read, named by a digest, run when it is trusted.

Only that file is run, from the very bytes that were hashed: it is never opened a second time, no compiled copy beside
it is used, and mlx-lm is never told to trust anything. The digest covers every file of the folder that Python could
import besides, for the program may load those by itself. Nothing here needs MLX.
"""

import hashlib
import os
import shlex
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from lama_tui.engine.backend import ModelSource
from lama_tui.errors import ModelFormatError, ModelLoadError, UntrustedCodeError
from lama_tui.security.gate import clean

KEY = "model_file"
"""What config.json calls the program."""

LIMIT = 512 * 1024
"""Bytes of code, all files together: more than this nobody reads."""
FILES = 64
"""Files of code that a folder may have."""

_SUFFIXES = (".py", ".pyc", ".pyo", ".pyd", ".so", ".dylib")  # what Python imports, on any system
_GET_ANOTHER = "Choose a model that MLX knows by itself."


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file that Python could import. `name` is its path in the model's folder."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Of its bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def text(self) -> str | None:
        """What it says, exactly; None where it is compiled."""
        return None if not self.name.endswith(".py") else _text(self.data)


@dataclass(frozen=True)
class ModelCode:
    """The program of the model in `folder`: `files[0]` is what runs, the others are what it could load by itself."""

    folder: Path
    files: tuple[CodeFile, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hex: other files, names or bytes have another one."""
        lines = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def revision(self) -> str:
        """The commit of the hub that it is of; empty where the folder does not say."""
        return self.folder.name if self.folder.parent.name == "snapshots" else ""


def model_code(folder: Path, config: Mapping[str, Any]) -> ModelCode | None:
    """The program that `config` names; None without one.

    Raises `ModelFormatError` where nobody could know what would run, and `OSError`.
    """
    name = config.get(KEY)
    if name is None:
        return None
    if not isinstance(name, str) or not _is_plain(name):
        raise _impossible(f"config.json names {str(name)[:80]!r}, which is not a .py file in the model's own folder")
    found = sorted(_found(folder))
    if name not in found:
        raise _impossible(f"there is no file {name[:80]} in {folder}")
    files: list[CodeFile] = []
    for each in (name, *(other for other in found if other != name)):
        data = _read(folder, each, LIMIT - sum(len(file.data) for file in files))
        if each.endswith(".py") and _text(data) is None:
            raise _impossible(f"{each[:80]} is not plain UTF-8 text: something else would run than what one can read")
        files.append(CodeFile(each, data))
    return ModelCode(folder, tuple(files))


def demand_trust(reference: str, code: ModelCode | None, trusted: str) -> None:
    """Raise `UntrustedCodeError` unless the person agreed to this code; `trusted` is the digest of what they did."""
    if code is None or code.digest == trusted:
        return
    sizes = [f"{file.name} ({len(file.data):,} bytes)" for file in code.files]
    others = f", which may load {_listed(sizes[1:])}" if sizes[1:] else ""
    revision = f" of revision {code.revision[:12]}" if code.revision else ""
    changed = "It is not what was trusted before. " if trusted else ""
    raise UntrustedCodeError(
        f"{reference} brings a program of its own, which nobody trusted yet",
        f"{changed}To load it, {sizes[0]}{revision} would be run{others}. It could do everything that you can do here:"
        f" read, change, delete and send your files. SHA-256 {code.digest}",
        f"Read it first: `lama trust {shlex.quote(reference)}` shows it, or load the model in the list of models.",
    )


def classes(source: ModelSource, code: ModelCode) -> tuple[Any, Any]:
    """Run the program: its `Model` and `ModelArgs`. It is trusted. Raises a `ModelError`."""
    demand_trust(source.reference, code, code.digest if code.digest in (source.code, source.draft_code) else "")
    file = code.files[0]
    module = ModuleType(f"custom_model_{code.digest[:16]}")
    module.__file__ = str(code.folder / file.name)
    sys.modules[module.__name__] = module  # as long as it is made: data classes look for it
    try:
        # text, not bytes: a line in the file that names another encoding would make another program of it
        exec(compile(file.text or "", module.__file__, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 — trusted
        return module.__dict__["Model"], module.__dict__["ModelArgs"]
    except KeyError as error:
        raise ModelFormatError(
            f"{file.name[:80]} is not a model", f"It defines no {error}, which MLX asks for.", _GET_ANOTHER
        ) from error
    except (Exception, SystemExit) as error:
        raise ModelLoadError(
            "The model's own program failed",
            f"{file.name[:80]} in {code.folder}: {type(error).__name__}: {str(error)[:300]}",
            "Get the model again, or choose another one.",
        ) from error
    finally:
        sys.modules.pop(module.__name__, None)


def contained(model: Any) -> Any:
    """The class `model` of a program; where it would end the thread that calls it, its answer fails instead."""

    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return model.__call__(self, *arguments, **options)
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            raise RuntimeError(f"The model's own program raised {type(error).__name__}: {error}") from error

    return type(model.__name__, (model,), {"__call__": call, "__module__": model.__module__})


def _is_plain(name: str) -> bool:
    return (
        name == Path(name).name
        and name.endswith(".py")
        and name.isprintable()
        and not name.startswith(".")
        and "\\" not in name
        and ":" not in name
    )


def _found(folder: Path) -> Iterator[str]:
    """The path of every file in `folder` that Python could import."""
    count = 0
    for base, folders, names in os.walk(folder, onerror=_stop):
        where = Path(base).relative_to(folder)
        for name in folders:
            if Path(base, name).is_symlink():
                raise _impossible(f"{str(where / name)[:80]} is a link to another folder")
        for name in names:
            path = str(where / name)
            if not name.lower().endswith(_SUFFIXES):
                continue
            count += 1
            if not path.isprintable() or count > FILES:
                raise _impossible(f"{folder} has more than {FILES} files of code, or some with unreadable names")
            yield path


def _stop(error: OSError) -> None:
    raise error


def _read(folder: Path, name: str, room: int) -> bytes:
    path = folder / name
    if path.is_symlink() and not _is_blob(path.resolve(), folder):
        raise _impossible(f"{name[:80]} is a link that leads out of the model")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would never begin
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _impossible(f"{name[:80]} is not a file")
        data = file.read(room + 1)
    if len(data) > room:
        raise _impossible(f"{folder} has more than {LIMIT:,} bytes of it")
    return data


def _is_blob(end: Path, folder: Path) -> bool:
    """Whether a link leads to where the hub's own client keeps the files of this repo."""
    repo = folder.parent.parent
    blobs = [(repo / "blobs").resolve(), (repo.parent / "blobs").resolve()]  # of the repo, and those that repos share
    return folder.parent.name == "snapshots" and any(end.is_relative_to(store) for store in blobs)


def _text(data: bytes) -> str | None:
    """The text, with one kind of line end; None where a reader would not see all of what Python sees."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except ValueError:
        return None
    return text if clean(text) == text else None


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _impossible(why: str) -> ModelFormatError:
    return ModelFormatError("It brings a program that cannot be trusted", f"Of its code: {why}.", _GET_ANOTHER)
