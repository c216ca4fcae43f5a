"""A model of the hub in full: what downloading it means, whether it will run here, its files, its card."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.content import Content

from lama_tui.engine.fit import Fit
from lama_tui.errors import LamaError
from lama_tui.library.gguf_models import NOT_YET
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.screens.models import fit_bar, jobs, quantizations
from lama_tui.ui.screens.models.about import About
from lama_tui.ui.screens.models.card import Card
from lama_tui.ui.screens.models.hub_columns import ADVISED, GATED, HERE, HubRow, bits
from lama_tui.ui.screens.models.shelf import Looked
from lama_tui.ui.screens.models.table import fact, shortened

_FILES = 12
"""Files that are named, the largest first."""

_QUANTIZATIONS = 24
"""Quantizations that are listed, the smallest first."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What is pressed for what, in the texts."""

    download: str
    less: str
    more: str


@dataclass(frozen=True, slots=True)
class HubShown:
    """What the details are of. `looked` is None until the hub has answered, `trouble` why it did not; `choices` are
    the quantizations that one is asked about."""

    row: HubRow
    fit: Fit
    context: int
    now: int
    keys: Keys
    looked: Looked | None = None
    trouble: LamaError | None = None
    choices: Sequence[quantizations.Line] = ()


class HubDetailsPage(About):
    """Of a model of the hub, and below it what its publisher writes."""

    def compose(self) -> ComposeResult:
        """What is known, and the card."""
        yield from super().compose()
        yield Card(id="hub-card")

    def show(self, shown: HubShown | None, card: str = "") -> None:
        """Show this model; None: there is none."""
        if shown is None:
            self.tell("", lambda _: ())
        else:
            self.tell(shown.row.model.repo, lambda width: lines(shown, width))
        if self.card.text != card:
            self.card.show(card)

    @property
    def card(self) -> Card:
        """The model card."""
        return self.query_one(Card)


def lines(shown: HubShown, width: int) -> list[Content]:
    """The text above the card, `width` cells wide; what matters most comes first."""
    text = [Content.styled(shown.row.name, "bold $primary"), *_offer(shown)]
    if shown.row.model.format == "gguf":  # before it is fetched, not after
        text.append(Content.styled(f"{NOT_YET}. Other programs on this machine can use it.", "$warning"))
    if shown.row.model.gated:
        where = f": open {shown.looked.address} in a browser" if shown.looked is not None else ""
        agree = f"{GATED} Its publisher asks for an agreement first{where}, then set HF_TOKEN."
        text.append(Content.styled(agree, "$warning"))
    if shown.trouble is not None:
        text += trouble(shown.trouble)
    text += [Content(""), *_memory(shown, width), Content("")]
    if shown.choices:
        return [*text, *_choices(shown, width), Content(""), *_facts(shown, width), Content("")]
    return [*text, *_facts(shown, width), *_files(shown, width)]


def trouble(error: LamaError) -> list[Content]:
    """What went wrong, why, and what to do."""
    found = [Content.styled(clean_line(error.title, 200), "bold $error")]
    if error.detail:
        found.append(Content.styled(clean_line(error.detail, 300), "$foreground-muted"))
    if error.hint:  # last: it may speak of what the detail names
        found.append(Content.assemble(("→ ", "$accent"), clean_line(error.hint, 300)))
    return found


def _offer(shown: HubShown) -> list[Content]:
    """What is fetched and whether there is room, or how far it is."""
    job, looked = shown.row.job, shown.looked
    if job is not None and not job.ended:
        mark, style = jobs.MARKS[job.state]
        return [Content.assemble((f"{mark} ", style), jobs.progress(job, shown.now))]
    if looked is None:
        here = [Content.assemble((f"{HERE} ", "$success"), "is on this machine")] if shown.row.here else []
        return here if shown.trouble or here else [Content.styled("Asking the hub…", "$foreground-muted")]
    offer = looked.offer
    if offer.problem is not None:
        return trouble(offer.problem)
    if shown.choices:
        models = sum(not (line.quantization.projector or line.quantization.choice.problem) for line in shown.choices)
        what = f" chooses one of {models:,} quantizations" if models > 1 else " chooses what to download"
        room = f"; the disk has {figures.size(offer.free)} free" if offer.free is not None else ""
        found = [Content.assemble((shown.keys.download, "bold $primary"), what, (room, "$foreground-muted"))]
        if names := [line.name for line in shown.choices if line.quantization.here]:
            found.append(Content.assemble((f"{HERE} ", "$success"), f"on this machine: {', '.join(names)}"))
        return found
    if offer.here:
        return [Content.assemble((f"{HERE} ", "$success"), "is on this machine, all of it")]
    some = f"{len(offer.files)} file{'s' if len(offer.files) != 1 else ''}"
    what = f" downloads {figures.size(offer.needed)} in {some}"
    if offer.short:
        missing = f"; the disk has {figures.size(offer.free)} free, {figures.size(offer.short)} too little"
        return [Content.assemble((shown.keys.download, "bold $primary"), what, (missing, "$error"))]
    room = f"; the disk has {figures.size(offer.free)} free" if offer.free is not None else ""
    return [Content.assemble((shown.keys.download, "bold $primary"), what, (room, "$foreground-muted"))]


def _memory(shown: HubShown, width: int) -> list[Content]:
    verdict = fit_bar.verdict(shown.fit)
    first = next((line.name for line in shown.choices if line.by_default), "")
    text = [Content.assemble((f"{first} ", "bold"), verdict) if first else verdict]
    longest = shown.looked.details.context if shown.looked is not None else None
    text += fit_bar.needs(shown.fit, shown.context, longest, f"{shown.keys.less} {shown.keys.more}", width)
    if shown.looked is not None and (speed := shown.looked.speed) is not None:
        about = (f"  {speed.source}", "$foreground-muted")
        text.append(Content.assemble(f"about {figures.rate(speed.decode_tok_s)}", about))
    return text


def _facts(shown: HubShown, width: int) -> list[Content]:
    model, looked = shown.row.model, shown.looked
    told = looked.details.model if looked is not None else model
    context = looked.details.context if looked is not None else None
    facts = [
        ("Parameters", figures.parameters(told.params or model.params)),
        ("Quantization", bits(told if told.bits else model)),
        ("Context", f"{context:,} tokens" if context else figures.UNKNOWN),
        ("Format", clean_line(told.format or model.format or figures.UNKNOWN, 40)),
        ("Licence", clean_line(told.license or model.license or figures.UNKNOWN, 80)),
        ("Downloads", figures.count(model.downloads) + " in the last month" if model.downloads else figures.UNKNOWN),
        ("Likes", figures.count(model.likes)),
        ("Updated", figures.ago(model.modified, shown.now) if model.modified else figures.UNKNOWN),
    ]
    if looked is not None:
        kind = looked.details.config.get("model_type")
        if isinstance(kind, str):
            facts.insert(3, ("Architecture", clean_line(kind, 60)))
        if looked.details.program:
            facts.append(("Program", looked.details.program))
        facts.append(("Revision", clean_line(looked.details.commit[:12])))
    return [line for name, value in facts for line in fact(name, value, width)]


def _choices(shown: HubShown, width: int) -> list[Content]:
    """The quantizations; which is fetched where nobody chooses, and which to choose here."""
    text = [
        Content.styled("Quantizations", "bold"),
        *quantizations.drawn(shown.choices[:_QUANTIZATIONS], shown.choices, width),
    ]
    if (more := len(shown.choices) - _QUANTIZATIONS) > 0:
        text.append(Content.styled(f"and {more:,} more, larger", "$foreground-muted"))
    best = next((line for line in shown.choices if line.advised and not line.by_default), None)
    if best is not None:
        text.append(Content.assemble((f"{ADVISED} ", "$accent"), f"{best.name} is the largest that fits here."))
    return text


def _files(shown: HubShown, width: int) -> list[Content]:
    """The files, the largest first; those that are not fetched say so."""
    if shown.looked is None:
        return []
    files = sorted(shown.looked.details.files, key=lambda file: (-file.size, file.path))
    wanted = {file.path for file in shown.looked.offer.files}
    sum_ = f"{len(files)} files, {figures.size(shown.looked.details.size)}"
    text = [Content(""), Content.assemble(("Files", "bold"), (f"  {sum_}", "$foreground-muted"))]
    for file in files[:_FILES]:
        skipped = "" if file.path in wanted else "  not needed"
        name = shortened(clean_line(file.path, 400), max(8, width - 11 - len(skipped)))
        text.append(
            Content.assemble((f"{figures.size(file.size):>9}  ", "$foreground-muted"), name, (skipped, "$warning"))
        )
    if len(files) > _FILES:
        rest = files[_FILES:]
        more = f"{figures.size(sum(file.size for file in rest)):>9}  in {len(rest)} more"
        text.append(Content.styled(more, "$foreground-muted"))
    return [*text, Content("")]
