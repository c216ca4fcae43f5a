"""The files of remembered prompts: whole or not used, bounded, forgotten with their conversation."""

import json
import os
from array import array
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.engine.prompt_files import TOKENS, GivenUp, PromptFiles, packed, unpacked


def holding(tokens: list[int], data: bytes = b"kv" * 50) -> Callable[[RawIOBase], None]:
    """Writes a file as mlx-lm lays it out: a header with our metadata first, then arrays."""

    def write(file: RawIOBase) -> None:
        header = json.dumps({"__metadata__": {f"0.{TOKENS}": packed(tokens), "1.0": "KVCache"}}).encode()
        file.write(len(header).to_bytes(8, "little") + header + data)

    return write


@pytest.fixture
def files(tmp_path: Path) -> PromptFiles:
    return PromptFiles(tmp_path / "prompts", 10_000)


def paths(files: PromptFiles) -> list[Path]:
    return sorted(path for path in files._folder.rglob("*") if path.is_file())


@given(st.lists(st.integers(0, 2**32 - 1)))
def test_tokens_are_read_as_they_were_written(tokens: list[int]) -> None:
    assert unpacked(packed(tokens)) == array("I", tokens)


def test_what_is_written_is_found_by_another_instance(files: PromptFiles) -> None:
    assert files.add("k", 7, 100, holding([1, 2, 3]))
    (found,) = PromptFiles(files._folder, 10_000).of("k")
    assert (found.conversation, list(found.tokens)) == (7, [1, 2, 3])
    assert files.is_whole(found) and not files.of("other")
    assert not any(path.stat().st_mode & 0o077 for path in (found.path, found.path.parent, files._folder))


def test_a_conversation_has_one_file(files: PromptFiles) -> None:
    files.add("k", 7, 100, holding([1]))
    files.add("k", 7, 100, holding([1, 2]))
    files.add("k", 8, 100, holding([1, 2, 3]))
    assert [list(file.tokens) for file in files.of("k")] == [[1, 2], [1, 2, 3]]


@pytest.mark.parametrize("at", [0, 9, 60, -1])
def test_a_flipped_byte_is_not_used_and_removed(files: PromptFiles, at: int) -> None:
    files.add("k", 7, 100, holding([1, 2, 3]))
    (path,) = paths(files)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert not any(files.is_whole(file) for file in PromptFiles(files._folder, 10_000).of("k"))
    assert not paths(files)


@pytest.mark.parametrize("data", [b"", b"\0" * 8, b"\xff" * 100, b"\2\0\0\0\0\0\0\0{}", b"\4\0\0\0\0\0\0\0null"])
def test_garbage_is_not_used_and_removed(files: PromptFiles, data: bytes) -> None:
    folder = files._folder / "k"
    folder.mkdir(parents=True)
    (folder / f"7-{'0' * 32}.safetensors").write_bytes(data)
    assert not files.of("k") and not paths(files)


def test_what_is_not_ours_stays(files: PromptFiles) -> None:
    folder = files._folder / "k"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    assert not files.of("k")
    files.forget(7)
    files.bound()
    assert (folder / "notes.txt").exists()


def test_the_oldest_makes_room(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, 700)
    for number in (1, 2, 3):
        files.add("k", number, 200, holding([number], bytes(100)))
        for path in paths(files):
            os.utime(path, ns=(number * 10**9, number * 10**9)) if path.name.startswith(f"{number}-") else None
    assert files.is_whole(next(file for file in files.of("k") if file.conversation == 1))  # used: the newest now
    files.add("k", 4, 200, holding([4], bytes(100)))
    kept = {file.conversation for file in files.of("k")}
    assert 4 in kept and 1 in kept and 2 not in kept
    assert sum(path.stat().st_size for path in paths(files)) <= 700
    assert not files.add("k", 5, 701, holding([5]))


def test_forgetting_a_conversation_forgets_it_of_every_model(files: PromptFiles) -> None:
    for key in ("k", "l"):
        files.add(key, 7, 100, holding([1]))
        files.add(key, 77, 100, holding([2]))
    files.forget(7)
    assert [file.conversation for key in ("k", "l") for file in files.of(key)] == [77, 77]


def test_what_is_wiped_is_overwritten_first(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path / "prompts", 10_000, wipe=True)
    files.add("k", 7, 100, holding([1], b"secret" * 20))
    (path,) = paths(files)
    os.link(path, tmp_path / "same")  # what is in the file, whatever its name
    files.forget(7)
    assert not path.exists() and set((tmp_path / "same").read_bytes()) == {0}


def test_what_was_never_finished_goes_with_its_conversation(files: PromptFiles) -> None:
    def killed(file: RawIOBase) -> None:
        holding([1])(file)
        raise KeyboardInterrupt  # passes, as death does

    for conversation in (7, 77):
        with pytest.raises(KeyboardInterrupt):
            files.add("k", conversation, 100, killed)
    assert len(paths(files)) == 2
    PromptFiles(files._folder, 10_000).forget(7)
    (left,) = paths(files)
    assert left.name.startswith(".77-")


def test_what_a_process_that_is_gone_did_not_finish_takes_no_room(files: PromptFiles) -> None:
    files.add("k", 7, 100, holding([1]))
    for pid in (os.getpid(), 2**22 + 1):  # more than Linux and macOS count to
        (files._folder / "k" / f".7-{pid}-1.safetensors").write_bytes(b"half")
    files.bound()
    assert [path.name.split("-")[1] for path in paths(files) if path.name[0] == "."] == [str(os.getpid())]


def test_what_is_given_up_leaves_all_as_it_was(files: PromptFiles) -> None:
    files.add("k", 7, 100, holding([1]))
    before = paths(files)
    with pytest.raises(GivenUp):
        files.add("k", 7, 100, holding([1, 2]), lambda: True)
    (found,) = files.of("k")
    with pytest.raises(GivenUp):
        files.is_whole(found, lambda: True)
    assert paths(files) == before and files.is_whole(found)


def test_a_disk_that_refuses_keeps_what_was_there(files: PromptFiles) -> None:
    files.add("k", 7, 100, holding([1]))

    def full(file: RawIOBase) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    assert not files.add("k", 7, 100, full)
    assert [list(file.tokens) for file in files.of("k")] == [[1]] and len(paths(files)) == 1
