"""The model card: what its publisher wrote about a model, as Markdown that is fit to be read in a terminal.

Cards are written for a web page. The front matter is for machines; HTML is replaced by what it shows, pictures
by their description. Code stays as it is. The text stays untrusted: where it is drawn, the gate cleans it.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from lama_tui.errors import ModelNotFoundError
from lama_tui.library.hub.client import HubClient, file_path
from lama_tui.security.gate import clean

LIMIT = 256 << 10  # bytes

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n.*?^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"^([ ]{0,3})(`{3,}|~{3,}).*?(?:^[ ]{0,3}\2[`~]*[ \t]*$|\Z)|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_PICTURE = re.compile(r"!\[([^\[\]]{0,500})\]\([^()\s]{0,4000}(?:\s+\"[^\"]*\")?\)")
_EMPTY_LINK = re.compile(r"\[\s*\]\([^()\s]{0,4000}\)")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s[^<>]*)?)/?>")
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]{0,500})\"|'([^']{0,500})')", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*=\s*[\"']([^\"'<>()\s]{1,2000})[\"']", re.IGNORECASE)
_HIDDEN = frozenset(("script", "style", "svg", "video", "audio", "iframe", "object"))
_BREAKING = frozenset(
    ("br", "p", "div", "center", "tr", "table", "ul", "ol", "details", "summary", "section", "figure", "hr")
)
_TORN_HEADING = re.compile(r"^(#{1,6}) [ \t]*\n\s*(?=\S)", re.MULTILINE)
_INDENTED = re.compile(r"^[ \t]+(?=</?[a-zA-Z!])", re.MULTILINE)
_BLANKS = re.compile(r"\n(?:[ \t]*\n){2,}")


async def card(client: HubClient, repo: str, commit: str) -> str:
    """The card of `repo` at `commit`, cleaned; the beginning of one that is very long. Raises a `LamaError`."""
    path = file_path(repo, commit, "README.md")
    return await client.get(
        path, lambda raw, _: readable(raw.decode("utf-8", "replace")), limit=LIMIT, repo=repo, what="README.md",
        whole=False,
    )  # fmt: skip


def read_card(folder: Path) -> str:
    """The card in the folder of a model on this machine. Reads a file; raises `ModelNotFoundError`."""
    file = folder / "README.md"
    try:
        with file.open("rb") as opened:
            return readable(opened.read(LIMIT).decode("utf-8", "replace"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it cannot be read"
        raise ModelNotFoundError(
            "There is no model card", f"{file}: {why}", "Its folder may have other texts"
        ) from error


def readable(text: str) -> str:
    """Markdown without front matter and without HTML, safe to be written to a terminal."""
    text = clean(_FRONT.sub("", text, count=1))
    pieces, at = [], 0
    for code in _CODE.finditer(text):
        pieces += [_without_html(text[at : code.start()]), code[0]]
        at = code.end()
    pieces.append(_without_html(text[at:]))
    return _BLANKS.sub("\n\n", "".join(pieces)).strip() + "\n" if text.strip() else ""


def _without_html(text: str) -> str:
    if "<" in text:
        text = _INDENTED.sub("", text)  # without its tag, an indented line would be code
        text = _TORN_HEADING.sub(r"\1 ", "".join(_shown(_COMMENT.sub("", text))))
    text = _EMPTY_LINK.sub("", _PICTURE.sub(lambda found: found[1].strip(), text))
    return clean(html.unescape(text))


def _shown(text: str) -> Iterator[str]:
    """The pieces of `text` with Markdown in the place of tags, in one pass whatever they are."""
    at, hidden = 0, ""
    targets: list[str] = []
    for tag in _TAG.finditer(text):
        closes, name, attributes = bool(tag[1]), tag[2].lower(), tag[3]
        if not hidden:
            yield text[at : tag.start()]
        at = tag.end()
        if hidden:
            hidden = "" if closes and name == hidden else hidden
        elif name in _HIDDEN:
            hidden = "" if closes else name
        elif name == "a":
            if not closes:
                href = _HREF.search(attributes)
                targets.append(href[1] if href else "")
                yield "[" if targets[-1] else ""
            elif targets and (target := targets.pop()):
                yield f"]({target})"
        else:
            yield _markdown(name, closes, attributes)
    if not hidden:
        yield text[at:]


def _markdown(name: str, closes: bool, attributes: str) -> str:
    """What stands for a tag; nothing for most."""
    if name in _BREAKING:
        return "\n"
    if name == "img":
        alt = _ALT.search(attributes)
        return (alt[1] or alt[2] or "").strip() if alt else ""
    if len(name) == 2 and name[0] == "h" and name[1] in "123456":
        return "\n" if closes else f"\n{'#' * int(name[1])} "
    if name == "li":
        return "" if closes else "\n- "
    return "**" if name in ("b", "strong") else ""
