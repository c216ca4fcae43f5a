"""`lama import`: what people and scripts see of it."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from models import make_tiny_llama

from lama_tui.paths import Paths
from tests.library.gguf_files import write_gguf
from tests.library.web import serving


def test_a_folder_is_imported_and_listed(lama: Callable, paths: Paths, tmp_path: Path) -> None:
    source = make_tiny_llama(tmp_path / "Tiny")
    done = lama("import", str(source))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Tiny: 4 files, ") and "imported into" in done.out
    linked = json.loads(lama("import", str(source), "--name", "two", "--link", "--json").out)
    assert linked.keys() == {"ref", "path", "source", "revision", "size", "linked", "files"}
    assert (linked["ref"], linked["source"], linked["linked"]) == ("two", str(source), True)
    assert {len(file["sha256"]) for file in linked["files"]} == {64}
    listed = {model["ref"]: model for model in json.loads(lama("ls", "--json").out)}
    assert {"guide", "Tiny", "two"} == set(listed)
    assert lama("show", "two").code == 0
    unused = lama("import", str(write_gguf(tmp_path / "other.gguf")))
    assert unused.code == 0 and "cannot be used here: GGUF" in unused.err


def test_what_is_refused_is_one_line(lama: Callable, paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    for arguments, said in (
        (["import", str(tmp_path / "model.safetensors"), "--name", "x"], "pickle"),
        (["import", str(tmp_path / "absent")], "nothing at"),
        (["import", "http://127.0.0.1:1/x.gguf"], "--insecure-http"),
        (["import", "https://127.0.0.1:1/x.gguf", "--link"], "linked"),
        (["import", "ftp://host/x.gguf"], "https"),
        (["import", str(tmp_path), "--sha256", "123"], "64 hex digits"),
        (["import", ""], ""),
        (["import", "a\0b"], ""),
    ):
        ended = lama(*arguments)
        assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1), ended
        assert said in ended.err
    assert lama("import").code == 2
    assert not paths.models.exists() or not list(paths.models.iterdir())


COPIES_FOR_EVER = """
import sys, time
from lama_tui.cli.main import main
from lama_tui.library.importing import filling

def copy(folder, file, to, work):
    to.write_bytes(b"half of it")
    print("copying", flush=True)
    while True:
        work.advance(0, file.path)
        time.sleep(0.01)

filling.copy_file = copy
sys.exit(main(sys.argv[1:]))
"""


def test_an_interrupted_import_leaves_nothing(paths: Paths, tmp_path: Path) -> None:
    source = make_tiny_llama(tmp_path / "Tiny")
    command = [sys.executable, "-c", COPIES_FOR_EVER, "import", str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None and process.stdout.readline() == b"copying\n"
        assert list(paths.models.iterdir())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert list(paths.models.iterdir()) == []


def test_that_it_is_tried_again_is_said_without_a_terminal_too(spawn: Callable) -> None:
    with spawn("import", "https://127.0.0.1:1/x.gguf") as process:
        assert b"tried again" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_a_gguf_file_is_shown_with_what_its_header_says(lama: Callable, paths: Paths, tmp_path: Path) -> None:
    done = lama("import", str(write_gguf(tmp_path / "Some-Q4_K_M.gguf")))
    assert (done.code, done.out[:13]) == (0, "Some-Q4_K_M: ")
    shown = json.loads(lama("show", "Some-Q4_K_M", "--json").out)
    assert (shown["format"], shown["quantization"], shown["architecture"]) == ("gguf", "Q4_K_M", "llama")
    assert (shown["params"], shown["context"], shown["license"]) == (1280, 2048, "mit")
    refused = lama("show", "Some-Q4_K_M")
    assert refused.code == 1 and "MLX models only" in refused.err and "quantization" in refused.out


def test_an_address_is_a_job_of_the_queue(
    lama: Callable, spawn: Callable, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+c pauses it, the same command goes on at the byte, and what is printed is as of other sources."""
    tensors = [("w", (1024, 1024), 0)]
    data = write_gguf(tmp_path / "m.gguf", tensors=tensors, data=os.urandom(4 << 20)).read_bytes()
    with serving() as web:
        web.files["/some/Tiny-Q4.gguf"], web.hold, web.cut = data, threading.Event(), [1_000_000]
        command = ("import", web.url("/some/Tiny-Q4.gguf"), "--insecure-http", "--json")
        with spawn(*command) as process:
            while sum(part.stat().st_size for part in paths.models.glob(".import-*/part")) < 1_000_000:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stdout.read() == b"" and b"goes on, and so does the workspace" in process.stderr.read()
        web.hold.set()
        done = lama(*command)
        assert (done.code, web.asked[-1][1]) == (0, "bytes=1000000-")
        result = json.loads(done.out)
        assert result.keys() == {"ref", "path", "source", "revision", "size", "linked", "files"}
        assert (result["ref"], result["source"], result["size"]) == ("Tiny-Q4", command[1], len(data))
        assert [file["sha256"] for file in result["files"]] == [sha256(data).hexdigest()]
    assert "offline mode" in lama("import", "https://models.example.org/x.gguf").err
    monkeypatch.delenv("HF_HUB_OFFLINE")
    paths.config.mkdir(parents=True, exist_ok=True)
    (paths.config / "config.toml").write_text("[privacy]\nlocal_only = true\n")
    refused = lama("import", "https://models.example.org/x.gguf")
    assert refused.code == 1 and "models.example.org is not on this machine" in refused.err
