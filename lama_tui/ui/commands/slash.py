"""What a text that begins with a slash means: a command, or after all a text."""

import difflib
import re
from dataclasses import dataclass

from lama_tui.config.keymap import KEYMAP
from lama_tui.ui.commands.arguments import ARGUMENTS

NAMED = {key.command: key for key in KEYMAP if key.command}
"""The commands by the name after the slash."""

_WORD = re.compile(r"/([^\W\d_](?:[\w-]*\w)?)?(?=\s|\Z)")
"""A name and nothing else up to the first space: not a path, a comment or a pattern."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A command: the id of its binding, and what followed its name."""

    id: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Looks like a command and is none, or one that takes nothing: why, as a sentence, and what to do."""

    why: str
    hint: str


def read(text: str) -> Asked | Unclear | str:
    """The command in a text, why there is none although it looks so, or the text that is to be sent.

    `//` at the start stands for a slash, and a space before the slash makes it a text.
    """
    if text.startswith("//"):
        return text[1:] if _WORD.match(text[1:]) else text
    match = _WORD.match(text)
    if match is None:
        return text
    word, argument = (match[1] or ""), text[match.end() :].strip()
    key = NAMED.get(word.lower())
    if key is None:
        return _unknown(word)
    if argument and key.id not in ARGUMENTS:
        return Unclear(f"/{key.command} takes nothing after it.", f"Send “//{key.command} …” to say it to the model.")
    return Asked(key.id, argument)


def _unknown(word: str) -> Unclear:
    shown = word if len(word) <= 20 else f"{word[:19]}…"
    near = difflib.get_close_matches(word.lower()[:40], NAMED, 3, 0.5) if word else []
    meant = f"Did you mean {_either([f'/{name}' for name in near])}? " if near else ""
    why = f"There is no command /{shown}." if word else "A slash alone is no command."
    return Unclear(why, f"{meant}Begin with // or a space to send it as a text.")


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
