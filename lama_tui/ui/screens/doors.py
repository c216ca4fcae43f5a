"""The ways from the workspace to the screens and dialogs above it, and what comes back from them."""

from textual import on, work

from lama_tui.ui.models import choices
from lama_tui.ui.screens.dialogs import RenameDialog
from lama_tui.ui.screens.model_picker import ModelPicker
from lama_tui.ui.screens.wishes import Wishes
from lama_tui.ui.widgets.conversation_list import ConversationList


class Doors(Wishes):
    """Opens the other screens. Each is given what it shows, and returns what was chosen."""

    @work(exclusive=True, group="models")
    async def action_choose_model(self) -> None:
        """Choose the model of this conversation."""
        if self._current is None or self._opened is None:
            return
        picker = ModelPicker(self._current.model, lambda: choices(self._opening.paths, self._opening.settings))
        model = await self.app.push_screen_wait(picker)
        if model:
            self._do(self._current.use_model(model))

    # --- the list of conversations -------------------------------------------------

    @on(ConversationList.OpenRequested)
    def _open_requested(self, event: ConversationList.OpenRequested) -> None:
        self._switch(event.conversation)

    @on(ConversationList.RenameRequested)
    @work
    async def _rename_requested(self, event: ConversationList.RenameRequested) -> None:
        if self._opened is None or self._current is None:
            return
        conversations = self._opened.conversations
        with self._notice.catching():
            found = await conversations.get(event.conversation)
            if found is None:
                return
            title = await self.app.push_screen_wait(RenameDialog(found.title))
            if title:
                await conversations.rename(event.conversation, title)
                await self._current.reload()
                self._show_running()
                await self._show_list()

    @on(ConversationList.DeleteRequested)
    @work
    async def _delete_requested(self, event: ConversationList.DeleteRequested) -> None:
        if self._opened is None or self._current is None:
            return
        with self._notice.catching():
            await self._opened.chat.stop(event.conversation)
            found = await self._opened.conversations.get(event.conversation)
            await self._opened.conversations.delete(event.conversation)
            self._deleted.append(event.conversation)
            if event.conversation == self._current.id:
                self._current.start_new()
            title = (found.title if found else "") or "the conversation"
            self._tell(f"Deleted “{title}”. {self._key('conversations.undo')} in the list brings it back.")
        await self._show()

    @on(ConversationList.RestoreRequested)
    @work
    async def _restore_requested(self) -> None:
        if self._opened is None:
            return
        if not self._deleted:
            self._tell("Nothing was deleted since lama was opened.")
            return
        with self._notice.catching():
            restored = self._deleted.pop()
            await self._opened.conversations.restore(restored)
        await self._show_list()
        self._list.highlight(restored)
