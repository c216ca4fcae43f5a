"""A running workspace under test, with a real store and a provider that plays scripts."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest
from chat.scripted import Scripted
from pilot.rest import at_rest
from textual._context import visible_screen_stack
from textual.css.query import NoMatches
from textual.message_pump import MessagePump
from textual.pilot import Pilot

from lama_tui.chat.chat import Chat
from lama_tui.conversations.messages import Message
from lama_tui.conversations.table import Conversations
from lama_tui.paths import Paths
from lama_tui.providers.base import Provider
from lama_tui.ui.app import LamaApp
from lama_tui.ui.screens.workspace import Workspace
from lama_tui.ui.widgets.composer import Composer
from lama_tui.ui.widgets.conversation_list import ConversationList
from lama_tui.ui.widgets.transcript import Transcript

_LOOK = 0.03
"""Seconds between looks at the screen: reading it costs as much as drawing it."""


_OPENING = ("open", "commands", "wishes", "models", "settings", "history", "search", "palette", "export", "recall")
"""Groups of work at whose end a screen may open or close."""


_RESTLESS = 2.0
"""Seconds after which a widget is one that waits for what the test does next."""


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except NoMatches:
        return False


@dataclass(frozen=True)
class Only:
    """Asks one provider, whatever the model."""

    provider: Provider

    def provider_for(self, model: str) -> tuple[Provider, str]:
        return self.provider, model

    async def use(self, settings: object) -> None:
        """It is asked whatever the settings are."""

    async def close(self) -> None:
        await self.provider.close()


@dataclass
class Stage:
    """A running workspace and ways to look at it."""

    app: LamaApp
    pilot: Pilot[None]
    scripted: Scripted
    paths: Paths

    @property
    def screen(self) -> Workspace:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, Workspace)
        return screen

    @property
    def composer(self) -> Composer:
        return self.screen.query_one(Composer)

    @property
    def transcript(self) -> Transcript:
        return self.screen.query_one(Transcript)

    @property
    def sidebar(self) -> ConversationList:
        return self.screen.query_one(ConversationList)

    @property
    def chat(self) -> Chat:
        assert self.screen._opened is not None
        return self.screen._opened.chat

    @property
    def conversations(self) -> Conversations:
        assert self.screen._opened is not None
        return self.screen._opened.conversations

    @property
    def messages(self) -> tuple[Message, ...]:
        """What the screen knows of the conversation that is open."""
        return self.screen._current.messages if self.screen._current else ()

    @property
    def states(self) -> list[str]:
        return [message.state for message in self.messages]

    def seen(self) -> str:
        """The text on screen, a line for each row."""
        # what is behind a dialog is drawn with it and kept: who looks first must not leave it out
        visible_screen_stack.set(self.app._background_screens)
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    def sees(self, *texts: str) -> bool:
        seen = self.seen()
        return all(text in seen for text in texts)

    async def until(self, condition: Callable[[], object], *, every: float = 0.005) -> None:
        """Wait for a condition, looking `every` so many seconds; on failure show what was on screen.

        A widget that it looks for may not be there yet.
        """
        try:
            async with asyncio.timeout(60):
                while not _holds(condition):  # noqa: ASYNC110 - any condition, not only those that can notify
                    await asyncio.sleep(every)
        except TimeoutError:
            pytest.fail(f"did not come to be; on screen:\n{self.seen()}")

    async def until_seen(self, *texts: str) -> None:
        await self.until(lambda: self.sees(*texts), every=_LOOK)

    async def until_gone(self, text: str) -> None:
        await self.until(lambda: text not in self.seen(), every=_LOOK)

    async def opened(self) -> None:
        """Wait until the workspace knows what it shows, and was laid out: below another screen it is not."""
        await self.until(lambda: self.screen._current is not None and self.screen._compositor.size == self.app.size)

    async def rest(self) -> None:
        """Wait until no widget has a message left: what a key does goes from one to the next, and a pilot waits for the
        first of them. What never rests, because something in it waits for the test, is not waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RESTLESS):
                while not at_rest(self._pumps()):  # noqa: ASYNC110 - they do not notify
                    await asyncio.sleep(0.001)

    def _pumps(self) -> Iterator[MessagePump]:
        yield self.app
        for screen in self.app.screen_stack:
            yield from screen.walk_children(with_self=True)

    async def press(self, *keys: str) -> None:
        """Press keys as a person does: an enter is taken for one before the next key comes, else it is a paste's."""
        for key in keys:
            await self.pilot.press(key)
            await self.rest()
            if key == "enter":
                await self.until(lambda: self.app._exit or self.composer._enter is None)

    async def back(self) -> None:
        """Escape until the workspace is on top and nothing is about to open above it, after a look at a file."""
        try:
            async with asyncio.timeout(60):
                while self.app.screen is not self.screen or self._opening:
                    if self.app.screen is not self.screen:
                        await self.press("escape")
                    await asyncio.sleep(0.005)
        except TimeoutError:
            pytest.fail(f"no way back; on screen:\n{self.seen()}")

    @property
    def _opening(self) -> bool:
        """Whether what was asked for has not come yet."""
        return any(not work.is_finished for work in self.app.workers if work.group in _OPENING)

    async def say(self, text: str) -> None:
        """Write a message and send it."""
        before = len(self.scripted.requests), len(self.queued)
        self.composer.focus()
        self.composer.text = text
        await self.press("enter")
        await self.until(lambda: (len(self.scripted.requests), len(self.queued)) != before)

    async def ask(self, text: str) -> None:
        """Send a message and wait for its answer to end."""
        await self.say(text)
        await self.idle()

    async def begun(self) -> None:
        """Wait until the answer that began to come was brought into view, after which one may scroll away from it."""
        await self.until(
            lambda: all(work.is_finished for work in self.app.workers if work.group in ("wishes", "begun"))
        )

    async def idle(self) -> None:
        """Wait until no answer runs and the screen knows."""
        ended = False
        while not ended:  # what began and ended before the screen read it again is not in what it knows
            await self.until(lambda: not self.chat.running_ids() and "streaming" not in self.states and self.messages)
            known = self.messages
            ended = not known or await self.conversations.messages(known[0].conversation) == known
        await self.pilot.pause()

    @property
    def queued(self) -> tuple[str, ...]:
        return self.screen._current.queued if self.screen._current else ()


Open = Callable[..., AbstractAsyncContextManager[Stage]]


Open = Callable[..., AbstractAsyncContextManager[Stage]]
