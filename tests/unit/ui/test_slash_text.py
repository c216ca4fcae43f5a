"""What a text that begins with a slash means: nothing is sent or done by accident."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.config.keymap import KEYMAP
from lama_tui.ui.commands.arguments import ARGUMENTS
from lama_tui.ui.commands.slash import NAMED, Asked, Unclear, read


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "/usr/bin is a folder",
        "/usr/bin",
        "/etc/",
        "/* a comment */",
        "/^re+$/",
        "/ok?",
        "/home.txt",
        "/3 of it",
        " /help is a command",
        "\n/help",
        "/\u202equit",
        "see /help",
        "///",
    ],
)
def test_a_text_is_sent_as_it_is(text: str) -> None:
    assert read(text) == text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("/help", Asked("help.open")),
        ("/HELP ", Asked("help.open")),
        ("/model qwen 3", Asked("models.pick", "qwen 3")),
        ("/system You are\nbrief.", Asked("conversation.settings", "You are\nbrief.")),
        ("/system\nYou are brief.", Asked("conversation.settings", "You are brief.")),
        ("/rename 漢字 [/b]", Asked("conversations.rename", "漢字 [/b]")),
        ("/copy-code", Asked("transcript.copy_code")),
    ],
)
def test_commands(text: str, asked: Asked) -> None:
    assert read(text) == asked


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/modle x", "/model"),
        ("/tmp is full", "//"),
        ("/", "//"),
        ("/été", "There is no command /été"),
        ("/" + "a" * 10_000, "…"),
        ("/new hello", "takes nothing"),
    ],
)
def test_what_is_unclear_says_what_to_do(text: str, told: str) -> None:
    unclear = read(text)
    assert isinstance(unclear, Unclear)
    assert told in f"{unclear.why} {unclear.hint}"
    assert len(unclear.why) < 100


@pytest.mark.parametrize(("text", "sent"), [("//help", "/help"), ("//tmp x", "/tmp x"), ("//usr/bin", "//usr/bin")])
def test_two_slashes_send_one(text: str, sent: str) -> None:
    assert read(text) == sent


def test_names_are_one_word_each_and_lead_to_something() -> None:
    names = [key.command for key in KEYMAP if key.command]
    assert len(set(names)) == len(names)
    assert all(isinstance(read(f"/{name}"), Asked) for name in names)
    assert {"compact", "pin"} <= set(names)
    assert set(ARGUMENTS) <= {key.id for key in NAMED.values()}


@given(st.text(max_size=50))
def test_any_text_is_read(text: str) -> None:
    for each in (text, f"/{text}", f"//{text}"):
        assert isinstance(read(each), str | Asked | Unclear)
        sent = read(" " + each)
        assert sent == " " + each
