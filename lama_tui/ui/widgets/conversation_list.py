"""The list of conversations, with a mark for what each one is doing."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from lama_tui.security.gate import clean_line
from lama_tui.types import ConversationId
from lama_tui.ui.bindings import bindings, key_at
from lama_tui.ui.widgets.options import Options

if TYPE_CHECKING:
    from lama_tui.conversations.messages import Conversation

RUNNING, UNSEEN, INTERRUPTED, DRAFT = "◌", "●", "◧", "✎"
"""Marks differ in shape, not only in colour."""


class ConversationList(Options):
    """Titles, newest first. Enter opens, and the other wishes are posted."""

    BINDINGS = bindings("conversations")

    listed: "Sequence[Conversation]" = ()
    """What is in the list, newest first."""

    _current: ConversationId | None = None

    class Wish(Message):
        """The person wants something of one conversation."""

        def __init__(self, conversation: ConversationId) -> None:
            super().__init__()
            self.conversation = conversation

    class OpenRequested(Wish):
        """They want to see it."""

    class RenameRequested(Wish):
        """They want another title: `title`, or where it is empty to be asked for one."""

        def __init__(self, conversation: ConversationId, title: str = "") -> None:
            super().__init__(conversation)
            self.title = title

    class DeleteRequested(Wish):
        """They want it gone."""

    class RestoreRequested(Message):
        """The person wants the last deleted one back."""

    def show(
        self,
        conversations: "Sequence[Conversation]",
        running: Collection[ConversationId],
        current: ConversationId | None,
    ) -> None:
        """Replace the list; the highlight is on the current one, unless the person moves it now."""
        self.listed, self._current = conversations, current
        highlighted = self._highlighted_id() if self.has_focus else current
        options = [self._option(c, c.id in running, c.id == current) for c in conversations] or [self._none()]
        self.set_class(not conversations, "-none")
        shown = [(option.id, option.prompt) for option in self.options]
        if shown == [(option.id, option.prompt) for option in options]:
            return
        self.set_options(options)
        ids = [c.id for c in conversations]
        if highlighted in ids:
            self.highlighted = ids.index(highlighted)
        elif ids:
            self.highlighted = 0

    def highlight(self, conversation: ConversationId) -> None:
        """Put the highlight on a conversation, if it is in the list."""
        for index, option in enumerate(self.options):
            if option.id == str(conversation):
                self.highlighted = index

    def _option(self, conversation: "Conversation", running: bool, current: bool) -> Option:
        mark, style = " ", ""
        if running:
            mark, style = RUNNING, "$accent"
        elif conversation.unseen:
            mark, style = UNSEEN, "$success"
        elif conversation.interrupted:
            mark, style = INTERRUPTED, "$warning"
        elif conversation.draft and not current:
            mark, style = DRAFT, "$foreground-muted"
        title = clean_line(conversation.title) or "New conversation"
        prompt = Content.assemble((f"{mark} ", style), (title, "bold" if current else ""))
        return Option(prompt.truncate(200, ellipsis=True), id=str(conversation.id))

    def _none(self) -> Option:
        """Stands in an empty list, and cannot be chosen."""
        return Option(Content(f"There are none.\n{key_at(self, 'conversation.new')} begins one."), disabled=True)

    def _highlighted_id(self) -> ConversationId | None:
        """The highlighted conversation; from elsewhere the current one, wherever the highlight was left."""
        if self.screen.focused is not self and self._current is not None:
            return self._current
        option = self.highlighted_option
        return ConversationId(int(option.id)) if option is not None and option.id else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click or enter opens the conversation."""
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        """Ask for the highlighted conversation."""
        if (conversation := self._highlighted_id()) is not None:
            self.post_message(self.OpenRequested(conversation))

    def action_rename(self, title: str = "") -> None:
        """Ask for another title."""
        if (conversation := self._highlighted_id()) is not None:
            self.post_message(self.RenameRequested(conversation, title))

    def action_delete(self) -> None:
        """Ask for it to be deleted."""
        if (conversation := self._highlighted_id()) is not None:
            self.post_message(self.DeleteRequested(conversation))

    def action_undo_delete(self) -> None:
        """Ask for the last deleted one back."""
        self.post_message(self.RestoreRequested())
