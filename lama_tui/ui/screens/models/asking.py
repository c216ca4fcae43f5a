"""When the hub is asked for newer revisions, about which models, and what turns that off: as values, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from lama_tui.ui import figures

if TYPE_CHECKING:
    from lama_tui.library.hub.access import HubAccess
    from lama_tui.library.updates.update import Question

SETTING = "library.check_updates"
_BY = {"lama": "by itself", "person": "by you"}


@dataclass(frozen=True, slots=True)
class Asking:
    """`models` are how many the hub can be asked about, `own` those of them that lama asks about by itself: it fetched
    them, or they were used in it. `silent` says why it asks about none by itself; empty: it does."""

    models: int = 0
    own: int = 0
    silent: str = ""
    host: str = "the hub"
    questions: "Sequence[Question]" = ()


def silence(check_updates: str, local_only: bool, access: "HubAccess | None") -> str:
    """Why nothing is asked by itself; empty where it is."""
    if check_updates == "off":
        return f"{SETTING} is off"
    if local_only:
        return "local only is on"
    return "HF_HUB_OFFLINE is set" if access is not None and access.offline else ""


def lines(asking: Asking, now: int, check: str) -> list[Content]:
    """When it was asked and will be; `check` is the key that asks."""
    if not asking.models:
        return []
    past = [f"{_BY[each.wanted_by]} {figures.ago(each.at, now)} about {each.models:,}" for each in asking.questions]
    last = f"Asked: {', '.join(past)}." if past else f"{asking.host} was not asked yet."
    silent = asking.silent or ("" if asking.own else "lama neither fetched nor used these")
    own = f"{asking.own:,} of the {asking.models:,} models, which it fetched or used"
    if asking.own == asking.models:
        own = _all(asking.models)
    by_itself = f"By itself lama asks daily about {own}, until {SETTING} is off. "
    if silent:
        by_itself = f"Nothing is asked by itself: {silent}. "
    return [
        Content.styled(last, "$foreground-muted"),
        Content.assemble(
            (by_itself, "$foreground-muted"),
            (check, "bold $primary"),
            (f" names {_all(asking.models)} to {asking.host}.", "$foreground-muted"),
        ),
    ]


def _all(models: int) -> str:
    return "the one here" if models == 1 else f"all {models:,}"
