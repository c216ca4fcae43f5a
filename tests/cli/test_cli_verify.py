"""`lama verify`: a line a level, JSON, exit codes; the model really answers."""

import json
import os
from collections.abc import Callable

import pytest

from lama_tui.library.hub_cache import hub_cache_folder
from lama_tui.paths import Paths
from tests.library.cache_layout import repo_folder
from tests.library.cached import COMMIT, lay_in_cache
from tests.library.gguf_files import write_gguf
from tests.models import make_tiny_llama


def test_each_level_has_its_line_and_what_fails_exits_1(lama: Callable, paths: Paths) -> None:
    snapshot = lay_in_cache("org/tiny", make_tiny_llama(paths.cache / "made"))
    ended = lama("verify", "org/tiny")
    assert (ended.code, ended.err) == (0, "")
    first, *levels = ended.out.splitlines()
    assert first == f"org/tiny {COMMIT[:12]}"
    assert [line.split()[:2] for line in levels if not line.lstrip().startswith(("→", "config", "model", "token"))] == [
        *(["complete", "ok"], ["hashes", "unknown"], ["supported", "ok"]),
        *(["generates", "unknown"], ["benchmarked", "unknown"]),
    ]
    assert "lama verify org/tiny --deep" in ended.out
    os.truncate((snapshot / "model.safetensors").resolve(), 3000)
    ended = lama("verify", "org/tiny")
    assert ended.code == 1 and ended.err.startswith("lama: org/tiny is not right: complete failed")
    assert ended.err.count("\n") == 1 and "lama pull org/tiny" in ended.err


def test_all_models_are_verified_without_a_reference(lama: Callable, paths: Paths) -> None:
    make_tiny_llama(paths.models / "fine")
    (make_tiny_llama(paths.models / "bro\x1b[2Jken") / "model.safetensors").write_bytes(b"\x1b]52;c;x\x07")
    ended = lama("verify", "--json")
    assert ended.code == 1 and "1 of 3 models are not right" in ended.err
    found = {model["ref"]: model for model in json.loads(ended.out)}
    assert found.keys() == {"guide", "fine", "bro\x1b[2Jken"}
    assert found["guide"]["ok"] and found["fine"]["ok"] and not found["bro\x1b[2Jken"]["ok"]
    broken = found["bro\x1b[2Jken"]["levels"][0]
    assert (broken["level"], broken["status"]) == ("complete", "failed")
    assert broken["differences"] == [{"path": "model.safetensors", "what": "is cut short"}] and broken["at"] > 0
    assert "\x1b" not in lama("verify").out + ended.err


def test_one_model_is_one_object_and_none_is_an_error(lama: Callable) -> None:
    shown = json.loads(lama("verify", "guide", "--json").out)
    assert shown.keys() >= {"ref", "revision", "path", "ok", "levels"} and shown["revision"] is None
    ended = lama("verify", "org/none")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)


@pytest.mark.slow
def test_deep_lets_the_model_answer_and_frees_its_memory(lama: Callable, paths: Paths) -> None:
    pytest.importorskip("mlx.core")
    lay_in_cache("org/tiny", make_tiny_llama(paths.cache / "made"))
    ended = lama("verify", "org/tiny", "--deep")
    assert ended.code == 0
    lines = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()[1:] if line.startswith("  ")}
    assert lines["hashes"][0] == lines["generates"][0] == "ok"
    assert "tokens" in " ".join(lines["generates"])
    # it is remembered
    again = {level["level"]: level for level in json.loads(lama("verify", "org/tiny", "--json").out)["levels"]}
    assert again["generates"]["status"] == again["hashes"]["status"] == "ok"
    # weights that a header makes look right, and a config that is of another model
    config = paths.models / "other" / "config.json"
    make_tiny_llama(paths.models / "other")
    config.write_text(config.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 7'))
    ended = lama("verify", "other", "--deep", "--json")
    levels = {level["level"]: level for level in json.loads(ended.out)["levels"]}
    assert ended.code == 1 and levels["supported"]["status"] == "ok" and levels["generates"]["status"] == "failed"
    assert "do not describe the same model" in levels["generates"]["detail"]


def test_a_download_that_was_begun_is_no_failure_unless_it_is_named(lama: Callable, paths: Paths) -> None:
    blobs = repo_folder(hub_cache_folder(), "org/begun") / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "a.incomplete").write_bytes(b"x" * 70)
    ended = lama("verify")
    assert (ended.code, ended.err) == (0, "") and "complete     unknown  Not all of it was downloaded yet" in ended.out
    begun = next(model for model in json.loads(lama("verify", "--json").out) if model["ref"] == "org/begun")
    assert begun["ok"] is None
    ended = lama("verify", "org/begun")
    assert ended.code == 1 and "org/begun is not known to be complete" in ended.err and "lama pull" in ended.err


def test_a_model_of_another_kind_is_no_failure_unless_it_is_named(lama: Callable, paths: Paths) -> None:
    write_gguf(paths.models / "tiny.gguf")
    make_tiny_llama(paths.models / "reader")
    config = paths.models / "reader" / "config.json"
    config.write_text(config.read_text().replace("LlamaForCausalLM", "BertModel"))
    ended = lama("verify", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert {model["ref"]: model["ok"] for model in json.loads(ended.out)} == {
        "guide": True, "tiny.gguf": None, "reader": None,
    }  # fmt: skip
    ended = lama("verify", "tiny.gguf", "--json")
    assert ended.code == 1 and ended.err.startswith("lama: tiny.gguf is not right: supported failed")
    assert json.loads(ended.out)["ok"] is None
    with (paths.models / "tiny.gguf").open("r+b") as file:
        file.truncate(200)  # what is damaged is wrong, of whatever kind it is
    ended = lama("verify", "--json")
    assert ended.code == 1 and ended.err.startswith("lama: 1 of 3 models are not right. tiny.gguf")
    assert next(model for model in json.loads(ended.out) if model["ref"] == "tiny.gguf")["ok"] is False
