"""Fills the place where a model grows: from a folder, a GGUF file, an archive, or weights and what lay beside them.

Blocks: call it in a thread.
"""

from pathlib import Path

from lama_tui.engine.model_files import weight_files
from lama_tui.errors import ModelError, ModelFormatError
from lama_tui.library.hub.values import HubFile
from lama_tui.library.importing.archive import unpack
from lama_tui.library.importing.contents import SourceFile, check_kinds, check_model, list_files
from lama_tui.library.importing.copying import copy_file, hash_of
from lama_tui.library.importing.kinds import ARCHIVES, Kind
from lama_tui.library.importing.names import Places
from lama_tui.library.importing.source import Seen, Wish
from lama_tui.library.importing.target import check_space, of_disk
from lama_tui.library.importing.work import Work
from lama_tui.security.gate import clean_line


def fill(into: Path, wish: Wish, seen: Seen, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    """The model, somewhere in `into`, and its files. Raises a `ModelError`, `DownloadError`, `Stopped`."""
    if seen.kind in ARCHIVES:
        return _from_archive(wish, seen.kind, seen.name, into, work)
    if seen.is_folder:
        return _from_folder(wish.source, seen.name, into, wish.link, work)
    if seen.kind == "safetensors":
        return _from_weights(wish, seen.name, into, work)
    return _from_file(wish, into, work)


def _from_folder(source: Path, name: str, into: Path, link: bool, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    files = list_files(source, work)
    check_kinds(source, files, work)
    with of_disk(source):
        check_model(name, source)
    total = sum(file.size for file in files)
    place = into / "model"
    if link:
        work.begin("hashing", total)
        listed = [_hashed(source, file, work) for file in files]
        with of_disk(place):
            place.symlink_to(source, target_is_directory=True)
    else:
        check_space(into, total)
        work.begin("copying", total)
        with of_disk(place):
            place.mkdir()
        listed = [HubFile(f.path, f.size, "sha256", copy_file(source, f, place / f.path, work)) for f in files]
    if list_files(source, work) != files:
        raise ModelError(
            "The folder changed while it was imported", f"{source}.", "Wait until nobody writes there, and try again."
        )
    return place, tuple(listed)


def _from_file(wish: Wish, into: Path, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    """One GGUF file, in a folder of its own."""
    source = wish.source
    status = source.stat()
    file = SourceFile(source.name, status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino))
    place = into / "model"
    name = wish.called if wish.called.lower().endswith(".gguf") else f"{wish.called or 'model'}.gguf"
    Places().add(name)
    with of_disk(place):
        place.mkdir()
        if wish.link:
            (place / name).symlink_to(source)
        elif wish.came_from:
            _take(source, place / name)
    if wish.link or wish.came_from:
        work.begin("hashing", file.size)
        digest, _ = hash_of(place / name, work, name)
    else:
        check_space(into, file.size)
        work.begin("copying", file.size)
        digest = copy_file(source.parent, file, place / name, work)
    check_model(name, place)
    return place, (HubFile(name, file.size, "sha256", digest),)


def _from_weights(wish: Wish, name: str, into: Path, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    """Weights from an address, with what lay beside them there."""
    place = into / "model"
    weights = wish.called if weight_files([wish.called]) else "model.safetensors"
    Places().add(weights)
    with of_disk(place):
        place.mkdir()
        for file in (wish.beside or place).iterdir():
            _take(file, place / file.name)
        _take(wish.source, place / weights)
        files = list_files(place, work)
        check_kinds(place, files, work)
        check_model(name, place)
    work.begin("hashing", sum(file.size for file in files))
    return place, tuple(_hashed(place, file, work) for file in files)


def _take(source: Path, to: Path) -> None:
    """Give what came from an address a place in the model. Its own stays until all is done: nothing comes twice."""
    try:
        to.hardlink_to(source)
    except OSError:  # a file system without
        source.rename(to)


def _from_archive(wish: Wish, kind: Kind, name: str, into: Path, work: Work) -> tuple[Path, tuple[HubFile, ...]]:
    unpacked = into / "unpacked"
    with of_disk(unpacked):
        unpacked.mkdir()
        unpack(wish.source, wish.called, kind, unpacked, work)
        model = unpacked
        while len(inside := list(model.iterdir())) == 1 and inside[0].is_dir():
            model = inside[0]  # archives often hold one folder
    work.begin("checking", None)
    files = list_files(model, work)
    if not files:
        raise ModelFormatError(
            "The archive is empty", f"{clean_line(wish.called, 80)} holds no files.", "Get the archive again."
        )
    check_kinds(model, files, work)
    with of_disk(model):
        check_model(name, model)
    work.begin("hashing", sum(file.size for file in files))
    return model, tuple(_hashed(model, file, work) for file in files)


def _hashed(folder: Path, file: SourceFile, work: Work) -> HubFile:
    digest, size = hash_of(folder / file.path, work, file.path)
    return HubFile(file.path, size, "sha256", digest)
