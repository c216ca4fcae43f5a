"""An argument parser that takes flags between positional arguments: `lama run REF --json PROMPT`."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from lama_tui.security.gate import clean_row


class Parser(argparse.ArgumentParser):
    """As `argparse.ArgumentParser`, which gives up an optional positional at the first flag after another."""

    _reading = False

    def parse_known_args(  # type: ignore[override] # typeshed overloads it by the namespace's type
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse flags first, then what is left as positionals; a parser of verbs as usual."""
        has_verbs = any(action.nargs == argparse.PARSER for action in self._actions)
        if self._reading or has_verbs:
            return super().parse_known_args(args, namespace)
        self._reading = True  # the mixed parse calls this method for each of its passes
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._reading = False

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2. Arguments that it repeats may come from anywhere, so it is cleaned."""
        super().error(clean_row(message))
