"""Which files of a revision are fetched, and what of them is here. Blocks: call in a thread."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from lama_tui.errors import DownloadError, LamaError, ModelFormatError
from lama_tui.library.downloads.layout import RepoFolder, size_of
from lama_tui.library.hub.gguf_files import GgufChoice, choices, usual
from lama_tui.library.hub.values import HubFile
from lama_tui.security.gate import clean_line

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".nemo")
_OTHER_WEIGHTS = frozenset(
    (
        *_PICKLES,
        ".h5",
        ".msgpack",
        ".ot",
        ".npz",
        ".gguf",
        ".ggml",
        ".onnx",
        ".onnx_data",
        ".tflite",
        ".mlmodel",
        ".pte",
    )
)
_OTHER_FOLDERS = frozenset(("original", "onnx", "openvino", "coreml", "tensorrt", "metal"))
_CONSOLIDATED = re.compile(r"consolidated([.-].*)?\.safetensors")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. `missing` has each blob once; `have` counts bytes that are here, `needed` those to write.

    `parts` are the bytes that are here of single ones, by hash.
    """

    files: tuple[HubFile, ...]
    missing: tuple[HubFile, ...]
    parts: Mapping[str, int]
    have: int
    needed: int

    @property
    def total(self) -> int:
        """Bytes of all its blobs."""
        return self.have + self.needed


def choose(files: Sequence[HubFile], patterns: Sequence[str] = ()) -> tuple[HubFile, ...]:
    """The files that lama needs of a revision, or those that match one of `patterns`.

    Of an MLX model all but weights in other formats; of a GGUF repo one file of weights, split or not, and what is
    no weights: which one, `hub.gguf_files` says. Raises `DownloadError` where nothing matches, `ModelFormatError` where
    it has only other weights, or none that are whole.
    """
    if patterns:
        chosen = tuple(file for file in files if any(fnmatchcase(file.path, pattern) for pattern in patterns))
        if chosen:
            return chosen
        some = ", ".join(clean_line(file.path, 40) for file in files[:5])
        raise DownloadError("No file of the model is called that", f"It has {some}", "Name one, or a pattern such as *")
    rest = tuple(file for file in files if not _is_other(file.path))
    tensors = [file for file in rest if file.path.endswith(".safetensors")]
    if tensors:
        if any(not _CONSOLIDATED.fullmatch(PurePosixPath(file.path).name) for file in tensors):
            rest = tuple(file for file in rest if not _CONSOLIDATED.fullmatch(PurePosixPath(file.path).name))
        return rest
    if found := choices(files):
        if (gguf := usual(found)) is None:
            raise ModelFormatError(
                "None of its GGUF files is whole",
                f"{clean_line(found[0].name, 80)}: {found[0].problem}",
                "Use another model, or name the files that you want with --file",
            )
        return (*rest, *gguf.files)
    if left := sorted({_suffix(file.path) for file in files if _suffix(file.path) in _OTHER_WEIGHTS}):
        raise ModelFormatError(
            "This model has no weights that lama can use",
            f"It has {', '.join(left)}; lama runs safetensors with MLX, and GGUF",
            "Look for a conversion, for example of mlx-community",
        )
    return rest


def by_default(files: Sequence[HubFile]) -> GgufChoice | None:
    """The quantization that is fetched where nobody chooses; None where other weights are, or nothing can be."""
    first = usual(choices(files))
    try:
        return first if first is not None and first.files[0] in choose(files) else None
    except LamaError:
        return None


def held(files: Sequence[HubFile], folder: RepoFolder, commit: str) -> tuple[HubFile, ...]:
    """The files of GGUF models of a revision whose bytes are all here, but not in it yet: who fetches another
    quantization of a newer revision keeps what did not change in it."""
    snapshot = folder.snapshot(commit)
    found: list[HubFile] = []
    for model in choices(files):
        here = all(size_of(folder.blob(file.hash)) == file.size for file in model.files)
        if here and not model.problem and any(size_of(snapshot / file.path) is None for file in model.files):
            found += model.files
    return tuple(found)


def plan(files: Sequence[HubFile], folder: RepoFolder, commit: str) -> Plan:
    """What of `files` is here: as a blob, the beginning of one, or, on disks without links, in the snapshot."""
    blobs = {file.hash: file for file in files}
    missing, parts, have, needed = [], {}, 0, 0
    for file in blobs.values():
        here = file.size in (size_of(folder.blob(file.hash)), _unlinked(folder.snapshot(commit) / file.path))
        part = 0 if here else min(size_of(folder.part(file.hash)) or 0, file.size)
        have += file.size if here else part
        needed += 0 if here else file.size - part
        if not here:
            missing.append(file)
            parts[file.hash] = part
    return Plan(tuple(files), tuple(missing), parts, have, needed)


def _unlinked(path: Path) -> int | None:
    """The size of a file that is no link."""
    return None if path.is_symlink() else size_of(path)


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _is_other(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return _suffix(path) in _OTHER_WEIGHTS or (len(parts) > 1 and parts[0].lower() in _OTHER_FOLDERS)
