"""A web server on loopback for imports: it serves files, and misbehaves on request."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """`files` by path. `cut` bytes after which connections break, each once; `moved` are redirects. Until `hold` is
    set a file stands where it is cut, and a whole one in its middle.

    `careless` sends parts of whatever the file is now.
    """

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)
    careless: bool = False
    chunked: bool = False
    sent: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    hold: threading.Event | None = None

    def url(self, path: str) -> str:
        """The address of a file."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def serving() -> Iterator[Web]:
    """A server while the block runs."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            web.asked.append((path, self.headers.get("Range")))
            if path in web.moved:
                self.send_response(302)
                self.send_header("Location", web.moved[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if path not in web.files:
                self.send_error(404)
                return
            data, begin, etag = web.files[path], 0, web.etags.get(path, '"one"')
            wanted = self.headers.get("Range")
            if wanted and (self.headers.get("If-Range", etag) == etag or web.careless):
                begin = int(wanted.removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            if etag:
                self.send_header("ETag", etag)
            rest = data[begin:]
            if web.chunked:
                self.send_header("Connection", "close")
            else:
                self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            limit = web.cut.pop(0) if web.cut else len(rest)
            held = limit if limit < len(rest) else limit // 2
            with suppress(OSError):  # who asked may be gone
                self.wfile.write(rest[:held])
                if web.hold is not None:
                    web.hold.wait(120)
                self.wfile.write(rest[held:limit])
            web.sent += min(limit, len(rest))
            if limit < len(rest) or web.chunked:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        if web.hold is not None:
            web.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
