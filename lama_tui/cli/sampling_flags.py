"""The flags that say how tokens are chosen: `--temperature 0.2 --top-k 40 --stop END`."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from lama_tui.config.sampling import SAMPLING
from lama_tui.config.values import typed
from lama_tui.providers.base import Capabilities
from lama_tui.types import Sampling


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
    parser.add_argument("--no-thinking", action="store_true", help="ask for an answer without reasoning before it")


def sampling(arguments: argparse.Namespace) -> Sampling:
    """What the flags say."""
    said = {field.name: getattr(arguments, field.name) for field in fields(Sampling) if field.name in arguments}
    thinking = False if arguments.no_thinking else None
    return Sampling(**{**said, "stop": tuple(dict.fromkeys(arguments.stop)), "thinking": thinking})


def ignored(said: Sampling, capabilities: Capabilities) -> list[str]:
    """What was asked for and is not passed on, in words."""
    nothing = Sampling()
    names = (name for name in sorted(capabilities.ignores) if getattr(said, name) != getattr(nothing, name))
    return [_WORDS.get(name, name.replace("_", "-")) for name in names]


_WORDS = {"thinking": "switch for thinking", "repetition_penalty": "repetition penalty"}


def _reader(name: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return SAMPLING[name](typed(SAMPLING[name], text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"expected {error}") from error

    return read


def _stop(text: str) -> str:
    try:
        SAMPLING["stop"]([text])
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}") from error
    return text
