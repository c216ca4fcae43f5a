"""What a newer revision would change, as plain values, from two listings."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from lama_tui.library.hub.values import HubFile

ChangeKind = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is another one in the newer revision; `size` in bytes there, None where it is gone or not known.

    `path` comes from the hub's listing and is untrusted.
    """

    path: str
    kind: ChangeKind
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """What the hub had when it was asked, beside what is installed. Commits, bytes, UTC milliseconds.

    `size` is what is to be fetched: files whose bytes are here already, under whatever name, cost nothing.
    `before` are the revisions that were in force before, oldest first. `refused` is the commit that a person went
    back from: it is not offered again by itself.
    """

    ref: str
    installed: str
    newest: str
    changes: tuple[FileChange, ...] = ()
    size: int = 0
    before: tuple[str, ...] = ()
    refused: str | None = None
    checked: int = 0

    def offered(self, in_force: str | None) -> bool:
        """Whether it is news for somebody who has the revision `in_force`: files differ, and nobody refused it."""
        return in_force == self.installed and self.newest != self.refused and bool(self.changes)


WantedBy = Literal["lama", "person"]
"""`lama`: in the background, as the settings say."""


@dataclass(frozen=True, slots=True)
class Question:
    """The hub was asked for newer revisions, about so many models, whose names it was told. UTC milliseconds."""

    wanted_by: WantedBy
    models: int
    at: int


def compare(
    installed: Mapping[str, str], newest: Collection[HubFile], held: Collection[str]
) -> tuple[tuple[FileChange, ...], int]:
    """What differs, by path, and the bytes to fetch. `installed` has hashes by path, `held` those of all bytes here."""
    changes = [FileChange(path, "removed") for path in installed.keys() - {file.path for file in newest}]
    missing: dict[str, int] = {}
    for file in newest:
        if (before := installed.get(file.path)) != file.hash:
            changes.append(FileChange(file.path, "added" if before is None else "changed", file.size))
        if file.hash not in held:
            missing[file.hash] = file.size
    return tuple(sorted(changes, key=lambda change: change.path)), sum(missing.values())
