"""Inline Markdown (emphasis, code, links) to spans of styled text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.style import Style

from lama_tui.ui.markdown.wrap import Span
from lama_tui.ui.palette import Palette

if TYPE_CHECKING:
    from markdown_it.token import Token

_STRONG = Style(bold=True)
_EMPHASIS = Style(italic=True)
_STRUCK = Style(strike=True)


def spans_of(token: "Token", palette: Palette, base: Style | None = None) -> list[Span]:
    """Render an `inline` token. Links show their address; nothing is hidden behind a word."""
    return _render(token.children or [], palette, palette.text if base is None else base)


def _render(tokens: Sequence["Token"], palette: Palette, base: Style) -> list[Span]:
    spans: list[Span] = []
    styles = [base]
    links: list[tuple[str, int]] = []  # address, and how many spans stood before the link
    for token in tokens:
        match token.type:
            case "text" | "html_inline" | "text_special":
                if token.content:
                    spans.append(Span(token.content, styles[-1]))
            case "code_inline":
                spans.append(Span(token.content, styles[-1] + palette.code))
            case "softbreak":
                spans.append(Span(" ", styles[-1]))
            case "hardbreak":
                spans.append(Span("\n", styles[-1]))
            case "strong_open":
                styles.append(styles[-1] + _STRONG)
            case "em_open":
                styles.append(styles[-1] + _EMPHASIS)
            case "s_open":
                styles.append(styles[-1] + _STRUCK)
            case "link_open":
                links.append((str(token.attrs.get("href", "")), len(spans)))
                styles.append(styles[-1] + palette.link)
            case "link_close":
                styles.pop()
                address, start = links.pop()
                shown = "".join(span.text for span in spans[start:])
                if address and address not in (shown, f"mailto:{shown}"):
                    spans.append(Span(f" ({address})", palette.address))
            case "image":
                alt = token.content or "image"
                spans.append(Span(f"[{alt}] ({token.attrs.get('src', '')})", palette.address))
            case "strong_close" | "em_close" | "s_close":
                styles.pop()
            case _:
                if token.content:
                    spans.append(Span(token.content, styles[-1]))
    return spans
