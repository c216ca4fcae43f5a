"""Signatures on the command line: told, demanded, and refused by the policy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from models import make_tiny_llama

from lama_tui.paths import Paths
from lama_tui.security.signatures import INSTALL, is_installed
from tests.library.hub import TestHub

installed = pytest.mark.skipif(not is_installed(), reason=f"what signs is not installed: {INSTALL}")


def configure(paths: Paths, text: str) -> None:
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text(f"[library]\n{text}\n")


def test_unsigned_models_are_refused_where_signatures_are_required(
    lama: Callable, paths: Paths, tmp_path: Path
) -> None:
    source = make_tiny_llama(tmp_path / "made")
    configure(paths, 'require_signatures = "warn"')
    done = lama("import", str(source), "--name", "tiny")
    assert (done.code, done.err.count("\n")) == (0, 1) and "tiny is not signed" in done.err
    configure(paths, 'require_signatures = "always"')
    refused = lama("import", str(source), "--name", "other")
    assert refused.code == 1 and "other is not signed" in refused.err and "require_signatures" in refused.err
    assert [entry.name for entry in paths.models.iterdir()] == ["tiny"]
    refused = lama("run", "tiny", "hello")
    assert refused.code == 1 and "tiny is not signed" in refused.err
    assert json.loads(lama("show", "tiny", "--json").out)["signature"] == "unsigned"
    configure(paths, 'trusted_identities = ["nobody"]')
    assert "trusted_identities" in lama("verify", "tiny", "--signature").err


@installed
@pytest.mark.slow
def test_signed_models_are_told_by_whom_and_loaded(lama: Callable, paths: Paths, tmp_path: Path) -> None:
    from tests.unit.test_signatures import make_keys, sign

    private, public = make_keys(tmp_path, "acme")
    _, other = make_keys(tmp_path, "other")
    model = make_tiny_llama(paths.models / "tiny")
    sign(model, private)
    told = json.loads(lama("verify", "tiny", "--key", str(public), "--json").out)
    assert (told["signature"]["verdict"], told["signature"]["by"][:10]) == ("signed", "acme (key ")
    assert lama("verify", "tiny", "--key", str(other)).code == 1
    assert lama("verify", "tiny", "--identity", "a@b.org").code == 2
    configure(paths, f'require_signatures = "always"\ntrusted_keys = ["{public}"]')
    assert lama("run", "tiny", "hello", "--max-tokens", "3").code == 0
    assert json.loads(lama("show", "tiny", "--json").out)["signature"].startswith("signed by acme")
    raw = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    refused = lama("run", "tiny", "hello", "--max-tokens", "3")
    assert refused.code == 1 and "INVALID" in refused.err
    configure(paths, f'require_signatures = "always"\ntrusted_keys = ["{other}"]')
    assert "not trusted" in lama("run", "tiny", "hello").err
    assert lama("run", "guide", "hello", "--max-tokens", "3").code == 0


@pytest.mark.slow
def test_a_pull_follows_the_policy(
    lama: Callable, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {file.name: file for file in make_tiny_llama(tmp_path / "made").iterdir()}
    with TestHub() as hub:
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.add("org/tiny", files)
        configure(paths, 'require_signatures = "warn"')
        done = lama("pull", "org/tiny")
        assert done.code == 0 and "org/tiny is not signed" in done.err
        configure(paths, 'require_signatures = "always"')
        refused = lama("pull", "org/tiny")
        assert refused.code == 1 and "org/tiny is not signed" in refused.err
        assert lama("run", "org/tiny", "hello").code == 1
