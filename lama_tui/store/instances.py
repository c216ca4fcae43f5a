"""Which instances of the program have the database open, and whether they still live.

Each has a file of its own, named `PID-RANDOM`, and keeps a lock on it for as long as it runs.
A file that can be locked by somebody else belongs to a process that is gone: a lock needs no
clean-up after kill -9, and a pid that the system gave to another process fools nobody.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lama_tui.errors import StoreError
from lama_tui.paths import make_private
from lama_tui.store.locks import locked, try_lock

INSTANCES = "instances"
"""The folder of the lock files, beside the database."""

_GATE = "gate"
_GATE_WAIT = 30.0  # seconds; the longest upgrade that another start waits for


class Instances:
    """The instances that share one folder of lock files, this one among them. Blocks: call off the loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Be the only instance that starts, upgrades the database or looks who lives.

        Raises `StoreError` when another one keeps the gate, `OSError` when the folder cannot be written.
        """
        make_private(self._folder)
        descriptor = os.open(self._folder / _GATE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + _GATE_WAIT
            while not try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise StoreError(
                        "The conversations are being opened by another lama",
                        f"It has been starting or upgrading the database for more than {_GATE_WAIT:.0f} s.",
                        "Wait for it to finish, or end it, and start again.",
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)

    def join(self) -> None:
        """Take a place among the instances. Call inside `gate`, so that nobody sees the file unlocked."""
        self._descriptor = os.open(self._folder / self.name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try_lock(self._descriptor)

    def live(self) -> frozenset[str]:
        """Names of the instances that run now, and remove what dead ones left. Call inside `gate`."""
        names = set()
        for path in self._folder.iterdir():
            if path.name == _GATE:
                continue
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue  # it left just now
            try:
                if try_lock(descriptor):
                    path.unlink(missing_ok=True)
                else:
                    names.add(path.name)
            finally:
                os.close(descriptor)
        return frozenset(names)

    def lives(self, name: str) -> bool:
        """Whether the instance runs now that wrote its name somewhere. Waits for nobody, so needs no `gate`."""
        return Path(name).name == name and locked(self._folder / name)

    def leave(self) -> None:
        """Give the place back; safe to call twice."""
        if self._descriptor is not None:
            (self._folder / self.name).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def pid_of(name: str) -> str:
    """The process id in the name of an instance."""
    return name.partition("-")[0]
