"""Texts that name a key read the keymap: no text of the program says `esc` or `ctrl+n` itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lama_tui

PACKAGE = Path(lama_tui.__file__).parent
ROOMS = ("ui", "cli", "engine", "chat", "conversations", "library", "providers", "security", "store", "services.py")
KEY = re.compile(
    r"(?<![\w-])(?:esc|escape|enter|pgup|pgdn|pageup|pagedown|arrows?|f\d{1,2}|(?:ctrl|alt|shift)\+\w+|\^[a-z])(?![\w-])"
    r"|↑↓",
    re.IGNORECASE,
)

FIELD = "enter is the field's own: a key of Textual's input that is not in the keymap"
EXAMPLE = "an example of how keys are written"
LINE = "a key of the terminal's own line editing, which no keymap changes"
ALLOWED = {
    ("cli/plain.py", "ctrl+d leaves"): LINE,
    ("cli/plain.py", "(ctrl+c again, or ctrl+d, leaves)"): LINE,
    ("cli/plain_answer.py", "; ctrl+c stops)"): LINE,
    ("cli/plain_commands.py", "ctrl+c stops an answer; twice, or ctrl+d, leaves."): LINE,
    ("cli/plain_io.py", "… ctrl+c stops"): LINE,
    ("ui/screens/dialogs.py", "enter keeps it · "): FIELD,
    ("ui/screens/export_dialog.py", "enter writes the file · "): FIELD,
    ("ui/screens/settings/fields.py", "enter keeps it · "): FIELD,
    ("ui/screens/settings/of_lama.py", "Write keys as ctrl+n, f2 or j"): EXAMPLE,
    ("cli/terminal_checks.py", "`tmux set -s extended-keys always` lets shift+enter through"): "tmux's own option",
    ("cli/terminal_checks.py", "alt arrives as an escape before the key"): "the byte, not the key",
}


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module that people may read, with their lines: no docstrings, no names."""
    tree = ast.parse(file.read_text("utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in documentation:
            continue
        if isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def modules() -> list[Path]:
    return sorted(
        file
        for room in ROOMS
        for file in ([PACKAGE / room] if room.endswith(".py") else (PACKAGE / room).rglob("*.py"))
    )


def test_no_text_names_a_key_itself() -> None:
    found, used = [], set()
    for file in modules():
        name = file.relative_to(PACKAGE).as_posix()
        for line, text in texts(file):
            if not KEY.search(text):
                continue
            excused = [entry for entry in ALLOWED if entry[0] == name and entry[1] in text]
            used.update(excused)
            if not excused:
                found.append(f"{name}:{line}: {text!r}")
    assert not found, "\n".join(["Read the key from the keymap (`key_at`, `key_of`):", *found])
    assert used == set(ALLOWED), "an exception that nothing needs any more"


def test_the_search_finds_what_it_is_for(tmp_path: Path) -> None:
    module = tmp_path / "screen.py"
    module.write_text(
        '"""esc closes."""\n\nKEY = "escape"\nTEXT = f"type to narrow · esc closes"\nMORE = "press ^p now"\n'
    )
    found = {text for _, text in texts(module) if KEY.search(text)}
    assert found == {"type to narrow · esc closes", "press ^p now"}
