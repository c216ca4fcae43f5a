"""A real HTTP server on loopback that can misbehave. It speaks bytes, so that nothing corrects it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What a client sent. Header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        return json.loads(self.body)


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class LoopbackServer:
    """Answers each request with `handler` and closes the connection. `gone` is set when a client hangs up."""

    handler: Handler
    requests: list[Request] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            raw = dict(line.split(": ", 1) for line in head[1:] if line)
            request = Request(method, path, {name.lower(): value for name, value in raw.items()}, body)
            self.requests.append(request)
            handling = asyncio.ensure_future(self.handler(request, writer))
            hang_up = asyncio.ensure_future(reader.read())
            await asyncio.wait({handling, hang_up}, return_when=asyncio.FIRST_COMPLETED)
            if hang_up.done():
                self.gone.set()
            for task in (handling, hang_up):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[LoopbackServer]:
    """Run a server for the block."""
    served = LoopbackServer(handler)
    listening = await asyncio.start_server(served.serve, host, port)
    served.port = listening.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        listening.close()


def head(status: str = "200 OK", content_type: str = "text/event-stream", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(status: str, body: bytes | str | object, content_type: str = "application/json", **headers: str) -> Handler:
    """A handler that answers with one body of known length."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(status, content_type, Content_Length=str(len(data)), **headers) + data)
        await writer.drain()

    return handle


def pieces(*parts: bytes | float, **headers: str) -> Handler:
    """A handler that streams `parts`: bytes are sent, a number is a pause in seconds, inf hangs."""

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head(**headers))
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            elif part == float("inf"):
                await asyncio.Event().wait()
            else:
                await asyncio.sleep(part)

    return handle


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(reason: str | None = None, **fields: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": reason}]})


DONE = b"data: [DONE]\n\n"
