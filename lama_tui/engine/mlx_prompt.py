"""Writes a request's prompt as token ids, the way its model wants to be asked."""

from collections.abc import Sequence
from typing import Any

from lama_tui.engine.answer_text import thinks
from lama_tui.engine.chat_template import CHARACTERS, TemplateRenderer
from lama_tui.engine.mlx_model import MlxModel
from lama_tui.engine.prompt import THINKING_SWITCH, encode_pieces, plain, separator_for
from lama_tui.errors import InferenceError
from lama_tui.types import ChatMessage


def prompt_tokens(
    model: MlxModel,
    renderer: TemplateRenderer,
    messages: Sequence[ChatMessage],
    prefix: str = "",
    thinking: bool | None = None,
) -> list[int]:
    """Token ids up to where the answer goes on; with a `prefix`, right after it. Raises `InferenceError`.

    `thinking` is told to the model's chat template, which may or may not know what to do with it.
    """
    texts = [message.text for message in messages]
    if sum(map(len, texts)) > CHARACTERS:
        raise InferenceError(
            "The conversation is too long",
            f"It has {sum(map(len, texts)):,} characters; at most {CHARACTERS:,} can be read.",
            "Shorten the message or start a new conversation.",
        )
    separator = separator_for([*texts, prefix, model.template or ""])
    broken = [ChatMessage(message.role, model.control.broken(message.text, separator)) for message in messages]
    text = _rendered(model, renderer, broken, thinking)
    if prefix:
        text = _closed(model, text, separator) + model.control.broken(prefix, separator)
    tokens = encode_pieces(_encoder(model), text, separator)
    if not tokens:
        raise InferenceError("The prompt is empty", "The model's chat template wrote nothing.", "Choose another model.")
    return tokens


def _rendered(model: MlxModel, renderer: TemplateRenderer, messages: list[ChatMessage], thinking: bool | None) -> str:
    as_dicts = [{"role": message.role, "content": message.text} for message in messages]
    if model.template is not None:
        variables: dict[str, Any] = {
            **model.special,
            "messages": as_dicts,
            "add_generation_prompt": True,
            "tools": None,
        }
        if thinking is not None:
            variables[THINKING_SWITCH] = thinking
        return renderer.render(model.template, variables)
    if model.tokenizer.has_chat_template:  # written in Python, part of mlx-lm
        return str(model.tokenizer.apply_chat_template(as_dicts, tokenize=False, add_generation_prompt=True))
    return model.special.get("bos_token", "") + plain(messages)


def _closed(model: MlxModel, text: str, separator: str) -> str:
    """End the reasoning that the template opened: what is to be continued is the answer itself."""
    if thinks(model.tokenizer, encode_pieces(_encoder(model), text, separator)):
        return f"{text.rstrip()}\n{model.tokenizer.think_end}\n\n"
    return text


def _encoder(model: MlxModel) -> Any:
    return lambda piece: model.tokenizer.encode(piece, add_special_tokens=False)
