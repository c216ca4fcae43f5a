"""What a hub may say: garbage of every shape ends as values or as our errors, and no name leads out of its folder."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lama_tui.errors import DownloadError, LamaError
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.card import LIMIT, readable
from lama_tui.library.hub.gguf_files import choices
from lama_tui.library.hub.hub import Hub
from lama_tui.library.hub.large_json import read_json
from lama_tui.library.hub.model_json import model_of
from lama_tui.library.hub.values import HubFile, HubQuery
from lama_tui.library.safe_path import safe_path, safe_paths
from lama_tui.security.gate import clean
from tests.library.hub import TestHub
from tests.library.hub_repos import Repo, add_revision

_LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
    st.sampled_from(("", "..", "../x", "/x", "\x1b]52;c;x\x07", "\ud800", "0" * 64, "9" * 400, "2026-13-45", "a/b")),
    st.sampled_from((2**63, -1, 10**400, 1e308)),
)  # fmt: skip
GARBAGE = st.recursive(_LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def _valid() -> tuple[Any, Any, Any]:
    repo = Repo("org/m")
    add_revision(repo, {"config.json": "{}", "a/model.safetensors": b"x" * 10, "m-Q4_K_M.gguf": b"GGUF"}, {}, "main")
    repo.facts |= {
        "tags": ["mlx", "4-bit", "license:mit"], "cardData": {"license": "other", "license_name": "own"},
        "config": {"quantization_config": {"bits": 4, "group_size": 64}, "architectures": ["LlamaForCausalLM"]},
        "safetensors": {"parameters": {"U32": 100, "BF16": 10}}, "gguf": {"total": 5, "context_length": 8},
    }  # fmt: skip
    return repo.says(blobs=True), [repo.says()], [file.entry() for file in repo.files.values()]


VALID = _valid()


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _nodes(inner, (*path, key))


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


@st.composite
def spoilt(draw: st.DrawFn, which: int) -> bytes:
    """A true answer with garbage in one place, or cut off, or garbage alone."""
    value = _with(VALID[which], draw(st.sampled_from(list(_nodes(VALID[which])))), draw(GARBAGE))
    body = json.dumps(value).encode()
    return body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 9)) == 0 else body


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[TestHub, Hub, asyncio.AbstractEventLoop]]:
    loop = asyncio.new_event_loop()
    with TestHub() as server:
        server.add("org/m", {"config.json": "{}"})
        hub = Hub(HubAccess(server.endpoint), local_only=True)
        yield server, hub, loop
        loop.run_until_complete(hub.close())
    loop.close()


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_garbage_never_raises_anything_but_our_errors(
    asked: tuple[TestHub, Hub, asyncio.AbstractEventLoop], data: st.DataObject
) -> None:
    server, hub, loop = asked
    server.behave()
    which = data.draw(st.integers(0, 3))
    match which:
        case 0:
            server.trouble("blobs=true", status=200, body=data.draw(spoilt(0)))
        case 1:
            server.trouble("/api/models", status=200, body=data.draw(spoilt(1)))
        case 2:  # page by page: the first answer tells no sizes
            server.trouble("/tree/", status=200, body=data.draw(spoilt(2)))
            whole = {key: value for key, value in VALID[0].items() if key != "siblings"}
            server.trouble("/revision/", status=200, body=json.dumps(whole).encode())
        case _:
            server.trouble("config.json", status=200, body=json.dumps(data.draw(GARBAGE)).encode())
    try:
        if which == 1:
            page = loop.run_until_complete(hub.search(HubQuery(sort="fit")))
            assert all(PurePosixPath(model.repo).name for model in page.models)
        else:
            details = loop.run_until_complete(hub.details("org/m"))
            assert safe_paths(file.path for file in details.files) == [file.path for file in details.files]
            assert all(file.size >= 0 and file.hash.isalnum() for file in details.files)
            choices(details.files)
    except LamaError as error:
        str(error).encode()


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab/.\\:~C\0\n\x1b\u202e é\ud800"), max_size=12) | st.text(max_size=300))
def test_no_name_leads_out(name: str) -> None:
    try:
        safe_path(name)
    except DownloadError as error:
        assert clean(str(error)) == str(error)
        return
    inside = os.path.normpath(os.path.join("/folder", name))  # noqa: PTH118
    assert inside == f"/folder/{name}"
    assert not PureWindowsPath(name).drive and not PureWindowsPath(name).is_absolute()
    assert ".." not in PureWindowsPath(name).parts
    assert clean(name) == name or not any(ord(character) < 32 for character in name)
    name.encode()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.sampled_from("aAbéÉß/"), min_size=1, max_size=4), max_size=5))
def test_no_two_names_are_one_file(names: list[str]) -> None:
    try:
        safe_paths(names)
    except DownloadError:
        return
    folded = [name.casefold() for name in names]
    assert len(set(folded)) == len(names)
    assert not any(other.startswith(f"{name}/") for name in folded for other in folded)


@settings(max_examples=50, deadline=None)
@given(GARBAGE)
def test_large_json_is_read_as_json_is(value: Any) -> None:
    raw = json.dumps(value, indent=1 if isinstance(value, list) else None).encode()
    try:
        expected = json.loads(raw)
    except ValueError:  # more digits than Python reads
        with pytest.raises(ValueError):
            read_json(raw)
    else:
        assert read_json(raw) == expected
    for broken in (raw[:-1], raw + b",", b"", b"[1 2]", b'{"a" 1}', b"{1: 2}", b"[1,]", b"NaN", b"[Infinity]"):
        if broken not in (b"1", b"12") and not broken.strip().isdigit():
            try:
                json.loads(broken)
            except ValueError:
                with pytest.raises(ValueError):
                    read_json(broken)


@pytest.mark.parametrize(
    ("name", "bits"),
    [("x-4bit", 4), ("x-Q8_0", 8), ("x-3.5-bf16", None), ("Qwen3-0.6B", None), ("x-6-bit-dwq", 6), ("bitnet", None)],
)
def test_bits_of_a_name(name: str, bits: int | None) -> None:
    model = model_of({"id": f"org/{name}", "tags": ["mlx"]})
    assert model is not None and model.bits == bits


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("told", [True, False])
def test_both_ways_of_counting_packed_weights_are_read(bits: int, told: bool) -> None:
    values, rest = 32_000_000_000, 3_000_000
    scales = 2 * values // 64
    size = values * bits // 8 + 2 * scales + 2 * rest
    raw: dict[str, Any] = {"id": "org/m", "tags": ["mlx", f"{bits}-bit"], **({"usedStorage": size} if told else {})}
    words = model_of(raw | {"safetensors": {"parameters": {"U32": values * bits // 32, "BF16": scales + rest}}})
    counted = model_of(raw | {"safetensors": {"parameters": {"U32": values, "BF16": rest}}})
    for model in (words, counted):
        assert model is not None
        assert (model.params, model.size, model.bits) == (values + rest, size, bits)


def test_gguf_files_belong_together() -> None:
    files = [
        HubFile(path, size, "sha256", "0" * 64)
        for path, size in (
            ("M-Q8_0.gguf", 8), ("M-Q4_K_M.gguf", 4), ("mmproj-M-f16.gguf", 1), ("README.md", 1),
            ("BF16/M-BF16-00002-of-00002.gguf", 9), ("BF16/M-BF16-00001-of-00002.gguf", 9), ("other.gguf", 2),
        )
    ]  # fmt: skip
    found = [(choice.name, choice.size, len(choice.files)) for choice in choices(files)]
    assert found == [("other", 2, 1), ("Q4_K_M", 4, 1), ("Q8_0", 8, 1), ("BF16", 18, 2)]


def test_a_card_is_what_its_page_shows() -> None:
    card = (
        "---\r\nlicense: mit\r\n---\r\n<!-- hidden -->\n<div align='center'>\n    <h1>\n  My <b>model</b></h1>\n"
        '<a href="https://x.org"><img src="a.png" alt="Logo"></a> <a name=x></a><script>alert(1)</script>\n'
        "</div>\n\n\n\n\n[![badge](b.svg)](https://y.org) ![](empty.png)\n<ul><li>one</li><li>two &amp; 3</li></ul>\n"
        "```html\n<b>code</b> ![x](y)\n```\nif a < b and `<tag>`: \x1b]52;c;eA==\x07\u202e\n"
    )
    assert [line.rstrip() for line in readable(card).splitlines() if line.strip()] == [
        "# My **model**", "[Logo](https://x.org)", "[badge](https://y.org)", "- one", "- two & 3",
        "```html", "<b>code</b> ![x](y)", "```", "if a < b and `<tag>`: ␛]52;c;eA==␇",
    ]  # fmt: skip
    assert readable("---\nonly: front\n---\n") == ""


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("<>ab/\"'=`~#-![]() \n\t&;\x1b"), max_size=80))
def test_cards_are_clean(text: str) -> None:
    shown = readable(text)
    assert clean(shown) == shown and not shown.startswith("\n")


@pytest.mark.parametrize(
    "unit", ["<h1>", '<a href="x">', "<", "[![](", "```\n", "\t", "\n ", "<!--", "`", "[](", "<svg "]
)
def test_no_card_takes_long(unit: str) -> None:
    begin = time.thread_time()
    readable("---\n" + unit * (LIMIT // len(unit)))
    assert time.thread_time() - begin < 3  # a tenth of it here; what backtracks takes minutes
