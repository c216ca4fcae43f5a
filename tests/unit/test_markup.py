"""No text is read as markup, and every key says what it does."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.binding import Binding

import lama_tui.ui
from tests.unit.markup import Finder

UI = Path(lama_tui.ui.__path__[0])


def test_no_text_of_the_screen_is_read_as_markup() -> None:
    files = {str(path.relative_to(UI)): path.read_text(encoding="utf-8") for path in UI.rglob("*.py")}
    assert len(files) > 20
    assert list(Finder(files).complaints()) == []


@pytest.mark.parametrize(
    "source",
    [
        "Static(name)",
        "widgets.Label('fine')",
        "Static(name, markup=True)",
        "OptionList(*names)",
        "self.notify(f'copied {name}')",
        "class Title(Static):\n    pass\nTitle(name)",
        "class Title(Static):\n    def __init__(self, name):\n        super().__init__(name)",
        "class Base(Label):\n    pass\nclass Title(Base):\n    pass\nTitle(name)",
        "Button(name)",
        "Button(label=f'[b]{name}')",
        "Select[str]([(name, name)])",
        "table.add_row(name)",
        "pane.border_title = name",
        "pane.tooltip: str = f'{name}'",
        "pane.tooltip = name if name else None",
        "Content.from_markup(f'[b]{name}')",
        "Text.from_markup(name)",
    ],
)
def test_the_lint_finds(source: str) -> None:
    assert len(list(Finder({"bad.py": source}).complaints())) == 1


@pytest.mark.parametrize(
    "source",
    [
        "Static(name, markup=False)",
        "self.notify(name, markup=False)",
        "self._changed.notify()",
        "class Title(Static):\n    def __init__(self):\n        super().__init__(name, markup=False)\nTitle()",
        "class A(OptionList):\n    class Chosen(Message):\n        def __init__(self):\n            super().__init__()",
        "class List(OptionList):\n    pass\nList(markup=False)",
        "Button('Keep')",
        "Button(Content(name))",
        "table.add_row(Content(name), Text.assemble((name, 'bold')))",
        "pane.border_title = 'Models'",
        "pane.tooltip = Content(name) if name else None",
        "pane.border_title = Content('\\n').join(lines)",
        "Content.from_markup('[b]$name[/b]', name=name)",
    ],
)
def test_the_lint_lets_pass(source: str) -> None:
    assert list(Finder({"good.py": source}).complaints()) == []


def classes() -> Iterator[type]:
    """Every class of the UI."""
    for found in pkgutil.walk_packages(lama_tui.ui.__path__, "lama_tui.ui."):
        module = importlib.import_module(found.name)
        yield from (made for _, made in inspect.getmembers(module, inspect.isclass) if made.__module__ == found.name)


def test_every_binding_has_an_id_and_a_tooltip() -> None:
    bound = {made: vars(made)["BINDINGS"] for made in classes() if vars(made).get("BINDINGS")}
    assert len(bound) > 5
    for made, bindings in bound.items():
        for binding in bindings:
            assert isinstance(binding, Binding), f"{made.__name__}: {binding}"
            assert binding.id and binding.tooltip, f"{made.__name__}: {binding}"
