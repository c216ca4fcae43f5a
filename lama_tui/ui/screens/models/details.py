"""Everything that is known of one model, the fit first."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from lama_tui.engine.fit import Fit
from lama_tui.security.gate import clean_line
from lama_tui.types import GUIDE
from lama_tui.ui import figures
from lama_tui.ui.screens.models import fit_bar
from lama_tui.ui.screens.models.about import About
from lama_tui.ui.screens.models.columns import BROKEN, IN_USE, LOADED, LOADING, PINNED, Row
from lama_tui.ui.screens.models.known import Known, speeds
from lama_tui.ui.screens.models.known import lines as lines_of_known
from lama_tui.ui.screens.models.table import fact

if TYPE_CHECKING:
    from lama_tui.library.storage.usage import ModelStorage

_BESIDE = "In memory now: {}. Where there is no room beside that, what was used longest ago goes first."


@dataclass(frozen=True, slots=True)
class Shown:
    """What the details are of. `state` says in words whether it is in memory; `replaces` names what loading it
    would drop; `advice` is what to do where there is nothing else; while it `is_measured`
    the figures come first. `keys`, `verify`, `bench` and `program` are what is pressed to do so."""

    row: Row
    fit: Fit
    context: int
    now: int
    is_default: bool = False
    state: str = ""
    replaces: str = ""
    advice: str = ""
    keys: str = ""
    known: Known | None = None
    storage: "ModelStorage | None" = None
    is_measured: bool = False
    verify: str = ""
    bench: str = ""
    program: str = ""


class ModelDetails(About):
    """Of a model that is installed, or on a server."""

    def show(self, shown: Shown | None) -> None:
        """Show this model; None: there is none."""
        if shown is None:
            self.tell("", lambda _: ())
        else:
            self.tell(shown.row.model.reference, lambda width: lines(shown, width))


def lines(shown: Shown, width: int) -> list[Content]:
    """The text, `width` cells wide; what matters most comes first."""
    model = shown.row.model
    text = [Content.styled(model.name, "bold $primary")]
    if model.problem:
        text.append(Content.styled(f"{BROKEN} It cannot be used: {model.problem}", "$warning"))
    elif model.server:
        text += [Content(""), Content(f"Answers come from a server ({model.server}): what you write is sent there.")]
    else:
        text += _memory(shown, width)
    text += [Content.styled(shown.advice, "$foreground-muted")] if shown.advice else []
    measured = speeds(shown.known.measured, shown.now, width) if shown.known is not None else []
    if shown.is_measured:
        text[1:1] = [*measured, Content("")] if measured else []
    elif measured:
        text += [Content(""), *measured]
    return [*text, Content(""), *_facts(shown, width)]


def _memory(shown: Shown, width: int) -> list[Content]:
    mark = LOADED if shown.row.loaded else LOADING if shown.row.loading else "○"
    return [
        Content.assemble((f"{mark} ", "$success" if shown.row.loaded else "$foreground-muted"), shown.state),
        fit_bar.verdict(shown.fit),
        *fit_bar.needs(shown.fit, shown.context, shown.row.model.context, shown.keys, width),
        *([Content.styled(_BESIDE.format(shown.replaces), "$foreground-muted")] if shown.replaces else []),
    ]


def _program(shown: Shown) -> str:
    """What it brings that would run, and whether it may."""
    installed, known = shown.row.model.installed, shown.known
    agreed = installed is not None and known is not None and known.trusted == installed.code
    return f"its own, {'which may run' if agreed else 'which asks before it runs'}: {shown.program} shows it"


def _facts(shown: Shown, width: int) -> list[Content]:
    model, installed = shown.row.model, shown.row.model.installed
    facts: list[tuple[str, str]] = []
    if shown.row.in_use:
        facts.append(("In use", f"{IN_USE} answers in this conversation"))
    if shown.is_default:
        facts.append(("Default", "begins new conversations"))
    if not model.server:
        kept = (
            f"{PINNED} kept when room is needed; it leaves memory last"
            if model.pinned
            else "no: may be let go when room is needed"
        )
        facts += [("Pinned", kept), ("Last used", figures.ago(model.last_used, shown.now))]
    if installed is not None:
        facts += [
            ("Parameters", figures.parameters(model.params)),
            ("Quantization", model.quantization),
            ("Context", f"{model.context:,} tokens" if model.context else figures.UNKNOWN),
            ("Architecture", clean_line(installed.architecture or figures.UNKNOWN, 80)),
            *([("Program", _program(shown))] if installed.code else []),
            ("Format", model.format or figures.UNKNOWN),
            ("On disk", figures.size(installed.size)),
            ("Licence", clean_line(installed.license or figures.UNKNOWN, 80)),
            ("Revision", clean_line(installed.revision or figures.UNKNOWN, 80)),
            ("Path", clean_line(installed.path, 4096) or figures.UNKNOWN),
        ]
    if model.reference == GUIDE:
        facts.insert(0, ("Guide", "built in and tiny: it only knows this app"))
    text = [line for name, value in facts for line in fact(name, value, width)]
    if shown.known is not None:
        text += lines_of_known(shown.known, shown.storage, shown.now, width, shown.verify, shown.bench)
    return text
