"""Which lines a few typed letters mean, best first."""

from collections.abc import Sequence
from dataclasses import dataclass

from lama_tui.ui.commands.entries import Entry

_NO = 1000
"""A cost that says: not at all."""
_CONVERSATIONS = 6
"""Conversations that are listed: there can be thousands with much the same title, and actions are to be found too."""

_LONGEST = 400
"""Characters that are looked at: more were pasted by mistake, and would hold up the screen."""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry, and which characters of its label and of its description were meant."""

    entry: Entry
    label: frozenset[int] = frozenset()
    about: frozenset[int] = frozenset()


def rank(entries: Sequence[Entry], wanted: str, recent: Sequence[str] = ()) -> list[Found]:
    """The entries in which every word of `wanted` is found, best first.

    The start of the label is best, then the start of a word in it, then a part of one, letters of it in
    order, and last the description. Of equals actions come before conversations, and the one used last comes
    first (`recent`: ids, last used first).
    """
    words = list(dict.fromkeys(fold(wanted[:_LONGEST]).split()))
    used = {chosen: place for place, chosen in enumerate(recent)}
    ranked = []
    for place, entry in enumerate(entries):
        found, cost = [], 0
        for word in words:
            found.append(_match(entry, word))
            cost += found[-1][0]
            if cost >= _NO:
                break
        if cost < _NO:
            label = frozenset(position for _, positions, _ in found for position in positions)
            about = frozenset(position for _, _, positions in found for position in positions)
            order = (cost, bool(words) and entry.is_conversation, used.get(entry.id, _NO), place)
            ranked.append((order, Found(entry, label, about)))
    ranked.sort(key=lambda pair: pair[0])
    return [found for _, found in ranked]


def without_many(found: Sequence[Found]) -> tuple[list[Found], int]:
    """What is listed of that: all but the last of many conversations; and how many were left out."""
    conversations = [line for line in found if line.entry.is_conversation]
    left_out = {line.entry.id for line in conversations[_CONVERSATIONS:]}
    return [line for line in found if line.entry.id not in left_out], len(left_out)


def fold(text: str) -> str:
    """Lower case, character by character, so that positions stay what they are."""
    return "".join(character.lower() if len(character.lower()) == 1 else character for character in text)


def _match(entry: Entry, word: str) -> tuple[int, range | Sequence[int], range | Sequence[int]]:
    """The cost of finding a word in an entry, and where in its label and its description it is."""
    label, about, also = fold(entry.label), fold(entry.about), fold(entry.also)
    start = label.find(word)
    span = range(start, start + len(word))
    if start == 0 or (start == 1 and label[0] == "/"):
        return (0 if len(label) == start + len(word) else 1), span, ()
    if (at := _word_start(label, word)) >= 0:
        return 2, range(at, at + len(word)), ()
    if also and _word_start(also, word) >= 0:
        return 3, (), ()
    if (initials := _initials(label, word)) is not None:
        return 4, initials, ()
    if start > 0:
        return 5, span, ()
    if (at := _word_start(about, word)) >= 0:
        return 8, (), range(at, at + len(word))
    if (letters := _letters(label, word)) is not None:
        return 10, letters, ()
    if len(word) > 1 and (at := about.find(word)) >= 0:
        return 12, (), range(at, at + len(word))
    return _NO, (), ()


def _word_start(text: str, word: str) -> int:
    """Where `word` stands at the start of a word of `text`; −1 where it does not."""
    at = text.find(word)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(word, at + 1)
    return at


def _initials(text: str, word: str) -> list[int] | None:
    """The first letters of words in a row that `word` abbreviates: `np` is Next pane."""
    starts = [at for at, letter in enumerate(text) if letter.isalnum() and (at == 0 or not text[at - 1].isalnum())]
    letters = "".join(text[at] for at in starts)
    at = letters.find(word)
    return starts[at : at + len(word)] if at >= 0 and len(word) > 1 else None


def _letters(text: str, word: str) -> list[int] | None:
    """Where the letters of `word` stand in `text` in their order, the first at its start; None where they do not."""
    if not text or text[0] != word[0]:
        return None
    positions, at = [], -1
    for letter in word:
        at = text.find(letter, at + 1)
        if at < 0:
            return None
        positions.append(at)
    return positions
