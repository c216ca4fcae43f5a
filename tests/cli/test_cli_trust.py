"""`lama trust`: the code is shown, the digest agrees to it and to nothing else, and it can be taken back."""

import json
from collections.abc import Callable

import pytest

from lama_tui.paths import Paths
from tests.models import make_coded, make_tiny_llama


@pytest.mark.slow
def test_read_agree_see_and_take_back(lama: Callable, paths: Paths) -> None:
    folder = make_coded(make_tiny_llama(paths.models / "own"))
    assert lama("trust").out == "No program of a model is trusted.\n" and not paths.database.exists()
    assert "its own, which does not run before you trust it" in lama("show", "own").out
    assert "brings code: asks before it runs" in lama("verify", "own").out

    shown = lama("trust", "own")
    digest = shown.out.split()[-1]
    assert (shown.code, shown.err) == (0, "") and shown.out.endswith(f"lama trust own {digest}\n")
    assert (folder / "model.py").read_text() in shown.out and "everything that you can do" in shown.out
    values = json.loads(lama("trust", "own", "--json").out)
    assert (values["sha256"], values["trusted"], values["runs"]) == (digest, False, "model.py")
    assert json.loads(lama("show", "own", "--json").out)["code_trusted"] is False

    for wrong in ("yes", digest[:16], "0" * 64):
        ended = lama("trust", "own", wrong)
        assert ended.code == 1 and ended.err.startswith("lama: That is not the program of own.")
    assert json.loads(lama("trust", "--json").out) == []
    assert lama("trust", "own", digest).code == 0
    assert json.loads(lama("trust", "--json").out)[0].items() >= {"ref": "own", "sha256": digest}.items()
    assert json.loads(lama("show", "own", "--json").out)["code_trusted"] is True
    assert "You agreed to that" in lama("trust", "own").out

    (folder / "more.py").write_text("x = '\x7f'")
    assert lama("trust", "own").code == 1, "characters that nobody sees"
    (folder / "more.py").write_text("x = 1")
    changed = lama("trust", "own").out
    assert "something of it changed since" in changed and "more.py" in changed and digest not in changed
    (folder / "more.py").unlink()
    assert lama("trust", "own", "--withdraw").out == "The program of own does not run any more.\n"
    assert lama("trust", "own", "--withdraw").out == "No program of own was trusted.\n"
    assert json.loads(lama("trust", "--json").out) == []


def test_what_brings_no_program(lama: Callable, paths: Paths) -> None:
    make_tiny_llama(paths.models / "plain")
    ended = lama("trust", "plain")
    assert (ended.code, ended.out) == (1, "") and "plain brings no program" in ended.err
    assert lama("trust", "org/none").code == 1
    assert lama("trust", "--withdraw").code == 2
    assert json.loads(lama("show", "plain", "--json").out)["code"] is None


@pytest.mark.slow
def test_removing_a_model_takes_the_consent_along(lama: Callable, paths: Paths) -> None:
    make_coded(make_tiny_llama(paths.models / "own"))
    digest = lama("trust", "own").out.split()[-1]
    assert lama("trust", "own", digest).code == 0
    assert lama("rm", "own", "--yes").code == 0
    assert json.loads(lama("trust", "--json").out) == []
    make_coded(make_tiny_llama(paths.models / "own"))
    assert "If you have read it" in lama("trust", "own").out


@pytest.mark.slow
def test_the_model_answers_once_its_program_is_trusted(lama: Callable, paths: Paths) -> None:
    pytest.importorskip("mlx.core")
    folder = make_coded(make_tiny_llama(paths.models / "own"))
    ended = lama("run", "own", "hello", "--max-tokens", "3", "--json")
    error = json.loads(ended.out.splitlines()[-1])["error"]
    assert ended.code == 1 and error["kind"] == "untrusted_code" and not (folder / "ran").exists()
    assert "lama trust own" in ended.err
    deep = lama("verify", "own", "--deep")
    assert "which nobody trusted yet" in deep.out and not (folder / "ran").exists()
    assert lama("bench", "own", "--runs", "1").code == 1 and not (folder / "ran").exists()

    assert lama("trust", "own", lama("trust", "own").out.split()[-1]).code == 0
    assert lama("run", "own", "hello", "--max-tokens", "3").code == 0
    assert (folder / "ran").exists()
    levels = {
        each["level"]: each["status"] for each in json.loads(lama("verify", "own", "--deep", "--json").out)["levels"]
    }
    assert (levels["supported"], levels["generates"]) == ("ok", "ok")
    measured = lama("bench", "own", "--runs", "1", "--prompt-tokens", "64", "--tokens", "4", "--together", "1")
    assert measured.code == 0, measured.err

    make_tiny_llama(paths.models / "plain")
    (folder / "ran").unlink()
    assert lama("run", "plain", "hello", "--max-tokens", "3", "--draft", "own").code == 0 and (folder / "ran").exists()
    assert lama("trust", "own", "--withdraw").code == 0
    (folder / "ran").unlink()
    drafted = lama("run", "plain", "hello", "--max-tokens", "3", "--draft", "own")
    assert drafted.code == 1 and "lama trust own" in drafted.err and not (folder / "ran").exists()

    assert lama("trust", "own", lama("trust", "own").out.split()[-1]).code == 0
    program = (folder / "model.py").read_bytes()
    (folder / "model.py").write_bytes(program.replace(b"touch", b"t\x6fuch") + b" ")
    assert lama("run", "own", "hello").code == 1 and not (folder / "ran").exists()
    assert lama("run", "plain", "hello", "--draft", "own").code == 1 and not (folder / "ran").exists()
