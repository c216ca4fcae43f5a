"""What is waited for, in words; which cells of a row change; what a narrow status line keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lama_tui.chat.progress import Phase, TurnProgress
from lama_tui.errors import StoreError
from lama_tui.types import ConversationId, MessageId, Usage
from lama_tui.ui.difference import changed_columns
from lama_tui.ui.waiting import Phases, Waits, doing, elapsed, shown
from lama_tui.ui.widgets.status_line import _Piece, fit


def turn(phase: Phase, done: int = 0, total: int = 0, text: str = "", message: int = 1, **more: object) -> TurnProgress:
    return TurnProgress(
        conversation=ConversationId(1),
        message=MessageId(message),
        model="org/Big-70B",
        text=text,
        reasoning="",
        phase=phase,
        done=done,
        total=total,
        usage=Usage(),
        started=0,
        unsaved=more.get("unsaved"),  # type: ignore[arg-type]
    )


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("progress", "seconds", "line", "brief"),
    [
        (turn("waiting"), 0.2, "waiting for the model · esc stops", "waiting"),
        (turn("waiting"), 3.9, "waiting for the model · esc stops · 3 s", "waiting 3 s"),
        (turn("queued", 2, 3), 4, "waiting in line, 2 of 3 · esc stops · 4 s", "in line, 2 of 3"),
        (turn("loading"), 65, "loading org/Big-70B · esc stops · 1 min 5 s", "loading 1 min 5 s"),
        (
            turn("loading", 3 * 1024**3, 4 * 1024**3),
            6,
            "loading org/Big-70B · 3.0 GiB of 4.0 GiB · 75 % · esc stops · 6 s",
            "loading 75 %",
        ),
        (
            turn("loading", 0, 4 * 1024**3),
            0,
            "loading org/Big-70B · 0 B of 4.0 GiB · 0 % · esc stops",
            "loading 0 %",
        ),
        (turn("prefill", 512, 2048), 2, "reading 512 of 2,048 tokens · 25 % · esc stops · 2 s", "reading 25 %"),
        (turn("streaming"), 12, "thinking · esc stops · 12 s", "thinking 12 s"),
        (turn("streaming", text="a"), 2.9, "writing · esc stops", "writing"),
        (turn("streaming", text="a"), 12, "writing · esc stops · nothing new for 12 s", "writing"),
        (turn("saving", text="a"), 2, "saving · 2 s", "saving 2 s"),
        (turn("saving", unsaved=StoreError("The disk is full")), 2, "not saved yet: The disk is full", "not saved yet"),
    ],
)
def test_what_an_answer_does(progress: TurnProgress, seconds: float, line: str, brief: str) -> None:
    assert shown(progress, seconds, "esc").doing == line
    longer, shorter = doing(progress, seconds, "esc")
    assert shorter == brief
    assert longer == (brief if progress.phase == "saving" else f"{brief} · esc stops")


def test_a_phase_is_timed_from_when_it_began() -> None:
    clock = Clock()
    phases = Phases(clock)
    assert phases.seconds(turn("loading")) == 0
    clock.now = 5
    assert phases.seconds(turn("loading")) == 5
    assert phases.seconds(turn("prefill", message=2)) == 0
    assert phases.seconds(turn("prefill")) == 0
    clock.now = 7
    assert phases.seconds(turn("prefill")) == 2
    assert phases.seconds(turn("prefill", message=2)) == 2


def test_an_answer_that_is_written_is_timed_from_its_last_word() -> None:
    clock = Clock()
    phases = Phases(clock)
    assert phases.seconds(turn("streaming", text="a")) == 0
    clock.now = 5
    assert phases.seconds(turn("streaming", text="a")) == 5
    assert phases.seconds(turn("streaming", text="a b")) == 0
    clock.now = 9
    assert phases.seconds(turn("streaming", text="a b")) == 4


def test_phases_of_many_answers_do_not_pile_up() -> None:
    phases = Phases(Clock())
    for message in range(1000):
        phases.seconds(turn("waiting", message=message))
    assert len(phases._since) < 100


def test_only_what_takes_long_is_told_and_the_newest_first() -> None:
    clock = Clock()
    waits = Waits(clock)
    stopped: list[str] = []
    with waits.during("opening", "esc stops", lambda: stopped.append("opening")):
        assert (waits.text, waits.stop(), bool(waits)) == ("", False, True)
        clock.now = 0.6
        assert waits.text == "opening · esc stops"
        clock.now = 2
        assert waits.text == "opening · esc stops · 2 s"
        with waits.during("stopping"):
            assert waits.text.startswith("opening")
            clock.now = 3
            assert waits.text == "stopping · 1 s"
            assert waits.stop()
        assert stopped == ["opening"]
    assert (waits.text, bool(waits), waits.stop()) == ("", False, False)


def test_a_wait_that_fails_is_over() -> None:
    waits = Waits(Clock())
    with pytest.raises(ValueError), waits.during("opening"):
        raise ValueError
    assert not waits


def test_elapsed() -> None:
    assert [elapsed(s) for s in (0, 0.99, 1, 59.9, 60, 3601)] == ["", "", "1 s", "59 s", "1 min 0 s", "60 min 1 s"]


# --- which cells change -------------------------------------------------------------------------------


def test_a_second_that_passes_changes_one_cell() -> None:
    before, after = [("◌ reading · 12 s", "muted")], [("◌ reading · 13 s", "muted")]
    assert changed_columns(before, after) == (13, 1)
    assert changed_columns(before, before) is None
    assert changed_columns([("ab", "x")], [("a", "x"), ("b", "x")]) is None
    assert changed_columns([("ab", "x")], [("a", "x"), ("b", "y")]) == (1, 1)
    assert changed_columns([("ae\u0301b", 1)], [("aeb", 1)]) == (1, 1)
    assert changed_columns([("日本x", 1)], [("日本y", 1)]) == (4, 1)


ROW = st.lists(st.tuples(st.text("ab日é ", max_size=4), st.sampled_from(["x", "y"])), max_size=5)


@given(ROW, ROW)
def test_outside_of_the_columns_nothing_changed(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    columns = changed_columns(before, after)
    if columns is None:
        assert "".join(text for text, _ in before).rstrip() == "".join(text for text, _ in after).rstrip()
        return
    start, width = columns
    assert width > 0
    longest = max(sum(cell_len(text) for text, _ in row) for row in (before, after))
    assert 0 <= start < start + width <= longest


# --- the status line ----------------------------------------------------------------------------------

PIECES = [
    _Piece(70, "", ("mlx-community/Qwen3-0.6B-4bit", "Qwen3-0.6B-4bit", "Qwen3-0.6B-4b…")),
    _Piece(10, "", ("this machine",)),
    _Piece(95, "", ("reading 25 % · esc stops", "reading 25 %")),
    _Piece(50, "", ("753/8,192 tokens", "753/8,192")),
    _Piece(40, "", ("61 tok/s",)),
    _Piece(30, "", ("TTFT 85 ms",)),
]


def text(pieces: list[_Piece], width: int) -> str:
    return "".join(part for part, _ in fit(pieces, width))


def test_a_narrow_line_keeps_what_matters() -> None:
    usual = [PIECES[0], PIECES[1], *PIECES[3:]]
    assert text(usual, 200).endswith("this machine · 753/8,192 tokens · 61 tok/s · TTFT 85 ms")
    assert text(usual, 52) == "Qwen3-0.6B-4bit · 753/8,192 · 61 tok/s · TTFT 85 ms"
    assert text(PIECES, 52) == "Qwen3-0.6B-4b… · reading 25 % · 753/8,192 · 61 tok/s"
    assert text(PIECES, 14) == "reading 25 %"
    assert text(PIECES, 5) == "read…"


@given(st.lists(st.builds(_Piece, st.integers(0, 9), st.just(""), st.tuples(st.text("ab日", min_size=1, max_size=9)))))
def test_a_line_is_never_too_long(pieces: list[_Piece]) -> None:
    for width in (1, 5, 12, 40):
        assert cell_len(text(pieces, width)) <= width or width == 1
