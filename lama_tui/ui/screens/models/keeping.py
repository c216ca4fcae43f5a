"""Removing an installed model and checking it: what is shown before, meanwhile and after."""

import asyncio
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work
from textual.content import Content

from lama_tui.library.installed import InstalledModel
from lama_tui.security.gate import clean_line
from lama_tui.ui import figures
from lama_tui.ui.bindings import key_at
from lama_tui.ui.screens.models.ask import Ask
from lama_tui.ui.screens.models.catalogue import Catalogue
from lama_tui.ui.screens.models.columns import Row
from lama_tui.ui.screens.models.known import LEVELS, Known, Storage
from lama_tui.ui.screens.models.section import Section, named
from lama_tui.ui.screens.outliving import outliving

if TYPE_CHECKING:
    from lama_tui.library.storage.plan import RemovalPlan
    from lama_tui.library.storage.removal import Removed
    from lama_tui.library.verify.check import Progress

_FILES = 8
"""Files that are named before they are deleted, the largest first."""


class Keeping(Section):
    """What `InstalledSection` knows of models beside their files, and does to them."""

    def __init__(self, catalogue: Catalogue, *, id: str | None = None) -> None:  # noqa: A002 - as in Textual
        super().__init__(id=id)
        self._catalogue = catalogue
        self._known: dict[tuple[str, str | None], Known] = {}
        self._storage: Storage | None = None
        self._checking = ""  # how far a check is

    def chosen(self) -> Row | None:
        """The highlighted model, if there is one."""
        raise NotImplementedError

    def show(self) -> None:
        """Show everything anew."""
        raise NotImplementedError

    def look(self) -> object:
        """Find the models again."""
        raise NotImplementedError

    def departed(self, but: str = "") -> list[str]:
        """What left memory since this was asked last, in words; not `but`."""
        raise NotImplementedError

    # --- what is known -------------------------------------------------------------

    def known_of(self, model: InstalledModel | None) -> Known | None:
        """What was looked up of it; None where that is still to come."""
        return self._known.get((model.ref, model.revision)) if model is not None else None

    @work(exclusive=True, group="known")
    async def learn(self, model: InstalledModel) -> None:
        """Look up what is known of a model, and show it."""
        with self.notice.catching():
            self._known[model.ref, model.revision] = await self._catalogue.known(model)
            self.show()

    @work(exclusive=True, group="storage")
    async def measure_storage(self) -> None:
        """Measure what all models take."""
        with self.notice.catching():
            self._storage = await self._catalogue.storage()
            self.show()

    # --- removing ------------------------------------------------------------------

    @work(exclusive=True, group="remove")
    async def action_remove(self) -> None:
        """Show exactly what would be freed, ask, and remove."""
        row = self.chosen()
        if row is None:
            return
        if row.model.installed is None:
            self.say("It is on its server: there is nothing of it here.")
            return
        with self.notice.catching():
            removal = await self._catalogue.removal()
            plan = await removal.plan(row.model.installed.ref)
            files = await asyncio.to_thread(_files, plan)
            answer = await self.app.push_screen_wait(
                Ask(
                    f"Remove {named(plan.ref)}",
                    _told(plan, files),
                    [("", "Keep it"), ("remove", f"Remove it and free {figures.size(plan.freed)}")],
                )
            )
            if not answer:
                return

            def told(removed: "Removed") -> str:
                return f"{named(plan.ref)} was removed: {figures.size(removed.freed)} freed."

            self.say(told(await outliving(self.app, removal.carry_out(plan), told)))
            self.look()

    # --- making room ---------------------------------------------------------------

    @property
    def answering(self) -> Collection[str]:
        """Models that are in use, and never suggested to go."""
        return ()

    @work(exclusive=True, group="clean")
    async def action_clean(self) -> None:
        """Show what takes room and what could go; look again when something went."""
        from lama_tui.ui.screens.models.clean_up import CleanUpScreen

        if await self.app.push_screen_wait(CleanUpScreen(self._catalogue.clean_up, self.answering)):
            self.look()

    # --- checking ------------------------------------------------------------------

    @work(group="verify")
    async def action_verify(self) -> None:
        """Check every byte and let it answer; each level is shown as soon as it is known."""
        row = self.chosen()
        if self.checking is not None:
            self.app.bell()  # the line that tells of it says how to stop it
            return
        model = row.model.installed if row is not None else None
        if model is None:
            self.say("" if row is None else "It is on its server: there are no files of it here.")
            return
        key, name = (model.ref, model.revision), named(model.ref)
        failed = False
        try:
            with self.notice.catching():
                self._tell_checking(f"Checking {name}…")
                before = self._known.get(key) or await self._catalogue.known(model)
                self._known[key] = replace(before, checks={})
                verification = await self._catalogue.verification()
                async for check in verification.levels(model, deep=True, watch=self._follow_check(name)):
                    self._known[key] = replace(self._known[key], checks={**self._known[key].checks, check.level: check})
                    failed |= check.status == "failed"
                    self.show()
                self._tell_checking(f"Checking {name}: signature")
                signature = await self._catalogue.check_signature(model)
                failed |= signature.verdict == "INVALID"
                self._known[key] = replace(self._known[key], signature=signature)
                found = "something is wrong, see its details" if failed else "everything checked is right"
                self.say_first(f"{name}: {found}.")
        finally:
            self._end_checking(model.ref)

    def _follow_check(self, name: str) -> "Callable[[Progress], None]":
        def follow(now: "Progress") -> None:
            far = f" {figures.of_total(now.done, now.total)}" if now.total else ""
            self._tell_checking(f"Checking {name}: {LEVELS[now.level].lower()}{far}")

        return follow

    def _tell_checking(self, text: str) -> None:
        if text != self._checking:
            self._checking = text
            self.post_message(self.StatusChanged())

    def _end_checking(self, loaded: str) -> None:
        """Show what came of it; that what it loaded left memory again is no news, what had to make room is."""
        self._checking = ""
        if left := self.departed(loaded):
            self.say_behind(" ".join(left))
        self.show()

    def stop_checking(self) -> bool:
        """Give a running check up; False where there is none."""
        if not self._checking:
            return False
        self.workers.cancel_group(self, "verify")
        self.say("Stopped: the levels that were not reached are not known.")
        return True

    @property
    def checking(self) -> Content | None:
        """How far a check is."""
        if not self._checking:
            return None
        stops = f"{key_at(self, 'dialog.close')} stops it  ·  "  # first: there is not always room for all of it
        return Content.assemble((stops, "$foreground-muted"), (self._checking, "$accent"))


def _files(plan: "RemovalPlan") -> list[tuple[int, str]]:
    """Bytes and names of what goes, the largest first; of the hub's blobs the names that lead to them. Blocks."""
    named_by = {os.path.realpath(link.path): link.path.name for link in plan.links}
    return sorted(
        ((file.size, named_by.get(os.path.realpath(file.path), file.path.name)) for file in plan.files), reverse=True
    )


def _told(plan: "RemovalPlan", files: Sequence[tuple[int, str]]) -> list[Content]:
    """What goes, what stays, and why."""
    text = [
        Content.assemble((figures.size(plan.freed), "bold"), f" are freed: {len(plan.everything)} files and links go."),
        Content.styled(clean_line(str(plan.home), 300), "$foreground-muted"),
    ]
    text += [Content(f"{figures.size(size):>9}  {clean_line(name, 60)}") for size, name in files[:_FILES]]
    if rest := files[_FILES:]:
        text.append(Content(f"{figures.size(sum(size for size, _ in rest)):>9}  in {len(rest)} more"))
    if plan.kept:
        text.append(Content(f"{figures.size(plan.kept)} stay:"))
    text += [Content.styled(clean_line(note, 300), "$warning") for note in plan.notes]
    return [*text, Content(""), Content("Conversations with it stay. It can be downloaded again.")]
