"""The `lama` command drawing as Textual does: `python -m tests.benchmarks.stock`."""

import sys

from lama_tui.cli.main import main
from lama_tui.ui.terminal import drawing

if __name__ == "__main__":
    drawing.obstacle = lambda: "a benchmark asks for it"
    sys.exit(main([]))
