"""`lama --plain`: the same conversations in lines of text, without a single control sequence.

For terminals that can only print (`TERM=dumb`, serial lines, editors), for screen readers, and for pipes.
"""

import asyncio
import gc
import os
import sys
import threading

from lama_tui.cli.plain_commands import Commands, Quit
from lama_tui.cli.plain_io import Interrupted, Interrupts, Lines, Speech, ToldToLeave
from lama_tui.cli.plain_shown import lately
from lama_tui.config.loader import LoadedSettings
from lama_tui.errors import LamaError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean, clean_line
from lama_tui.security.log import open_log
from lama_tui.ui.current import CurrentConversation
from lama_tui.ui.opening import Opening, open_services
from lama_tui.ui.options import WorkspaceOptions

_DONE, _FAILED, _INTERRUPTED = 0, 1, 130

_GRACE = 0.5
"""Seconds in which a second ctrl+c does not leave: who presses twice wants to stop an answer."""


def run_plain(options: WorkspaceOptions, loaded: LoadedSettings, why: str = "") -> int:
    """Talk in lines until the end of input; the exit status. `why` says what asked for it, if nobody did."""
    gc.enable()  # a start of the full screen does without it at first
    paths = Paths.from_environment()
    log = open_log(paths, options.debug)
    speech = Speech(attended=sys.stdin.isatty() and sys.stdout.isatty())
    talk = PlainTalk(options, Opening(paths, loaded, open_services), speech, Lines(sys.stdin.fileno()), why)
    try:
        code = asyncio.run(talk.run())
    finally:
        log.close()
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if speech.is_stuck or any(not thread.daemon for thread in others):
        # a terminal that takes no more text, or an engine in a step that nothing can end: everything is saved
        os._exit(code)
    return code


class PlainTalk:
    """Asks for lines, sends them, and prints what is answered."""

    def __init__(
        self, options: WorkspaceOptions, opening: Opening, speech: Speech, lines: Lines, why: str = ""
    ) -> None:
        self._options = options
        self._opening = opening
        self._speech = speech
        self._lines = lines
        self._why = why
        self._interrupts = Interrupts()

    async def run(self) -> int:
        """Open, talk, and save; the exit status."""
        with self._interrupts.listening():
            try:
                commands = await self._interrupts.race(self._open())
                await self._talk(commands)
                return _FAILED if commands.answer.failed and not self._speech.attended else _DONE
            except Interrupted:  # while there was nothing to stop but lama itself
                return _INTERRUPTED
            except ToldToLeave as told:
                return 128 + told.number
            finally:
                await self._opening.close()

    async def _open(self) -> Commands:
        speech, opening = self._speech, self._opening
        if self._why:
            await speech.note(f"{self._why} So lama speaks in plain lines.")
        for problem in opening.problems:
            await speech.error(problem)
        async with speech.during("Opening your conversations"):
            opened = await opening.open()
        if opened.problem is not None:
            await speech.error(opened.problem)
        # arguments may be bytes that are no text
        asked = clean_line(self._options.model or "", 4096)
        current = CurrentConversation(opened.conversations, opened.chat, asked or opening.settings.model)
        await self._open_first(current, asked)
        commands = Commands(opening, opened, current, speech, self._ask)
        await speech.note("lama, in plain lines. A line is sent; /help says what else there is; ctrl+d leaves.")
        for note in opening.notes:
            await speech.note(f"({note})")
        if speech.attended:
            await speech.write(lately(current))
        return commands

    async def _open_first(self, current: CurrentConversation, model: str) -> None:
        """The conversation that was asked for, else the last one."""
        options, conversations = self._options, current.conversations
        wanted = None
        if options.conversation is not None:
            wanted = await conversations.find(options.conversation)
            if wanted is None:
                raise LamaError(
                    "There is no such conversation",
                    f"No id or title matches “{options.conversation}”.",
                    "`lama --plain` opens the last one, and /conversations there lists them all.",
                )
        elif not options.new:
            wanted = await conversations.last()
        if wanted is not None:
            await current.open(wanted.id)
            if model:
                await current.use_model(model)

    async def _talk(self, commands: Commands) -> None:
        """Until the end of input, or until one wants to leave."""
        pressed = False  # ctrl+c, and nothing since
        while True:
            try:
                text = await self._interrupts.race(self._ask("You: "))
            except Interrupted:
                if pressed or not self._speech.attended:
                    raise
                # the terminal threw away what was typed, if anything was, and nobody can know that
                pressed = True
                await self._speech.line("(ctrl+c again, or ctrl+d, leaves)")
                continue
            pressed = False
            if text is None:
                if not self._speech.at_start:
                    await self._speech.write("\n")
                return
            try:
                await self._deal_with(commands, text)
            except Quit:
                return

    async def _deal_with(self, commands: Commands, text: str) -> None:
        """Carry out or send what was written. ctrl+c stops it."""
        try:
            await self._interrupts.race(commands.take(text))
        except Interrupted:
            stopping = asyncio.create_task(commands.stop())
            await asyncio.wait({stopping}, timeout=_GRACE)
            stopped = await self._interrupts.race(stopping)
            if not self._speech.attended:
                raise
            if not stopped:
                await self._speech.line("(stopped)")
        except LamaError as error:
            commands.answer.failed = True
            await self._speech.error(error)

    async def _ask(self, prompt: str) -> str | None:
        """What is written next, of as many lines as end in a backslash; None at the end of input."""
        lines: list[str] = []
        while True:
            if self._speech.attended:
                if not self._speech.at_start:
                    await self._speech.write("\n")
                await self._speech.write(prompt if not lines else "...: ")
            line = await self._lines.next()
            if line is None:
                return clean("\n".join(lines)) if lines else None
            self._speech.at_start = True  # the terminal began a new line with it
            if line.endswith("\\"):
                lines.append(line[:-1])
                continue
            return clean("\n".join([*lines, line]))
