"""Control tokens that people type stay text."""

from hypothesis import given
from hypothesis import strategies as st

from lama_tui.engine.prompt import ControlTokens, encode_pieces, plain, separator_for
from lama_tui.types import ChatMessage

TOKENS = ["<|end|>", "<|user|>", "|end|>", "<s>", "s>", "x"]
SEPARATOR = "\ue000"


@given(st.text(alphabet="<|end>usr x") | st.lists(st.sampled_from([*TOKENS, "<", "|", "a"])).map("".join))
def test_no_piece_holds_a_control_token_and_no_other_character_is_lost(text: str) -> None:
    broken = ControlTokens(TOKENS).broken(text, SEPARATOR)
    for piece in broken.split(SEPARATOR):
        assert not any(token in piece for token in TOKENS)
    # the token of one character cannot be broken: it, and nothing else, is left out
    assert broken.replace(SEPARATOR, "") == text.replace("x", "")


def test_text_without_control_tokens_is_untouched() -> None:
    assert ControlTokens(TOKENS).broken("a < b | c", SEPARATOR) == "a < b | c"
    assert ControlTokens([]).broken("<|end|>", SEPARATOR) == "<|end|>"


def test_the_separator_occurs_nowhere() -> None:
    assert separator_for(["\ue000", "\ue001"]) == "\ue002"


def test_pieces_are_encoded_on_their_own() -> None:
    seen: list[str] = []

    def encode(text: str) -> list[int]:
        seen.append(text)
        return [len(text)]

    assert encode_pieces(encode, "ab\ue000cde\ue000", SEPARATOR) == [2, 3]
    assert seen == ["ab", "cde"]


def test_the_plain_form() -> None:
    messages = [ChatMessage("system", "be brief"), ChatMessage("user", "hi")]
    assert plain(messages) == "System: be brief\nUser: hi\nAssistant:"
