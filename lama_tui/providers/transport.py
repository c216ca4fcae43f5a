"""The one way out: every HTTP request of this program goes through a client made here.

It connects only to addresses that `address` let pass, follows no redirects, asks for plain
bodies, and turns what httpx raises into this program's errors. Importing this module imports
httpx (a quarter of a second): it is imported on first use, in a thread.
"""

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Iterator

import httpx

import lama_tui
from lama_tui.config.settings import ProviderSettings
from lama_tui.errors import ConfigError, ConnectionLost, LamaError, ProviderError, ProviderTimeout
from lama_tui.providers.address import addresses_of, check_local_only
from lama_tui.providers.proxy import proxy_to
from lama_tui.providers.refusal import refusal, too_slow
from lama_tui.security.credentials import Credential
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact

_ERROR_BODY = 1 << 16  # bytes read of a body that only explains an error
_WHOLE_BODY = 1 << 22  # bytes of a body that is read whole


class PinnedTransport(httpx.AsyncBaseTransport):
    """Looks a name up once and connects to what was found; TLS still checks the name."""

    def __init__(self, local_only: bool) -> None:
        self._local_only = local_only
        self._inner = httpx.AsyncHTTPTransport(verify=httpx.create_ssl_context())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` to the first address that accepts a connection, within the connect timeout."""
        host = request.url.host
        if self._local_only:
            check_local_only(host)
        limit: float = request.extensions["timeout"]["connect"]
        deadline = time.monotonic() + limit
        try:
            async with asyncio.timeout(limit):
                addresses = await addresses_of(host, request.url.port or 0)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("looking up the name took too long", request=request) from error
        for left in range(len(addresses), 1, -1):
            # each address gets its share of the time, so that one that is silent does not use it all
            share = max(0.0, deadline - time.monotonic()) / left
            try:
                return await self._send(request, addresses[-left], share)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if _is_about_trust(error):
                    raise
                # nothing was sent: the next address is the same server
        return await self._send(request, addresses[-1], max(0.0, deadline - time.monotonic()))

    async def _send(self, request: httpx.Request, address: str, connect: float) -> httpx.Response:
        extensions = dict(request.extensions)
        extensions["timeout"] = {**request.extensions["timeout"], "connect": connect}
        if address != request.url.host:
            extensions["sni_hostname"] = request.url.host  # the certificate must be for this name
        url = request.url.copy_with(host=address)  # the Host header keeps the name
        pinned = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=extensions
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


def _is_about_trust(error: BaseException | None) -> bool:
    """Whether TLS failed: another address would not be trusted more, and its error says less."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None


def _way_to(endpoint: httpx.URL, local_only: bool) -> httpx.AsyncBaseTransport:
    """Return the transport to `endpoint`: direct, or through the proxy that the environment names.

    With a proxy, names are the proxy's to look up. Raises `ValueError` or `ImportError` for one that
    cannot be used.
    """
    if address := proxy_to(endpoint.scheme, endpoint.host, local_only):
        return httpx.AsyncHTTPTransport(verify=httpx.create_ssl_context(), proxy=httpx.Proxy(address))
    return PinnedTransport(local_only)


class _KeyAuth(httpx.Auth):
    """Adds the key when a request leaves; httpx masks this header where it shows headers."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        request.headers["Authorization"] = f"Bearer {self._credential.key}"
        yield request


class Server:
    """One server: JSON requests to paths below its endpoint, answers as bytes."""

    def __init__(self, name: str, settings: ProviderSettings, local_only: bool) -> None:
        self._name = name
        self._endpoint = settings.endpoint.rstrip("/")
        self._settings = settings
        self._sending: set[asyncio.Timeout] = set()
        try:
            self._client = httpx.AsyncClient(
                transport=_way_to(httpx.URL(self._endpoint), local_only),
                trust_env=False,
                follow_redirects=False,
                headers={"User-Agent": f"lama/{lama_tui.__version__}", "Accept-Encoding": "identity"},
                timeout=httpx.Timeout(None, connect=settings.timeout_connect, pool=settings.timeout_connect),
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise ConfigError(
                f"The endpoint of `{name}` or the proxy in the environment cannot be used",
                redact(clean_line(str(error))),
                f"Correct providers.{name}.endpoint, HTTP_PROXY or HTTPS_PROXY",
            ) from error

    async def get(self, path: str, credential: Credential | None) -> bytes:
        """Return the body of a GET, 4 MiB at most. Raises a `LamaError`."""
        limit = self._settings.timeout_token
        with self._translated():
            try:
                async with asyncio.timeout(limit), self._opened("GET", path, None, credential) as response:
                    return await _body(response, _WHOLE_BODY)
            except TimeoutError as error:
                raise too_slow(self._name, "answer", limit, "timeout_token") from error

    @contextlib.asynccontextmanager
    async def post(self, path: str, body: dict[str, object], credential: Credential | None) -> AsyncIterator["Answer"]:
        """Send `body` and give the answer while it arrives. Raises a `LamaError`.

        Its beginning must come within `timeout_first`; the reader limits the rest.
        """
        with self._translated():
            async with self._opened("POST", path, body, credential) as response:
                yield Answer(response)

    async def close(self) -> None:
        """Close every connection, also one that is only being made; safe to call twice."""
        for sending in self._sending:
            sending.reschedule(0)  # its time is over
        await self._client.aclose()

    @contextlib.asynccontextmanager
    async def _opened(
        self, method: str, path: str, body: dict[str, object] | None, credential: Credential | None
    ) -> AsyncIterator[httpx.Response]:
        request = self._client.build_request(
            method,
            f"{self._endpoint}{path}",
            content=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"} if body is not None else {},
        )
        auth = _KeyAuth(credential) if credential else None
        limit = self._settings.timeout_first
        try:
            async with asyncio.timeout(limit) as sending:
                self._sending.add(sending)
                response = await self._client.send(request, stream=True, auth=auth)
        except TimeoutError as error:
            raise too_slow(self._name, "first token", limit, "timeout_first") from error
        finally:
            self._sending.discard(sending)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ProviderError(f"`{self._name}` sent a compressed answer", "It was asked not to", "Use another")
            if response.status_code != 200:
                body_of_error = await _beginning(response, _ERROR_BODY)
                raise refusal(self._name, response.status_code, dict(response.headers), body_of_error)
            yield response
        finally:
            await response.aclose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> LamaError:
        name, settings = self._name, self._settings
        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            return ProviderTimeout(
                f"`{name}` could not be reached",
                f"Connecting took longer than {settings.timeout_connect:g} s",
                f"Check the network, or raise providers.{name}.timeout_connect",
            )
        why = redact(clean_line(str(error), 300)) or type(error).__name__
        if isinstance(error, httpx.ConnectError | httpx.ProxyError):
            return ConnectionLost(
                f"`{name}` could not be reached",
                f"{self._endpoint}: {why}",
                "Check that the server runs and that the endpoint is right",
            )
        if isinstance(error, httpx.TransportError | httpx.StreamError):
            return ConnectionLost(f"The connection to `{name}` broke", why, "Continue the answer, or try again")
        return ProviderError(f"`{name}` sent something unreadable", why, "Check the endpoint")


class Answer:
    """The body of an answer while it arrives; `content_type` is lower case without parameters."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks = response.aiter_raw()
        self.content_type: str = response.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def read(self) -> bytes:
        """Return the bytes that arrived next; empty at the end."""
        return await anext(self._chunks, b"")


async def _bounded(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk[:limit]
        limit -= len(chunk)
        if limit <= 0:
            return


async def _beginning(response: httpx.Response, limit: int) -> bytes:
    """Return up to `limit` bytes; a body that breaks or stalls explains as much as it got to."""
    read = bytearray()
    with contextlib.suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(5):
            async for chunk in _bounded(response.aiter_raw(), limit):
                read += chunk
    return bytes(read)


async def _body(response: httpx.Response, limit: int) -> bytes:
    read = b"".join([chunk async for chunk in _bounded(response.aiter_raw(), limit + 1)])
    if len(read) > limit:
        raise ProviderError("The answer is too long", f"It is larger than {limit >> 20} MiB", "Check the endpoint")
    return read
