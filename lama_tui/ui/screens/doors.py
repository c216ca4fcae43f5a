"""The ways from the workspace to the screens and dialogs above it, and what comes back from them."""

from typing import TYPE_CHECKING

from textual import on, work

from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.ui.screens.model_news import ModelNews
from lama_tui.ui.widgets.conversation_list import ConversationList

if TYPE_CHECKING:
    from lama_tui.ui.screens.models.memory import ModelMemory


class Doors(ModelNews):
    """Opens the other screens. Each is given what it shows, and returns what was chosen."""

    _memory: "ModelMemory | None" = None
    """Loads and unloads for the model browser; made when that is first opened."""

    @work(exclusive=True, group="models")
    async def action_choose_model(self, name: str = "") -> None:
        """Choose the model of this conversation; the one that `name` means, where it is clear, at once."""
        if self._current is None or self._opened is None:
            return
        from lama_tui.ui.models import called, choices
        from lama_tui.ui.screens.model_picker import ModelPicker

        model = await called(name, self._opening.paths, self._opening.settings) if name else None
        if model is None:
            picker = ModelPicker(self._current.model, lambda: choices(self._opening.paths, self._opening.settings))
            picker.wanted = clean_line(name)
            model = await self.app.push_screen_wait(picker)
        if model:
            self._do(self._current.use_model(model))

    def action_browse_models(self) -> None:
        """Open the model browser; the model that is chosen there answers in this conversation."""
        self._browse("Installed")

    def action_search_hub(self, words: str = "") -> None:
        """Open the model browser to look for a model on the hub."""
        self._browse("Hub", clean_line(words))

    def action_show_downloads(self) -> None:
        """Open the model browser at what is downloaded."""
        self._browse("Downloads")

    def action_show_updates(self) -> None:
        """Open the model browser at what is newer."""
        self._browse("Updates")

    def action_import_model(self, source: str = "") -> None:
        """Open the model browser to import a model."""
        self._browse("Downloads", importing=clean_line(source, 4096))

    @work(exclusive=True, group="models")
    async def _browse(self, section: str, words: str = "", importing: str | None = None) -> None:
        if self._current is None or self._opened is None:
            return
        from lama_tui.ui.screens.models.browser import ModelBrowser
        from lama_tui.ui.screens.models.catalogue import Catalogue
        from lama_tui.ui.screens.models.memory import ModelMemory
        from lama_tui.ui.screens.models.shelf import Shelf

        current, services, before = self._current, self._opened.services, self._opening.settings.model
        if self._memory is None:
            self._memory = ModelMemory(services.engine, services.resolve, self._told)
        browser = ModelBrowser(
            Catalogue(self._opening, services), Shelf(services), self.queue_of(services), self._memory,
            services.sampler.subscribe, current.model, section, words, importing,
        )  # fmt: skip
        self._browses = True
        try:
            model = await self.app.push_screen_wait(browser)
        finally:
            self._browses = False
        if self._opening.settings.model != before:
            current.default_model = self._opening.settings.model
        if model:
            self._do(current.use_model(model))
        else:
            self._show_running()

    def _told(self, said: str | LamaError) -> None:
        """What became of a model that was being loaded when its browser was left."""
        if isinstance(said, LamaError):
            self._notice.add(said)
        else:
            self._tell(said)

    @work(exclusive=True, group="search")
    async def action_search(self, words: str = "") -> None:
        """Search in all conversations, and show the message that was chosen where it was said."""
        if self._opened is None:
            return
        from lama_tui.conversations.summaries import summarized
        from lama_tui.ui.screens.search import SearchScreen

        with self._notice.catching():
            screen = SearchScreen(await self._opened.services.search())
            screen.wanted = clean_line(words)
            if (chosen := await self.app.push_screen_wait(screen)) is None:
                return
            hit = screen.hit(chosen)
            await self._opened.conversations.show_branch(summarized(hit.message) or hit.message)
            await self._switch(hit.conversation).wait()
            if self._transcript.go_to(hit.message):
                self._transcript.focus()

    # --- the list of conversations -------------------------------------------------

    @on(ConversationList.OpenRequested)
    def _open_requested(self, event: ConversationList.OpenRequested) -> None:
        self._switch(event.conversation)

    @on(ConversationList.RenameRequested)
    @work
    async def _rename_requested(self, event: ConversationList.RenameRequested) -> None:
        if self._opened is None or self._current is None:
            return
        from lama_tui.ui.screens.dialogs import LONGEST_TITLE, RenameDialog

        conversations = self._opened.conversations
        with self._notice.catching():
            found = await conversations.get(event.conversation)
            if found is None:
                return
            title: str | None = clean_line(event.title, LONGEST_TITLE).strip()
            if title or (title := await self.app.push_screen_wait(RenameDialog(found.title))):
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
            await self._opened.services.forget_prompts(event.conversation)
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
