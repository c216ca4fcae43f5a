"""A hub of models on loopback, for tests: real HTTP/1.1 with the endpoints that clients of the real one use.

    with TestHub() as hub:
        commit = hub.add("org/model-4bit", files_in(folder), tags=("mlx",))
        hub.trouble("/resolve/", status=500, times=2)
        …  # speak to hub.endpoint
        assert hub.asked("GET", "/resolve/")

`python -m tests.library.hub ORG/NAME=FOLDER …` serves folders from a process of its own and prints its endpoint.
"""

import contextlib
import json
import re
import socket
import struct
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.library.hub_repos import Content, Repo, StoredFile, add_revision, files_in, hub_time
from tests.library.hub_trouble import Asked, Trouble

PAGE = 1000
_ALWAYS = ("id", "_id")
_SHORT = ("_id", "id", "modelId", "likes", "private", "downloads", "tags", "pipeline_tag", "library_name", "createdAt")
_SEND = 1 << 20


class TestHub:
    """The hub; `endpoint` is its address. With `cdn`, files come by redirect from a second address.

    `tokens` are those that it knows, with the gated and private repos that each may read.
    """

    __test__ = False  # not a test itself

    def __init__(self, *, cdn: bool = False, page: int = PAGE) -> None:
        self.repos: dict[str, Repo] = {}
        self.tokens: dict[str, set[str]] = {}
        self.log: list[Asked] = []
        self.sent = 0
        """Bytes of files that were given to the network piece by piece (`rate`, `flip`), whoever got them."""
        self.page = page
        self.closing = threading.Event()
        self._troubles: list[Trouble] = []
        self._made: list[Trouble] = []
        self._lock = threading.Lock()
        self._servers = [_Server(self)]
        self.endpoint = self._servers[0].address
        self.cdn: str | None = None
        if cdn:
            self._servers.append(_Server(self))
            self.cdn = self._servers[1].address

    def __enter__(self) -> "TestHub":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every answer, close every connection."""
        self.closing.set()
        for trouble in self._made:
            trouble.release()
        for server in self._servers:
            server.stop()

    def add(
        self,
        name: str,
        files: Mapping[str, Content] | Path,
        *,
        branch: str = "main",
        told: Mapping[str, Mapping[str, Any]] | None = None,
        modified: int | None = None,
        **facts: Any,
    ) -> str:
        """Add a repo, or a new revision of one, and return the commit.

        `files` by path, or a folder. `facts` are keys of its JSON: `tags`, `downloads`, `likes`, `gated` (False,
        "auto" or "manual"), `private`, `cardData`, `safetensors`, `gguf`, `config`. `told` says of single files what
        the listing tells instead of the truth: `{"a.safetensors": {"size": 1, "hash": "0…", "path": "../a"}}`.
        """
        repo = self.repos.setdefault(name, Repo(name))
        given = files_in(files) if isinstance(files, Path) else files
        commit = add_revision(repo, given, told or {}, branch)
        if modified is not None:
            facts["lastModified"] = hub_time(modified)
        repo.facts |= {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}
        return commit

    def trouble(self, pattern: str, **how: Any) -> Trouble:
        """Misbehave as `Trouble` tells for paths that `pattern` finds, from now on."""
        trouble = Trouble(pattern, **how)
        with self._lock:
            self._troubles.append(trouble)
            self._made.append(trouble)
        return trouble

    def behave(self) -> None:
        """No more trouble."""
        with self._lock:
            self._troubles.clear()

    def asked(self, method: str | None = None, pattern: str = "") -> list[Asked]:
        """The requests so far, oldest first."""
        with self._lock:
            return [asked for asked in self.log if method in (None, asked.method) and re.search(pattern, asked.path)]

    def note(self, asked: Asked) -> Trouble | None:
        """Keep a request; return the trouble that it is in."""
        with self._lock:
            self.log.append(asked)
            met = [trouble for trouble in self._troubles if trouble.meets(asked.method, asked.path)]
        return met[0] if met else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, hub: TestHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    trouble: Trouble

    def log_message(self, *_: object) -> None:
        """The log is a list."""

    def do_GET(self) -> None:
        hub = self.server.hub
        headers = {key.lower(): value for key, value in self.headers.items()}
        trouble = hub.note(Asked(self.command, self.path, headers, self.server.address)) or Trouble("")
        self.trouble = trouble
        if trouble.seconds and trouble.stall is None:
            hub.closing.wait(trouble.seconds)
        if trouble.hold == 0:
            trouble.released.wait()
        if trouble.hang_up:
            self._hang_up()
        elif trouble.location is not None:
            self._say(trouble.status or 302, b"", {"Location": trouble.location, **trouble.headers})
        elif trouble.status is not None:
            self._say(trouble.status, trouble.body, trouble.headers, trouble.content_type)
        else:
            self._answer()

    do_HEAD = do_GET  # noqa: N815  # the name that http.server calls

    def _answer(self) -> None:
        split = urllib.parse.urlsplit(self.path)
        path, query = urllib.parse.unquote(split.path), urllib.parse.parse_qs(split.query)
        if path == "/api/models":
            self._list(split, query)
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+|[^/]+)(?:/revision/(.+))?", path):
            self._info(match[1], match[2] or "main", query)
        elif match := re.fullmatch(r"/api/models/([^/]+(?:/[^/]+)?)/tree/([^/]+)/?(.*)", path):
            self._tree(match[1], match[2], match[3], split, query)
        elif match := re.fullmatch(r"/([^/]+(?:/[^/]+)?)/(?:resolve|raw)/([^/]+)/(.+)", path):
            self._file(match[1], match[2], match[3])
        else:
            self._refuse(404, "", "Not Found")

    def _list(self, split: urllib.parse.SplitResult, query: Mapping[str, list[str]]) -> None:
        found = [repo.says(siblings="full" in query) for repo in self.server.hub.repos.values() if self._may_see(repo)]
        wanted = {tag for tags in query.get("filter", []) for tag in tags.split(",")}
        words = " ".join(query.get("search", [])).lower().split()
        author = query.get("author", [""])[0]
        found = [
            model
            for model in found
            if wanted <= {*model["tags"], model.get("library_name")}
            and all(word in model["id"].lower() for word in words)
            and (not author or model["author"] == author)
        ]
        order = query.get("sort", ["trendingScore"])[0]
        found.sort(key=lambda model: model.get(order) or type(model.get(order, 0))(), reverse=True)
        limit = min(int(query.get("limit", ["1000"])[0]), self.server.hub.page)
        begin = int(query.get("cursor", ["0"])[0])
        page, after = found[begin : begin + limit], begin + limit
        if expand := query.get("expand", []) + query.get("expand[]", []):
            page = [{key: model[key] for key in (*_ALWAYS, *expand) if key in model} for model in page]
        elif "full" not in query:
            page = [{key: model[key] for key in _SHORT if key in model} for model in page]
        self._say_json(page, self._next(split, query, after) if after < len(found) else {})

    def _info(self, name: str, revision: str, query: Mapping[str, list[str]]) -> None:
        if (repo := self._repo(name)) and (commit := self._commit(repo, revision)):
            self._say_json(repo.says(commit, blobs=query.get("blobs", [""])[0].lower() in ("true", "1")))

    def _tree(
        self, name: str, revision: str, below: str, split: urllib.parse.SplitResult, query: Mapping[str, list[str]]
    ) -> None:
        if not (repo := self._repo(name)) or not (commit := self._commit(repo, revision)):
            return
        prefix = f"{below}/" if below else ""
        entries = [file.entry() for path, file in sorted(repo.revisions[commit].items()) if path.startswith(prefix)]
        if query.get("recursive", [""])[0].lower() not in ("true", "1"):
            folders = {entry["path"][len(prefix) :].partition("/")[0] for entry in entries if "/" in entry["path"]}
            entries = [entry for entry in entries if "/" not in entry["path"][len(prefix) :]]
            entries += [{"type": "directory", "oid": "0" * 40, "size": 0, "path": prefix + name} for name in folders]
        begin = int(query.get("cursor", ["0"])[0])
        after = begin + min(int(query.get("limit", ["1000"])[0]), self.server.hub.page)
        self._say_json(entries[begin:after], self._next(split, query, after) if after < len(entries) else {})

    def _file(self, name: str, revision: str, path: str) -> None:
        hub = self.server.hub
        behind = hub.cdn == self.server.address
        if behind:  # its addresses are signed: who has one may read
            repo: Repo | None = hub.repos[name]
        elif (repo := self._repo(name)) and repo.facts.get("gated") and name not in self._granted():
            status = 403 if self._granted_to() else 401
            self._refuse(status, "GatedRepo", f"Access to model {name} is restricted. You must have access to it")
            return
        if repo is None or not (commit := self._commit(repo, revision)):
            return
        file = repo.revisions[commit].get(path)
        if file is None:
            self._refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
            return
        headers = {
            "X-Repo-Commit": commit,
            "X-Linked-Size": str(file.size),
            "X-Linked-Etag": f'"{file.etag}"',
            "ETag": f'"{self.trouble.etag or (file.sha256[:32] if behind else file.etag)}"',
            "Accept-Ranges": "bytes",
        }
        if hub.cdn and not behind and file.lfs:
            where = f"{hub.cdn}/{urllib.parse.quote(name)}/resolve/{commit}/{urllib.parse.quote(path)}?Signature=x"
            self._say(302, b"", {**headers, "Location": where})
        else:
            self._send_file(file, headers)

    def _send_file(self, file: StoredFile, headers: dict[str, str]) -> None:
        trouble = self.trouble
        begin, end, status = 0, file.size, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        same = self.headers.get("If-Range") in (None, headers["ETag"])
        if asked and same and not trouble.whole:
            begin, end, status = int(asked[1]), min(int(asked[2] or file.size - 1) + 1, file.size), 206
            if begin >= end:
                self._say(416, b"", {**headers, "Content-Range": f"bytes */{file.size}"})
                return
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{file.size}"
        end = max(begin, end - trouble.short)
        self.send_response(status)
        for key, value in {**headers, **trouble.headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        if self.command == "HEAD":
            return
        limits = [limit for limit in (trouble.cut, trouble.stall) if limit is not None]
        until = min([end, *(begin + limit for limit in limits)])
        if trouble.hold is not None and begin + trouble.hold < until:
            self._send_bytes(file, begin, begin + trouble.hold)
            begin += trouble.hold
            trouble.released.wait()
        self._send_bytes(file, begin, until)
        if trouble.stall is not None:
            self.server.hub.closing.wait(trouble.seconds or 600)
        if limits and until < end:
            self._hang_up()

    def _send_bytes(self, file: StoredFile, begin: int, end: int) -> None:
        trouble = self.trouble
        if trouble.flip is None and trouble.rate is None and isinstance(file.content, Path):
            with file.content.open("rb") as source:
                self.connection.sendfile(source, begin, end - begin) if end > begin else None
            return
        at = begin
        while at < end:
            upto = min(end, at + (_SEND if trouble.rate is None else max(1, int(trouble.rate / 20))))
            chunk = file.part(at, upto)
            if trouble.flip is not None and at <= trouble.flip < upto:
                place = trouble.flip - at
                chunk = chunk[:place] + bytes((chunk[place] ^ 1,)) + chunk[place + 1 :]
            self.server.hub.sent += len(chunk)
            self.connection.sendall(chunk)
            at = upto
            if trouble.rate is not None and self.server.hub.closing.wait(0.05):
                return

    def _repo(self, name: str) -> Repo | None:
        repo = self.server.hub.repos.get(name)
        if repo and self._may_see(repo):
            return repo
        if self._granted_to() is None:  # without a token the hub does not tell whether there is one
            self._refuse(401, "RepoNotFound", "Repository not found")
        else:
            self._refuse(404, "RepoNotFound", "Repository not found")
        return None

    def _commit(self, repo: Repo, revision: str) -> str | None:
        commit = repo.resolve(revision)
        if commit is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def _granted_to(self) -> str | None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if kind == "Bearer" and token in self.server.hub.tokens else None

    def _granted(self) -> set[str]:
        return self.server.hub.tokens.get(self._granted_to() or "", set())

    def _may_see(self, repo: Repo) -> bool:
        return not repo.facts.get("private") or repo.name in self._granted()

    def _next(self, split: urllib.parse.SplitResult, query: Mapping[str, list[str]], cursor: int) -> dict[str, str]:
        again = urllib.parse.urlencode({**query, "cursor": [str(cursor)]}, doseq=True)
        return {"Link": f'<{self.server.address}{split.path}?{again}>; rel="next"'}

    def _refuse(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        told = {"X-Error-Code": code, "X-Error-Message": message} if code else {"X-Error-Message": message}
        self._say(status, json.dumps({"error": message}).encode(), {**told, **(headers or {})})

    def _say_json(self, value: object, headers: Mapping[str, str] | None = None) -> None:
        self._say(200, json.dumps(value).encode(), headers or {})

    def _say(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        content_type: str = "application/json; charset=utf-8",
    ) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            cut = self.trouble.cut if self.trouble.cut is not None else len(body)
            self.connection.sendall(body[:cut])
            if cut < len(body):
                self._hang_up()

    def _hang_up(self) -> None:
        if self.trouble.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


@contextlib.contextmanager
def serving(folders: Mapping[str, Path], **how: Any) -> Iterator[TestHub]:
    """A hub with the repos of these folders."""
    with TestHub(**how) as hub:
        for name, folder in folders.items():
            hub.add(name, folder, tags=("mlx",))
        yield hub


if __name__ == "__main__":
    _named = dict(argument.split("=", 1) for argument in sys.argv[1:])
    with serving({name: Path(folder) for name, folder in _named.items()}) as _hub:
        print(_hub.endpoint, flush=True)
        sys.stdin.read()  # until who started it closes this
