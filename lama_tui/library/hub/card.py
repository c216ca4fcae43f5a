"""The model card: what its publisher wrote about a model, as Markdown that is fit to be read in a terminal.

Cards are written for a web page. The front matter is for machines; HTML is replaced by what it shows, pictures
by their description. Code stays as it is. The text stays untrusted: where it is drawn, the gate cleans it.
"""

import html
import re
from pathlib import Path

from lama_tui.errors import ModelNotFoundError
from lama_tui.library.hub.client import HubClient, file_path
from lama_tui.security.gate import clean

LIMIT = 256 << 10  # bytes

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n.*?^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"^([ ]{0,3})(`{3,}|~{3,}).*?(?:^[ ]{0,3}\2[`~]*[ \t]*$|\Z)|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HIDDEN = re.compile(
    r"<(script|style|svg|video|audio|iframe|object)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_PICTURE = re.compile(r"!\[([^\[\]]{0,500})\]\([^()\s]{0,4000}(?:\s+\"[^\"]*\")?\)")
_EMPTY_LINK = re.compile(r"\[\s*\]\([^()\s]{0,4000}\)")
_IMAGE = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]{0,500})\"|'([^']{0,500})')", re.IGNORECASE)
_LINK = re.compile(
    r"<a\b[^<>]*?\bhref\s*=\s*[\"']([^\"'<>\s]{1,2000})[\"'][^<>]*>(.*?)</a\s*>", re.DOTALL | re.IGNORECASE
)
_HEADING = re.compile(r"<h([1-6])\b[^<>]*>(.*?)</h\1\s*>", re.DOTALL | re.IGNORECASE)
_ITEM = re.compile(r"<li\b[^<>]*>\s*", re.IGNORECASE)
_BREAK = re.compile(
    r"<br\s*/?>|</?(?:p|div|center|tr|table|ul|ol|details|summary|section|figure)\b[^<>]*>", re.IGNORECASE
)
_BOLD = re.compile(r"</?(?:b|strong)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9-]*(?:\s[^<>]*)?/?>")
_INDENTED = re.compile(r"^[ \t]+(?=</?[a-zA-Z!])", re.MULTILINE)
_BLANKS = re.compile(r"(?:[ \t]*\n){3,}")


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
        text = _HIDDEN.sub("", _COMMENT.sub("", text))
        text = _IMAGE.sub(_description, text)
        text = _LINK.sub(_markdown_link, text)
        text = _HEADING.sub(lambda found: f"\n{'#' * int(found[1])} {' '.join(_TAG.sub('', found[2]).split())}\n", text)
        text = _BOLD.sub("**", _ITEM.sub("\n- ", text))
        text = _TAG.sub("", _BREAK.sub("\n", text))
    text = _EMPTY_LINK.sub("", _PICTURE.sub(lambda found: found[1].strip(), text))
    return clean(html.unescape(text))


def _description(found: re.Match[str]) -> str:
    alt = _ALT.search(found[0])
    return (alt[1] or alt[2] or "").strip() if alt else ""


def _markdown_link(found: re.Match[str]) -> str:
    words = " ".join(_TAG.sub(" ", found[2]).split())
    return f"[{words}]({found[1]})" if words else ""
