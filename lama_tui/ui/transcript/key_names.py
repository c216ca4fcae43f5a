"""The keys that lines of the transcript name."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyNames:
    """Keys as people press them, for the lines that name one."""

    fold: str = "space"
    resume: str = "c"
    again: str = "r"
    leave: str = "esc"
    """Leads from the composer to the transcript, where the others work."""
    last: str = "G"
    page_down: str = "pgdn"
    overrides: Mapping[str, str] = field(default_factory=dict)
    """`[keys]` as it is in force, for the answers of the guide, which learned the default keys."""
