"""What people ask for of messages: copying, asking again, other wordings, going on elsewhere, a file of it all."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content
from textual.events import DescendantBlur, DescendantFocus
from textual.worker import Worker

from lama_tui.config.key_names import in_own_keys
from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.types import GUIDE, ConversationId, MessageId
from lama_tui.ui.places import continues
from lama_tui.ui.screens.talk import Talk
from lama_tui.ui.screens.writing import Writing
from lama_tui.ui.terminal.clipboard import copy
from lama_tui.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from lama_tui.conversations.messages import Message
    from lama_tui.ui.current import CurrentConversation

_SETTLED = 3.0
"""Seconds from the start to what can wait."""


@dataclass(frozen=True, slots=True)
class Editing:
    """A message of the person that is being written again; `draft` is what stood in the composer before, with its
    pasted blocks marked."""

    message: MessageId
    conversation: ConversationId | None
    before: str
    draft: str


class Reading(Writing):
    """Carries out the wishes that the transcript posts."""

    _editing: Editing | None = None

    def on_mount(self) -> None:
        """Nothing was left half written."""
        self._unfinished: dict[MessageId, str] = {}  # edits that were left, in this run

    async def _show(self, follow: bool = True) -> None:
        """Show the current conversation; what was edited in another one is left."""
        if self._editing is not None and self._current is not None and self._editing.conversation != self._current.id:
            self.leave_editing()
        await super()._show(follow)

    def _switch(self, conversation: ConversationId | None) -> Worker[None]:
        """Show another conversation; an edit is left first, so that the draft is there to be kept."""
        self.leave_editing()
        return super()._switch(conversation)

    def _key_escape(self) -> None:
        """Nothing: Textual would clear the selection before the binding of the key learns that there was one."""

    @on(Talk.Ready)
    @work(group="ahead")
    async def _prepare(self) -> None:
        """Have at hand what the first answer is drawn with, once nothing of the start is left to slow down."""
        await asyncio.sleep(_SETTLED)
        from lama_tui.ui.markdown.ahead import prepare

        await asyncio.to_thread(prepare)

    @on(Transcript.FollowingChanged)
    @on(DescendantFocus, "#transcript")
    @on(DescendantBlur, "#transcript")
    def _following_changed(self) -> None:
        """The line below says how the end is followed again from where one is."""
        self._show_running()

    @on(Transcript.Refused)
    def _refused(self, event: Transcript.Refused) -> None:
        self._tell(event.why)

    @on(Transcript.CopyRequested)
    def _copy_requested(self, event: Transcript.CopyRequested) -> None:
        self._copy(event.text)

    @on(Transcript.MessageRequested)
    def _message_requested(self, event: Transcript.MessageRequested) -> None:
        current = self._current
        if current is None:
            return
        from lama_tui.conversations.summaries import summarized

        summarized_to = summarized(event.message)
        match event.wish:
            case "copy":
                self._copy(self._as_shown(current, event.message))
            case "export":
                self._export(event.path)
            case "delete_summary":
                self._delete_summary(current, summarized_to)
            case "compact":
                self._do(current.compact())
            case "edit" if summarized_to is not None:
                self._edit(current, event.message)
            case _ if summarized_to is not None:
                edit, delete = self._key("transcript.edit"), self._key("transcript.delete_summary")
                self._tell(f"This is a summary: {edit} edits it, {delete} deletes it.")
            case "pin":
                self._pin(current, event.message)
            case "regenerate":
                self._do(current.regenerate(event.message), follow=True)
            case "continue" if current.is_complete(event.message):
                self._tell(f"This answer is complete; {self._key('transcript.regenerate')} asks for another one.")
            case "continue":
                if not continues(self._opened, current.model_of(event.message)):
                    self._tell("This server cannot go on from an exact word: what it adds may begin again.")
                self._do(current.resume(event.message), follow=True)
            case "sibling":
                self._turn_to(current, event.message, event.step)
            case "edit":
                self._edit(current, event.message)
            case "fork":
                self._fork(event.message)

    def _as_shown(self, current: "CurrentConversation", message: MessageId) -> str:
        """The text of a message; an answer of the guide with the person's own keys."""
        text = current.text_of(message)
        said = next((shown for shown in current.messages if shown.id == message), None)
        guided = said is not None and said.role == "assistant" and said.model == GUIDE
        return in_own_keys(text, self._opening.settings.keys) if guided else text

    @work(group="copy")
    async def _copy(self, text: str) -> None:
        if text:
            self._tell(await copy(self.app, text, self._opening.paths))
        else:
            self._tell("There is nothing to copy here yet.")

    def _turn_to(self, current: "CurrentConversation", message: MessageId, step: int) -> None:
        """Show the sibling before or after a message."""
        found = next((shown for shown in current.messages if shown.id == message), None)
        if found is None or found.siblings == 1:
            ask, edit = self._key("transcript.regenerate"), self._key("transcript.edit")
            self._tell(f"There is no other version: {ask} asks for another answer, {edit} edits a question.")
        elif not 1 <= found.sibling + step <= found.siblings:
            self._tell("This is the first version." if step < 0 else "This is the last version.")
        else:
            self._do(current.conversations.select_sibling(message, step))

    # --- what the model reads --------------------------------------------------------

    def _pin(self, current: "CurrentConversation", message: MessageId) -> None:
        """Keep a message in the model's view, or let it go."""
        found = next((shown for shown in current.messages if shown.id == message), None)
        if found is not None:
            kept = "is not kept for the model any more" if found.pinned else "stays in the model's view, with its turn"
            self._do(current.conversations.pin(message, not found.pinned), done=f"This message {kept}.")

    def _delete_summary(self, current: "CurrentConversation", message: MessageId | None) -> None:
        """Let the model read again what a summary stood for."""
        if message is None:
            self._tell("Only summaries are deleted here: messages stay.")
        else:
            gone = "The summary is gone: the model reads the messages themselves again."
            self._do(current.conversations.drop_summary(message), done=gone)

    # --- other wordings ------------------------------------------------------------

    def _edit(self, current: "CurrentConversation", message: MessageId) -> None:
        summary = (shown for shown in current.shown if shown.id == message and shown.covers)
        question = next(summary, None) or current.question_of(message)
        if question is None:
            self._tell("There is no message of yours to edit here.")
            return
        self.leave_editing()
        self._begin_editing(question, self._unfinished.pop(question.id, question.text))

    def _begin_editing(self, question: "Message", text: str) -> None:
        self._editing = Editing(question.id, question.conversation, question.text, self._composer.marked)
        self._composer.write(text)
        self._show_editing()
        self._composer.focus()

    def leave_editing(self) -> bool:
        """Put back what stood in the composer before; False where nothing was being edited.

        What was changed is there again when the same message is edited again.
        """
        editing, self._editing = self._editing, None
        if editing is None:
            return False
        if self._composer.expanded not in ("", editing.before):
            self._unfinished[editing.message] = self._composer.marked
        self._composer.write(editing.draft)
        self._show_editing()
        return True

    def _typed(self) -> str:
        """What is to be kept of the composer: while a message is written again, what stood there before and the new
        wording, for neither is anywhere else."""
        typed, editing = super()._typed(), self._editing
        if editing is None:
            return typed
        changed = self._composer.expanded not in ("", editing.before)
        return "\n\n".join(filter(None, (editing.draft, typed if changed else "")))

    def _show_editing(self) -> None:
        what = "the summary" if self._editing is not None and self._editing.message < 0 else "your message"
        note = f"editing {what} · {self._key('app.stop')} leaves it"
        self._composer.border_title = Content(note if self._editing else "")
        self._composer.set_class(self._editing is not None, "-editing")

    def _submit(self, text: str) -> None:
        """Send a message; while one is edited, in its place."""
        editing, current = self._editing, self._current
        if editing is None or current is None or editing.conversation != current.id:
            super()._submit(text)
            return
        self.leave_editing()

        async def send() -> None:
            try:
                await current.edit(editing.message, text)
            except LamaError:  # nothing that was written is lost
                question = current.question_of(editing.message)
                if question is not None and self._editing is None and current.id == editing.conversation:
                    self._begin_editing(question, text)
                else:
                    self._composer.insert(text)
                raise

        self._do(send(), follow=editing.message > 0)  # a summary is answered by nobody

    # --- elsewhere -----------------------------------------------------------------

    @work(exclusive=True, group="fork")
    async def _fork(self, message: MessageId) -> None:
        """Go on from a message in a new conversation; what runs in the old one goes on."""
        if self._current is None:
            return
        with self._notice.catching():
            fork = await self._current.fork(message)
            self._switch(fork)
            self._tell("This is a copy up to that message; the other conversation stays as it is.")

    @work(exclusive=True, group="export")
    async def _export(self, path: str) -> None:
        """Write the conversation to a file; where `path` is empty or taken, ask for one."""
        if self._current is None or self._current.id is None:
            return
        from lama_tui.conversations import export
        from lama_tui.ui.screens.export_dialog import ExportDialog

        conversations, shown = self._current.conversations, self._current.id
        with self._notice.catching():
            conversation = await conversations.get(shown)
            if conversation is None:
                return
            messages, tree = await conversations.messages(shown), await conversations.tree(shown)
            suggested = await asyncio.to_thread(export.suggested, conversation.title, Path.home())

            def write(path: Path, replace: bool) -> None:
                text = export.exported(conversation, messages, tree, json=export.is_json(path))
                export.write(path, text, replace=replace)

            written = await self.app.push_screen_wait(ExportDialog(suggested, write, path))
            if written is not None:
                self._tell(f"Written to {clean_line(str(written), 400)}")
