"""Downloading a model of the hub: what keeps it from going, which quantization is meant, and its place in the queue."""

from collections.abc import Sequence

from textual import work

from lama_tui.engine.fit import Machine
from lama_tui.library.hub.values import HubModel
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.bindings import key_at
from lama_tui.ui.screens.models import quantizations
from lama_tui.ui.screens.models.queue import Queue
from lama_tui.ui.screens.models.section import Section, named
from lama_tui.ui.screens.models.shelf import Looked, Looks, Offer, Shelf
from lama_tui.ui.screens.outliving import outliving

_FIRST = 8192
"""Tokens that are looked at first."""

_ASKING = "Asking the hub which quantizations there are…"


class Fetching(Section):
    """What `HubSection` does with the model that is highlighted."""

    def __init__(self, shelf: Shelf, queue: Queue, *, id: str | None = None) -> None:  # noqa: A002 - as in Textual
        super().__init__(id=id)
        self._shelf = shelf
        self._queue = queue
        self._looks = Looks()
        self._tokens = _FIRST

    def chosen(self) -> HubModel | None:
        """The highlighted model, if there is one."""
        raise NotImplementedError

    @property
    def machine(self) -> Machine:
        """What a model could have now."""
        raise NotImplementedError

    def context_of(self, looked: Looked | None) -> int:
        """The tokens that are looked at, of a model that may have fewer."""
        return min(self._tokens, (looked and looked.details.context) or self._tokens)

    def choices(self, looked: Looked) -> Sequence[quantizations.Line]:
        """What there is to choose of a GGUF repo."""
        if not looked.offer.quantizations:
            return ()
        repo = looked.details.model.repo
        running = [job for job in self._queue.jobs if job.ref == repo and not job.ended]
        return quantizations.lines(looked, self.context_of(looked), self.machine, running)

    @work(exclusive=True, group="hub-choice")
    async def action_download(self) -> None:
        """Put the highlighted model into the queue; of a GGUF repo the quantization that the person chooses."""
        model = self.chosen()
        if model is None:
            return
        looked = self._looks.of(model.repo)
        if looked is None and model.format == "gguf":
            self.say(_ASKING)
            try:
                with self.notice.catching():
                    looked = await self._shelf.look(model.repo)
                    self._looks.keep(model.repo, looked)
            finally:
                if self._said == _ASKING:  # else something was done meanwhile
                    self.say("")
            if looked is None:
                return
        choices = self.choices(looked) if looked is not None else ()
        if looked is None or not choices:
            self._download(model.repo, looked.offer if looked is not None else None)
            return
        asked = quantizations.QuantizationChooser(looked, self.context_of(looked), choices)
        path = await self.app.push_screen_wait(asked)
        for line in choices:
            if line.quantization.choice.files[0].path == path:
                self._add(model.repo, line.name, line.quantization.choice.patterns)

    def _download(self, repo: str, offer: Offer | None) -> None:
        """Fetch all that lama needs of it, unless that is known not to go."""
        job = self._queue.job_of(repo)
        if job is not None and not job.ended:
            self.say(f"It is being downloaded already: {key_at(self, 'downloads.open')} shows all downloads.")
        elif offer is not None and offer.here:
            self.say("All of it is here already.")
        elif offer is not None and offer.problem is not None:
            self.say(clean_line(offer.problem.title, 200))
        elif offer is not None and offer.short:
            self.app.bell()
            self.say(f"The disk has {figures.size(offer.short)} too little for it: remove a model first.")
        else:
            self._add(repo)

    @work(group="hub-download")
    async def _add(self, repo: str, name: str = "", files: Sequence[str] = ()) -> None:
        with self.notice.catching():
            what = f"{named(repo)} {name}".strip()
            said = f"{what} is in the queue: {key_at(self, 'downloads.open')} shows it."
            await outliving(self.app, self._queue.add(repo, files), lambda _: said)
            self.say(said)
