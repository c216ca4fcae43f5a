"""Whether all files of a model are there and as long as they should be; no weight is read.

Looked at are the recorded list of files, where there is one, the shards that a safetensors index names, and the
header of every safetensors file, which says how long it must be. Blocks on the disk: call in a thread.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lama_tui.engine.model_files import INDEX, indexed_files
from lama_tui.engine.safetensors import read_header
from lama_tui.errors import ModelError
from lama_tui.library.gguf_header import read_gguf_header
from lama_tui.library.gguf_models import NOT_YET, gguf_model, parts_of
from lama_tui.library.verify.check import Check, Difference
from lama_tui.library.verify.record import Record


def check_complete(place: Path, record: Record) -> Check:
    """Look at a model's folder, or at its one file. Never raises: what is wrong is in the answer."""
    try:
        if not place.exists():
            return Check("complete", "failed", "It is not there any more", (Difference(place.name, "is missing"),))
        if place.is_file():
            return _single(place, record)
        files = _files(place)
        wrong = dict(_wrong(place, files, record))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else ""
        return Check("complete", "unknown", f"It cannot be read: {why or error}", hint="Check its permissions.")
    if wrong:
        differences = tuple(Difference(path, what) for path, what in sorted(wrong.items()))
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        first = differences[0]
        return Check("complete", "failed", f"{first.path} {first.what}{more}", differences)
    if not files:
        return Check("complete", "failed", "The folder is empty", hint="Get the model again.")
    against = "their headers" if record.source != "store" else "the list kept when it was fetched, and their headers"
    return Check("complete", "ok", f"{len(files)} file{'s' if len(files) != 1 else ''}, by {against}")


def _files(folder: Path) -> dict[str, os.stat_result | None]:
    """Everything in `folder` by its path, links followed; None where a link leads nowhere."""
    found: dict[str, os.stat_result | None] = {}
    for base, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            path = Path(base, name)
            try:
                found[path.relative_to(folder).as_posix()] = path.stat()
            except FileNotFoundError:
                found[path.relative_to(folder).as_posix()] = None
    return found


def _raise(error: OSError) -> None:
    raise error


def _wrong(folder: Path, files: dict[str, os.stat_result | None], record: Record) -> Iterator[tuple[str, str]]:
    """What is wrong by path; what is said last of a path counts."""
    for path, status in files.items():
        if status is None:
            yield path, "was not fetched completely: its link leads nowhere"
        elif path.endswith(".safetensors"):
            try:
                read_header(folder / path)
            except ModelError as error:
                yield path, error.title.removeprefix(Path(path).name).strip()
    if INDEX in files:
        try:
            missing = indexed_files(folder / INDEX) - files.keys()
        except ModelError as error:
            yield INDEX, error.title.removeprefix(INDEX).strip()
        else:
            yield from ((path, f"is missing, and {INDEX} names it") for path in missing)
    for path, recorded in record.files.items():
        status = files.get(path)
        if path not in files:
            yield path, "is missing"
        elif status is not None and not stat.S_ISREG(status.st_mode):
            yield path, "is not a file"
        elif status is not None and recorded.size is not None and status.st_size != recorded.size:
            yield path, f"is {status.st_size:,} bytes long instead of {recorded.size:,}"


def _single(file: Path, record: Record) -> Check:
    """A GGUF model: one file, or the parts of one; its header says how long each must be."""
    recorded = {record.folder / path: each.size for path, each in record.files.items()}
    for path in recorded.keys() | set(parts_of(file)):
        header = read_gguf_header(path)
        what = header.problem[:1].lower() + header.problem[1:]
        if not what and (size := recorded.get(path)) is not None and header.size != size:
            what = f"it is {header.size:,} bytes long instead of {size:,}"
        if what:
            return Check("complete", "failed", f"{path.name}: {what}", (Difference(path.name, what),))
    model = gguf_model(file)
    if model.problem not in ("", NOT_YET):
        return Check("complete", "failed", model.problem, (Difference(file.name, model.problem),))
    against = "the list kept when it was fetched, and its header" if record.source == "store" else "its header"
    return Check("complete", "ok", f"GGUF, by {against}")
