"""The flags that say how tokens are chosen: `--temperature 0.2 --top-k 40 --stop END`."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from lama_tui.config.sampling import SAMPLING
from lama_tui.config.values import text, typed
from lama_tui.providers.base import Capabilities, ChatRequest
from lama_tui.types import ModelParts, Sampling


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add them to a verb."""

    def value(flag: str, metavar: str, about: str) -> None:
        parser.add_argument(flag, metavar=metavar, type=_reader(flag[2:].replace("-", "_")), help=about)

    value("--temperature", "T", "0 always chooses the likeliest token, 2 the most freely")
    value("--top-p", "P", "choose among the likeliest tokens that together have this probability")
    value("--top-k", "K", "choose among the K likeliest tokens")
    value("--min-p", "P", "leave out tokens less likely than this share of the likeliest one")
    value("--repetition-penalty", "R", "make tokens of the last moment less likely, from 1 (not at all) to 2")
    value("--max-tokens", "N", "end the answer after N tokens")
    parser.add_argument("--seed", metavar="N", type=int, help="the same seed gives the same answer where it can")
    parser.add_argument("--stop", metavar="TEXT", action="append", default=[], type=_stop,
                        help="end the answer before TEXT; may be given several times")  # fmt: skip
    parser.add_argument("--draft", metavar="REF", type=_text, help="let a small model draft the answer")
    parser.add_argument("--adapter", metavar="DIR", type=_text, help="load the model with a LoRA adapter")
    parser.add_argument("--tokenizer", metavar="DIR", type=_text, help="use the tokenizer of another folder")
    parser.add_argument("--no-thinking", action="store_true", help="ask for an answer without reasoning before it")


def sampling(arguments: argparse.Namespace) -> Sampling:
    """What the flags say."""
    said = {field.name: getattr(arguments, field.name) for field in fields(Sampling) if field.name in arguments}
    thinking = False if arguments.no_thinking else None
    return Sampling(**{**said, "stop": tuple(dict.fromkeys(arguments.stop)), "thinking": thinking})


def parts(arguments: argparse.Namespace) -> ModelParts:
    """What the model is to be loaded with."""
    return ModelParts(arguments.draft or "", arguments.adapter or "", arguments.tokenizer or "")


def ignored(request: ChatRequest, capabilities: Capabilities) -> list[str]:
    """What was asked for and is not passed on, in words."""
    asked = {**_said(request.sampling, Sampling()), **_said(request.parts, ModelParts())}
    names = sorted(capabilities.ignores & asked.keys())
    return [_WORDS.get(name, name.replace("_", "-")) for name in names]


def _said(values: Any, nothing: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(values).items() if value != getattr(nothing, name)}


_WORDS = {"thinking": "switch for thinking", "repetition_penalty": "repetition penalty"}


def _reader(name: str) -> Callable[[str], Any]:
    def read(words: str) -> Any:
        try:
            return SAMPLING[name](typed(SAMPLING[name], words))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"expected {error}") from error

    return read


def _text(words: str) -> str:
    try:
        return text(words)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}") from error


def _stop(words: str) -> str:
    try:
        SAMPLING["stop"]([words])
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}") from error
    return words
