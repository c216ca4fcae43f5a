"""Where files live. Pure: computing a path touches no disk and creates nothing.

`LAMA_HOME`, when set, holds everything (`config/ data/ state/ cache/`); otherwise the XDG
folders, on macOS too.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Paths:
    """The four folders and the files in them."""

    config: Path
    data: Path
    state: Path
    cache: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Paths":
        """Resolve the folders from `LAMA_HOME`, else XDG."""
        env = os.environ if environment is None else environment
        home = env.get("LAMA_HOME", "").strip()
        if home:
            base = Path(home).expanduser().absolute()
            return cls(base / "config", base / "data", base / "state", base / "cache")
        from platformdirs.unix import Unix

        dirs = Unix("lama", appauthor=False)
        return cls(
            Path(dirs.user_config_dir),
            Path(dirs.user_data_dir),
            Path(dirs.user_state_dir),
            Path(dirs.user_cache_dir),
        )

    @property
    def config_file(self) -> Path:
        """`config/config.toml`."""
        return self.config / "config.toml"

    @property
    def user_themes(self) -> Path:
        """`config/themes/`."""
        return self.config / "themes"

    @property
    def database(self) -> Path:
        """`data/lama.db`."""
        return self.data / "lama.db"

    @property
    def models(self) -> Path:
        """`data/models/`: imported or converted models."""
        return self.data / "models"

    @property
    def prompts(self) -> Path:
        """`cache/prompts/`: what models remember of conversations."""
        return self.cache / "prompts"

    @property
    def log(self) -> Path:
        """`state/lama.log`."""
        return self.state / "lama.log"

    @property
    def run(self) -> Path:
        """`state/run/`: one `PID.json` an instance."""
        return self.state / "run"


def shipped_themes() -> Path:
    """`<package>/themes` in a wheel, `<package>/../themes` in a checkout."""
    inside = PACKAGE / "themes"
    return inside if inside.is_dir() else PACKAGE.parent / "themes"


def guide_weights() -> Path:
    """The folder of the built-in model."""
    return PACKAGE / "guide" / "weights"


def make_private(folder: Path) -> Path:
    """Create `folder` (0700) where it is missing and return it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
