"""One line below the composer: which model, where it runs, what the last answer cost."""

from dataclasses import dataclass, field

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from lama_tui.types import Usage
from lama_tui.ui import figures


@dataclass(frozen=True, slots=True)
class Status:
    """What the line shows. `place` says where the model runs; `off_machine` warns."""

    model: str = ""
    place: str = ""
    off_machine: bool = False
    doing: str = ""
    usage: Usage = field(default_factory=Usage)
    notes: tuple[str, ...] = ()


class StatusLine(Widget):
    """Drops its least important figures where the line is narrow."""

    status: reactive[Status] = reactive(Status())

    def render(self) -> Content:
        """The line, cut to its width from the right."""
        status, usage = self.status, self.status.usage
        used = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
        known = usage.prompt_tokens is not None or usage.completion_tokens is not None
        where = Content.styled(status.place, "$warning" if status.off_machine else "$foreground-muted")
        pieces = [Content.styled(status.model, "bold $primary"), where]
        if status.off_machine:
            pieces[-1] = Content.styled(f"↗ {status.place}", "$warning")
        pieces += [Content.styled(note, "$warning") for note in status.notes]
        if status.doing:
            pieces.append(Content.styled(status.doing, "$accent"))
        window = f"/{figures.count(usage.context_window)}" if usage.context_window else ""
        for text in (
            f"{figures.count(used if known else None)}{window} tokens",
            figures.rate(usage.decode_tok_s),
            f"TTFT {figures.milliseconds(usage.ttft_ms)}",
        ):
            pieces.append(Content.styled(text, "$foreground-muted"))
        line = Content.empty()
        for piece in pieces:
            if not piece.plain:
                continue
            longer = Content.assemble(line, Content.styled(" · ", "$foreground-muted"), piece) if line.plain else piece
            if longer.cell_length > self.size.width and line.plain:
                break
            line = longer
        return line
