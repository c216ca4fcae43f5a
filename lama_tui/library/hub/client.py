"""Asks the hub: small answers, read whole in a thread with limits on size and time.

An answer is also made into values in that thread, so that the event loop only gets what it shows.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from lama_tui.errors import ConnectionLost, DownloadError, LamaError, ProviderError, ProviderTimeout
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.large_json import read_json
from lama_tui.library.hub.refusal import refusal
from lama_tui.providers.fetch import Body, Fetcher, Stopped

JSON_LIMIT = 12 << 20  # bytes: 15,000 models of a listing, which comes by hundreds
TOTAL = 60.0  # seconds that an answer may take from beginning to end
AT_ONCE = 4
LONGEST_CURSOR = 8192  # characters

_PIECE = 1 << 16
_REPO = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_][\w.-]{0,95}(?:/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)

T = TypeVar("T")
Convert = Callable[[bytes, Mapping[str, str]], T]
"""Makes values of a body and its headers (lower case). Called in a thread; `ValueError`: it is not what was asked."""


class AnswerTooLarge(DownloadError):
    """It has more bytes than anybody wants to read at once."""


class HubClient:
    """Requests to one endpoint. Belongs to one event loop; `close` it."""

    def __init__(self, access: HubAccess, local_only: bool) -> None:
        self.access = access
        self._local_only = local_only
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hub")
        self._idle: list[Fetcher] = []
        self._busy: set[Fetcher] = set()

    async def get(
        self, path: str, convert: Convert[T], *, limit: int = JSON_LIMIT, repo: str = "", what: str = "",
        whole: bool = True,
    ) -> T:  # fmt: skip
        """Return what `convert` makes of the answer to a GET of `path` at the endpoint.

        More than `limit` bytes is an error, or where not `whole` is wanted, cut off. `repo` and `what` are for
        the words of errors. Raises a `LamaError`.
        """
        self._check_allowed()
        fetcher = self._idle.pop() if self._idle else Fetcher(self._local_only)
        self._busy.add(fetcher)
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._get, fetcher, path, convert, limit, repo, what, whole
        )
        try:
            async with asyncio.timeout(TOTAL):
                found = await work
        except BaseException as error:
            self._busy.discard(fetcher)
            fetcher.stop()
            if isinstance(error, TimeoutError):
                raise _too_slow() from error
            if isinstance(error, Stopped):
                raise ConnectionLost("The request to the hub was stopped", "", "Try again") from error
            raise
        self._busy.discard(fetcher)
        self._idle.append(fetcher)
        return found

    async def use(self, local_only: bool) -> None:
        """Follow a changed `privacy.local_only`; what runs breaks off."""
        if local_only != self._local_only:
            self._local_only = local_only
            self._end_all()

    async def close(self) -> None:
        """End what runs; safe to call twice."""
        self._end_all()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _end_all(self) -> None:
        for fetcher in (*self._busy, *self._idle):
            fetcher.stop()
        for fetcher in self._idle:
            fetcher.close()
        self._idle.clear()

    def _check_allowed(self) -> None:
        """Raise for a request that may not be sent: nothing is looked up then either."""
        if self.access.offline:
            raise DownloadError(
                "The hub is not asked in offline mode",
                "HF_HUB_OFFLINE is set, and nothing was sent",
                "Unset it to look at the hub; `lama ls` lists what is on this machine",
            )
        if not self.access.may_be_asked(self._local_only):
            raise ProviderError(
                "Local only is on",
                f"{self.access.host} is not on this machine, and nothing was sent or looked up",
                "Set privacy.local_only = false to look at the hub; `lama ls` lists what is on this machine",
            )

    def _get(
        self, fetcher: Fetcher, path: str, convert: Convert[T], limit: int, repo: str, what: str, whole: bool
    ) -> T:
        access = self.access
        with fetcher.get(access.endpoint + path, {}, access.sent_token) as body:
            if body.status != 200:
                raise refusal(access, body.status, body.headers, body.explanation(), repo, what)
            raw = _read(body, limit, whole)
        try:
            return convert(raw, body.headers)
        except LamaError:
            raise
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError, OverflowError) as error:
            kind = body.headers.get("content-type", "").partition(";")[0]
            detail = "A web page came instead of data" if "html" in kind else "What came cannot be read"
            raise DownloadError(
                "The hub sent something unreadable", detail, "Check HF_ENDPOINT; a network that wants a login does this"
            ) from error


def is_repo(text: str) -> bool:
    """Whether it can be the name of a repo, and so part of a path."""
    return _REPO.fullmatch(text) is not None


def check_repo(repo: str) -> str:
    """Return `repo` where it can be the name of one. Raises `DownloadError`."""
    if not is_repo(repo):
        raise DownloadError(
            "This is no name of a model on the hub", repr(repo[:80]), "Names are like mlx-community/Qwen3-0.6B-4bit"
        )
    return repo


def model_path(repo: str, *parts: str, **query: str) -> str:
    """The API's path of a model. Raises `DownloadError` for what is no repo."""
    path = "/".join(("/api/models", check_repo(repo), *(quote(part, safe="") for part in parts)))
    return f"{path}?{urlencode(query)}" if query else path


def file_path(repo: str, revision: str, path: str) -> str:
    """The path of a file's bytes below the endpoint. Raises `DownloadError` for what is no repo."""
    return f"/{check_repo(repo)}/resolve/{quote(revision, safe='')}/{quote(path)}"


def as_json(raw: bytes, headers: Mapping[str, str]) -> Any:
    """A `Convert` that only reads."""
    return read_json(raw)


def next_query(headers: Mapping[str, str]) -> str | None:
    """The query that asks for the next page, from a `Link` header; None on the last one.

    Only the query: a mirror of the hub names the hub's own address there, and nobody else's is to be asked.
    """
    for link in headers.get("link", "").split(","):
        if match := re.match(r'\s*<([^<>]*)>\s*;.*\brel="?next"?', link):
            with contextlib.suppress(ValueError):
                query = urlsplit(match[1]).query
                return query if 0 < len(query) <= LONGEST_CURSOR and query.isascii() and query.isprintable() else None
    return None


def _read(body: Body, limit: int, whole: bool) -> bytes:
    deadline = time.monotonic() + TOTAL
    read = bytearray()
    piece = memoryview(bytearray(_PIECE))
    while count := body.readinto(piece):
        read += piece[:count]
        if len(read) > limit:
            if not whole:
                return bytes(read[:limit])
            raise AnswerTooLarge(
                "The hub's answer is too large", f"It has more than {limit >> 20} MiB", "Check HF_ENDPOINT"
            )
        if time.monotonic() > deadline:
            raise _too_slow()
    if not body.is_read:
        raise ConnectionLost("The hub's answer broke off", f"{len(read):,} bytes came", "Try again")
    return bytes(read)


def _too_slow() -> ProviderTimeout:
    return ProviderTimeout(
        "The hub is too slow", f"Its answer took longer than {TOTAL:g} s", "Check the network, and try again"
    )
