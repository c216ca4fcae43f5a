"""What lama may send to a terminal: characters, and control sequences of its own making. All else is a stranger."""

import re

# characters of which nobody obeys one
_ORDERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]")

_MODES = "1049|25|7|1000|1003|1015|1006|1016|1004|2004|2026|2048"
_ADDRESS = r"(?:https?://|mailto:)[!-~]*"
_NOTE = "[^\x00-\x1f\x7f-\x9f]*"

_OURS = re.compile(
    "|".join(
        (
            r"\x1b\[(?:[0-9]{1,3}(?:;[0-9]{1,3})*|;[0-9]{1,3}(?:;[0-9]{1,3})*)?m",  # colours and attributes
            r"\x1b\[(?:[0-9]{1,3}(?:;[0-9]{1,3})?)?H|\x1b\[[0-9]{0,3}[ABCDG]",  # the cursor moves
            r"\x1b\[(?:[0-9]{1,3};[0-9]{1,3})?r|\x1bM",  # rows scroll
            r"\x1b\[2?J|\x1b\[K",
            rf"\x1b\[\?(?:{_MODES})[hl]",
            r"\x1b\[(?:>[0-9]{1,2}|<)u",  # the keyboard
            r"\x1b\[\?(?:2026|2048)\$p",  # questions
            r"\x18\x1b\\",  # ends what was cut
            rf"\x1b\]8;id=[0-9a-f]+(?:-[0-9]+)?;{_ADDRESS}\x1b\\|\x1b\]8;;\x1b\\",
            r"\x1b\]22;[a-z-]*\x07",  # the shape of the pointer
            rf"\x1b\]9;lama: {_NOTE}\x07|\x1b\]777;notify;lama;{_NOTE}\x07",
        )
    )
)
_COPIED = re.compile(r"\x1b\]52;c;[A-Za-z0-9+/]*=*\x07")


def strangers(written: str | bytes, *, moves: str = "\r\n\b", copied: bool = False) -> list[str]:
    """What of it is not ours, each with what stands around it. `moves` are the single controls that may occur;
    `copied`: something was copied to the clipboard."""
    text = written if isinstance(written, str) else written.decode("utf-8", "surrogateescape")
    found, at = [], 0
    while order := _ORDERS.search(text, at):
        at = order.start()
        ours = _OURS.match(text, at) or (copied and _COPIED.match(text, at))
        if ours:
            at = ours.end()
            continue
        if order[0] not in moves:
            found.append(ascii(text[max(0, at - 30) : at + 30]))
        at += 1
    return found
