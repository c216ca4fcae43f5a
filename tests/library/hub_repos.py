"""What the test hub holds: repos with revisions, and files with the names, sizes and hashes that a real hub gives."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LFS_SUFFIXES = (".safetensors", ".gguf", ".bin", ".pt", ".zip", ".tar", ".gz")
LFS_SIZE = 1 << 20
_CHUNK = 1 << 20

Content = bytes | str | Path
"""Bytes, text, or a file on this disk for what is too large to hold."""


@dataclass(frozen=True)
class StoredFile:
    """A file as the hub keeps it. `told` is what its listing says instead of the truth: `size`, `hash`, `path`."""

    path: str
    content: bytes | Path
    size: int
    sha256: str
    git_sha1: str
    lfs: bool
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """The hash by which the hub's clients name the blob."""
        return self.sha256 if self.lfs else self.git_sha1

    def part(self, begin: int, end: int) -> bytes:
        """Some of its bytes."""
        if isinstance(self.content, bytes):
            return self.content[begin:end]
        with self.content.open("rb") as source:
            source.seek(begin)
            return source.read(end - begin)

    def sibling(self) -> dict[str, Any]:
        """The entry of `siblings` with `?blobs=true`."""
        told: dict[str, Any] = {"rfilename": self.path, "size": self.size, "blobId": self._blob()}
        if self.lfs:
            told["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": len(self._pointer())}
        return self._lie(told, "rfilename", "blobId", "sha256")

    def entry(self) -> dict[str, Any]:
        """The entry of the `tree` endpoint."""
        told: dict[str, Any] = {"type": "file", "oid": self._blob(), "size": self.size, "path": self.path}
        if self.lfs:
            told["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": len(self._pointer())}
        return self._lie(told, "path", "oid", "oid")

    def _lie(self, told: dict[str, Any], path: str, blob: str, sha: str) -> dict[str, Any]:
        if "path" in self.told:
            told[path] = self.told["path"]
        if "size" in self.told:
            told["size"] = self.told["size"]
            if self.lfs:
                told["lfs"]["size"] = self.told["size"]
        if "hash" in self.told:
            if self.lfs:
                told["lfs"][sha] = self.told["hash"]
            else:
                told[blob] = self.told["hash"]
        return told

    def _pointer(self) -> bytes:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    def _blob(self) -> str:
        return _git_sha1(self._pointer()) if self.lfs else self.git_sha1


@dataclass
class Repo:
    """A repo; `revisions` by commit, oldest first, `branches` and tags by name. `facts` overrides keys of its JSON."""

    name: str
    revisions: dict[str, dict[str, StoredFile]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        """What `main` is at."""
        return self.branches["main"]

    @property
    def files(self) -> dict[str, StoredFile]:
        """Those of `main`."""
        return self.revisions[self.commit]

    def resolve(self, revision: str) -> str | None:
        """The commit that `revision` names."""
        commit = self.branches.get(revision, revision)
        return commit if commit in self.revisions else None

    def says(self, commit: str | None = None, siblings: bool = True, blobs: bool = False) -> dict[str, Any]:
        """Its JSON, with everything that the hub knows."""
        commit = commit or self.commit
        files = self.revisions[commit]
        told: dict[str, Any] = {
            "_id": hashlib.sha1(self.name.encode()).hexdigest()[:24],
            "id": self.name,
            "modelId": self.name,
            "author": self.name.partition("/")[0],
            "sha": commit,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "createdAt": "2026-01-01T00:00:00.000Z",
            "lastModified": "2026-01-01T00:00:00.000Z",
            "usedStorage": sum(file.size for file in files.values()),
        } | self.facts
        if siblings:
            told["siblings"] = [
                file.sibling() if blobs else {"rfilename": file.told.get("path", path)}
                for path, file in sorted(files.items())
            ]
        return told


def add_revision(
    repo: Repo,
    files: Mapping[str, Content],
    told: Mapping[str, Mapping[str, Any]],
    branch: str,
) -> str:
    """Store `files` as a new commit of `branch` and return it."""
    stored = {path: store(path, content, told.get(path, {})) for path, content in files.items()}
    identity = hashlib.sha1(repr((repo.name, len(repo.revisions))).encode())
    for path, file in sorted(stored.items()):
        identity.update(f"{path}\0{file.etag}\0".encode("utf-8", "surrogatepass"))
    commit = identity.hexdigest()
    repo.revisions[commit] = stored
    repo.branches[branch] = commit
    repo.branches.setdefault("main", commit)
    return commit


def store(path: str, content: Content, told: Mapping[str, Any]) -> StoredFile:
    """Take the size and both hashes of a file."""
    if isinstance(content, str):
        content = content.encode()
    size = content.stat().st_size if isinstance(content, Path) else len(content)
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size)
    lfs = size > LFS_SIZE or path.endswith(LFS_SUFFIXES)
    for chunk in _chunks(content):
        sha256.update(chunk)
        if not lfs:
            git.update(chunk)
    return StoredFile(path, content, size, sha256.hexdigest(), git.hexdigest(), lfs, told)


def files_in(folder: Path) -> dict[str, Path]:
    """Every file of `folder` by its path there."""
    return {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}


def hub_time(milliseconds: int) -> str:
    """A time as the hub writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds / 1000)) + f".{milliseconds % 1000:03d}Z"


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
