"""A conversation as a file, of Markdown or of JSON. Reading and writing files blocks: call those parts on a thread."""

import contextlib
import errno
import os
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lama_tui.conversations.as_json import as_json
from lama_tui.conversations.messages import Conversation, Message
from lama_tui.conversations.summaries import shown_with
from lama_tui.errors import StoreError
from lama_tui.security.gate import clean, clean_line

_LONGEST_NAME = 80
"""Bytes of a title in a file name: file systems end at 255 for all of it."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_ENDS: dict[str, str] = {
    "streaming": "still being written",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "failed": "failed",
}


def is_json(path: Path) -> bool:
    """Whether a file is to hold everything as JSON, and not what was said as Markdown: its name says so."""
    return path.suffix.lower() == ".json"


def exported(conversation: Conversation, shown: Sequence[Message], tree: Sequence[Message], *, json: bool) -> str:
    """A conversation as text: the branch that is shown as Markdown, or all of them as JSON."""
    if json:
        return as_json(conversation, tree, shown[-1].id if shown else None)
    return markdown(conversation, shown)


def markdown(conversation: Conversation, messages: Sequence[Message]) -> str:
    """The messages, in order, with who said them when; times are those of this machine's zone."""
    facts = [f"- Model: {clean_line(conversation.model)}"] if conversation.model else []
    facts += [f"- Begun: {_time(conversation.created)}", f"- Last changed: {_time(conversation.updated)}"]
    blocks = [f"# {clean_line(conversation.title) or 'Conversation'}", "\n".join(facts)]
    for message in shown_with(messages):
        blocks += _message(message)
    return "\n\n".join(blocks) + "\n"


def _message(message: Message) -> list[str]:
    name = "You" if message.role == "user" else clean_line(message.model) or message.role.capitalize()
    if message.covers:
        name = f"Summary of {message.covers:,} messages" + (f", by {name}" if message.model else "")
    end = f" · {_ENDS[message.state]}" if message.state in _ENDS else ""
    pinned = " · pinned" if message.pinned else ""
    blocks = [f"## {name} · {_time(message.created)}{end}{pinned}"]
    if reasoning := clean(message.reasoning).strip():
        inside = _closed(reasoning).replace("</details", "&lt;/details").replace("</summary", "&lt;/summary")
        blocks.append(f"<details>\n<summary>Reasoning</summary>\n\n{inside}\n\n</details>")
    if text := clean(message.text).strip("\n"):
        blocks.append(_closed(text))
    if message.calls:
        calls = "\n".join(clean_line(call, len(call)) for call in message.calls)
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", calls)), default=0))
        blocks.append(f"Asked for tools, which lama does not run:\n\n{fence}\n{calls}\n{fence}")
    if message.error is not None:
        said = " ".join(filter(None, (message.error.title, message.error.detail, message.error.hint)))
        blocks.append(f"> {clean_line(said, 2000)}")
    return blocks


def _closed(text: str) -> str:
    """`text` with the block of code closed that it leaves open: it would swallow what follows."""
    fence = ""
    for line in text.split("\n"):
        if (found := _FENCE.match(line)) is None:
            continue
        mark, rest = found.groups()
        if not fence:
            fence = mark if mark[0] == "~" or "`" not in rest else ""
        elif mark.startswith(fence) and not rest.strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text


def _time(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M %z")
    except (ValueError, OverflowError, OSError):
        return "–"


def suggested(title: str, folder: Path) -> Path:
    """A file in `folder` that is not there yet, named after a title. Raises no error where the folder is bad."""
    return free(folder / f"lama-{_name(title)}.md")


def free(path: Path) -> Path:
    """`path`, or where something is there, the first of `NAME-2`, `NAME-3`, … where nothing is."""
    number, found = 2, path
    while os.path.lexists(found):
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return found


def _name(title: str) -> str:
    """A title as part of a file name: letters and digits of any script, joined by hyphens."""
    words = re.findall(r"[\w]+", unicodedata.normalize("NFC", clean_line(title)))
    name = "-".join(words).strip("_-").encode()[:_LONGEST_NAME].decode(errors="ignore").strip("_-")
    return name or "conversation"


def write(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file that only its owner can read; with `replace` in place of one that is there.

    Raises `FileExistsError` where something is there and it is not to be replaced, else `StoreError`. What could not
    be written whole leaves nothing behind.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if replace:
            beside = path.with_name(f".{path.name[:60]}.{os.getpid()}")
            _create(beside, text)
            try:
                beside.replace(path)
            except OSError:
                _remove(beside)
                raise
        else:
            _create(path, text)
    except FileExistsError:
        raise
    except (OSError, ValueError) as error:  # a name with a null character is a ValueError
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StoreError(
            "The conversation was not written", clean_line(f"{path}: {reason}", 500), _hint(error)
        ) from error


def _create(path: Path, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="utf-8", errors="replace", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _hint(error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.ENOENT | errno.ENOTDIR:
            return "Choose a folder that is there."
        case errno.ENOSPC | errno.EDQUOT:
            return "Make room, or choose another disk."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "Choose a folder that you can write to."
        case errno.EISDIR:
            return "Choose the name of a file: this is a folder."
        case errno.ENAMETOOLONG:
            return "Choose a shorter name."
        case _:
            return "Choose another place."
