"""Searching the hub: its listing, narrowed by what it cannot narrow by itself (bits and size).

The hub finds words, authors and formats and sorts. How large a model is it only tells, so further pages are
asked for until a page is full of what was looked for, or enough were looked through.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from lama_tui.engine.fit import Machine
from lama_tui.library.hub.client import LONGEST_CURSOR, HubClient, next_query
from lama_tui.library.hub.fitting import by_fit
from lama_tui.library.hub.large_json import read_json
from lama_tui.library.hub.model_json import model_of
from lama_tui.library.hub.values import HubModel, HubPage, HubQuery

PAGE = 100
FULL = 40
"""So many found are a page where most were left out."""
LOOKED_THROUGH = 5
"""Pages of the hub that one page of ours may take."""
COMPARED = 3
"""Pages that are put in order by fit together: the largest that fits is seldom among the first hundred."""

# each of them the largest or newest first
_SORT = {"downloads": "downloads", "likes": "likes", "recent": "lastModified", "fit": "downloads"}
_TOLD = (
    *("downloads", "likes", "lastModified", "gated", "private", "tags", "sha", "library_name"),
    *("safetensors", "gguf", "usedStorage"),
)


async def search(client: HubClient, query: HubQuery, after: str | None, machine: Machine | None) -> HubPage:
    """One page of what `query` finds; `after` is that of the page before. Raises a `LamaError`."""
    found: dict[str, HubModel] = {}  # pages may overlap: the list changes while it is read
    ask: str | None = (after or _query(query))[:LONGEST_CURSOR]
    by_size = query.sort == "fit"
    for _ in range(COMPARED if by_size else LOOKED_THROUGH):
        page, ask = await client.get(f"/api/models?{ask}", _page)
        found |= {model.repo: model for model in page if matches(model, query)}
        if ask is None or (len(found) >= FULL and not by_size):
            break
    models = by_fit(found.values(), machine or Machine()) if by_size else found.values()
    return HubPage(tuple(models), ask)


def matches(model: HubModel, query: HubQuery) -> bool:
    """Whether it is within the bits and the size that are asked for.

    A model that does not tell is not; but GGUF repos hold files of several sizes, and none is told.
    """
    if query.format == "gguf":
        return query.largest is None or model.size is None or model.size <= query.largest
    within = query.largest is None or (model.size is not None and model.size <= query.largest)
    return within and query.bits in (None, model.bits)


def _query(query: HubQuery) -> str:
    asked = [("filter", query.format), ("sort", _SORT[query.sort]), ("limit", str(PAGE))]
    if query.text.strip():
        asked.append(("search", query.text.strip()[:200]))
    if query.author.strip():
        asked.append(("author", query.author.strip()[:100]))
    return urlencode([*asked, *(("expand", name) for name in _TOLD)])


def _page(raw: bytes, headers: Mapping[str, str]) -> tuple[list[HubModel], str | None]:
    listed = read_json(raw, model_of)
    if not isinstance(listed, list):
        raise ValueError("a listing is an array")
    # each once, in the hub's order; what is no model is left out
    return list({model.repo: model for model in listed if model is not None}.values()), next_query(headers)
