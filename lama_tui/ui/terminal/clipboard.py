"""Copying: to the clipboard by whatever way there is, and always into a file as well; it is said which."""

import asyncio
import os
from collections.abc import Mapping
from weakref import WeakKeyDictionary, WeakSet

from textual.app import App

from lama_tui.errors import StoreError
from lama_tui.paths import Paths
from lama_tui.security.gate import clean
from lama_tui.ui.terminal.copied import copied_file, write_copied
from lama_tui.ui.terminal.tmux import find_tmux, hand_over
from lama_tui.ui.terminal.ways import LONGEST, Way, sequence, way_of

_told: WeakSet[App[None]] = WeakSet()
"""The apps that said where else the text is: once is enough, who copies often would read it all day."""

_ways: WeakKeyDictionary[App[None], Way] = WeakKeyDictionary()
"""The way of each app, once one was found."""


async def copy(app: App[None], text: str, paths: Paths) -> str:
    """Copy `text` to the clipboard and to `state/clipboard.txt` (0600); return what to tell the person.

    Control characters are not copied: what is pasted into a shell must be text. Terminals do not say
    whether they took it, so the file is named at the first copy, and always where there is no other way.
    """
    text = clean(text)
    way = await _way(app, os.environ)
    not_copied = await _send(app, text, way)
    try:
        await asyncio.to_thread(write_copied, paths, text)
    except StoreError as error:
        done = f"Not copied: {not_copied}" if not_copied else "Copied"
        return f"{done}; {error.title}: {error.detail}."
    file = copied_file(paths)
    if not_copied:
        return " ".join(filter(None, (f"{not_copied[0].upper()}{not_copied[1:]}; it is in {file}.", way.hint)))
    if app in _told:
        return "Copied."
    _told.add(app)
    by = " by tmux" if way.how == "tmux" else ""
    return f"Copied{by}, and written to {file} for terminals that ignore it."


async def _way(app: App[None], environment: Mapping[str, str]) -> Way:
    """The way for this app; tmux is asked once, and again while it lets nothing through."""
    known = _ways.get(app)
    if known is None or known.how == "file":
        known = _ways[app] = way_of(environment, await asyncio.to_thread(find_tmux))
    return known


async def _send(app: App[None], text: str, way: Way) -> str:
    """Send it on its way; why it was not, where that is so."""
    if way.how == "file":
        return way.why
    if len(text.encode("utf-8", "replace")) > LONGEST:
        return "too long for the terminal's clipboard"
    if way.how == "tmux":
        return "" if await asyncio.to_thread(hand_over, text) else "tmux does not take it"
    if way.how == "terminal":
        app.copy_to_clipboard(text)
    elif app._driver is not None:
        app._driver.write(sequence(text, way.how))
    return ""
