"""`lama search`, and `lama show` of what is only on the hub: against a real hub on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.library.hub import TestHub
from tests.models import make_tiny_llama

SHOW = {
    *("ref", "path", "revision", "format", "architecture", "params", "bits", "size", "context", "license"),
    *("verified", "signature", "fits", "files", "gated", "installed", "needs"),
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        folder = make_tiny_llama(tmp_path / "tiny", config={"torch_dtype": "float32"})
        card = "---\nlicense: mit\n---\n# Tiny \x1b[31m\n"
        files = {path.name: path for path in folder.iterdir()} | {"README.md": card}
        server.add("org/tiny", files, tags=("mlx", "license:mit", "4-bit"), downloads=2_345_678, likes=7)
        own = '{"model_file": "own.py"}'
        for number, params in enumerate((10**8, 10**12)):
            types = {"U32": params // 8, "BF16": params // 32}
            told = {"parameters": types, "total": sum(types.values())}
            server.add(
                f"org/m{number}", {"config.json": own}, tags=("mlx", "4-bit"), downloads=9 - number, likes=number,
                gated="auto" if number else False, safetensors=told, modified=1_700_000_000_000,
            )  # fmt: skip
        yield server


def test_search_lists_what_the_hub_finds(lama: Callable, hub: TestHub) -> None:
    lines = lama("search").out.splitlines()
    assert " ".join(lines[0].split()) == "MODEL FORMAT PARAMS BITS SIZE DOWNLOADS LIKES CHANGED ACCESS FITS"
    assert lines[1].split()[:2] == ["org/tiny", "mlx"] and "2.3M" in lines[1]
    assert lines[2].startswith("org/m0") and lines[2].endswith("yes")
    assert "gated" in lines[3] and lines[3].endswith("no")
    at = lines[0].index("LIKES") + len("LIKES")
    assert [line[at - 1] for line in lines[1:]] == ["7", "0", "1"]
    assert lama("search", "m1", "org").out.splitlines()[1].startswith("org/m1")
    assert [line.split()[0] for line in lama("search", "--sort", "fit").out.splitlines()[1:]] == [
        "org/m0", "org/tiny", "org/m1",
    ]  # fmt: skip
    assert len(lama("search", "--limit", "1").out.splitlines()) == 2
    none = lama("search", "zebra")
    assert (none.code, none.out) == (0, "") and "no model like that" in none.err


def test_search_json_is_one_array(lama: Callable, hub: TestHub) -> None:
    listed = json.loads(lama("search", "--json", "--bits", "4", "--largest", "2GiB").out)
    assert [model["ref"] for model in listed] == ["org/m0"]
    assert listed[0] | {"revision": None} == {
        "ref": "org/m0", "revision": None, "format": "mlx", "params": 10**8, "bits": 4, "size": 56_250_000,
        "license": None, "downloads": 9, "likes": 0, "modified": 1_700_000_000_000, "gated": False, "private": False,
        "fits": True,
    }  # fmt: skip
    assert json.loads(lama("search", "zebra", "--json").out) == []


def test_what_to_begin_with(lama: Callable, hub: TestHub) -> None:
    for repo in hub.repos.values():
        repo.facts["tags"].append("conversational")
    shown = lama("search", "--recommend").out.splitlines()
    assert shown[1].split()[0] == "org/m0" and "the most downloaded" in shown[1]
    assert shown[-1] == "Get it with: lama pull org/m0"
    listed = json.loads(lama("search", "--recommend", "--json").out)
    assert [(one["ref"], one["tok_s"], one["fits"]) for one in listed][:1] == [("org/m0", None, True)]


@pytest.mark.parametrize("words", [("--bits", "x"), ("--largest", "huge"), ("--limit", "0"), ("--sort", "name")])
def test_bad_usage(lama: Callable, words: tuple[str, ...]) -> None:
    ended = lama("search", *words)
    assert ended.code == 2 and words[0] in ended.err


def test_what_the_hub_refuses_is_one_line(lama: Callable, hub: TestHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.trouble("/api/models", status=429, headers={"Retry-After": "12"})
    ended = lama("search")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "Try again in 12 s" in ended.err
    hub.behave()
    asked = len(hub.log)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = lama("search")
    assert offline.code == 1 and "offline mode" in offline.err
    assert "is not on this machine" in lama("show", "org/tiny").err
    assert len(hub.log) == asked


def test_show_of_what_is_only_on_the_hub(lama: Callable, hub: TestHub) -> None:
    shown = json.loads(lama("show", "org/tiny", "--json").out)
    assert shown.keys() >= SHOW
    assert (shown["ref"], shown["path"], shown["installed"]) == ("org/tiny", None, False)
    assert (shown["architecture"], shown["context"], shown["license"], shown["fits"]) == ("llama", 4096, "mit", True)
    files = hub.repos["org/tiny"].files
    assert {file["path"]: file["hash"] for file in shown["files"]} == {path: file.etag for path, file in files.items()}
    assert shown["size"] == sum(file.size for file in files.values())
    assert shown["needs"] == [{"context": 4096, "size": shown["needs"][0]["size"], "fits": True}]
    text = lama("show", "org/tiny").out
    assert "asks before it runs" not in text and "asks before it runs" in lama("show", "org/m0").out
    assert "here          no, only on the hub\n" in text and "at 4,096 tokens\n" in text
    assert "model.safetensors" in text
    assert lama("show", "org/tiny", "--card").out == "# Tiny ␛[31m\n"
    missing = lama("show", "org/none")
    assert (missing.code, missing.out) == (1, "") and "org/none is not on the hub" in missing.err


def test_the_card_of_a_model_here_needs_no_hub(lama: Callable, tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "own")
    none = lama("show", str(folder), "--card")
    assert none.code == 1 and "no model card" in none.err
    (folder / "README.md").write_text("# Own\n", encoding="utf-8")
    assert lama("show", str(folder), "--card").out == "# Own\n"


def test_searching_imports_no_screen_and_no_http_library_of_others(hub: TestHub) -> None:
    program = (
        "import sys; from lama_tui.cli.main import main; main(['search', '--json']);"
        "print([name for name in ('textual', 'httpx', 'huggingface_hub', 'mlx') if name in sys.modules],"
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ))
    assert len(json.loads(done.stdout)) == 3
    assert done.stderr.strip() == "[]"


def test_ctrl_c_while_the_hub_is_silent(hub: TestHub, spawn: Callable) -> None:
    hub.trouble("/api/models", seconds=600)
    process = spawn("search")
    try:
        until = time.monotonic() + 60
        while not hub.asked():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (130, b"", b"")
    finally:
        process.kill()


def test_under_local_only_nobody_is_asked(lama: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    monkeypatch.setenv("LAMA_LOCAL_ONLY", "1")
    assert "hub.invalid is not on this machine, and nothing was sent" in lama("search").err
    assert "org/none is not on this machine" in lama("show", "org/none").err


def test_the_quantizations_of_a_gguf_repo(lama: Callable, hub: TestHub) -> None:
    names = ("m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf",
             "m-F16-00001-of-00002.gguf")  # fmt: skip
    files = {name: b"GGUF" + bytes([at]) * (at + 1) for at, name in enumerate(names)}
    hub.add("org/m-GGUF", files, tags=("gguf",))
    lines = lama("show", "org/m-GGUF").out.splitlines()
    table = [" ".join(line.split()) for line in lines[lines.index("") + 1 :]]
    assert table[:5] == [
        "QUANTIZATION BITS SIZE FITS NOTE", "Q2_K 2 5 B yes –", "Q4_K_M 4 6 B yes by default",
        "F16 16 9 B – 1 of 2 files missing", "Q8_0 8 15 B yes –",
    ]  # fmt: skip
    told = json.loads(lama("show", "org/m-GGUF", "--json").out)
    assert [one["name"] for one in told["quantizations"] if one["default"]] == ["Q4_K_M"] and told["weights"] == 6
    assert told["quantizations"][-1]["files"] == [*names[2:4]]

    pulled = lama("pull", "org/m-GGUF")
    assert "Q4_K_M (6 B) is fetched, the usual one of 3 quantizations" in pulled.err
    assert "--file fetches another: Q2_K (5 B), Q8_0 (15 B)." in pulled.err
    weights = {path.name for path in (Path(os.environ["HF_HOME"]) / "hub").rglob("snapshots/*/*.gguf")}
    assert weights == {"m-Q4_K_M.gguf"}  # what the browser takes by default too: both ask `plan.choose`
    named = lama("pull", "org/m-GGUF", "--file", "*Q2_K*")
    assert named.code == 0 and "is fetched" not in named.err
    assert "is fetched" not in lama("pull", "org/tiny").err
