"""The way out for bodies of any size: one GET at a time, blocking, read into the caller's buffer.

For a worker thread. It obeys the same `address` rules as `transport`, at every redirect, and costs a fraction of
it: nothing stands between the socket and the buffer. (httpx hands out 64 KiB pieces, each through a parser.)
"""

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import lama_tui
from lama_tui.errors import ConnectionLost, DownloadError, LamaError, ProviderTimeout
from lama_tui.providers.address import check_local_only, find_addresses, is_loopback
from lama_tui.providers.proxy import proxy_to
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact

_REDIRECTS = 10
_INTERIM = 10  # answers before the one that counts
_ERROR_BODY = 1 << 16  # bytes read of a body that only explains an error
_IN_A_URL = "%/:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: until a connection is made; without a byte, at the beginning and later."""

    connect: float = 10.0
    stall: float = 30.0


class Stopped(Exception):
    """`Fetcher.stop` was called."""


class Body:
    """An answer whose body is still to be read. Header names are lower case.

    `first` are the headers of what was asked itself, which may have sent us elsewhere.
    """

    def __init__(
        self, response: http.client.HTTPResponse, headers: Mapping[str, str], first: Mapping[str, str]
    ) -> None:
        self.status = response.status
        self.headers = headers
        self.first = first
        self._response = response
        self._left = response.length
        self.length = self._left
        """Bytes of the body; None where the server did not say."""

    def readinto(self, buffer: memoryview) -> int:
        """Read what is there, at most what fits; 0 at the end, also at one that comes too early."""
        if self._left is None:  # in pieces with their own lengths, or until the server closes
            data = self._response.read1(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        if self._left == 0:
            return 0
        # the response's own readinto fills the whole buffer first: a slow line would show no progress
        count = self._response.fp.readinto1(buffer[: self._left])
        self._left -= count
        if self._left == 0:
            self._response.close()  # tells the connection, which stays, that it may be asked again
        return count

    @property
    def is_read(self) -> bool:
        """Whether the connection can be used for another request."""
        return self._response.isclosed() if self._left is None else self._left == 0

    def close(self) -> None:
        """Read no more of it."""
        self._response.close()

    def explanation(self) -> bytes:
        """The beginning of a body that explains an error; as much as comes."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            data = self._response.read(_ERROR_BODY)
            self._left = 0 if self._response.isclosed() else self._left
            return data
        return b""


class Fetcher:
    """GETs, one after the other, over a connection that is kept where that is possible.

    `stop` may be called from any thread; everything else belongs to one at a time.
    """

    def __init__(self, local_only: bool, limits: Limits | None = None) -> None:
        self._local_only = local_only
        self._limits = limits or Limits()
        self._connection: _Connection | None = None
        self._ending = threading.Event()
        self._trust: ssl.SSLContext | None = None

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str], token: str | None = None) -> Iterator[Body]:
        """The answer to a GET of `url`, whatever its status, after redirects.

        `token` goes to the server of `url` alone, never to where it sends us, and not readable over a network.
        Raises a `LamaError`, inside the block too, and `Stopped`. Refused are redirects from https to http, by
        http to another server that is not loopback, and from another machine to this one.
        """
        body: Body | None = None
        try:
            with self._translated(url):
                body = self._follow(url, headers, token)
                yield body
        finally:
            if body is None:
                self.close()
            elif not body.is_read:
                body.close()  # first: of an answer without a length it holds the connection
                self.close()

    def stop(self) -> None:
        """End what runs, soon: it raises `Stopped`, and so does everything later."""
        self._ending.set()
        if connection := self._connection:
            connection.shut()

    def wait(self, seconds: float) -> None:
        """Wait, or raise `Stopped`, also at once; for what a stop has to reach between two requests."""
        if self._ending.wait(seconds):
            raise Stopped

    def close(self) -> None:
        """Close the connection; the next request makes another."""
        if connection := self._connection:
            self._connection = None
            connection.close()

    def _follow(self, url: str, headers: Mapping[str, str], token: str | None) -> Body:
        begin = urllib.parse.urlsplit(url)
        seen = set()
        first: Mapping[str, str] | None = None
        while True:
            target = urllib.parse.urlsplit(url)
            own = (target.scheme, target.netloc) == (begin.scheme, begin.netloc)
            safe = target.scheme == "https" or is_loopback(target.hostname or "")
            secret = {"Authorization": f"Bearer {token}"} if token and own and safe else {}
            response, told = self._ask(target, {**headers, **secret})
            first = told if first is None else first
            if response.status not in (301, 302, 303, 307, 308) or "location" not in told:
                return Body(response, told, first)
            if response.length is None or response.length > _ERROR_BODY:
                self.close()
            else:
                response.read()
            seen.add(url)
            url = urllib.parse.urljoin(url, urllib.parse.quote(told["location"], safe=_IN_A_URL))
            if url in seen or len(seen) > _REDIRECTS:
                raise DownloadError(
                    "The hub sends us in a circle",
                    f"After {len(seen)} redirects it was {redact(clean_line(url, 120))} again",
                    "This is a fault of the server: try again later, or use another endpoint",
                )
            _check_redirect(target, urllib.parse.urlsplit(url))

    def _ask(
        self, target: urllib.parse.SplitResult, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, Mapping[str, str]]:
        """Send the request, over the connection that is open if the server still listens there."""
        way = (target.scheme, target.hostname or "", target.port or (443 if target.scheme == "https" else 80))
        if self._connection is not None and self._connection.way != way:
            self.close()
        kept = self._connection is not None
        while True:
            if self._ending.is_set():
                raise Stopped
            if self._connection is None:
                self._connection = _Connection(way, self._local_only, self._limits, self._context(way[0]))
            if self._ending.is_set():  # it had nothing to shut when it was called
                raise Stopped
            try:
                response = self._connection.ask(target, headers)
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                if not kept:
                    raise
                kept = False  # a kept connection may have been closed meanwhile
        told = {key.lower(): value for key, value in response.getheaders()}
        if told.get("content-encoding", "identity") != "identity":
            raise DownloadError("The hub sent a compressed file", "It was asked not to", "Use another endpoint")
        return response, told

    def _context(self, scheme: str) -> ssl.SSLContext | None:
        if scheme != "https":
            return None
        if self._trust is None:
            import certifi  # what httpx trusts too

            self._trust = ssl.create_default_context(cafile=certifi.where())
        return self._trust

    @contextlib.contextmanager
    def _translated(self, url: str) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._ending.is_set():
                raise Stopped from error
            if isinstance(error, OSError) and error.filename is not None:
                raise  # of a file: not ours
            raise _translate(error, urllib.parse.urlsplit(url).hostname or "", self._limits) from error
        except LamaError:
            if self._ending.is_set():
                raise Stopped from None
            raise


def _check_redirect(source: urllib.parse.SplitResult, target: urllib.parse.SplitResult) -> None:
    """Raise `DownloadError` where it leads to less safety than was asked for."""
    here, there = source.hostname or "", target.hostname or ""
    if target.scheme not in ("http", "https") or not there or (source.scheme, target.scheme) == ("https", "http"):
        why = f"from {source.scheme} to {clean_line(target.scheme, 20) or 'nowhere'}"
    elif is_loopback(there) and not is_loopback(here):
        why = "which is this machine"
    elif target.scheme == "http" and there != here and not is_loopback(there):
        why = "over a connection that anybody on the way can change"
    else:
        return
    raise DownloadError(
        "The hub sends us somewhere unsafe",
        f"{redact(clean_line(target.geturl(), 120))}, {why}",
        "Nothing was fetched from there. Check the endpoint",
    )


class _Response(http.client.HTTPResponse):
    """As its parent, which reads interim answers (`100 Continue`) for as long as they come."""

    _answers = 0

    def _read_status(self) -> tuple[str, int, str]:
        self._answers += 1
        if self._answers > _INTERIM:
            raise http.client.HTTPException("it says only that it will answer")
        return super()._read_status()  # type: ignore[misc, no-any-return] # no types are published for it


class _Connection:
    """One connection to one server, direct or through a proxy."""

    def __init__(
        self, way: tuple[str, str, int], local_only: bool, limits: Limits, trust: ssl.SSLContext | None
    ) -> None:
        self.way = way
        scheme, host, port = way
        if local_only:
            check_local_only(host)
        if scheme not in ("http", "https") or not host:
            raise ValueError(f"not an address of the web: {scheme}")
        self._limits = limits
        self._deadline = time.monotonic() + limits.connect
        self._socket: socket.socket | None = None
        self._proxy = urllib.parse.urlsplit(proxy_to(scheme, host, local_only) or "")
        self._http = http.client.HTTPConnection(host, port)
        self._http.response_class = _Response
        try:
            self._http.sock = self._open(scheme, host, port, trust)
        except BaseException:
            self.close()
            raise

    def ask(self, target: urllib.parse.SplitResult, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Send a GET and read the headers of its answer."""
        if self._http.sock is None:
            raise http.client.RemoteDisconnected("the server closed the connection")
        path = urllib.parse.urlunsplit(("", "", target.path or "/", target.query, ""))
        extra = {}
        if self._proxy.hostname and self.way[0] == "http":  # a proxy takes the whole address
            path = urllib.parse.urlunsplit(target._replace(fragment=""))
            extra = self._proxy_key()
        self._http.putrequest("GET", path, skip_accept_encoding=True)
        for key, value in {
            "User-Agent": f"lama/{lama_tui.__version__}", "Accept-Encoding": "identity", **headers, **extra,
        }.items():  # fmt: skip
            self._http.putheader(key, value)
        self._http.endheaders()
        return self._http.getresponse()

    def shut(self) -> None:
        """Wake whoever waits for it; from any thread."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # the plain one, also under TLS, whose own may wait for the other side
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; safe to call twice."""
        self._http.close()
        if self._socket is not None:
            self._socket.close()

    def _open(self, scheme: str, host: str, port: int, trust: ssl.SSLContext | None) -> socket.socket:
        proxy = self._proxy
        if proxy.hostname is None:
            reached = self._reach(host, port)
        elif proxy.scheme != "http":
            raise ValueError(f"downloads cannot go through a {clean_line(proxy.scheme, 20)} proxy")
        else:
            reached = self._reach(proxy.hostname, proxy.port or 80)
            if scheme == "https":
                self._tunnel(reached, host, port)
        if trust is not None:
            reached = self._socket = trust.wrap_socket(reached, server_hostname=host)
        reached.settimeout(self._limits.stall)
        return reached

    def _reach(self, host: str, port: int) -> socket.socket:
        """Connect to the first address that accepts; each gets its share of the time."""
        addresses = find_addresses(host, port, self._left())
        for number, address in enumerate(addresses):
            made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            self._socket = made
            try:
                made.settimeout(max(0.01, self._left() / (len(addresses) - number)))
                made.connect((address, port))
                made.settimeout(max(0.01, self._left()))
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return made
            except OSError:
                made.close()
                if number == len(addresses) - 1:
                    raise
        raise ConnectionLost("The hub was not found", f"{clean_line(host, 80)} has no address", "Check the endpoint")

    def _tunnel(self, made: socket.socket, host: str, port: int) -> None:
        """Ask the proxy to connect us, so that TLS goes to the server itself."""
        key = "".join(f"{name}: {value}\r\n" for name, value in self._proxy_key().items())
        named = f"[{host}]" if ":" in host else host
        made.sendall(f"CONNECT {named}:{port} HTTP/1.1\r\nHost: {named}:{port}\r\n{key}\r\n".encode("ascii"))
        answer = http.client.HTTPResponse(made, method="CONNECT")
        answer.begin()
        if answer.status != 200:
            raise ConnectionError(f"the proxy refused to connect: HTTP {answer.status}")

    def _proxy_key(self) -> dict[str, str]:
        if self._proxy.username is None:
            return {}
        unquote = urllib.parse.unquote
        said = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
        return {"Proxy-Authorization": f"Basic {base64.b64encode(said.encode()).decode()}"}

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


def _translate(error: Exception, host: str, limits: Limits) -> LamaError:
    host = clean_line(host, 80)
    if isinstance(error, TimeoutError):
        return ProviderTimeout(
            f"{host} sent nothing", f"No byte came for {limits.stall:g} s", "Check the network, and try again"
        )
    why = redact(clean_line(str(error), 300)) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return DownloadError(f"{host} could not be trusted", why, "Check the endpoint, the clock and the network")
    if isinstance(error, http.client.HTTPException) and not isinstance(
        error, http.client.IncompleteRead | http.client.RemoteDisconnected
    ):
        return DownloadError(f"{host} sent something unreadable", why, "Check the endpoint")
    if isinstance(error, ValueError):
        return DownloadError(f"{host} cannot be asked", why, "Check the endpoint and the proxy in the environment")
    return ConnectionLost(f"The connection to {host} failed", why, "Check the network, and try again")
