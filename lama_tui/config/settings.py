"""The typed settings and their defaults. Values only; `loader` reads the file, the environment and flags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lama_tui.config.key_presets import Preset
from lama_tui.types import GUIDE

GIB = 1024**3

MonitorForm = Literal["pane", "strip", "off"]


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """`[generation]`: used where neither flag, conversation nor model says otherwise."""

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`[engine]`. `threads` 0 is physical cores; `batch_size` is the prefill step in tokens.

    `memory_limit` is a share of what the machine can give; `idle_unload` is in seconds; the
    prompt caches are in bytes. `window` is tokens, 0 for none; `kv_bits` 0 leaves KV as it is computed.
    """

    threads: int = 0
    batch_size: int = 512
    parallel: int = 4
    memory_limit: float = 0.8
    idle_unload: float = 600.0
    prompt_cache_ram: int = 2 * GIB
    prompt_cache_disk: int = 8 * GIB
    window: int = 0
    kv_bits: int = 0


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """`[providers.NAME]`. Timeouts are in seconds. Never holds a key, only where to find it."""

    kind: Literal["openai", "anthropic", "ollama"]
    endpoint: str
    model: str = ""
    max_tokens: int | None = None
    key_env: str = ""
    timeout_connect: float = 10.0
    timeout_first: float = 120.0
    timeout_token: float = 60.0


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """`[library]`. `quota` is how many bytes models should take (0: as many as there are), `low_disk` how many must
    be free for the disk not to be called low (0: never). `trusted_keys` are files with public keys,
    `trusted_identities` each an identity and its issuer with a space between."""

    downloads: Literal["always", "pause-on-battery"] = "always"
    concurrent_files: int = 4
    check_updates: Literal["daily", "off"] = "daily"
    integrity: Literal["weekly", "off"] = "weekly"
    quota: int = 0
    low_disk: int = 10 * GIB
    require_signatures: Literal["never", "warn", "always"] = "never"
    trusted_keys: tuple[str, ...] = ()
    trusted_identities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """`[privacy]`. `local_only`: no request leaves this machine, whatever is configured."""

    local_only: bool = False
    wipe: bool = False


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """`[workspace]`: the screen. `conversations`: their list stands beside the transcript. `notify` tells of answers
    that took `notify_after` seconds or more and ended while the window had no focus."""

    mouse: bool = True
    conversations: bool = True
    monitor: MonitorForm = "pane"
    notify: Literal["bell", "osc", "off"] = "bell"
    notify_after: float = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `config.toml` can say.

    `keys` is the keymap in force where it differs from the default: that of `key_preset` (`[keys] preset`),
    and over it what the person bound.
    """

    model: str = GUIDE
    theme: str = "lama-dark"
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    library: LibrarySettings = field(default_factory=LibrarySettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    workspace: WorkspaceSettings = field(default_factory=WorkspaceSettings)
    key_preset: Preset = "default"
    keys: Mapping[str, str] = field(default_factory=dict)
