"""Whatever happens to a conversation, the line that the eye is on stays where it is, and the cursor on a message."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from palettes import PALETTE

from lama_tui.conversations.messages import Message, Part
from lama_tui.types import ConversationId, MessageId
from lama_tui.ui.drawn_message import DrawnMessage, KeyNames, Progress
from lama_tui.ui.transcript.column import Column
from lama_tui.ui.transcript.cursor import Cursor

KEYS = KeyNames()
HEIGHT = 12


def message(number: int, words: int, reasoning: int = 0, *, person: bool = False, code: bool = False) -> Message:
    """A message in which no two words are the same."""
    text = " ".join(f"{number}w{word}" for word in range(words))
    if code:
        text += f"\n\n```\n{number}code\n```"
    parts = [Part("text", text)]
    if reasoning:
        parts.insert(0, Part("reasoning", " ".join(f"{number}r{word}" for word in range(reasoning))))
    role = "user" if person else "assistant"
    return Message(MessageId(number), ConversationId(1), None, role, "complete", tuple(parts), 0, model="m")  # type: ignore[arg-type]


def column(messages: Sequence[Message], width: int = 40) -> Column:
    made = Column()
    made.look(width, lambda: PALETTE)
    made.replace([DrawnMessage(each, KEYS) for each in messages])
    return made


def text_of(shown: Column, line: int) -> str:
    index, within = shown.at(line)
    return "".join(segment.text for segment in shown.draw(index).lines[within])


class Reading(RuleBasedStateMachine):
    """A person who scrolls, folds and resizes while answers come."""

    @initialize(
        sizes=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 60), st.booleans()), min_size=1, max_size=8)
    )
    def begin(self, sizes: list[tuple[int, int, bool]]) -> None:
        self.count = len(sizes)
        self.column = column(
            [
                message(n, words, reasoning, person=n % 2 == 1, code=code)
                for n, (words, reasoning, code) in enumerate(sizes)
            ]
        )
        self.cursor = Cursor(self.column)
        self.top = self.column.settle(None, HEIGHT)
        self.moved()

    def moved(self) -> None:
        """The eye is on another line now."""
        self.expected = text_of(self.column, self.top)

    def settle_at(self, top: int) -> None:
        self.top = self.column.settle(self.column.hold(top), HEIGHT)
        self.cursor.stay_in_view(self.top, HEIGHT)
        self.moved()

    def keeps(self) -> None:
        """The line on top is the same; only the end of the conversation may have forbidden it."""
        at_end = self.top == max(0, self.column.height - HEIGHT)
        assert text_of(self.column, self.top) == self.expected or at_end
        self.moved()

    @rule(by=st.integers(-40, 40))
    def scroll(self, by: int) -> None:
        self.settle_at(max(0, min(self.top + by, self.column.height - HEIGHT)))

    @rule(words=st.integers(0, 80), person=st.booleans())
    def append(self, words: int, person: bool) -> None:
        held = self.column.hold(self.top)
        self.count += 1
        kept = self.column.messages
        self.column.replace([*kept, DrawnMessage(message(self.count + 100, words, person=person), KEYS)])
        self.top = self.column.settle(held, HEIGHT)
        self.cursor.settle()
        self.keeps()

    @rule(words=st.lists(st.integers(0, 60), min_size=1, max_size=4))
    def stream(self, words: list[int]) -> None:
        held = self.column.hold(self.top)
        self.count += 1
        streaming = replace(message(self.count + 100, 0), state="streaming")
        drawn = DrawnMessage(streaming, KEYS)
        self.column.replace([*self.column.messages, drawn])
        for count in sorted(words):
            text = " ".join(f"{self.count}s{word}" for word in range(count))
            drawn.advance(Progress(text, "", "writing"), self.column.width, PALETTE)
            self.column.changed(len(self.column) - 1)
            self.top = self.column.settle(held, HEIGHT)
            self.keeps()
            held = self.column.hold(self.top)

    @rule(which=st.integers(0, 30))
    def fold_another(self, which: int) -> None:
        index = which % len(self.column)
        held = self.column.hold(self.top)
        if self.column.at(self.top)[0] == index:
            return
        self.column.draw(index).toggle_fold()
        self.column.changed()
        self.top = self.column.settle(held, HEIGHT)
        self.keeps()

    @rule()
    def open_the_reasoning_above_the_text_one_reads(self) -> None:
        index, within = self.column.at(self.top)
        drawn = self.column.draw(index)
        if drawn.spot(within)[0] != "text":
            return
        held = self.column.hold(self.top)
        drawn.fold_part("fold_reasoning")
        self.column.changed()
        self.top = self.column.settle(held, HEIGHT)
        self.keeps()

    @rule()
    def show_figures(self) -> None:
        held = self.column.hold(self.top)
        if held is not None and held.part == "figures":
            return
        for drawn in self.column.messages:
            drawn.show_figures(not drawn.figures)
        self.column.changed()
        self.top = self.column.settle(held, HEIGHT)
        self.keeps()

    @rule(width=st.integers(12, 100))
    def resize(self, width: int) -> None:
        index, within = self.column.at(self.top)
        part = self.column.messages[index].spot(within)[0]
        held = self.column.hold(self.top, ink=True)
        words = self.expected.split()
        self.column.look(width, lambda: PALETTE)
        self.column.estimate()
        self.top = self.column.settle(held, HEIGHT)
        at_end = self.top == max(0, self.column.height - HEIGHT)
        if part == "text" and words and "w0" not in words[0] and not at_end:
            assert (
                self.column.messages[index].message.id == self.column.messages[self.column.at(self.top)[0]].message.id
            )
            assert words[0] in text_of(self.column, self.top)
        self.moved()

    @rule(step=st.sampled_from([-1, 1]), times=st.integers(1, 5))
    def move_cursor(self, step: int, times: int) -> None:
        for _ in range(times):
            self.cursor.step(step)

    @rule(step=st.sampled_from([-1, 1]))
    def move_to_code(self, step: int) -> None:
        held = self.column.hold(self.top)
        block = self.cursor.step_code(step)
        assert block is None or block.source.endswith("code")
        self.column.changed()
        self.top = self.column.settle(held, HEIGHT)
        self.moved()

    @rule(lines=st.integers(-50, 50))
    def range_of_lines(self, lines: int) -> None:
        held = self.column.hold(self.top)
        self.cursor.begin_range(self.top, HEIGHT)
        place = self.cursor.move_line(lines)
        self.top = self.column.settle(held, HEIGHT)
        self.keeps()
        span = self.cursor.span
        assert place is not None and span is not None
        assert span[0] <= span[1]
        assert 0 <= place.within < self.column.messages[place.index].height

    @rule(keep=st.integers(1, 8))
    def fewer(self, keep: int) -> None:
        self.column.replace(self.column.messages[:keep])
        self.cursor.settle()
        self.settle_at(min(self.top, max(0, self.column.height - HEIGHT)))

    @invariant()
    def all_is_drawn_and_counted(self) -> None:
        if not hasattr(self, "column"):
            return
        shown = self.column
        assert shown.tops == [0, *(sum(d.height for d in shown.messages[: n + 1]) for n in range(len(shown)))]
        assert 0 <= self.top <= max(0, shown.height - HEIGHT)
        for line in range(self.top, min(self.top + HEIGHT, shown.height)):
            index, within = shown.at(line)
            drawn = shown.messages[index]
            assert drawn.is_drawn(shown.width, PALETTE)
            assert within < len(drawn.lines) == drawn.height
        assert self.cursor.index is None or 0 <= self.cursor.index < len(shown)


TestReading = Reading.TestCase
TestReading.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=200), st.integers(0, 3000))
@settings(max_examples=50, deadline=None)
def test_only_what_is_near_is_drawn(words: list[int], top: int) -> None:
    shown = column([message(number, count) for number, count in enumerate(words)])
    at = shown.settle(shown.hold(min(top, shown.height)), HEIGHT)
    drawn = [index for index, each in enumerate(shown.messages) if each.is_drawn(40, PALETTE)]
    assert len(drawn) <= 3 * HEIGHT
    assert shown.at(at)[0] in drawn


def test_a_message_that_went_leaves_the_eye_on_what_stands_in_its_place() -> None:
    first = [message(1, 40), message(2, 400), message(3, 40)]
    shown = column(first)
    shown.draw(1)
    held = shown.hold(shown.settle(shown.hold(shown.line(1, 3)), HEIGHT))
    shown.replace([shown.messages[0], DrawnMessage(message(22, 400), KEYS)])
    top = shown.settle(held, HEIGHT)
    assert shown.at(top) == (1, 3)


def test_the_cursor_goes_along_with_what_is_read() -> None:
    shown = column([message(number, 100) for number in range(20)])
    cursor = Cursor(shown)
    cursor.stay_in_view(0, HEIGHT)
    assert cursor.index is None  # never moved: the last message is meant
    cursor.put(0)
    top = shown.settle(shown.hold(shown.line(10, 2)), HEIGHT)
    cursor.stay_in_view(top, HEIGHT)
    assert cursor.index == 10
    assert cursor.step(1) == 11
    cursor.put(19)
    cursor.begin_range(top, HEIGHT)
    cursor.stay_in_view(top, HEIGHT)
    assert cursor.span is not None


def test_blocks_of_code_one_after_the_other_then_none() -> None:
    source = "- item\n\n  ```python\n  one = 1\n\n  \ttwo = 2\n  ```\n\ntext\n\n> ~~~\n> three\n> ~~~\n\n    four\n"
    long = replace(message(2, 3), parts=(Part("text", source + "word\n\n" * 40),))
    shown = column([message(0, 5, person=True), message(1, 5, code=True), long])
    cursor = Cursor(shown)
    cursor.put(0)
    shown.draw(2).fold_part("fold_text")
    found = []
    while (block := cursor.step_code(1)) is not None:
        found.append(block.source)
    assert found == ["1code", "one = 1\n\n\ttwo = 2", "three", "four"]
    assert cursor.code is not None
    back = []
    while (block := cursor.step_code(-1)) is not None:
        back.append(block.source)
    assert back == ["three", "one = 1\n\n\ttwo = 2", "1code"]
    assert cursor.index == 1
