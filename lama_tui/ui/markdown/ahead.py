"""What drawing the first answer would wait for: a tenth of a second of imports and of rules to compile."""

from lama_tui.ui.markdown.blocks import parser
from lama_tui.ui.markdown.highlight import lexer

_USUAL = ("python", "bash")
"""Languages that answers are full of."""


def prepare() -> None:
    """Do it now, in a thread: one that draws meanwhile finds it done, or does it as ever."""
    parser()
    for language in _USUAL:
        lexer(language)
