"""What the hub says, as plain values. Every text in them is untrusted: the gate cleans it where it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lama_tui.engine.fit import KeyValueShape
from lama_tui.engine.model_code import KEY
from lama_tui.security.gate import clean_line

Sort = Literal["downloads", "likes", "recent", "fit"]
"""`fit` is this machine's own order: the largest that fits first, of the few hundred most downloaded of each page."""

HashAlgorithm = Literal["sha256", "git-sha1"]
"""`git-sha1` is git's name for a file that is not stored by LFS: sha1 of `blob SIZE\\0` and the bytes."""


@dataclass(frozen=True, slots=True)
class HubQuery:
    """What to look for. `text` is words of the name; empty fields do not narrow. Sizes in bytes."""

    text: str = ""
    author: str = ""
    format: Literal["mlx", "gguf"] = "mlx"
    bits: int | None = None
    largest: int | None = None
    sort: Sort = "downloads"


@dataclass(frozen=True, slots=True)
class HubModel:
    """A line of a listing. `modified` is UTC milliseconds, `size` bytes of its weights; None is unknown.

    `gated` says that its publisher asks for an agreement first.
    """

    repo: str
    commit: str | None = None
    downloads: int | None = None
    likes: int | None = None
    modified: int | None = None
    gated: bool = False
    private: bool = False
    tags: tuple[str, ...] = ()
    params: int | None = None
    bits: int | None = None
    size: int | None = None
    format: str | None = None
    license: str | None = None


@dataclass(frozen=True, slots=True)
class HubPage:
    """A page of a listing; `after` asks for the next one, None: there is none."""

    models: tuple[HubModel, ...]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a revision. `path` is relative, with `/`, and was checked to stay inside; `size` in bytes."""

    path: str
    size: int
    algorithm: HashAlgorithm
    hash: str


@dataclass(frozen=True, slots=True)
class HubDetails:
    """One revision of one model. `commit` is what `revision` was when it was asked. Bytes, tokens.

    `config` is its `config.json`, empty where it has none or it cannot be read; `context` is its window
    and `kv` what its KV cache keeps of a token.
    """

    model: HubModel
    revision: str
    commit: str
    files: tuple[HubFile, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    context: int | None = None
    architecture: str | None = None
    kv: KeyValueShape | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def program(self) -> str:
        """What is said of the program that it brings, which is asked about before it runs; empty: it brings none."""
        name = self.config.get(KEY)
        return "" if name is None else f"its own, {clean_line(str(name), 60)}: asks before it runs"
