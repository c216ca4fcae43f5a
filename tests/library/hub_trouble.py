"""What the test hub was asked, and how it misbehaves."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """A request as it came. `path` with its query; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    address: str

    @property
    def range(self) -> str | None:
        """What the `Range` header asks for."""
        return self.headers.get("range")


@dataclass
class Trouble:
    """One way to misbehave, for paths that `pattern` finds; `times` is how often (None: always) after `skip` that pass.

    First what replaces the answer: `status` (with `headers`, `body`, `content_type`), `location` of a redirect,
    `hang_up` (no answer at all). Then what changes a file's answer: `cut` closes after so many bytes of the body,
    `reset` so with a RST, `stall` sends so many and then nothing for `seconds`, `short` leaves so many bytes out
    and says so in Content-Length, `flip` changes the byte at this offset of the file, `etag` is another ETag,
    `whole` ignores Range, `rate` is bytes a second. `seconds` alone answers late. `hold` sends so many bytes, and the
    others after `release`: for what is to be seen while a file comes, however long that takes; 0 holds back any answer,
    also one that is no file.
    """

    pattern: str
    times: int | None = None
    skip: int = 0
    method: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    location: str | None = None
    hang_up: bool = False
    cut: int | None = None
    reset: bool = False
    stall: int | None = None
    short: int = 0
    flip: int | None = None
    etag: str | None = None
    whole: bool = False
    rate: float | None = None
    seconds: float = 0.0
    hold: int | None = None
    released: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    seen: int = 0

    def release(self) -> None:
        """Let all go on that `hold` holds, and hold nothing any more."""
        self.released.set()

    def meets(self, method: str, path: str) -> bool:
        """Whether it is this one's turn; counts."""
        if (self.method and method != self.method) or not re.search(self.pattern, path):
            return False
        self.seen += 1
        return self.seen > self.skip and (self.times is None or self.seen <= self.skip + self.times)
