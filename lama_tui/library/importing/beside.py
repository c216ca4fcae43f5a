"""What belongs to weights at an address: config and tokenizer, which lie beside them under names that are known.

Nothing else is asked for, and nothing of any size is taken. Blocks: call it in a thread.
"""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from lama_tui.errors import ConnectionLost, ModelFormatError
from lama_tui.library.importing.kinds import WORDS, kind_of
from lama_tui.library.importing.target import of_disk
from lama_tui.library.importing.work import Work
from lama_tui.providers.fetch import Body, Fetcher
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact

NEEDED = ("config.json", "tokenizer.json")
_WELCOME = ("tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "chat_template.jinja")
_LARGEST = 64 * 1024**2  # bytes of one of them, as where a model is loaded
_PIECE = 1 << 16
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.safetensors$")
_OF_A_HUB = re.compile(r"/([^/]+/[^/]+)/(?:resolve|blob|raw)/")


def fetch_beside(url: str, into: Path, fetcher: Fetcher, work: Work) -> None:
    """Put the files beside the weights at `url` into the new folder `into`, which is there when all of them are.

    Raises `ModelFormatError` that says what was looked for, `ConnectionLost` where it may be there at the next try,
    and `Stopped` of `fetcher` or of `work`.
    """
    weights = urlsplit(url)
    if _SHARD.search(weights.path):
        raise _refused(url, "It is one of several files of weights, and only one file is fetched from an address")
    growing = into.with_name("beside.part")
    with of_disk(growing):
        shutil.rmtree(growing, ignore_errors=True)
        growing.mkdir(mode=0o700)
    for name in (*NEEDED, *_WELCOME):
        work.begin("fetching", None)
        work.advance(0, name)
        there = urlunsplit(weights._replace(path=weights.path.rpartition("/")[0] + "/" + name, fragment=""))
        why = _fetch(there, growing / name, fetcher, work)
        if why and name in NEEDED:
            raise _refused(url, f"{name} was looked for beside it: {redact(clean_line(there, 160))}, {why}")
    with of_disk(into):
        growing.rename(into)


def _fetch(url: str, to: Path, fetcher: Fetcher, work: Work) -> str:
    """Fetch one file; why it is not there, empty where it is."""
    with fetcher.get(url, {}) as body:
        if body.status in (408, 429) or body.status >= 500:
            raise ConnectionLost("The server has a problem", f"{redact(clean_line(url, 160))}: HTTP {body.status}", "")
        if body.status != 200:
            body.explanation()  # so that the connection can go on
            return f"HTTP {body.status}"
        if not _write(body, to, work):
            to.unlink()
            body.close()
            return f"it is larger than {_LARGEST // 1024**2} MiB"
        if not body.is_read:
            raise ConnectionLost("The connection broke", redact(clean_line(url, 160)), "Try again")
    with of_disk(to):
        kind = kind_of(to)
        if kind != ("json" if to.suffix == ".json" else "text"):
            to.unlink()
            return f"it is {WORDS[kind]}"
    return ""


def _write(body: Body, to: Path, work: Work) -> bool:
    """Write it to a new file; whether it is not too large."""
    buffer, size = memoryview(bytearray(_PIECE)), 0
    with of_disk(to):
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 — a descriptor
        while size <= _LARGEST and (count := body.readinto(buffer)):
            size += count
            with of_disk(to):
                file.write(buffer[:count])
            work.advance(count, to.name)
    return size <= _LARGEST


def _refused(url: str, why: str) -> ModelFormatError:
    repo = _OF_A_HUB.search(unquote(urlsplit(url).path))
    pull = f"`lama pull {clean_line(repo[1], 120)}` gets all of it from the hub. Else" if repo else "Get all of it, and"
    return ModelFormatError(
        "Weights alone are no model",
        why,
        f"{pull} import the folder or the archive that holds {', '.join(NEEDED)} and the weights",
    )
