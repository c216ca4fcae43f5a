"""What `lama doctor` says of the terminal: its name, colours, keys, whole frames, clipboard, and tmux in between."""

import os
import shutil
import sys
from collections.abc import Mapping

from lama_tui.cli.checks import Check
from lama_tui.cli.terminal_answers import Answers
from lama_tui.config.key_names import key_name
from lama_tui.config.keymap import KEYMAP, split_keys
from lama_tui.config.sendable import always_arrives, is_sendable, normal, parts
from lama_tui.config.settings import Settings
from lama_tui.ui.terminal.colours import ALL, FEW, NONE, colours
from lama_tui.ui.terminal.tmux import Tmux
from lama_tui.ui.terminal.ways import way_of


def check_terminal(answers: Answers) -> Check:
    """What kind of terminal it is, and whether the workspace can be shown in it."""
    term = os.environ.get("TERM", "")
    size = shutil.get_terminal_size()
    value = f"{f'{answers.name}, ' if answers.name else ''}TERM={term or '–'}, {size.columns}×{size.lines}"
    if os.environ.get("SSH_CONNECTION"):
        value += ", over SSH"
    if term in ("", "dumb", "unknown"):
        return Check(
            "terminal",
            "warning",
            value,
            "The workspace needs a terminal that can move the cursor: set TERM, or talk in lines with `lama --plain`",
        )
    if (encoding := (sys.stdout.encoding or "").lower().replace("-", "")) not in ("utf8", "utf_8"):
        return Check("terminal", "warning", f"{value}, {encoding}", "Set LANG to a UTF-8 locale, such as C.UTF-8")
    return Check("terminal", "ok", value)


def check_colours(answers: Answers) -> Check:
    """How many colours: what the environment says counts, the terminal's own answer tells whether it is right."""
    says = os.environ.get("COLORTERM", "")
    value = (
        f"COLORTERM={says or '–'}, the terminal {_word(answers, answers.true_colour, 'has', 'has no')} 24-bit colours"
    )
    if os.environ.get("NO_COLOR"):
        return Check("colours", "ok", f"{value}; NO_COLOR is set: none is sent")
    sent = colours(os.environ)
    if sent == NONE:
        return Check("colours", "ok", f"{value}; none is sent to TERM={os.environ.get('TERM', '')}")
    if sent == FEW and not answers.true_colour:
        hint = "Sixteen are sent: the theme of the terminal's own colours (`terminal`) is shown unless you choose one"
        return Check("colours", "ok", value, hint)
    if os.environ.get("STY"):
        return Check("colours", "ok", f"{value}; {sent} are sent: GNU screen takes 24 bits for something else")
    if says in ("truecolor", "24bit"):
        if answers.true_colour is False:
            return Check("colours", "warning", value, "If colours look wrong: unset COLORTERM, or use another terminal")
        return Check("colours", "ok", value)
    if sent == ALL:
        return Check("colours", "ok", f"{value}; all are sent to TERM={os.environ.get('TERM', '')}")
    hint = f"Without COLORTERM=truecolor the theme is shown in {sent} colours"
    if answers.true_colour:
        return Check("colours", "warning", value, f"{hint}, and this terminal has more: export COLORTERM=truecolor")
    return Check("colours", "ok", value, hint)


def check_kitty_keys(answers: Answers, settings: Settings, tmux: Tmux | None) -> Check:
    """Whether the terminal tells all keys apart; where it does not, which keys do without."""
    has = _word(answers, answers.kitty_keys, "has a", "has no")
    value = f"the terminal {has} keyboard protocol that tells all keys apart"
    keys = next(settings.keys.get(key.id, key.keys) for key in KEYMAP if key.id == "composer.newline")
    plain = [key_name(key) for key in split_keys(keys) if is_sendable(key)]
    others = [key_name(key) for key in split_keys(keys) if not is_sendable(key)]
    if answers.kitty_keys or not plain or not others:
        return Check("kitty_keys", "ok", value)
    where = "in tmux " if tmux is not None else ""
    return Check("kitty_keys", "ok", value, f"{where}{plain[0]} starts a new line where {others[0]} does not arrive")


def check_drawing() -> Check:
    """Whether only what changes is sent, which hangs on the insides of Textual."""
    from lama_tui.ui.terminal.drawing import obstacle

    if why := obstacle():
        hint = "A slow line suffers. Install what lama asks for: pip install --force-reinstall lama-tui"
        return Check("drawing", "warning", f"all of what is drawn anew is sent: {why}", hint)
    return Check("drawing", "ok", "only cells that changed are sent")


def check_synchronized_output(answers: Answers) -> Check:
    """Whether the terminal shows frames as a whole (mode 2026)."""
    shows = _word(answers, answers.synchronized_output, "shows", "does not show")
    return Check("synchronized_output", "ok", f"the terminal {shows} frames as a whole (mode 2026)")


def check_clipboard(answers: Answers, tmux: Tmux | None) -> Check:
    """Whether what is copied reaches the clipboard of the person's own machine."""
    way = way_of(os.environ, tmux)
    if way.how == "file" and (tmux is not None or answers.asked):
        return Check("clipboard", "warning", f"what is copied is only in state/clipboard.txt: {way.why}", way.hint)
    if way.how == "tmux":
        return Check("clipboard", "ok", "tmux hands it on, and keeps it as its newest buffer")
    if answers.clipboard:
        return Check("clipboard", "ok", "the terminal takes it from programs (OSC 52)")
    why = "terminals do not tell" if answers.asked else "not asked"
    return Check(
        "clipboard", "ok", f"unknown whether the terminal takes it (OSC 52): {why}; state/clipboard.txt has it"
    )


def check_tmux(tmux: Tmux | None) -> Check:
    """tmux, where it is in between."""
    if tmux is None:
        return Check("tmux", "ok", "not in between")
    if tmux.version is None:
        return Check("tmux", "warning", "it does not answer", "Try `tmux display-message -p '#{version}'`")
    value = (
        f"tmux {tmux.version}, set-clipboard {tmux.set_clipboard or '–'}, extended-keys {tmux.extended_keys or '–'},"
        f" allow-passthrough {tmux.allow_passthrough or '–'}"
    )
    if tmux.extended_keys == "off":
        return Check("tmux", "ok", value, "`tmux set -s extended-keys always` lets shift+enter through")
    return Check("tmux", "ok", value)


def check_keys(settings: Settings, sources: Mapping[str, str]) -> Check:
    """The keymap: what is not as shipped, and keys that come only with alt, which some terminals keep."""
    own = [name for name in settings.keys if not sources.get(f"keys.{name}", "").startswith("preset ")]
    value = f"preset {settings.key_preset}"
    if own:
        value += f", and {len(own)} of your own"
    only_alt = [
        f"{key_name(keys)} ({name})"
        for name, keys in settings.keys.items()
        if any("alt" in parts(normal(key))[:-1] for key in split_keys(keys)) and not always_arrives(keys)
    ]
    if only_alt:
        hint = "alt arrives as an escape before the key, and some terminals keep it: write another key beside it"
        return Check("keys", "warning", f"{value}; only with alt: {', '.join(only_alt[:5])}", hint)
    return Check("keys", "ok", value)


def as_json(answers: Answers, tmux: Tmux | None) -> dict[str, object]:
    """What is known of the terminal as values; unknown is null."""
    return {
        "asked": answers.asked,
        "answered": answers.answered if answers.asked else None,
        "name": answers.name,
        "true_colour": answers.true_colour,
        "kitty_keys": answers.kitty_keys,
        "synchronized_output": answers.synchronized_output,
        "clipboard": answers.clipboard,
        "tmux": None
        if tmux is None
        else {
            "version": tmux.version,
            "set_clipboard": tmux.set_clipboard,
            "extended_keys": tmux.extended_keys,
            "allow_passthrough": tmux.allow_passthrough,
        },
    }


def _word(answers: Answers, known: bool | None, yes: str, no: str) -> str:
    """`yes`, `no`, or why it is not known, in a sentence about the terminal."""
    if known is not None:
        return yes if known else no
    why = "was not asked" if not answers.asked else "did not answer" if not answers.answered else "does not tell"
    return f"{why} whether it {yes}"
