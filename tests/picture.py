"""Makes the picture of docs/ from the app as it is: `python -m tests.picture [FOLDER]`.

`workspace.svg`: a real workspace in a folder of its own asks the guide real questions; nothing is staged but the
questions.
"""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parent
SIZE = (120, 36)  # columns, rows: three panes
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
WATCHED = 12  # samples, one a second

_FONTS = re.compile(r"@font-face\s*{[^}]*}\s*")


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.02)


async def draw_workspace() -> str:
    """The workspace as SVG, after real answers of the guide."""
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
                await asyncio.sleep(1.5)  # as one reads: the monitor draws a column every two seconds
        await until(lambda: len(screen._machine) >= WATCHED)
        await pilot.pause()
        return app.export_screenshot(title="lama")


def main() -> None:
    """Draw into the folder that is named, else into docs/."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else TESTS.parent / "docs").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        for name in list(os.environ):
            if name.startswith(("LAMA_", "HF_", "XDG_")):
                del os.environ[name]
        os.environ |= {"LAMA_HOME": f"{home}/lama", "HF_HOME": f"{home}/hub", "COLORTERM": "truecolor"}
        picture = asyncio.run(draw_workspace())
    # without the address of a font that viewers would fetch
    file = folder / "workspace.svg"
    file.write_text(_FONTS.sub("", picture), encoding="utf-8")
    print(f"{file}: {len(picture):,} characters")


if __name__ == "__main__":
    main()
