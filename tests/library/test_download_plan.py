"""Which files of a repo are fetched."""

import pytest

from lama_tui.errors import AuthError, ConnectionLost, DownloadError, ModelFormatError
from lama_tui.library.downloads.plan import choose
from lama_tui.library.downloads.retry import Backoff
from lama_tui.library.hub.refusal import HubTrouble
from lama_tui.library.hub.values import HubFile


def files(*paths: str) -> list[HubFile]:
    return [HubFile(path, 100 + len(path), "sha256", f"{number:064d}") for number, path in enumerate(paths)]


def chosen(*paths: str, patterns: tuple[str, ...] = ()) -> list[str]:
    return [file.path for file in choose(files(*paths), patterns)]


def test_an_mlx_model_without_weights_in_other_formats():
    ours = ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "README.md",
            "tokenizer.model", "model.safetensors.index.json", "chat_template.jinja", "assets/logo.png"]  # fmt: skip
    others = ["pytorch_model.bin", "original/consolidated.00.pth", "model.onnx", "onnx/model.json", "tf_model.h5",
              "consolidated.safetensors", "flax_model.msgpack", "model.Q4_0.gguf"]  # fmt: skip
    assert chosen(*ours, *others) == ours
    assert chosen("config.json", "consolidated.safetensors") == ["config.json", "consolidated.safetensors"]


def test_one_file_of_a_gguf_repo_with_all_its_shards():
    usual = ["config.json", "README.md"]
    kinds = ["m.Q2_K.gguf", "m.Q4_K_M.gguf", "m.Q8_0.gguf", "mmproj-m.gguf"]
    assert chosen(*usual, *kinds) == [*usual, "m.Q4_K_M.gguf"]
    shards = ["m.Q8_0-00001-of-00002.gguf", "m.Q8_0-00002-of-00002.gguf"]
    assert chosen(*usual, *shards) == [*usual, *shards]
    assert chosen(*usual, "odd.gguf", "odder.gguf") == [*usual, "odd.gguf"]  # the smallest of unknown kinds


def test_patterns_choose_and_say_what_there_is():
    assert chosen("config.json", "m.Q2_K.gguf", "m.Q8_0.gguf", patterns=("*Q2*", "*.json")) == [
        "config.json",
        "m.Q2_K.gguf",
    ]
    with pytest.raises(DownloadError, match=r"It has config\.json"):
        chosen("config.json", patterns=("*.gguf",))


def test_only_pickles_is_no_model():
    with pytest.raises(ModelFormatError, match=r"\.bin"):
        chosen("config.json", "pytorch_model.bin")


def test_what_is_tried_again_and_when():
    backoff = Backoff(first=1.0, longest=8.0, tries=6)
    lost = ConnectionLost("gone")
    waits = [backoff.before(attempt, lost) for attempt in range(1, 7)]
    assert waits[5] is None
    for wait, longest in zip(waits[:5], (1, 2, 4, 8, 8), strict=True):
        assert wait is not None and longest / 2 <= wait <= longest
    assert backoff.before(1, AuthError("no")) is None
    asked = backoff.before(1, HubTrouble("wait", retry_after=30))
    assert asked is not None and 30 <= asked <= 31
