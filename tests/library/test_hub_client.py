"""The hub's client against a real HTTP hub on loopback: what it finds, and a clear error for each misbehaviour."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from lama_tui.engine.fit import Machine
from lama_tui.errors import (
    AuthError,
    ConfigError,
    ConnectionLost,
    DownloadError,
    LamaError,
    ModelNotFoundError,
    ProviderError,
    RateLimitError,
)
from lama_tui.library.benchmarking.estimate import SpeedPoint, Speeds
from lama_tui.library.hub.access import HubAccess
from lama_tui.library.hub.hub import Hub
from lama_tui.library.hub.recommend import speed_by
from lama_tui.library.hub.values import HubQuery
from lama_tui.library.installed import inspect_folder
from tests.library.hub import TestHub
from tests.models import make_tiny_llama

GIB = 1024**3
CHAT = ("mlx", "conversational", "text-generation")


@pytest.fixture
def server() -> Iterator[TestHub]:
    with TestHub() as hub:
        yield hub


@pytest.fixture
async def hub(server: TestHub) -> AsyncIterator[Hub]:
    hub = Hub(HubAccess(server.endpoint), local_only=True)
    yield hub
    await hub.close()


async def until(met: Callable[[], object]) -> None:
    """Wait for a condition that another thread makes true."""
    async with asyncio.timeout(60):
        while not met():  # noqa: ASYNC110 — nothing on this loop tells
            await asyncio.sleep(0.005)


def packed(params: int, bits: int) -> dict[str, object]:
    """What the hub tells of an MLX model in groups of 64: words, and a scale and a bias for each group."""
    types = {"U32": params * bits // 32, "BF16": 2 * params // 64}
    return {"parameters": types, "total": sum(types.values())}


async def test_search_narrows_sorts_and_pages(server: TestHub, hub: Hub) -> None:
    for number in range(130):
        bits = 4 if number % 2 else 8
        server.add(
            f"org/model-{number}-{bits}bit", {"a": "a"}, tags=(*CHAT, f"{bits}-bit", "license:mit"),
            downloads=number, likes=200 - number, modified=1_700_000_000_000 + number, safetensors=packed(10**9, bits),
        )  # fmt: skip
    server.add("other/model-0-4bit", {"a": "a"}, tags=("mlx", "4-bit"), downloads=7, modified=10**12)
    server.add("org/torch", {"a": "a"}, tags=("pytorch",), downloads=10**6)
    first = await hub.search(HubQuery())
    assert len(first.models) == 100 and first.after
    second = await hub.search(HubQuery(), first.after)
    assert len(second.models) == 31 and second.after is None
    found = [*first.models, *second.models]
    assert len({model.repo for model in found}) == 131
    assert [model.downloads for model in found] == sorted((model.downloads or 0 for model in found), reverse=True)
    best = found[0]
    assert (best.repo, best.downloads, best.likes, best.modified) == ("org/model-129-4bit", 129, 71, 1_700_000_000_129)
    assert (best.params, best.bits, best.format, best.license) == (10**9, 4, "mlx", "mit")
    assert best.size == 10**9 // 2 + 2 * 2 * 10**9 // 64
    assert best.commit == server.repos[best.repo].commit
    eight = await hub.search(HubQuery(bits=8, text="model org"))
    assert {model.bits for model in eight.models} == {8} and len(eight.models) == 50  # of the first hundred
    rest = await hub.search(HubQuery(bits=8, text="model org"), eight.after)
    assert len({model.repo for model in (*eight.models, *rest.models)}) == 65
    small = await hub.search(HubQuery(largest=600_000_000, sort="likes"))
    assert {model.bits for model in small.models} == {4}  # the one that tells no size is not known to be small
    assert small.models[0].repo == "org/model-1-4bit"
    assert [model.repo for model in (await hub.search(HubQuery(author="other"))).models] == ["other/model-0-4bit"]
    assert (await hub.search(HubQuery(text="nothing like it"))).models == ()
    assert (await hub.search(HubQuery(sort="recent"))).models[0].repo == "org/model-129-4bit"


async def test_by_fit_the_largest_that_fits_comes_first(server: TestHub, hub: Hub) -> None:
    for params in (1, 8, 70, 3):
        server.add(f"org/m{params}", {"a": "a"}, tags=("mlx", "4-bit"), safetensors=packed(params * 10**9, 4))
    server.add("org/untold", {"a": "a"}, tags=("mlx",))
    server.page = 2  # all of these pages are put in order together
    page = await hub.search(HubQuery(sort="fit"), machine=Machine(16 * GIB, 8 * GIB))
    assert [model.repo for model in page.models] == ["org/m8", "org/m3", "org/m1", "org/untold", "org/m70"]


async def test_details_are_what_the_files_are(server: TestHub, hub: Hub, tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "tiny", config={"torch_dtype": "float32"})
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n", encoding="utf-8")
    old = server.add("org/tiny", {"config.json": "{}"}, branch="v0")
    commit = server.add("org/tiny", folder, tags=("mlx", "license:mit"), gated="manual")
    server.tokens["hf_known"] = {"org/tiny"}
    for page in (1000, 2):  # the second time page by page: the listing of the first answer has no end
        server.page = page
        allowed = Hub(HubAccess(server.endpoint, token="hf_known"), local_only=True)
        if page == 2:
            server.trouble("blobs=true", status=200, body=b'{"id":"org/tiny",' + b" " * (5 << 20))
        details = await allowed.details("org/tiny")
        card = await allowed.card("org/tiny", details.commit)
        await allowed.close()
        here = inspect_folder(folder)
        assert (details.commit, details.revision) == (commit, "main")
        assert {file.path: file.size for file in details.files} == {
            file.name: file.stat().st_size for file in folder.iterdir()
        }
        assert {file.path: file.hash for file in details.files} == {
            path: file.etag for path, file in server.repos["org/tiny"].files.items()
        }
        assert {file.algorithm for file in details.files} == {"sha256", "git-sha1"}
        assert details.size == here.size
        assert details.model.size == (folder / "model.safetensors").stat().st_size > here.weights  # it has a header
        assert (details.context, details.architecture, details.kv) == (here.context, here.architecture, here.kv)
        assert details.model.gated and details.model.license == "mit"
        assert card == "# Tiny\n"
    assert (await hub.details("org/tiny", "v0")).commit == old
    assert (await hub.details("org/tiny")).config == {}  # not let in: the files are told, their content is not
    with pytest.raises(AuthError, match=r"asks for an agreement first.*/org/tiny"):
        await hub.card("org/tiny", commit)


async def test_ten_thousand_files(server: TestHub, hub: Hub) -> None:
    server.add("org/many", {f"{number % 50}/{number}.txt": str(number) for number in range(10_000)})
    details = await hub.details("org/many")
    assert len({file.path for file in details.files}) == 10_000
    assert details.size == sum(len(str(number)) for number in range(10_000))


async def test_a_listing_of_files_without_an_end(server: TestHub, hub: Hub) -> None:
    commit = server.add("org/m", {"config.json": "{}"})
    told = b'{"id": "org/m", "sha": "%s", "siblings": [{"rfilename": "config.json"}]}' % commit.encode()
    server.trouble("/revision/", status=200, body=told)
    entry = json.dumps([server.repos["org/m"].files["config.json"].entry()]).encode()
    server.trouble("/tree/", status=200, body=entry, headers={"Link": '</api?cursor=1>; rel="next"'})
    with pytest.raises(DownloadError, match=r"cannot be trusted\. It has no end"):
        await hub.details("org/m")


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        ({"status": 500}, ProviderError, "The hub has a problem"),
        ({"status": 429, "headers": {"Retry-After": "7"}}, RateLimitError, "Try again in 7 s"),
        ({"status": 404}, ModelNotFoundError, "is not on the hub"),
        ({"status": 403, "headers": {"X-Error-Code": "GatedRepo"}}, AuthError, "Accept its terms at http://127"),
        ({"status": 403, "body": b'{"error": "no \\u001b[31m"}'}, AuthError, "does not allow this. HTTP 403: no ␛"),
        ({"status": 404, "headers": {"X-Error-Code": "RevisionNotFound"}}, ModelNotFoundError, "no revision main"),
        ({"status": 400, "headers": {"X-Error-Message": "Bearer abcd1234efgh"}}, ProviderError, r"400.*\[redacted"),
        ({"cut": 20}, ConnectionLost, "broke off. 20 bytes came"),
        ({"hang_up": True}, ConnectionLost, "connection"),
        ({"status": 200, "body": b"<html><title>Log in</title>", "content_type": "text/html"}, DownloadError, "A web"),
        ({"status": 200, "body": b'{"id": "org/m", "sha": "no"}'}, DownloadError, "unreadable"),
        ({"status": 200, "body": b"[" * 100_000}, DownloadError, "unreadable"),
        ({"status": 200, "body": b'{"a": ' * 100_000}, DownloadError, "unreadable"),
        ({"status": 200, "body": b'{"id": NaN}'}, DownloadError, "unreadable"),
        ({"status": 200, "body": b"\xff\xfe"}, DownloadError, "unreadable"),
        ({"location": "/api/models/org/m/revision/main?again"}, LamaError, "circle|redirect"),
        ({"location": "ftp://127.0.0.1/x"}, LamaError, "unsafe|redirect"),
        ({"location": "http://127.0.0.1:9/x"}, ConnectionLost, "connection"),
    ],
)  # fmt: skip
async def test_each_misbehaviour_has_its_error(
    server: TestHub, hub: Hub, trouble: dict[str, object], kind: type[LamaError], words: str
) -> None:
    server.add("org/m", {"config.json": "{}"})
    server.trouble("/api/models", **trouble)
    with pytest.raises(kind, match=f"(?i){words}"):
        await hub.details("org/m")
    server.behave()
    assert (await hub.details("org/m")).size == 2  # and the next request is answered as ever


@pytest.mark.parametrize(
    "told",
    [
        {"path": "../../outside"}, {"path": "/etc/passwd"}, {"path": "C:\\x"}, {"path": "a/../../b"}, {"path": "a\0b"},
        {"path": ""}, {"path": None}, {"path": "CONFIG.json"}, {"path": "config.json/x"}, {"path": "x" * 300},
        {"size": -1}, {"size": "12"}, {"size": 2**60}, {"size": True}, {"hash": "../../x"}, {"hash": None},
    ],
)  # fmt: skip
async def test_a_listing_that_lies_is_refused_whole(server: TestHub, hub: Hub, told: dict[str, object]) -> None:
    server.add("org/m", {"config.json": "{}", "w.txt": "w"}, told={"w.txt": told})
    with pytest.raises(DownloadError):
        await hub.details("org/m")


async def test_a_huge_answer_and_a_slow_one(server: TestHub, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    server.trouble("/api/models", status=200, body=b"[" + b" " * (13 << 20), times=1)
    with pytest.raises(DownloadError, match=r"too large. It has more than 12 MiB"):
        await hub.search(HubQuery())
    server.behave()
    monkeypatch.setattr("lama_tui.library.hub.client.TOTAL", 0.2)
    server.trouble("/api/models", seconds=600)
    with pytest.raises(LamaError, match="The hub is too slow"):
        await hub.search(HubQuery())


async def test_a_cancelled_request_ends_at_once_and_others_go_on(server: TestHub, hub: Hub) -> None:
    server.add("org/m", {"config.json": "{}"}, tags=("mlx",))
    server.trouble("search=slow", seconds=600)
    slow = asyncio.create_task(hub.search(HubQuery(text="slow")))
    await until(lambda: server.asked("GET", "search=slow"))
    assert len((await hub.search(HubQuery())).models) == 1
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert len((await hub.search(HubQuery())).models) == 1


async def test_nothing_is_sent_offline_or_to_others_under_local_only(server: TestHub) -> None:
    for access, words in (
        (HubAccess(server.endpoint, offline=True), "not asked in offline mode"),
        (HubAccess("https://huggingface.co"), "huggingface.co is not on this machine, and nothing was sent"),
    ):
        hub = Hub(access, local_only=True)
        for asked in (hub.search(HubQuery()), hub.details("org/m"), hub.card("org/m", "main"), hub.recommend()):
            with pytest.raises(LamaError, match=words):
                await asked
        await hub.close()
    assert server.log == []


async def test_local_only_ends_what_runs(server: TestHub) -> None:
    hub = Hub(HubAccess(server.endpoint), local_only=False)
    server.trouble("/api/models", seconds=600)
    asking = asyncio.create_task(hub.search(HubQuery()))
    await until(server.asked)
    await hub.use(local_only=True)
    with pytest.raises(ConnectionLost, match="was stopped"):
        await asking
    await hub.close()


async def test_the_token_goes_to_the_hub_and_nowhere_else(server: TestHub) -> None:
    with TestHub() as elsewhere:
        elsewhere.add("org/m", {"config.json": "{}", "README.md": "# From elsewhere"})
        commit = server.add("org/m", {"config.json": "{}", "README.md": "# Here"})
        server.tokens["hf_secret"] = set()
        where = f"{elsewhere.endpoint}/org/m/resolve/main/README.md"
        server.trouble("README", location=where)
        hub = Hub(HubAccess(server.endpoint, token="hf_secret"), local_only=True)
        assert await hub.card("org/m", commit) == "# From elsewhere\n"
        await hub.close()
        assert [asked.headers.get("authorization") for asked in server.log] == ["Bearer hf_secret"]
        assert [asked.headers.get("authorization") for asked in elsewhere.log] == [None]
    assert "hf_secret" not in repr(hub.access)


async def test_a_mirror_is_asked_for_further_pages_itself(server: TestHub, hub: Hub) -> None:
    for number in range(3):
        server.add(f"org/m{number}", {"a": "a"}, tags=("mlx",), downloads=number)
    link = '<https://huggingface.co/api/models?filter=mlx&limit=2&cursor=2&sort=downloads>; rel="next"'
    listed = json.dumps([server.repos["org/m2"].says(), server.repos["org/m1"].says()]).encode()
    server.trouble("/api/models", status=200, body=listed, headers={"Link": link}, times=1)
    page = await hub.search(HubQuery(bits=None, largest=None, text=""))
    assert [model.repo for model in page.models] == ["org/m2", "org/m1", "org/m0"]
    assert len(server.log) == 2


async def test_the_recommendation_follows_its_rule(server: TestHub, hub: Hub) -> None:
    def add(name: str, params: float, bits: int, downloads: int, tags: tuple[str, ...] = CHAT, **facts: object) -> None:
        tags = (*tags, f"{bits}-bit")
        server.add(
            name, {"a": "a"}, tags=tags, downloads=downloads, safetensors=packed(int(params * 1e9), bits), **facts
        )

    add("org/too-large", 70, 4, 900)
    add("org/tiny", 0.6, 4, 800)
    add("org/not-for-chats", 7, 4, 700, tags=("mlx",))
    add("org/gated", 8, 4, 600, gated="auto")
    add("org/unpacked", 3, 16, 500)
    add("org/good", 7, 4, 400)
    add("org/good-too", 8, 4, 300)
    add("org/small", 1.5, 4, 200)
    machine = Machine(16 * GIB, 10 * GIB)
    first, second = await hub.recommend(machine)
    assert (first.model.repo, second.model.repo) == ("org/good", "org/tiny")
    assert first.tok_s is None and first.fit.fits
    alone = await hub.recommend(machine, on_cpu=True)  # and nothing measured: a large one would be slow
    assert [one.model.repo for one in alone] == ["org/small", "org/tiny"]
    quick = await hub.recommend(machine, lambda model: 4e10 / (model.size or 1) if (model.params or 0) < 5e9 else 1.0)
    assert [one.model.repo for one in quick] == ["org/small", "org/tiny"]
    measured = speed_by(Speeds([SpeedPoint("org/other", 4 * GIB, 2.0, 5), SpeedPoint("org/small", GIB, 8.0, 5)]))
    slow = await hub.recommend(machine, measured)  # what is like the slow one is slow
    assert [(one.model.repo, one.tok_s is not None) for one in slow] == [("org/small", True), ("org/tiny", True)]
    assert await hub.recommend(Machine(16 * GIB, GIB // 2)) == []


def test_access_is_read_as_other_tools_read_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_of_the_file\n", encoding="utf-8")
    (tmp_path / "own").write_text("hf_own", encoding="utf-8")
    home = {"HF_HOME": str(tmp_path)}
    read = HubAccess.from_environment
    assert read(home) == HubAccess("https://huggingface.co", "hf_of_the_file", False)
    assert read(home | {"HF_TOKEN": " hf_first "}).token == "hf_first"
    assert read(home | {"HF_TOKEN_PATH": str(tmp_path / "own")}).token == "hf_own"
    assert read(home | {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}).token is None
    assert read({"HF_HOME": str(tmp_path / "none")}).token is None
    assert read(home | {"HF_HUB_OFFLINE": "YES"}).offline and not read(home | {"HF_HUB_OFFLINE": "0"}).offline
    lan = read(home | {"HF_ENDPOINT": "http://hub.lan:8080/"})
    assert (lan.endpoint, lan.host, lan.sent_token) == ("http://hub.lan:8080", "hub.lan", None)
    assert read(home | {"HF_ENDPOINT": "http://127.0.0.1:1"}).sent_token == "hf_of_the_file"
    for wrong in (
        "huggingface.co",
        "ftp://x",
        "https://",
        "https://u:p@x",
        "http://x:99999",
        "http://[::1",
        "http://x?a",
    ):
        with pytest.raises(ConfigError, match="HF_ENDPOINT"):
            read({"HF_ENDPOINT": wrong})
    with pytest.raises(ConfigError, match="cannot be sent"):
        read({"HF_TOKEN": "hf_wörd"})


async def test_nobody_listens(hub: Hub) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        alone = Hub(HubAccess(f"http://127.0.0.1:{free.getsockname()[1]}"), local_only=True)
        with pytest.raises(ConnectionLost):
            await alone.search(HubQuery())
        await alone.close()
