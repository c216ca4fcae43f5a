"""Lays out models on the disk as the hub's own client and imports do, and looks whether they are whole."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

Contents = Mapping[str, bytes]


def commit_of(number: int) -> str:
    """A commit's name."""
    return hashlib.sha1(str(number).encode()).hexdigest()


def repo_folder(cache: Path, name: str) -> Path:
    return cache / ("models--" + name.replace("/", "--"))


def lay_out(
    cache: Path, name: str, commit: str, files: Contents, *, refs: tuple[str, ...] = (), by: str = "links"
) -> Path:
    """One revision of a repo, its bytes in `blobs`; the snapshot's folder.

    Where a disk has no `links`, files are there `by` "hard" links or "copies".
    """
    repo = repo_folder(cache, name)
    snapshot = repo / "snapshots" / commit
    (repo / "blobs").mkdir(parents=True, exist_ok=True)
    snapshot.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        blob = repo / "blobs" / hashlib.sha256(data).hexdigest()
        if not blob.exists():
            blob.write_bytes(data)
        link = snapshot / path
        link.parent.mkdir(parents=True, exist_ok=True)
        if by == "links":
            link.symlink_to(os.path.relpath(blob, link.parent))
        elif by == "hard":
            link.hardlink_to(blob)
        else:
            link.write_bytes(data)
    for ref in refs:
        file = repo / "refs" / ref
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(commit)
    return snapshot


def is_whole(folder: Path, files: Contents) -> bool:
    """Whether a folder has exactly these files."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return found == dict(files)


def bytes_below(*folders: Path) -> int:
    """What the files there take, each inode once, as `du` counts: links are not followed."""
    sizes = {}
    for folder in folders:
        for path in folder.rglob("*"):
            status = path.lstat()
            if path.is_file() and not path.is_symlink():
                sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def fetch(endpoint: str, cache: Path, *revisions: tuple[str, str]) -> None:
    """Download (repo, revision) each with the hub's own client, in a process of its own."""
    script = (
        "import sys; from huggingface_hub import snapshot_download\n"
        "endpoint, cache, *rest = sys.argv[1:]\n"
        "for repo, revision in zip(rest[::2], rest[1::2]):\n"
        "    snapshot_download(repo, revision=revision, cache_dir=cache, endpoint=endpoint)\n"
    )
    words = [word for pair in revisions for word in pair]
    environment = os.environ | {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    subprocess.run(
        [sys.executable, "-c", script, endpoint, str(cache), *words], env=environment, check=True, timeout=120
    )
