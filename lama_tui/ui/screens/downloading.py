"""What the workspace says of downloads and imports: how far they are, and that one ended."""

import os
import time
from typing import TYPE_CHECKING

from textual import on, work

from lama_tui.security.gate import clean_line
from lama_tui.ui.screens.talk import Talk
from lama_tui.ui.screens.wishes import Wishes
from lama_tui.ui.terminal.app import TerminalApp
from lama_tui.ui.terminal.attention import note
from lama_tui.ui.troubles import told
from lama_tui.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from lama_tui.library.downloads.job import Job
    from lama_tui.services import Services
    from lama_tui.ui.screens.models.queue import Queue


class Downloading(Wishes):
    """Follows the queue from the first download on; before that it costs nothing."""

    _queue_of_downloads: "Queue | None" = None

    def queue_of(self, services: "Services") -> "Queue":
        """The queue as the screens see it; made when it is first needed."""
        if self._queue_of_downloads is None:
            from lama_tui.ui.screens.models.queue import Queue

            self._queue_of_downloads = Queue(services.downloads, self._download_ended)
            self._queue_of_downloads.follow(self._show_downloads)
        return self._queue_of_downloads

    @on(Talk.Ready)
    @work(group="downloads")
    async def _go_on_downloading(self) -> None:
        """Go on with what an earlier start left, and follow it."""
        if self._opened is None:
            return
        with self._notice.catching():
            if await self._opened.services.resume_downloads():
                await self.queue_of(self._opened.services).open()

    def _show_downloads(self) -> None:
        """Say on the status line how far they are."""
        from lama_tui.ui.screens.models import jobs

        if self._queue_of_downloads is not None and self.is_mounted:
            self.query_one(StatusLine).downloads = jobs.brief(self._queue_of_downloads.jobs)

    def _download_ended(self, job: "Job") -> None:
        """Tell of the end, also somebody who looks elsewhere, where it took long."""
        if not self.is_mounted or job.state == "cancelled":
            return
        from lama_tui.ui.screens.models import jobs

        name = clean_line(jobs.title(job), 120)
        failed, what = job.state == "failed", "import" if job.kind == "import" else "download"
        if failed:
            why = f": {clean_line(job.error.title, 200)}" if job.error is not None else ""
            self._tell(f"The {what} of {name} failed{why}. {self._key('downloads.open')} shows what to do.")
            if job.error is not None:
                told(job.error)
        else:
            self._tell(f"{name} is here. {self._key('models.open')} lists it.")
        seconds = time.time() - job.created / 1000
        workspace = self._opening.settings.workspace
        if not self.app.app_focus and seconds >= workspace.notify_after and isinstance(self.app, TerminalApp):
            article = "an" if what == "import" else "a"
            said = f"{article} {what} failed" if failed else f"{article} {what} is done"
            self.app.write_sequence(note(workspace.notify, name, said, os.environ))

    def on_unmount(self) -> None:
        """What ends from now on nobody sees."""
        if self._queue_of_downloads is not None:
            self._queue_of_downloads.close()
