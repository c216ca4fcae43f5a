"""Server-sent events out of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.errors import ProviderError
from lama_tui.providers.sse import LARGEST, EventReader, ServerEvent

# fmt: off
FRAGMENTS = [
    b"data: a", b"data:", b"data", b"\n", b"\r", b"\r\n", b": keepalive 3/9", b"event: error", b"id: 1",
    b"\xff", "é\u2028".encode(), b"\xef\xbb\xbf", b"\xe2\x82", b"\x00",
]
# fmt: on
BYTES = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(FRAGMENTS),
        max_size=30,
    ).map(b"".join),
)


def read(*pieces: bytes) -> list[ServerEvent]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)]


@given(BYTES, st.data())
def test_any_chunking_gives_the_same_events(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(*chunks) == read(stream)
    assert read(*[stream[i : i + 1] for i in range(len(stream))]) == read(stream)


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1))
def test_lines_of_data_come_back(lines: list[str]) -> None:
    for end in ("\n", "\r", "\r\n"):
        stream = "".join(f"data: {line}{end}" for line in lines) + end
        assert read(stream.encode()) == [ServerEvent("\n".join(lines))]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b": keepalive 1/2\n\n", []),
        (b"data: a\n\ndata: b\n\n", [ServerEvent("a"), ServerEvent("b")]),
        (b"data: a\r\n\r\ndata: b\r\r", [ServerEvent("a"), ServerEvent("b")]),
        (b"data:  two spaces\n\n", [ServerEvent(" two spaces")]),
        (b"data\n\n", [ServerEvent("")]),
        (b"event: error\ndata: x\n\ndata: y\n\n", [ServerEvent("x", "error"), ServerEvent("y")]),
        (b"event: nothing\n\n", []),
        (b"data: cut\n", []),
        (b"data: cut", []),
        (b"\xef\xbb\xbfdata: after a mark\n\n", [ServerEvent("after a mark")]),
        (b"garbage\xff\xfe\x00\ndata: a\n\n", [ServerEvent("a")]),
        (b"data: \xff\n\n", [ServerEvent("\ufffd")]),
        ("data: a\u2028b\x85c\x0bd\n\n".encode(), [ServerEvent("a\u2028b\x85c\x0bd")]),
    ],
)
def test_examples(stream: bytes, events: list[ServerEvent]) -> None:
    assert read(stream) == events


def test_a_line_without_end_is_refused() -> None:
    reader = EventReader()
    with pytest.raises(ProviderError, match="too large"):
        for _ in range(LARGEST // 65_536 + 2):
            reader.feed(b"x" * 65_536)


def test_an_event_without_end_is_refused() -> None:
    reader = EventReader()
    line = b"data: " + b"x" * 65_536 + b"\n"
    with pytest.raises(ProviderError, match="too large"):
        for _ in range(LARGEST // 65_536 + 2):
            reader.feed(line)
