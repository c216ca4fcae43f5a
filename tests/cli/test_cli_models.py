"""`ls` and `show`: the contract's fields, and tables that people can read."""

import json
import os
from collections.abc import Callable

import pytest
from models import make_tiny_llama

from lama_tui.monitor.presence import LoadedNow, Presence, present, remove_presence, write_presence
from lama_tui.paths import Paths
from lama_tui.ui.figures import parameters

LS = {"ref", "path", "format", "params", "bits", "size", "context", "loaded", "fits"}
SHOW = (LS - {"loaded", "fits"}) | {"revision", "architecture", "license", "verified", "signature"}


def test_ls_json_has_the_contracts_fields(lama: Callable, paths: Paths) -> None:
    folder = make_tiny_llama(paths.models / "tiny", window=512)
    listed = {model["ref"]: model for model in json.loads(lama("ls", "--json").out)}
    assert next(iter(listed)) == "guide"
    assert listed["tiny"].keys() >= LS
    tiny = listed["tiny"]
    assert (tiny["path"], tiny["format"], tiny["bits"], tiny["context"]) == (str(folder), "mlx", 32, 512)
    assert tiny["size"] == sum(file.stat().st_size for file in folder.iterdir())
    assert (tiny["loaded"], tiny["problem"]) == (False, None)


def test_show_json_has_the_contracts_fields(lama: Callable, paths: Paths) -> None:
    make_tiny_llama(paths.models / "tiny")
    shown = json.loads(lama("show", "tiny", "--json").out)
    assert shown.keys() >= SHOW
    assert (shown["architecture"], shown["verified"], shown["signature"]) == ("llama", None, None)
    text = lama("show", "tiny").out
    assert "architecture  llama\n" in text and "license       –\n" in text


def test_show_of_what_cannot_be_used_fails_and_says_what_to_do(lama: Callable, paths: Paths) -> None:
    (paths.models / "empty").mkdir(parents=True)
    for arguments in ((), ("--json",)):
        ended = lama("show", "empty", *arguments)
        assert ended.code == 1
        assert ended.err.startswith("lama: empty cannot be used") and ended.err.count("\n") == 1
        assert "lama ls" in ended.err
        assert "problem" in ended.out


def test_show_of_what_is_not_here(lama: Callable) -> None:
    ended = lama("show", "org/none")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "lama pull org/none" in ended.err


def test_the_table_is_aligned_and_has_units(lama: Callable, paths: Paths) -> None:
    make_tiny_llama(paths.models / "tiny")
    make_tiny_llama(paths.models / "ein-längerer-名前", window=131072)
    lines = lama("ls").out.splitlines()
    header = next(line for line in lines if line.startswith("MODEL"))
    wide = next(line for line in lines if "名前" in line)
    tiny = next(line for line in lines if line.startswith("tiny"))
    assert tiny.index("mlx") == header.index("FORMAT") == wide.index("mlx") + 2  # two characters of two cells
    assert "131,072" in wide and " KiB " in tiny


def test_what_cannot_be_used_is_told_with_the_reason(lama: Callable, paths: Paths) -> None:
    folder = make_tiny_llama(paths.models / "broken")
    (folder / "config.json").write_text("{")
    ended = lama("ls")
    assert ended.code == 0
    assert "Not usable:" in ended.out and "config.json is not valid JSON" in ended.out


def test_a_fresh_machine_is_told_what_to_do(lama: Callable, paths: Paths) -> None:
    assert "lama pull" in lama("ls").out
    make_tiny_llama(paths.models / "tiny")
    assert "lama pull" not in lama("ls").out


def test_ls_tells_what_a_running_instance_has_loaded(lama: Callable, paths: Paths) -> None:
    make_tiny_llama(paths.models / "tiny")

    def loaded() -> bool:
        return {m["ref"]: m["loaded"] for m in json.loads(lama("ls", "--json").out)}["tiny"]

    presence = Presence(pid=os.getpid(), started=1, loaded=(LoadedNow("tiny", "cpu", 10),), memory=3)
    write_presence(paths.run, presence)
    assert present(paths.run) == [presence]
    assert loaded() is True
    remove_presence(paths.run, os.getpid())
    assert loaded() is False
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    write_presence(paths.run, Presence(pid=gone, started=1, loaded=(LoadedNow("tiny", "cpu", 10),)))
    assert loaded() is False


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"{}", b'{"loaded": 3}', b"[" * 100_000, b"\xff"])
def test_garbage_from_another_version_is_ignored(lama: Callable, paths: Paths, garbage: bytes) -> None:
    paths.run.mkdir(parents=True)
    for name in (f"{os.getpid()}.json", "x.json", "-1.json", "99999999999999999999.json"):
        (paths.run / name).write_bytes(garbage)
    assert present(paths.run) == []
    assert lama("ls").code == 0


@pytest.mark.parametrize(
    ("count", "said"),
    [
        *((None, "–"), (260, "260"), (660_000, "0.7 M"), (6_040_000, "6.0 M"), (134_500_000, "134 M")),
        *((596_000_000, "596 M"), (999_900_000, "1.0 B"), (8_030_000_000, "8.0 B"), (671_000_000_000, "671.0 B")),
    ],
)
def test_parameters_as_people_say_them(count: int | None, said: str) -> None:
    assert parameters(count) == said


def test_presence_is_private(paths: Paths) -> None:
    write_presence(paths.run, Presence(pid=1, started=1))
    assert paths.run.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in paths.run.iterdir()] == [0o600]
