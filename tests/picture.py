"""Makes the picture in README from the app as it is: `python -m tests.picture [FILE]`.

A real workspace in a folder of its own asks the guide real questions. Nothing is staged but the questions.
"""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "docs" / "workspace.svg"
SIZE = (124, 34)  # columns, rows: three panes
CONVERSATIONS = (
    ["Is anything sent to the internet?"],
    ["Where are my conversations saved?"],
    ["How do I copy an answer?", "Can I change the keys?"],
    [
        "How do I download a model from Hugging Face?",
        "Which model should I choose?",
        "How do I switch to another model?",
    ],
)
PATIENCE = 60.0  # seconds that an answer may take

_FONTS = re.compile(r"@font-face\s*{[^}]*}\s*")


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.02)


async def draw() -> str:
    """The picture as SVG."""
    from lama_tui.config.loader import load_settings
    from lama_tui.paths import Paths
    from lama_tui.ui.app import LamaApp
    from lama_tui.ui.options import WorkspaceOptions
    from lama_tui.ui.screens.workspace import Workspace
    from lama_tui.ui.widgets.composer import Composer

    paths = Paths.from_environment()
    app = LamaApp(paths, load_settings(paths), WorkspaceOptions(model="guide"))
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, Workspace)
        composer = screen.query_one(Composer)
        composer.cursor_blink = False
        await until(lambda: screen._current is not None)
        current = screen._current
        assert current is not None
        for number, questions in enumerate(CONVERSATIONS):
            if number:
                await pilot.press("ctrl+n")
                await until(lambda: not current.messages)
            for said, question in enumerate(questions, start=1):
                composer.text = question
                await pilot.press("enter")
                await until(lambda said=said: [m.state for m in current.messages] == ["complete"] * 2 * said)
        await asyncio.sleep(3)  # the monitor samples once a second
        await pilot.pause()
        # without the address of a font that viewers would fetch
        return _FONTS.sub("", app.export_screenshot(title="lama"))


def main() -> None:
    """Draw into the file that is named, else into docs/."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    with tempfile.TemporaryDirectory() as home:
        for name in list(os.environ):
            if name.startswith(("LAMA_", "HF_", "XDG_")):
                del os.environ[name]
        os.environ |= {"LAMA_HOME": home, "HF_HOME": f"{home}/hub", "COLORTERM": "truecolor"}
        picture = asyncio.run(draw())
    file.parent.mkdir(exist_ok=True)
    file.write_text(picture, encoding="utf-8")
    print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
