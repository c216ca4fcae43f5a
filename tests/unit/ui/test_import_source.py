"""What is said of a source while it is typed, before anything is imported."""

import pickle
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import make_tiny_llama

from lama_tui.ui.screens.models.import_source import (
    Seen,
    check_hash,
    check_name,
    completions,
    is_address,
    look,
    source_of,
)
from tests.library.gguf_files import write_gguf


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with models in it, and things that are none."""
    monkeypatch.setenv("HOME", str(tmp_path))
    make_tiny_llama(tmp_path / "models" / "tiny")
    write_gguf(tmp_path / "models" / "quantized.Q4_K.gguf")
    (tmp_path / "models" / "notes.txt").write_text("words")
    (tmp_path / "models" / ".hidden").mkdir()
    (tmp_path / "a b").mkdir()
    shutil.make_archive(str(tmp_path / "models" / "packed"), "zip", tmp_path / "models" / "tiny")
    return tmp_path


def seen(text: str, here: Path) -> Seen:
    return look(text, here / "lama" / "models")


def test_each_kind_of_source_is_told_with_the_ways_that_it_may_come(here: Path) -> None:
    assert seen("~/models/tiny/", here) == Seen("copy", "A folder with a model in it.", name="tiny")
    assert seen("models/tiny", here).way == "copy"  # from the home, where nothing else is said
    gguf = seen(f" '{here}/models/quantized.Q4_K.gguf' ", here)
    assert (gguf.way, gguf.name) == ("copy", "quantized.Q4_K")
    assert "GGUF file of" in gguf.about
    assert (
        source_of(f"{here}/a\\ b/x\\'s.gguf ") == source_of(f"file://{here}/a%20b/x's.gguf") == f"{here}/a b/x's.gguf"
    )
    assert seen("models/packed.zip", here).way == "unpack"
    assert seen("models", here).way == "copy"  # with GGUF files in it
    assert seen("https://host/models/some.gguf?x=1", here).name == "some"
    assert seen("http://host/some.gguf", here).way == "http"
    assert seen("   ", here).way == ""
    assert not seen("", here).problem


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("models/no", "There is nothing at"),
        ("models/pa", "packed.zip"),  # which begins so
        ("models/notes.txt", "no model"),
        ("models/bad.gguf", "pickle"),
        ("a b", "There is no model in this folder"),
        ("models/tiny/model.safetensors", "Weights alone are no model"),
        ("ftp://host/file.gguf", "Only https"),
        ("https://user:secret@host/file.gguf", "no address"),
        ("https://[", "no address"),
        ("lama/models/mine", "among lama's own"),
        ("/dev/null", "a device"),
        ("a\0b", "There is nothing at"),
        ("\ud800", "There is nothing at"),
        ("x" * 4000, "too long"),
    ],
)
def test_what_is_wrong_is_said_in_words(here: Path, source: str, said: str) -> None:
    (here / "models" / "bad.gguf").write_bytes(pickle.dumps({"run": print}))
    make_tiny_llama(here / "lama" / "models" / "mine")
    found = seen(source, here)
    assert said in found.problem
    assert not found.way
    assert "--" not in found.problem
    assert "secret" not in found.problem


def test_names_and_hashes_are_checked(here: Path) -> None:
    (here / "Taken").mkdir()
    assert check_name("a/b", here)
    assert "already" in check_name("taken", here)
    assert check_name("other", here) == ""
    assert check_hash("f" * 64, "https", "https://host/x") == ""
    assert "64" in check_hash("f" * 63, "https", "https://host/x")
    assert "folder" in check_hash("f" * 64, "copy", str(here))


def test_a_path_goes_on_as_the_disk_says(here: Path) -> None:
    assert completions("~/mod") == ["models/"]
    assert completions("~/models/") == ["packed.zip", "quantized.Q4_K.gguf", "tiny/"]
    assert completions(f"{here}/models/t") == ["tiny/"]
    assert completions("models/.h") == [".hidden/"]
    assert completions("a ") == ["a b/"]
    assert completions("~/models/tiny/") == ()  # a model itself: what is in it is not asked for
    assert completions("https://host/mod") == ()
    assert completions("/no/such/place/x") == ()
    assert completions("") == ()


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=60) | st.from_regex(r"(~|\.|/|[a-z]+:/)[/.~\x00-\x20a-z\[\]:@%]*", fullmatch=True))
def test_whatever_is_typed_is_answered(text: str) -> None:
    found = look(text, Path("/nowhere/models"))
    assert (found.way == "") or not found.problem
    completions(text)
    assert is_address(text) or not source_of(text) or source_of(text).startswith("/")
