"""How an answer stands: at work, or why it ended before its end, and which key helps."""

from rich.segment import Segment
from rich.style import Style

from lama_tui.conversations.messages import Message
from lama_tui.ui.markdown.wrap import Line, Span, indent, wrap
from lama_tui.ui.palette import Palette
from lama_tui.ui.transcript.key_names import KeyNames
from lama_tui.ui.transcript.mark import way


def hint(keys: KeyNames, what: str, key: str, style: Style) -> list[Span]:
    """What a key of the transcript does, with the way there."""
    return [Span(what, style), way(keys.leave, style), Span(key, style)]


def ending_of(message: Message, doing: str | None, keys: KeyNames, width: int, palette: Palette) -> list[Line]:
    """The lines below an answer, if any. `doing` is what is done for it now, None once it ended."""
    if doing is not None:
        return wrap([Span(f"◌ {doing}", palette.muted)], width) if doing else []
    more = f"{keys.resume} continues it"
    match message.state:
        case "streaming":
            return wrap([Span("◌ another window is writing this answer", palette.muted)], width)
        case "stopped":
            return wrap(hint(keys, "■ stopped · ", more, palette.warning), width)
        case "interrupted":
            return wrap(hint(keys, "◧ interrupted · ", more, palette.warning), width)
        case "failed":
            return _failure(message, keys, width, palette)
        case _ if message.finish_reason == "length":
            reached = "■ the limit of tokens for an answer was reached · "
            return wrap(hint(keys, reached, more, palette.warning), width)
        case _ if not message.text.strip() and not message.calls:
            return wrap([Span("the model answered with nothing", palette.muted)], width)
        case _:
            return []


def _failure(message: Message, keys: KeyNames, width: int, palette: Palette) -> list[Line]:
    error = message.error
    if error is None:
        return wrap([Span("✕ this answer failed", palette.error)], width)
    lines = wrap([Span(f"✕ {error.title}", palette.error)], width)
    if error.detail:
        lines += indent(wrap([Span(error.detail, palette.text)], width - 2), Segment("  "), Segment("  "))
    if error.hint:
        advice = wrap([Span(error.hint, palette.strong)], width - 2)
        lines += indent(advice, Segment("→ ", palette.marker), Segment("  "))
    more = f" · {keys.resume} continues it" if message.text else ""
    return lines + wrap(hint(keys, "", f"{keys.again} asks again{more}", palette.muted), width)
