"""The commands of plain lines: those of the full screen that make sense in lines, by the same names."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lama_tui.cli.output import home_as_tilde
from lama_tui.cli.plain_context import POLICIES, ContextCommands
from lama_tui.cli.plain_io import Speech
from lama_tui.cli.plain_shown import lately, listed, whole
from lama_tui.config.keymap import KEYMAP
from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.types import ConversationId
from lama_tui.ui.commands.arguments import ARGUMENTS
from lama_tui.ui.commands.slash import Asked, Unclear, read
from lama_tui.ui.current import CurrentConversation
from lama_tui.ui.figures import cost
from lama_tui.ui.opening import Opened, Opening

_LISTED = 20
"""Conversations and hits that are listed at once."""
_COMMAND = re.compile(r"/([a-z][a-z-]*)(?:\s+(.*))?\s*\Z", re.DOTALL)
_THINKING = {"on": True, "off": False, "default": None}
_BY_ID = {key.id: key for key in KEYMAP}

Ask = Callable[[str], Awaitable[str | None]]
"""Asks a question and returns the line that answers it; None at the end of input."""


class Quit(Exception):
    """The person wants to leave."""


@dataclass(frozen=True, slots=True)
class Command:
    """`takes` is what may follow the name, `method` what carries it out."""

    about: str
    takes: str
    method: str


def _of_keymap(id: str, method: str, takes: str | None = None) -> Command:  # noqa: A002 - of a binding
    return Command(_BY_ID[id].tooltip, ARGUMENTS.get(id, "") if takes is None else takes, method)


COMMANDS: Mapping[str, Command] = {
    "help": Command("Say what can be done here", "", "help"),
    "new": _of_keymap("conversation.new", "new"),
    "conversations": Command("List your conversations, the newest first", "WORD", "conversations"),
    "open": Command("Open the conversation with this number, or whose title begins so", "N|TITLE", "open"),
    "read": Command("Print this conversation, or its last N messages", "N", "read"),
    "search": _of_keymap("search.open", "search"),
    "models": Command("List the models that can answer", "", "models"),
    "model": _of_keymap("models.pick", "model"),
    "system": Command("Say or change the system prompt of this conversation; “none” takes it away", "TEXT", "system"),
    "think": _of_keymap("thinking.toggle", "think"),
    "regenerate": _of_keymap("transcript.regenerate", "regenerate"),
    "continue": _of_keymap("transcript.continue", "go_on"),
    "edit": Command("Ask your last question in other words; the old one is kept beside it", "TEXT", "edit"),
    "fork": Command("Go on from here in a new conversation", "", "fork"),
    "pin": Command("Keep your last message and its answer in the model's view, or not", "", "pin"),
    "compact": _of_keymap("transcript.compact", "compact"),
    "context": Command(
        "Say how full the model's context window is, or what happens when it is full", "|".join(POLICIES), "context"
    ),
    "figures": Command("Say what the last answer cost: tokens, cached, speed, first token", "", "figures"),
    "copy": Command("Write the last answer to a file to copy from", "", "copy"),
    "export": _of_keymap("transcript.export", "export"),
    "rename": _of_keymap("conversations.rename", "rename"),
    "delete": _of_keymap("conversations.delete", "delete"),
    "undo": _of_keymap("conversations.undo", "undo"),
    "quit": _of_keymap("app.quit", "quit"),
}
"""By the name after the slash; where the full screen has such a command too, it is the same one."""

_ALSO = {"find": "search", "exit": "quit"}


class Commands(ContextCommands):
    """Carries out what was written: a command, or a message to send."""

    def __init__(
        self, opening: Opening, opened: Opened, current: CurrentConversation, speech: Speech, ask: Ask
    ) -> None:
        super().__init__(opening, opened, current, speech)
        self._ask = ask
        self._deleted: list[ConversationId] = []

    async def take(self, text: str) -> None:
        """Carry out a command, or send a message and print its answer. Raises `LamaError` and `Quit`."""
        match = _COMMAND.match(text)
        name = _ALSO.get(match[1], match[1]) if match else ""
        if match and name in COMMANDS:
            argument = (match[2] or "").strip()
            if argument and not COMMANDS[name].takes:
                await self._speech.line(f"/{name} takes nothing after it. “//{name} …” says it to the model.")
                return
            await getattr(self, COMMANDS[name].method)(argument)
            return
        found = read(text)
        if isinstance(found, str):
            await self._send(found)
        elif isinstance(found, Unclear):
            await self._speech.line(f"{found.why} {found.hint}")
        elif isinstance(found, Asked):
            await self._speech.line(f"/{_BY_ID[found.id].command} needs the full screen. /help says what works here.")

    async def stop(self) -> bool:
        """Stop the answer and print what is there of it; False where none is written."""
        if self._current.id is None or not self._current.chat.is_busy(self._current.id):
            return False
        await self._current.stop()
        await self.answer.follow()
        return True

    async def _send(self, text: str) -> None:
        if not text.strip():
            if self._current.is_held_up:
                await self._current.send_queued()
                await self.answer.follow()
            return
        await self._current.send(text)
        await self.answer.follow()

    # --- the conversation ---------------------------------------------------------

    async def regenerate(self, argument: str) -> None:
        """Answer again."""
        await self._current.regenerate(self._last().id)
        await self.answer.follow()

    async def go_on(self, argument: str) -> None:
        """Go on with an answer that ended early."""
        last = self._last()
        if self._current.is_complete(last.id):
            raise LamaError(
                "There is nothing to go on with", "The last answer is complete.", "/regenerate answers anew."
            )
        await self._current.resume(last.id)
        await self.answer.follow(going_on=True)

    async def edit(self, argument: str) -> None:
        """Ask the last question in other words."""
        question = self._current.question_of(self._last().id)
        if not argument or question is None:
            raise LamaError("There is nothing to ask", "", "Write the question again after /edit.")
        await self._current.edit(question.id, argument)
        await self.answer.follow()

    async def read(self, argument: str) -> None:
        """Print messages."""
        if argument and not (argument.isdecimal() and int(argument)):
            raise LamaError(f"“{argument}” is no number of messages", "", "Write a number after /read, or nothing.")
        messages = self._current.shown
        for message in messages[-int(argument) :] if argument else messages:
            await self._speech.line(whole(message))
        if not messages:
            await self._speech.line("There is no message in this conversation yet.")

    async def system(self, argument: str) -> None:
        """Say or change the system prompt."""
        if argument:
            await self._current.change_settings(system="" if argument == "none" else argument)
            await self._speech.line("From the next answer on.")
        else:
            await self._speech.line(self._current.settings.system or "There is no system prompt here.")

    async def think(self, argument: str) -> None:
        """Say or change whether the model shall think."""
        if argument and argument not in _THINKING:
            raise LamaError(f"“{argument}” is neither on nor off nor default", "", "Write one of them after /think.")
        if argument:
            await self._current.change_settings(thinking=_THINKING[argument])
        now = next(word for word, value in _THINKING.items() if value is self._current.settings.thinking)
        await self._speech.line(f"Thinking: {now}, for models that have a switch for it.")

    async def figures(self, argument: str) -> None:
        """Say what the last answer cost."""
        await self._speech.line(cost(self._current.usage).replace(" · ", ", "))

    async def copy(self, argument: str) -> None:
        """Write the last answer to the file that copies go to."""
        from lama_tui.ui.terminal.copied import write_copied

        text = self._current.text_of(self._last().id)
        file = await asyncio.to_thread(write_copied, self._opening.paths, text)
        await self._speech.line(f"Written to {home_as_tilde(file)}.")

    async def export(self, argument: str) -> None:
        """Write the conversation to a file."""
        from lama_tui.conversations.export import exported, is_json, suggested, write

        if self._current.conversation is None:
            raise LamaError("There is nothing to export", "There is no message in this conversation yet.")
        conversation, shown = self._current.conversation, self._current.messages
        tree = await self._current.conversations.tree(conversation.id)

        def to_file() -> Path:
            path = Path(argument).expanduser() if argument else suggested(self._current.title, Path.cwd())
            try:
                write(path, exported(conversation, shown, tree, json=is_json(path)))
            except FileExistsError as error:
                raise LamaError(
                    "The conversation was not written", f"{path} is there.", "Choose another name."
                ) from error
            return path.absolute()

        try:
            file = await asyncio.to_thread(to_file)
        except (RuntimeError, OSError) as error:  # a home that nobody has, a folder that is gone
            raise LamaError("The conversation was not written", str(error), "Choose another place.") from error
        await self._speech.line(f"Written to {home_as_tilde(file)}.")

    # --- conversations ------------------------------------------------------------

    async def new(self, argument: str) -> None:
        """Begin a new conversation."""
        self._current.start_new()
        await self._speech.line("A new conversation: your next line begins it.")

    async def conversations(self, argument: str) -> None:
        """List them."""
        found = await self._opened.conversations.list()
        if argument:
            found = [each for each in found if argument.casefold() in each.title.casefold()]
        for line in listed(found[:_LISTED], time.time_ns() // 1_000_000, self._current.id):
            await self._speech.line(line)
        if len(found) > _LISTED:
            await self._speech.line(f"({len(found) - _LISTED} more; a word after /conversations narrows the list)")
        await self._speech.line("/open with a number opens it." if found else "There is none.")

    async def open(self, argument: str) -> None:
        """Open another."""
        found = await self._opened.conversations.find(argument) if argument else None
        if found is None or not await self._current.open(found.id):
            raise LamaError(
                "There is no such conversation",
                f"No number or title matches “{argument}”.",
                "/conversations lists them.",
            )
        await self._speech.write(lately(self._current))

    async def search(self, argument: str) -> None:
        """Search in all of them."""
        async with self._speech.during("Searching"):
            found = await (await self._opened.services.search()).find(argument, _LISTED)
        for hit in found.hits:
            snippet = clean_line("".join(piece for piece, _ in hit.snippet), 300)
            role = "summary" if hit.is_summary else hit.role
            await self._speech.line(f"{hit.conversation}. {clean_line(hit.title)}, {role}: {snippet}")
        if found.left_out:
            await self._speech.line(f"({found.left_out} more)")
        nothing = found.problem or ("Nothing was found." if argument else "Write what to search for after /search.")
        await self._speech.line("/open with a number opens it." if found.hits else nothing)

    async def fork(self, argument: str) -> None:
        """Go on from here in a new one."""
        await self._current.open(await self._current.fork(self._last().id))
        await self._speech.write(lately(self._current))

    async def rename(self, argument: str) -> None:
        """Give it another title."""
        if self._current.id is None or not argument:
            raise LamaError(
                "Nothing was renamed", "", "Write the new title after /rename, in a conversation that has begun."
            )
        await self._opened.conversations.rename(self._current.id, argument)
        await self._current.reload()
        await self._speech.line(f"It is “{clean_line(self._current.title)}” now.")

    async def delete(self, argument: str) -> None:
        """Delete the current one, after asking."""
        here = self._current.id
        if here is None:
            raise LamaError("There is nothing to delete", "This conversation has not begun.")
        answer = await self._ask(f"Delete “{clean_line(self._current.title)}”? Write yes or no: ")
        if (answer or "").strip().lower() not in ("y", "yes"):
            await self._speech.line("It is kept.")
            return
        await self._opened.conversations.delete(here)
        self._deleted.append(here)
        await self._speech.line("Deleted; /undo brings it back.")
        await self.new("")

    async def undo(self, argument: str) -> None:
        """Bring back the one that was deleted last."""
        if not self._deleted:
            raise LamaError("There is nothing to bring back", "No conversation was deleted since lama was started.")
        await self._opened.conversations.restore(deleted := self._deleted.pop())
        await self._current.open(deleted)
        await self._speech.write(lately(self._current))

    # --- models -------------------------------------------------------------------

    async def models(self, argument: str) -> None:
        """List what can answer."""
        from lama_tui.ui.models import choices

        async with self._speech.during("Looking for models"):
            found = await choices(self._opening.paths, self._opening.settings)
        for choice in found:
            mark = " (answers here)" if choice.value == self._current.model else ""
            facts = choice.problem or choice.facts.replace(" · ", ", ")
            await self._speech.line(f"{choice.name}{mark}: {' '.join(facts.split())}")
        await self._speech.line("/model with a name, or a part of it, lets another answer.")

    async def model(self, argument: str) -> None:
        """Say or change who answers."""
        from lama_tui.ui.models import called

        if argument:
            async with self._speech.during("Looking for that model"):
                found = await called(argument, self._opening.paths, self._opening.settings)
            if found is None:
                raise LamaError(f"No model, or more than one, is meant by “{argument}”", "", "/models lists them.")
            await self._current.use_model(found)
        await self._speech.line(f"{self._current.model} answers here.")

    # --- lama ---------------------------------------------------------------------

    async def help(self, argument: str) -> None:
        """Say what can be done."""
        await self._speech.line("A line is sent to the model. One that ends with a backslash goes on in the next line.")
        await self._speech.line("ctrl+c stops an answer; twice, or ctrl+d, leaves. // sends a line that begins with /.")
        for name, command in COMMANDS.items():
            takes = f" {command.takes}" if command.takes else ""
            await self._speech.line(f"/{name}{takes}: {command.about}")

    async def quit(self, argument: str) -> None:
        """Leave."""
        raise Quit
