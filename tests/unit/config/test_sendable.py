"""Which keys arrive: compared with what an xterm sends and Textual reads."""

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from xterm import key_bytes

from lama_tui.config.key_presets import KEYS_OF, PRESETS, Preset
from lama_tui.config.keymap import KEYMAP, split_keys
from lama_tui.config.sendable import always_arrives, character_of, is_key, is_sendable, is_typed, normal, parts

EVERY_KEY = sorted(
    {key for each in KEYMAP for key in split_keys(each.keys)}
    | {key for preset in KEYS_OF.values() for keys in preset.values() for key in split_keys(keys)}
)


def arrives_as(sent: bytes) -> str:
    """What Textual makes of the bytes."""
    parser = XTermParser()
    read = [*parser.feed(sent.decode()), *parser.feed("")]  # no more comes: a lone escape is a key
    (key,) = [message.key for message in read if isinstance(message, events.Key)]
    return key


def sent_by_xterm(key: str) -> bytes:
    """The bytes of a key, whose characters may be named."""
    *modifiers, last = parts(key)
    return key_bytes("+".join([*modifiers, character_of(last) or last]))


@pytest.mark.parametrize("key", EVERY_KEY)
def test_every_key_of_every_keymap_arrives_as_itself(key: str) -> None:
    assert is_key(key)
    assert normal(key) == key
    if key == "shift+enter":
        assert not is_sendable(key)  # ctrl+j stands beside it
        return
    assert is_sendable(key)
    if key != "escape":  # it waits to see whether more comes
        assert arrives_as(sent_by_xterm(key)) == key


@pytest.mark.parametrize("preset", PRESETS)
def test_the_key_that_texts_name_arrives_from_every_terminal(preset: Preset) -> None:
    for key in KEYMAP:
        keys = KEYS_OF[preset].get(key.id, key.keys)
        assert always_arrives(keys), key.id
        if key.id != "composer.newline":
            assert always_arrives(split_keys(keys)[0]), key.id


@pytest.mark.parametrize(
    ("bytes_", "key"),
    [(b"\t", "ctrl+i"), (b"\r", "ctrl+m"), (b"\x08", "ctrl+h"), (b"\x1bb", "alt+b"), (b"\x1bf", "alt+f")],
)
def test_what_arrives_as_another_key_is_not_sendable(bytes_: bytes, key: str) -> None:
    assert not is_sendable(key)
    assert arrives_as(bytes_) != key


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ctrl+]", "ctrl+right_square_bracket"),
        ("shift+g", "G"),
        ("shift+ctrl+f5", "ctrl+shift+f5"),
        ("/", "slash"),
        ("ctrl++", "ctrl+plus"),
        ("<", "less_than_sign"),
        ("ctrl+^", "ctrl+circumflex_accent"),
        ("é", "é"),
    ],
)
def test_one_spelling(written: str, meant: str) -> None:
    assert is_key(written)
    assert normal(written) == meant
    assert normal(meant) == meant


@pytest.mark.parametrize("key", ["a", "G", "slash", "less_than_sign", "space", "é", "full_stop"])
def test_characters_are_typed(key: str) -> None:
    assert is_typed(key)


@pytest.mark.parametrize("key", ["enter", "f1", "ctrl+a", "up", "escape", "alt+x"])
def test_other_keys_are_not_typed(key: str) -> None:
    assert not is_typed(key)
