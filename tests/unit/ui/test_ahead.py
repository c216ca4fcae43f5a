"""What the first answer is drawn with is there ahead of it."""

import subprocess
import sys

PREPARED = """
import sys
from lama_tui.ui.markdown.ahead import prepare
heavy = [name for name in ("pygments", "markdown_it") if name in sys.modules]
assert heavy == [], heavy  # nothing before it is asked for
prepare()
before = set(sys.modules)
from lama_tui.ui.markdown.blocks import parser
from lama_tui.ui.markdown.highlight import lexer
parser().parse("# A\\n\\n| a |\\n|---|\\n| *b* |\\n\\n```python\\nx\\n```\\n")
assert list(lexer("python").get_tokens("def f(): return 'x'"))
late = [name for name in set(sys.modules) - before if name.startswith(("pygments", "markdown_it"))]
assert late == [], late
"""


def test_nothing_is_left_to_import_when_an_answer_is_drawn() -> None:
    done = subprocess.run([sys.executable, "-c", PREPARED], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
