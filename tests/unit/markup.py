"""Finds places in UI code where a text could be read as markup.

Textual reads `[…]` in plain strings as markup unless it is told not to, so a file name such as
`[/nope]` crashes the app and a model's words could draw or link what they like.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping

SWITCHED = {"Static", "Label", "OptionList", "RichLog", "Tooltip", "ListItem", "Welcome", "notify"}
"""Calls that have a `markup` switch."""

UNSWITCHED = {
    *("Button", "Checkbox", "Collapsible", "DataTable", "DirectoryTree", "Link", "RadioButton", "RadioSet"),
    *("Select", "SelectionList", "Tab", "TabbedContent", "TabPane", "Tabs", "ToggleButton", "Tree"),
}
"""Widgets that read strings as markup and cannot be told not to: everything that they show must be content."""

TITLES = {"border_title", "border_subtitle", "tooltip"}
"""Attributes that read strings as markup."""

MADE = {"Content", "Text"}
"""What is drawn as it is."""


class Finder:
    """Knows the classes of all the files, so that a subclass counts as what it is."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._trees = {name: ast.parse(source) for name, source in sources.items()}
        self._switched, self._unswitched = set(SWITCHED), set(UNSWITCHED)
        classes = [node for tree in self._trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        grew = True
        while grew:
            before = len(self._switched) + len(self._unswitched)
            for made in classes:
                bases = {_name(base) for base in made.bases}
                if bases & self._switched:
                    self._switched.add(made.name)
                if bases & self._unswitched:
                    self._unswitched.add(made.name)
            grew = before != len(self._switched) + len(self._unswitched)
        # these turn markup off themselves
        self._settled = {made.name for made in classes if any(map(_is_off, _super_inits(made)))}

    def complaints(self) -> Iterator[str]:
        """Every place, as `file:line: what is wrong`."""
        for name, tree in self._trees.items():
            for node in ast.walk(tree):
                for wrong in self._look(node):
                    yield f"{name}:{getattr(node, 'lineno', 0)}: {wrong}"

    def _look(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Call):
            called = _name(node.func)
            # without arguments it is a condition's notify()
            shows = called != "notify" or node.args or node.keywords
            if called in self._switched - self._settled and shows and not _is_off(node):
                yield f"{called}(…) without markup=False"
            elif called in self._unswitched:
                yield from (f"{called}(…) reads this as markup" for text in _texts(node) if not _is_plain(text))
            elif called == "add_row":
                yield from ("a cell of add_row(…) is read as markup" for cell in node.args if not _is_plain(cell))
            elif called == "from_markup" and not (node.args and _is_literal(node.args[0])):
                yield "from_markup(…) of something that is not a literal"
        elif isinstance(node, ast.ClassDef) and {_name(base) for base in node.bases} & self._switched:
            for call in _super_inits(node):
                if not _is_off(call):
                    yield f"{node.name} does not pass markup=False to super().__init__"
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                title = isinstance(target, ast.Attribute) and target.attr in TITLES
                if title and node.value is not None and not _is_plain(node.value):
                    yield f"{_name(target)} reads this as markup"


def _name(node: ast.AST) -> str:
    """The last part of a name: `Static` of `widgets.Static`, `Select` of `Select[str]`."""
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_off(call: ast.Call) -> bool:
    return any(
        keyword.arg == "markup" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for keyword in call.keywords
    )


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _is_made(node: ast.expr) -> bool:
    """Whether the expression makes content: `Content(…)`, `Content.assemble(…)`, `Text(…)`."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    owner = function.value if isinstance(function, ast.Attribute) else function
    while isinstance(owner, ast.Call):  # Content("\n").join(…)
        owner = owner.func
    return _name(owner) in MADE


def _is_plain(node: ast.expr) -> bool:
    """Whether it is content, or a literal: those are ours."""
    if isinstance(node, ast.IfExp):
        return _is_plain(node.body) and _is_plain(node.orelse)
    return _is_literal(node) or _is_made(node)


def _texts(call: ast.Call) -> Iterable[ast.expr]:
    """What a widget is given to show; other keyword arguments name things."""
    return [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg in ("label", "prompt", "title"))]


def _super_inits(made: ast.ClassDef) -> list[ast.Call]:
    """The calls of `super().__init__` in the methods of a class, not in those of classes inside it."""
    methods = [node for node in made.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [
        node
        for method in methods
        for node in ast.walk(method)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "__init__"
        and isinstance(node.func.value, ast.Call)
        and _name(node.func.value.func) == "super"
    ]
