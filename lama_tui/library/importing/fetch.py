"""Fetches one file from an address, and goes on at the byte where it was cut off; beside weights, what belongs to them.

What came is kept in a folder of `data/models/` whose name begins with a dot and comes from the address, until it is
imported. Blocks: call it in a thread.
"""

import contextlib
import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lama_tui.errors import ConnectionLost, DownloadError, LamaError, ModelFormatError, ProviderError
from lama_tui.library.importing.beside import fetch_beside
from lama_tui.library.importing.contents import check_kind
from lama_tui.library.importing.kinds import ARCHIVES, WORDS, kind_of_open
from lama_tui.library.importing.names import derived_name
from lama_tui.library.importing.target import Busy, check_space, of_disk, place_of, take
from lama_tui.library.importing.work import Work
from lama_tui.providers.fetch import Body, Fetcher
from lama_tui.providers.refusal import explanation
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact

_PIECE = 1 << 20
_LOOK = 1 << 16  # bytes after which it is looked at what comes
_LOOK_AT_DISK = 16 << 20  # bytes after which it is looked at the disk
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def is_address(source: str) -> bool:
    """Whether it is one, and no path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source) is not None


def check_address(url: str, insecure_http: bool) -> None:
    """Raise `DownloadError` for an address that may not be fetched from."""
    shown = redact(clean_line(url, 200))
    try:
        split = urlsplit(url)
        usable = bool(split.hostname) and (split.port or 1) > 0 and url.isascii() and url.isprintable()
    except ValueError:
        usable, split = False, urlsplit("")
    if not usable or split.username is not None or " " in url:
        raise DownloadError("This is no address", shown, "It is like https://host/path/model.gguf, without a password")
    if split.scheme == "http" and not insecure_http:
        raise DownloadError(
            "Over http anybody on the way can change what comes", shown,
            "Use https; or, where you trust the way, --insecure-http, best with --sha256",
        )  # fmt: skip
    if split.scheme not in ("http", "https"):
        raise DownloadError("Only https is fetched", shown, "Get the file yourself and import it from this disk")


def name_in(url: str) -> str:
    """The name of the file that an address leads to; untrusted."""
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]


def name_for(url: str) -> str:
    """A name for the model at an address; empty where it gives none.

    Where the file is called `model`, its repo or folder has the name.
    """
    parts = [unquote(part) for part in urlsplit(url).path.split("/") if part]
    above = parts[parts.index("resolve") - 1] if "resolve" in parts[1:] else "".join(parts[-2:-1])
    return derived_name(name_in(url)) or derived_name(above)


class WeightsAlone(Exception):
    """The file is safetensors: config and tokenizer belong to it."""


class AddressFetch:
    """The file at `url`, in `models` (`data/models/`) while it comes. `beside` has the files that belong to weights."""

    def __init__(self, models: Path, url: str) -> None:
        self._url = url
        self._shown = redact(clean_line(url, 160))
        self._folder = place_of(models, url)
        self._part = self._folder / "part"
        self._note = self._folder / "part.json"
        self.beside = self._folder / "beside"
        self._validator = ""
        self._total: int | None = None
        self._is_whole = False
        self._lock: int | None = None

    def run(self, fetcher: Fetcher, work: Work) -> Path:
        """Fetch what is missing and return the whole file; nobody else fetches it until `release`.

        Raises a `LamaError`, `Busy` where somebody else does just now, and `Stopped` of `fetcher` or of `work`.
        """
        with of_disk(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take()
        self._fetch(fetcher, work)
        return self._part

    def _take(self) -> None:
        busy = Busy("Another import fetches this already", self._shown, "Wait until it is done")
        self._lock = take(self._folder, busy)

    def release(self) -> None:
        """Let others go on with it; safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def discard(self) -> None:
        """Take away what came: it was imported, or is not what was wanted."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def remove(self) -> None:
        """Take away what came, unless somebody fetches it."""
        with contextlib.suppress(OSError, Busy):
            self._take()
            self.discard()
            self.release()

    def _fetch(self, fetcher: Fetcher, work: Work) -> None:
        with of_disk(self._part):
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0):
            self._read_note()
            try:
                self._ask(descriptor, fetcher, work)
            except WeightsAlone:
                self._fetch_beside(fetcher, work)
                self._ask(descriptor, fetcher, work)
            with of_disk(self._part):
                os.fsync(descriptor)
                self._total = os.fstat(descriptor).st_size
            work.begin("fetching", self._total, self._total)
            self._note_down(is_whole=True)

    def _fetch_beside(self, fetcher: Fetcher, work: Work) -> None:
        try:
            fetch_beside(self._url, self.beside, fetcher, work)
        except ModelFormatError:
            self.discard()
            raise

    def _ask(self, part: int, fetcher: Fetcher, work: Work) -> None:
        """One request for what is missing. Raises `ConnectionLost` where not all came, `WeightsAlone`."""
        have = os.fstat(part).st_size
        if have == self._total and (self._is_whole or self._validator):
            return self._look(part)
        if not self._validator:
            have = 0
        headers = {"Range": f"bytes={have}-", "If-Range": self._validator} if have else {}
        with fetcher.get(self._url, headers) as body:
            if body.status not in (200, 206):
                raise self._refusal(body)
            have = self._begin_at(body, have)
            with of_disk(self._part):
                os.ftruncate(part, have)  # first: the note must never be of another file than these bytes
                os.lseek(part, have, os.SEEK_SET)
            etag = body.headers.get("etag", "")
            self._validator = etag if etag.startswith('"') else body.headers.get("last-modified", "")
            self._total = None if body.length is None else have + body.length
            self._note_down()
            if self._total is not None:
                check_space(self._folder, self._total - have)
            work.begin("fetching", self._total, have)
            try:
                self._copy(body, part, have, work)
            finally:
                work.tell(name_in(self._url))
            if not body.is_read:
                raise ConnectionLost("The connection broke", self._shown, "Try again: it goes on where it was")
        self._look(part)

    def _begin_at(self, body: Body, have: int) -> int:
        if body.status == 200:
            return 0
        said = _RANGE.match(body.headers.get("content-range", ""))
        if said is None or int(said[1]) != have:
            raise DownloadError("Another part of the file came than was asked for", self._shown, "Try again later")
        etag = body.headers.get("etag", "")
        same = not self._validator.startswith('"') or etag in ("", self._validator)
        if not same or (self._total is not None and said[2] not in ("*", str(self._total))):
            with of_disk(self._note):
                self._note.unlink(missing_ok=True)  # it begins anew
            raise ConnectionLost("The file changed meanwhile", self._shown, "Try again")
        return have

    def _copy(self, body: Body, part: int, have: int, work: Work) -> None:
        buffer = memoryview(bytearray(_PIECE))
        looked, unchecked = have > _LOOK, 0
        while count := body.readinto(buffer):
            unchecked += count
            if unchecked >= _LOOK_AT_DISK:  # what tells no length may never end, and others write too
                unchecked = 0
                check_space(self._folder, 0)
            with of_disk(self._part):
                written = 0
                while written < count:
                    written += os.write(part, buffer[written:count])
            have += count
            if not looked and have > _LOOK:
                self._look(part)
                looked = True
            work.advance(count, name_in(self._url))

    def _look(self, part: int) -> None:
        """Whether what comes can be a model: not after gigabytes. Raises `ModelFormatError`, `WeightsAlone`."""
        at = os.lseek(part, 0, os.SEEK_CUR)
        with os.fdopen(os.dup(part), "rb") as file:
            kind = kind_of_open(file, self._total)
        os.lseek(part, at, os.SEEK_SET)
        try:
            if kind not in ARCHIVES:
                check_kind(name_in(self._url), kind)
                if kind == "safetensors":
                    if not self.beside.exists():
                        raise WeightsAlone
                elif kind != "gguf":
                    raise ModelFormatError(
                        "What comes is no model", f"{self._shown} is {WORDS[kind]}.", "Check the address: look at it."
                    )
        except ModelFormatError:
            self.discard()
            raise

    def _note_down(self, is_whole: bool = False) -> None:
        """What tells that the file is still the same when the rest of it is asked for."""
        noted = {"validator": self._validator, "total": self._total, "whole": is_whole}
        with of_disk(self._note):
            self._note.write_text(json.dumps(noted))

    def _read_note(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            note = json.loads(self._note.read_text())
            validator, total = note.get("validator"), note.get("total")
            if isinstance(validator, str) and (total is None or type(total) is int):
                self._validator, self._total, self._is_whole = validator, total, note.get("whole") is True

    def _refusal(self, body: Body) -> LamaError:
        said = explanation(body.explanation())
        detail = f"{self._shown}: HTTP {body.status}" + (f": {said}" if said else "")
        if body.status in (408, 429) or body.status >= 500:
            return ConnectionLost("The server has a problem", detail, "Try again later")
        if body.status == 416:
            self.discard()
            return ConnectionLost("The file became shorter meanwhile", detail, "It begins anew")
        return ProviderError("The server refused the file", detail, "Check the address")
