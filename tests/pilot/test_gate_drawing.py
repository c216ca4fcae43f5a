"""The gate at drawing: what widgets show reaches the terminal only as characters, whatever they were given."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from drawn import Drawn
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import __version__
from textual._compositor import LayoutUpdate
from textual.app import ComposeResult
from textual.content import Content
from textual.drivers.headless_driver import HeadlessDriver
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Button, DataTable, Input, Label, Log, Markdown, OptionList, RichLog, Static, TextArea, Tree
from textual.widgets.option_list import Option

from lama_tui.errors import LamaError
from lama_tui.ui.terminal import gate
from lama_tui.ui.terminal.app import TerminalApp
from tests.naughty import WITH_SURROGATES
from tests.sent import strangers

# Every piece is something that a terminal obeys or that reorders text, beside "[/nope]" that markup chokes on.
NAUGHTY = "a\x1b[6n\x1b]52;c;aGk=\x07\x1b[?1003l\x9b5n\x9d0;t\x9c\x08\x7f\u202eb\u2066c[/nope]z"
TEXTS = {f"{number:03}": text for number, text in enumerate(WITH_SURROGATES.values())}
"""Each with a sign of its own, so that one sees that it was drawn."""


class Recording(HeadlessDriver):
    """Keeps what is written, and is drawn to like a terminal."""

    is_headless = False

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.written: list[str] = []

    def write(self, data: str) -> None:
        self.written.append(data)


class Shows(TerminalApp):
    """Shows widgets."""

    AUTO_FOCUS = None  # a cursor would part what it stands on from the rest

    def __init__(self, *make: Callable[[], Widget]) -> None:
        super().__init__(Path("lama.log"))
        self.driver_class = Recording
        self._make = make

    def compose(self) -> ComposeResult:
        for make in self._make:
            yield make()

    def written(self) -> str:
        assert isinstance(self._driver, Recording)
        return "".join(self._driver.written)


def table(text: str) -> Widget:
    widget: DataTable[Text] = DataTable()
    widget.add_column(Text(text))
    widget.add_row(Text(text), label=Text(text))
    return widget


def tree(text: str) -> Widget:
    widget: Tree[None] = Tree(Text(text))
    widget.root.expand().add_leaf(Text(text))
    return widget


def titled(text: str) -> Widget:
    widget = Static(text, markup=False)
    widget.styles.border = ("round", "red")
    widget.border_title, widget.border_subtitle = Content(text), Content(text)
    return widget


def logged(widget: Log | RichLog, text: str) -> Widget:
    widget.call_after_refresh(widget.write, text)
    return widget


WIDGETS: dict[str, Callable[[str], Widget]] = {
    "static": lambda text: Static(text, markup=False),
    "static of rich text": lambda text: Static(Text(text)),
    "label": lambda text: Label(text, markup=False),
    "button": lambda text: Button(Content(text)),
    "options": lambda text: OptionList(Option(Content(text)), text, markup=False),
    "table": table,
    "tree": tree,
    "input": lambda text: Input(value=text, placeholder=text),
    "placeholder": lambda text: Input(placeholder=text),
    "text area": TextArea,
    "text area with line numbers": lambda text: TextArea(text, show_line_numbers=True, read_only=True),
    "markdown": lambda text: Markdown(f"{text}\n\n{text[:3]}[x](https://a.example/{text}) ![{text}]({text}) `{text}`"),
    "log": lambda text: logged(Log(auto_scroll=False), text),
    "rich log": lambda text: logged(RichLog(auto_scroll=False), text),
    "titles": titled,
}


def assert_safe(written: str, *, shows: str = "␛") -> None:
    assert strangers(written, moves="\n") == []
    assert shows in written


@pytest.mark.parametrize("name", WIDGETS)
async def test_what_a_widget_shows_is_not_obeyed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Drawn.of_all_apps(monkeypatch)

    def make(text: str) -> Widget:
        widget = WIDGETS[name](text)
        widget.styles.height = 4
        return widget

    app = Shows(*(partial(make, f"{sign} {text}") for sign, text in TEXTS.items()))
    async with app.run_test(headless=False, size=(100, 4 * len(TEXTS))) as pilot:
        await pilot.pause()
        await pilot.wait_for_scheduled_animations()
        for way in (drawn.stock, drawn.thin):
            assert [sign for sign in TEXTS if sign not in "".join(way)] == []
        assert drawn.strangers() == []
        assert strangers(app.written(), moves="\n") == []


async def test_a_notice_is_not_obeyed() -> None:
    app = Shows(lambda: Static("x"))
    async with app.run_test(headless=False, size=(120, 30), notifications=True) as pilot:
        app.notify(NAUGHTY, title=NAUGHTY, markup=False)
        await pilot.pause()
        await pilot.wait_for_scheduled_animations()
        assert_safe(app.written())


async def test_typed_text_is_not_obeyed() -> None:
    app = Shows(Input)
    async with app.run_test(headless=False, size=(120, 30)) as pilot:
        app.query_one(Input).insert_text_at_cursor(NAUGHTY)
        await pilot.pause()
        assert_safe(app.written())


def drawn(*segments: Segment) -> str:
    gate.install()
    return Strip(segments).render(Console(color_system="truecolor"))


@given(st.text(), st.booleans())
def test_no_text_passes_as_a_command(text: str, bold: bool) -> None:
    assert strangers(drawn(Segment(text, Style(bold=True) if bold else None)), moves="") == []


@given(st.text())
def test_no_address_passes_as_a_command(address: str) -> None:
    written = drawn(Segment("x", Style(link="https://a.example/" + address)))
    assert strangers(written, moves="") == []


@given(st.text(st.sampled_from("ab漢\u200d\x1b\x07\x9b\u202e👩‍💻")), st.text(st.sampled_from("xy\x1b")))
def test_a_row_stays_as_wide_as_it_was(one: str, other: str) -> None:
    strip = Strip([Segment(one), Segment(other, Style(bold=True))])
    assert gate.clean_strip(strip).cell_length == strip.cell_length


def test_a_clean_row_is_drawn_as_it_is() -> None:
    family = "👩\u200d👩\u200d👧 naïve e\u0301 नि\u200dज"
    strip = Strip([Segment(family), Segment("b", Style(color="red"))])
    assert gate.clean_strip(strip) is strip
    assert drawn(Segment(family)) == family


def test_control_segments_of_rich_are_not_drawn() -> None:
    assert drawn(Control.bell().segment, Segment("x")) == "x"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://a.example/b?c=d;e#f%20g", "https://a.example/b?c=d;e#f%20g"),
        ("HTTP://a.example/ü \x1b\\", "HTTP://a.example/%C3%BC%20%1B%5C"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("https://a.example/" + "b" * 3000, None),
    ],
)
def test_addresses(address: str, kept: str | None) -> None:
    written = drawn(Segment("x", Style(link=address)))
    found = re.findall(r"\x1b\]8;id=[^;]*;([^\x1b]+)\x1b\\", written)
    assert found == ([kept] if kept else [])
    assert "x" in written


def test_the_gate_holds_with_this_textual() -> None:
    gate.install()
    gate.install()  # for every app
    assert gate._leak() == ""


def test_where_textual_draws_in_another_way_the_workspace_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def stock(update: LayoutUpdate, console: Console) -> str:
        return "".join(segment.text for row in update.strips for strip in row for segment in strip)

    monkeypatch.setattr(LayoutUpdate, "render_segments", stock)
    with pytest.raises(LamaError, match=re.escape(__version__)) as caught:
        TerminalApp(Path("lama.log"))
    assert strangers(str(caught.value), moves="") == []
    monkeypatch.setattr(LayoutUpdate, "__init__", lambda self: None)
    with pytest.raises(LamaError, match="TypeError"):
        TerminalApp(Path("lama.log"))


async def test_what_is_said_at_the_end_is_plain_text(capfd: pytest.CaptureFixture[str]) -> None:
    app = Shows(lambda: Static("x"))
    async with app.run_test(size=(80, 24)):
        app.exit(message=f"file {NAUGHTY} sk-local-0123456789")
    said = capfd.readouterr().err
    assert "␛[6n" in said
    assert "[/nope]z [redacted]" in said
    assert strangers(said, moves="\n") == []
    app = Shows(lambda: Static("x"))
    async with app.run_test(size=(80, 24)):
        app.panic(Text(NAUGHTY), NAUGHTY)
    said = capfd.readouterr().err
    assert "[/nope]" in said
    assert strangers(said, moves="\n") == []
