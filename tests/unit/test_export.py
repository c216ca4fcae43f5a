"""A conversation as a file: whole, clean, named safely, and never in place of another without being asked."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.conversations.export import free, markdown, suggested, write
from lama_tui.conversations.messages import Conversation, Message, MessageError, Part
from lama_tui.errors import StoreError
from lama_tui.types import ConversationId, MessageId

texts = st.text(st.characters() | st.sampled_from("`~\n#<>\x1b\x07\u202e\u2066"), max_size=200)


def conversation(title: str = "Title", model: str = "a-model") -> Conversation:
    return Conversation(ConversationId(1), title, model, 1_700_000_000_000, 1_700_000_060_000)


def said(role: str, text: str, reasoning: str = "", **fields: object) -> Message:
    parts = (Part("reasoning", reasoning), Part("text", text))
    values: dict[str, object] = {
        "state": "complete",
        "created": 1_700_000_000_000,
        "model": "" if role == "user" else "m",
    }
    return Message(MessageId(1), ConversationId(1), None, role, parts=parts, **(values | fields))  # type: ignore[arg-type]


def test_all_of_it_in_order() -> None:
    written = markdown(
        conversation(),
        [
            said("user", "  indented *question*"),
            said("assistant", "answer\n", "because\n</details> no"),
            said("assistant", "half", state="failed", error=MessageError("e", "Refused", "why", "do this")),
        ],
    )
    assert written.startswith("# Title\n\n- Model: a-model\n- Begun: 2023-11-14 ")
    assert "## You · 2023-11-1" in written
    assert "\n\n  indented *question*\n\n## m · 2023-" in written
    inside = "<details>\n<summary>Reasoning</summary>\n\nbecause\n&lt;/details> no\n\n</details>\n\nanswer"
    assert inside in written
    assert "· failed\n\nhalf\n\n> Refused why do this\n" in written


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("```python\nx", "```python\nx\n```"),
        ("~~~\n```\nx", "~~~\n```\nx\n~~~"),
        ("```\nx\n```", "```\nx\n```"),
        ("````\n```\nx", "````\n```\nx\n````"),
        ("not `` open", "not `` open"),
        ("```a`b", "```a`b"),
    ],
)
def test_a_block_that_is_left_open_does_not_swallow_what_follows(text: str, closed: str) -> None:
    written = markdown(conversation(), [said("assistant", text), said("user", "next")])
    assert f"\n\n{closed}\n\n## You" in written


@given(texts, texts, texts, texts)
def test_nothing_in_it_controls_a_terminal(title: str, model: str, text: str, reasoning: str) -> None:
    written = markdown(conversation(title, model), [said("user", text), said("assistant", text, reasoning)])
    for character in written:
        code = ord(character)
        assert character == "\n" or character == "\t" or not (code < 0x20 or 0x7F <= code < 0xA0)
        assert character not in "\u202e\u2066"
    written.encode()  # it can be written


@given(texts | st.sampled_from(["../../etc/passwd", "..", "/", "a/b\\c", "\x00", " ", "-rf", ".hidden", "漢" * 300]))
def test_a_title_becomes_a_name_in_the_folder(title: str) -> None:
    path = suggested(title, Path("/nowhere"))
    assert path.parent == Path("/nowhere")
    assert path.name.startswith("lama-") and path.suffix == ".md"
    assert len(path.name.encode()) <= 120
    assert not set(path.name) & set("/\\\0\n ")


def test_a_name_that_is_taken_is_not_suggested(tmp_path: Path) -> None:
    (tmp_path / "lama-Title.md").write_text("mine")
    (tmp_path / "lama-Title-2.md").symlink_to(tmp_path / "nowhere")
    assert suggested("Title", tmp_path) == tmp_path / "lama-Title-3.md"
    assert free(tmp_path / "other.txt") == tmp_path / "other.txt"


def test_it_is_written_for_its_owner_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    write(path, "first\n")
    assert path.read_text() == "first\n"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write(path, "second\n")
    assert path.read_text() == "first\n"
    write(path, "third\n", replace=True)
    assert path.read_text() == "third\n"
    assert list(tmp_path.iterdir()) == [path]


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    cases = {
        tmp_path / "none" / "a.md": "Choose a folder that is there.",
        tmp_path / "file" / "a.md": "Choose a folder that is there.",
        tmp_path: "this is a folder",
        tmp_path / ("x" * 300): "Choose a shorter name.",
        tmp_path / "a\0b": "Choose another place.",
    }
    for path, hint in cases.items():
        for replace in (False, True):
            with pytest.raises(StoreError) as caught:
                write(path, "text", replace=replace)
            assert hint in caught.value.hint
            assert "\0" not in caught.value.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="not written"):
        write(tmp_path / "a.md", "text")
    tmp_path.chmod(0o700)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_nothing_half_written(small_disk: Path) -> None:
    for replace in (False, True):
        with pytest.raises(StoreError) as caught:
            write(small_disk / "a.md", "x" * 200_000, replace=replace)
        assert "Make room" in caught.value.hint
        assert list(small_disk.iterdir()) == []
    write(small_disk / "a.md", "small")
    with pytest.raises(StoreError):
        write(small_disk / "a.md", "x" * 200_000, replace=True)
    assert (small_disk / "a.md").read_text() == "small"


def test_a_disk_that_is_read_only(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError) as caught:
        write(small_disk / "a.md", "text")
    assert caught.value.hint == "Choose a folder that you can write to."
