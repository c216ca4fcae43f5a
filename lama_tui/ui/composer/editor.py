"""Writing in one's own editor: which one that is, and the file that it is given."""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from lama_tui.errors import ConfigError, LamaError
from lama_tui.security.gate import clean, clean_line
from lama_tui.ui.terminal.lending import Borrower

if TYPE_CHECKING:
    from textual.app import App

LARGEST = 4 * 1024**2
"""Bytes of a text that are taken back."""

_USUAL = ("sensible-editor", "nano", "vi")

_UNTOUCHED = "What you had typed is untouched."


class EditorFailed(LamaError):
    """Nothing could be taken back from the editor; the text is as it was."""


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """The words of the editor's command: $VISUAL, else $EDITOR, else one that is usually there.

    Raises `ConfigError` where there is none, or where it cannot be used.
    """
    for name in ("VISUAL", "EDITOR"):
        said = environment.get(name, "").strip()
        if not said:
            continue
        shown = clean_line(said, 80)
        try:
            command = shlex.split(said)
        except ValueError as error:
            raise ConfigError(
                f"${name} cannot be read", f"“{shown}” is no command: {error}.", f"Set {name} to a command."
            ) from error
        if not command or shutil.which(command[0], path=environment.get("PATH")) is None:
            raise ConfigError(
                "Your editor was not found",
                f"${name} is “{shown}”, and there is no such program.",
                f"Install it, or set {name} to another one, as in: export {name}=nano",
            )
        return command
    for name in _USUAL:
        if shutil.which(name, path=environment.get("PATH")) is not None:
            return [name]
    raise ConfigError(
        "No editor is set", "Neither $VISUAL nor $EDITOR is.", "Set one before lama starts, as in: export EDITOR=nano"
    )


class EditedFile:
    """A private file for the editor. Its folder is private too: editors put copies beside what they edit.

    Everything here blocks, and raises `EditorFailed`.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="lama-"))
            self.path = self._folder / "message.md"
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
                file.write(text)
        except OSError as error:
            raise EditorFailed(
                "The editor was not opened",
                f"No file can be made for it: {error.strerror or error}.",
                "Free some space in the folder for temporary files ($TMPDIR).",
            ) from error

    def read(self) -> str | None:
        """What was saved, safe to show; None where nothing changed. An added line break at the end is left out."""
        try:
            with self.path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            raise EditorFailed(
                "Nothing came back from the editor",
                f"Its file cannot be read: {error.strerror or error}. {_UNTOUCHED}",
                "Save to the same file, and leave the editor.",
            ) from error
        if len(data) > LARGEST:
            raise EditorFailed(
                "What you wrote is too large",
                f"More than {LARGEST // 1024**2} MiB came back from the editor. {_UNTOUCHED}",
                "Split it into several messages.",
            )
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise EditorFailed(
                "What you wrote is no text in UTF-8",
                f"Byte {error.start:,} of it belongs to no character. {_UNTOUCHED}",
                "Let your editor save as UTF-8.",
            ) from error
        text = clean(text.removeprefix("\ufeff"))
        if text.endswith("\n") and not self._text.endswith("\n"):
            text = text.removesuffix("\n")
        return None if text == self._text else text

    def remove(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._folder, ignore_errors=True)


def check_status(status: int, command: list[str]) -> None:
    """Raise `EditorFailed` unless an editor ended well; `status` as subprocess reports it."""
    if status == 0:
        return
    name = clean_line(Path(command[0]).name, 60)
    if status < 0:
        try:
            why = f"It was ended by {signal.Signals(-status).name}."
        except ValueError:
            why = f"It was ended by signal {-status}."
    else:
        why = f"It ended with status {status}."
    raise EditorFailed(f"{name} gave nothing back", f"{why} {_UNTOUCHED}", "Save and leave the editor as usual.")


class Editing:
    """One visit to the editor. Raises `LamaError` where it cannot be made, or brings nothing back."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self._text = text
        self._command = editor_command(environment)
        self._borrower = Borrower()
        self._over = asyncio.Event()
        self._ending = False

    async def run(self, app: "App[None]") -> str | None:
        """Open the text in the editor and wait; what was saved, None where nothing changed."""
        file = await asyncio.to_thread(EditedFile, self._text)
        try:
            try:
                status = await self._borrower.run(app, [*self._command, str(file.path)])
            except SuspendNotSupported as error:
                raise EditorFailed(
                    "No editor can be opened here", "This terminal cannot be lent to another program.", ""
                ) from error
            except OSError as error:
                raise EditorFailed(
                    "The editor could not be started",
                    f"{clean_line(self._command[0], 80)}: {error.strerror or error}. {_UNTOUCHED}",
                    "Set $VISUAL or $EDITOR to another one.",
                ) from error
            if not self._ending:
                check_status(status, self._command)
            return await asyncio.to_thread(file.read)
        finally:
            try:
                await asyncio.shield(asyncio.to_thread(file.remove))  # also when it is cancelled now
            finally:
                self._over.set()

    async def end(self) -> None:
        """End the editor, because lama must leave: what was saved in it so far is taken back by `run`."""
        self._ending = True
        await self._borrower.end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), 0.2)
