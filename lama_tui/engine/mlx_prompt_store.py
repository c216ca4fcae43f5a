"""Remembers prompts on the disk: writes the KV of conversations, and finds it again after a restart.

Import only in the engine thread.
"""

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lama_tui.engine.backend import ModelSource, never
from lama_tui.engine.mlx_kv import MlxKv
from lama_tui.engine.prompt_cache import common
from lama_tui.engine.prompt_files import TOKENS, WHOLE, GivenUp, PromptFile, PromptFiles, packed

log = logging.getLogger(__name__)

WORTH = 256
"""Tokens that must be spared for a file to be written, or read."""

_CLASSES = frozenset((
    "KVCache", "RotatingKVCache", "QuantizedKVCache", "ChunkedKVCache", "ArraysCache", "CacheList",
))  # fmt: skip
_SLOW = 100 * 1024**2  # bytes a second that a disk writes at least, before it was seen


class MlxPromptStore:
    """The files of this machine, for models as they are loaded now."""

    def __init__(self, files: PromptFiles) -> None:
        self._files = files
        self._rate = float(_SLOW)

    def longest(self, key: str, prompt: Sequence[int], known: int) -> tuple[PromptFile, int] | None:
        """The file that spares most of `prompt`, and how many of its tokens; None where `known` is nearly as good."""
        from array import array

        wanted = array("I", prompt)
        alike = [(min(common(file.tokens, wanted), len(wanted) - 1), file) for file in self._files.of(key)]
        usable = [found for found in alike if found[1].can_be_cut or found[0] == len(found[1].tokens)]
        best = max(usable, key=lambda found: found[0], default=None)
        return None if best is None or best[0] < known + WORTH else (best[1], best[0])

    def read(self, file: PromptFile, held: int, given_up: Callable[[], bool] = never) -> MlxKv | None:
        """The KV of the first `held` tokens of a file; None where it does not hold them, or is `given_up`."""
        from mlx_lm.models.cache import load_prompt_cache

        try:
            if not self._files.is_whole(file, given_up):
                return None
            layers, metadata = load_prompt_cache(str(file.path), return_metadata=True)
            kv = MlxKv(layers)
            for layer in layers:
                if given_up():
                    raise GivenUp
                MlxKv([layer]).evaluate()
            if not file.path.exists():
                raise ValueError("removed meanwhile, and perhaps overwritten")
            if metadata.get(TOKENS) is None or not {type(layer).__name__ for layer in layers} <= _CLASSES:
                raise ValueError("other layers than were written")
        except GivenUp:
            return None
        except Exception as error:  # it has the digest of its name, but another version wrote it
            log.info("a remembered prompt is not used: %s: %s", type(error).__name__, error)
            self._files.remove(file.path)
            return None
        if held == len(file.tokens):
            return kv
        return kv.beginning(held, len(file.tokens)) if kv.can_be_cut else None

    def seconds(self, kv: MlxKv) -> float:
        """How long writing it would take, as far as is known."""
        return kv.nbytes / self._rate

    def write(
        self,
        key: str,
        conversation: int,
        tokens: Sequence[int],
        kv: MlxKv,
        given_up: Callable[[], bool] = never,
    ) -> bool:
        """Keep what was computed from `tokens`, in place of what there is of the conversation. Raises `GivenUp`."""
        if len(tokens) < WORTH:
            return False
        began = time.monotonic()
        kept = self._files.add(key, conversation, kv.nbytes, lambda file: _save(file, tokens, kv), given_up)
        if kept:
            self._rate = max(1.0, kv.nbytes / max(time.monotonic() - began, 1e-3))
        return kept


def _save(file: Any, tokens: Sequence[int], kv: MlxKv) -> None:
    """Write as mlx-lm does. Raises `OSError`, also where there is no memory for it."""
    from mlx_lm.models.cache import save_prompt_cache

    try:
        save_prompt_cache(file, kv.layers, {TOKENS: packed(tokens)} | ({} if kv.can_be_cut else {WHOLE: "yes"}))
    except (RuntimeError, MemoryError) as error:
        raise OSError(str(error)) from error


def key_of(source: ModelSource, settings: str) -> str:
    """The name of what a model computes: another file of it, another runtime or other `settings` compute others."""
    folder = Path(source.folder)
    parts = [str(folder.resolve()), version("mlx"), version("mlx-lm"), settings]
    for path in sorted(folder.iterdir()):
        with contextlib.suppress(FileNotFoundError):  # a link to a file that somebody cleaned away
            status = path.stat()  # of what a link leads to
            parts.append(f"{path.name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.blake2b("\n".join(parts).encode(errors="surrogateescape"), digest_size=16).hexdigest()
