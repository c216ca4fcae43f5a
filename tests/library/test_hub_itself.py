"""The test hub against the hub's own client: what that client takes for a hub, other tests may take for one."""

import hashlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.library.hub import TestHub
from tests.models import make_tiny_llama

CLIENT = """
import json, sys
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
endpoint, cache = sys.argv[1:]
api = HfApi(endpoint=endpoint)
told = {}
told["listed"] = [model.id for model in api.list_models(filter="mlx", sort="downloads")]
told["searched"] = [model.id for model in api.list_models(search="tiny other", author="org", full=True)]
info = api.model_info("org/tiny", files_metadata=True)
told["files"] = {file.rfilename: [file.size, file.lfs.sha256 if file.lfs else file.blob_id] for file in info.siblings}
folder = snapshot_download("org/tiny", endpoint=endpoint, cache_dir=cache)
told["commit"] = [info.sha, folder.rpartition("/")[2]]
verified = api.verify_repo_checksums("org/tiny", cache_dir=cache)
told["verified"] = [verified.checked_count, len(verified.mismatches), len(verified.missing_paths)]
told["old"] = snapshot_download("org/tiny", revision="v0", endpoint=endpoint, cache_dir=cache).rpartition("/")[2]
told["tree"] = sum(1 for _ in api.list_repo_tree("org/many", recursive=True))
told["errors"] = []
for repo, revision in (("org/gated", "main"), ("org/none", "main"), ("org/tiny", "nope")):
    try:
        snapshot_download(repo, revision=revision, endpoint=endpoint, cache_dir=cache)
    except Exception as error:
        told["errors"].append(type(error).__name__)
print(json.dumps(told))
"""


def test_the_hubs_own_client_works_with_it(tmp_path: Path) -> None:
    with TestHub(cdn=True, page=3) as hub:
        old = hub.add("org/tiny", {"config.json": "{}"}, branch="v0")
        model = make_tiny_llama(tmp_path / "model")
        (model / "README.md").write_text("---\nlicense: mit\n---\n# Tiny ✓\n", encoding="utf-8")
        commit = hub.add("org/tiny", model, tags=("mlx",), downloads=5)
        for number in range(7):
            hub.add(f"org/tiny-other-{number}", {"a/b.txt": "b"}, tags=("mlx", "text-generation"), downloads=number)
        hub.add("org/many", {f"{number % 5}/{number}.txt": str(number) for number in range(20)})
        hub.add("org/gated", {"config.json": "{}"}, gated="auto")
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, hub.endpoint, str(tmp_path / "cache")],
            env={**os.environ, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
    assert len(told["listed"]) == 8
    assert told["listed"][0] == "org/tiny-other-6"
    assert set(told["listed"][1:3]) == {"org/tiny", "org/tiny-other-5"}  # both have five downloads
    assert len(told["searched"]) == 7
    weights = (model / "model.safetensors").read_bytes()
    assert told["files"]["model.safetensors"] == [len(weights), hashlib.sha256(weights).hexdigest()]
    config = (model / "config.json").read_bytes()
    assert told["files"]["config.json"] == [len(config), hashlib.sha1(b"blob %d\0" % len(config) + config).hexdigest()]
    assert told["commit"] == [commit, commit]
    assert told["verified"] == [len(told["files"]), 0, 0]
    assert told["old"] == old
    assert told["tree"] == 20
    assert told["errors"] == ["GatedRepoError", "RepositoryNotFoundError", "RevisionNotFoundError"]


def test_its_troubles_are_real(tmp_path: Path) -> None:
    big = tmp_path / "big.gguf"
    big.write_bytes(bytes(range(256)) * 1024)
    with TestHub() as hub:
        hub.add("o/m", {"big.gguf": big, "small.txt": b"0123456789"})
        small, large = f"{hub.endpoint}/o/m/resolve/main/small.txt", f"{hub.endpoint}/o/m/resolve/main/big.gguf"

        def read(url: str, **headers: str) -> tuple[int, bytes]:
            request = urllib.request.Request(url, headers={key.replace("_", "-"): headers[key] for key in headers})
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()

        assert read(small, Range="bytes=3-") == (206, b"3456789")
        assert read(small, Range="bytes=3-4") == (206, b"34")
        assert read(small, Range="bytes=10-")[0] == 416
        assert read(small, Range="bytes=3-", If_Range='"other"') == (200, b"0123456789")
        assert read(large, Range="bytes=255-256") == (206, b"\xff\x00")
        assert hub.asked("GET", "small")[0].range == "bytes=3-"
        hub.trouble("small", status=503, times=2)
        assert [read(small)[0] for _ in range(3)] == [503, 503, 200]
        hub.trouble("small", flip=2, times=1)
        assert read(small)[1] == b"013" + b"3456789"
        hub.trouble("small", short=4, times=1)
        assert read(small)[1] == b"012345"
        hub.behave()
        hub.trouble("big", cut=1000, times=1)
        with pytest.raises(Exception, match="IncompleteRead"):
            read(large)
        hub.trouble("big", hang_up=True, times=1)
        with pytest.raises(OSError, match=r"closed|reset"):
            read(large)
        hub.behave()
        assert read(large)[1] == big.read_bytes()
