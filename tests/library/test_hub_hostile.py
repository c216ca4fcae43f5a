"""Servers that speak no proper HTTP, on a bare socket: every answer ends, as values or as one of our errors."""

import asyncio
import hashlib
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lama_tui.errors import DownloadError, LamaError, ModelError, ModelIntegrityError
from lama_tui.library.downloads.layout import RepoFolder
from lama_tui.library.downloads.transfer import Transfer
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.hub import Hub
from lama_tui.library.hub.values import HubFile, HubQuery
from lama_tui.library.importing import target
from lama_tui.library.importing.fetch import AddressFetch
from lama_tui.library.importing.work import Work
from lama_tui.providers.fetch import Fetcher, Limits
from tests.library.downloading import REPO, instance, model_files
from tests.library.gguf_files import write_gguf
from tests.library.hub import TestHub
from tests.library.hub_repos import store

OK = b"HTTP/1.1 200 OK\r\n"
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
MOST = 200 << 20  # bytes to which nobody should listen
NEVER_ENDING = {  # the beginning, and what follows it without an end
    "a body in pieces": (OK + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK),
    "a body without a length": (OK + b"\r\n", b"y" * 65536),
    "headers": (OK, b"X-Again: y\r\n" * 100),
    "one header": (OK + b"X: ", b"y" * 65536),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "the first line": (b"", b"y" * 65536),
    "redirects": (b"", b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"),
}
BROKEN = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a negative length": OK + b"Content-Length: -5\r\n\r\n{}",
    "a huge length": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "a huge piece": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100 + b"\r\nx",
    "a piece in words": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n",
    "a compressed body": OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
    "a status of words": b"HTTP/1.1 abc OK\r\n\r\n",
    "a strange status": b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
    "a strange place": b"HTTP/1.1 302 F\r\nLocation: http://[::1/x\r\nContent-Length: 0\r\n\r\n",
    "a strange port": b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:99999999/\r\nContent-Length: 0\r\n\r\n",
    "a file": b"HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    "escapes": b"HTTP/1.1 403 \x1b]52;c;x\x07\r\nX-Error-Message: \x1b[31mno\r\nContent-Length: 0\r\n\r\n",
    "a strange range": b"HTTP/1.1 206 P\r\nContent-Range: bytes 7-9/5\r\nContent-Length: 3\r\n\r\nabc",
    "a huge range": b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-2/" + b"9" * 5000 + b"\r\nContent-Length: 3\r\n\r\nabc",
    "a huge linked size": OK + b"X-Linked-Size: " + b"9" * 5000 + b"\r\nContent-Length: 3\r\n\r\nabc",
}


@contextmanager
def speaking(*says: bytes, again: bytes = b"") -> Iterator[str]:
    """The address of a server that says this to each who connects, then `again` until nobody listens, and hangs up."""
    listened = [0]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    listened.append(0)
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        for data in itertools.chain(says, itertools.repeat(again) if again else ()):
                            connection.sendall(data)
                            listened[-1] += len(data)
                            if listened[-1] > MOST:
                                break
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join(20)
            assert not thread.is_alive()
    assert max(listened) <= MOST


def fetch(endpoint: str, cache: Path, size: int = 3) -> Path:
    """Fetch one file into the cache, as a download does."""
    folder = RepoFolder(cache, "org/m")
    digest = hashlib.sha256(b"abc").hexdigest()
    transfer = Transfer(folder, HubFile("w.bin", size, "sha256", digest), "c0ffee0", HubAccess(endpoint))
    fetcher = Fetcher(True, Limits(connect=60, stall=60))
    try:
        transfer.run(fetcher)
    finally:
        fetcher.close()
    return folder.blob(digest)


def written(cache: Path) -> int:
    return sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())


@pytest.mark.parametrize("what", NEVER_ENDING)
async def test_what_never_ends_is_ended(what: str, tmp_path: Path) -> None:
    begin, again = NEVER_ENDING[what]
    with speaking(begin, again=again) as endpoint:
        hub = Hub(HubAccess(endpoint), local_only=True)
        with pytest.raises(LamaError):
            await hub.search(HubQuery())
        with pytest.raises(LamaError):
            fetch(endpoint, tmp_path)
        await hub.close()
        assert written(tmp_path) <= 3


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_no_answer_is_an_error(what: str, tmp_path: Path) -> None:
    with speaking(BROKEN[what]) as endpoint:
        hub = Hub(HubAccess(endpoint), local_only=True)
        with pytest.raises(LamaError) as told:
            await hub.search(HubQuery())
        await hub.close()
        assert "\x1b" not in str(told.value)
    with speaking(BROKEN[what]) as endpoint:
        with pytest.raises(LamaError) as told:
            fetch(endpoint, tmp_path)
        assert "\x1b" not in str(told.value)
        assert not RepoFolder(tmp_path, "org/m").blob(hashlib.sha256(b"abc").hexdigest()).exists()


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    folder = RepoFolder(tmp_path / "cache", "org/m")
    part = folder.part(hashlib.sha256(b"abc").hexdigest())
    part.parent.mkdir(parents=True)
    part.symlink_to(outside)
    answer = OK + b"Content-Length: 3\r\n\r\nabc"
    with speaking(answer) as endpoint, pytest.raises(LamaError):
        fetch(endpoint, tmp_path / "cache")
    assert outside.read_bytes() == b"mine"
    part.unlink()
    with speaking(answer) as endpoint:
        assert fetch(endpoint, tmp_path / "cache").read_bytes() == b"abc"
    assert os.listdir(part.parent) == [hashlib.sha256(b"abc").hexdigest()]  # noqa: PTH208


async def test_an_import_without_an_end_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = 40 << 20
    monkeypatch.setattr(target, "free_space", lambda folder: (disk - written(folder), disk // 4))
    gguf = write_gguf(tmp_path / "m.gguf").read_bytes()
    with (
        speaking(OK + b"\r\n" + gguf, again=bytes(1 << 20)) as endpoint,
        pytest.raises(ModelError, match="too little space"),
    ):
        work = Work(threading.Event(), None, asyncio.get_running_loop())
        fetch = AddressFetch(tmp_path / "models", f"{endpoint}/m.gguf")
        await asyncio.to_thread(fetch.run, Fetcher(True, Limits(stall=60)), work)
    assert written(tmp_path / "models") < disk + (17 << 20)


async def test_a_revision_that_was_fetched_does_not_change(tmp_path: Path) -> None:
    with TestHub() as hub:
        commit = hub.add(REPO, model_files(1000), tags=("mlx",))
        async with instance(hub, tmp_path) as lama:
            assert (await lama.ended(await lama.downloads.add(REPO))).state == "done"
            blobs = lama.blobs()
            other = store("config.json", '{"model_type": "other"}', {})
            hub.repos[REPO].revisions[commit]["config.json"] = other
            again = await lama.ended(await lama.downloads.add(REPO))
            assert again.state == "failed" and isinstance(again.error, ModelIntegrityError)
            assert "config.json" in again.error.detail
            assert lama.blobs() == blobs


async def test_one_hash_has_one_size() -> None:
    with TestHub() as server:
        server.add("org/m", {"a.txt": "same", "b.txt": "same"}, told={"b.txt": {"size": 400}})
        hub = Hub(HubAccess(server.endpoint), local_only=True)
        with pytest.raises(DownloadError, match="another size for the same bytes"):
            await hub.details("org/m")
        await hub.close()
