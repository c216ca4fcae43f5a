"""`lama update`: what is newer, fetching it, going back; JSON and exit codes."""

import json
from collections.abc import Callable, Iterator

import pytest

from lama_tui.paths import Paths
from tests.library.cached import lay_in_cache
from tests.library.hub import TestHub

REF = "org/tiny"
OLD = {"config.json": "{}", "model.safetensors": b"w" * 5000}
NEW = OLD | {"config.json": '{"v": 2}', "new\x1b[2J.json": "[]"}
NEW_PLAIN = OLD | {"config.json": '{"v": 2}'}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHub]:
    with TestHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield server


def test_look_fetch_and_go_back(lama: Callable, server: TestHub, paths: Paths) -> None:
    old = server.add(REF, OLD)
    lay_in_cache(REF, OLD, old)
    ended = lama("update")
    assert (ended.code, ended.err) == (0, "") and f"{REF}  newest  {old[:12]}" in ended.out
    assert ended.out.startswith(f"127.0.0.1 is asked about 1 model: {REF}\n")
    new = server.add(REF, NEW_PLAIN)
    told = json.loads(lama("update", "--check", "--json").out)
    assert told == [
        {
            **{"ref": REF, "state": "newer", "installed": old, "newest": new, "bytes": 8, "error": None},
            "files": [{"path": "config.json", "change": "changed", "size": 8}],
        }
    ]
    ended = lama("update")
    assert f"`lama update {REF}` fetches it" in ended.out  # and nothing was fetched
    assert json.loads(lama("show", REF, "--json").out)["revision"] == old
    server.log.clear()
    ended = lama("update", REF)
    assert ended.code == 0 and f"{REF} is at {new[:12]} now" in ended.out
    assert json.loads(lama("show", REF, "--json").out)["revision"] == new
    assert [asked for asked in server.asked("GET", "/resolve/") if "model.safetensors" in asked.path] == []
    server.close()
    ended = lama("update", "--rollback", REF)
    assert ended.code == 0 and f"{REF} is at {old[:12]} now" in ended.out
    assert json.loads(lama("show", REF, "--json").out)["revision"] == old
    ended = lama("update", "--rollback", REF)
    assert ended.code == 1 and "no earlier revision" in ended.err and ended.err.count("\n") == 1


def test_all_fetches_what_is_newer_and_was_not_refused(lama: Callable, server: TestHub, paths: Paths) -> None:
    for ref in (REF, "org/other"):
        lay_in_cache(ref, OLD, server.add(ref, OLD))
    news = {ref: server.add(ref, NEW_PLAIN) for ref in (REF, "org/other")}
    assert lama("update", REF).code == lama("update", "--rollback", REF).code == 0
    ended = lama("update", "--all", "--json")
    states = {each["ref"]: (each["state"], each["installed"]) for each in json.loads(ended.out)}
    assert states["org/other"] == ("updated", news["org/other"]) and states[REF][0] == "gone back"
    assert lama("update", REF).code == 0  # who names it wants it
    assert json.loads(lama("show", REF, "--json").out)["revision"] == news[REF]


def test_what_cannot_be_told_is_one_line_and_exit_1(
    lama: Callable, server: TestHub, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_in_cache(REF, OLD, server.add(REF, OLD))
    lay_in_cache("org/gone", OLD)
    ended = lama("update", "--json")
    states = {each["ref"]: each["state"] for each in json.loads(ended.out)}
    assert ended.code == 1 and states == {REF: "newest", "org/gone": "failed"} and ended.err.count("\n") == 1
    server.add(REF, NEW)  # a listing that cannot be trusted
    ended = lama("update", REF)
    assert ended.code == 1 and "\x1b" not in ended.out + ended.err
    assert lama("update", "--rollback").code == 2
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = len(server.asked())
    ended = lama("update", REF)
    assert ended.code == 1 and "offline" in ended.err
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example.invalid")
    monkeypatch.setenv("LAMA_LOCAL_ONLY", "1")
    ended = lama("update", REF)
    assert ended.code == 1 and "ocal only" in ended.err and len(server.asked()) == asked
