"""A hub that misbehaves: a clear state for each, nothing corrupt or outside the cache, nothing taken for whole."""

from dataclasses import replace

import pytest

from lama_tui.errors import AuthError, DownloadError, ModelIntegrityError, ModelNotFoundError
from lama_tui.library.downloads.retry import Backoff
from lama_tui.library.downloads.transfer import Transfer
from lama_tui.library.hub_cache import cached_repo
from lama_tui.providers.fetch import Body
from tests.library.downloading import IMPATIENT, REPO, instance, model_files, outside
from tests.library.hub import TestHub

WEIGHTS = r"/resolve/.*model\.safetensors"
SIZE = 3_000_000
UNTIL_TOLD = replace(IMPATIENT, backoff=Backoff(first=600, longest=600, tries=3))


@pytest.fixture
def hub():
    with TestHub() as hub:
        hub.add(REPO, model_files(SIZE), tags=("mlx",))
        yield hub


def fetched_from(hub: TestHub) -> list[str | None]:
    return [asked.range for asked in hub.asked("GET", WEIGHTS)]


def impatient_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has so many bytes of an answer waits no longer than a moment for the next ones, once. Who has fewer goes on
    waiting: a machine that is busy sends nothing for a while either."""
    copy, waited = Transfer._copy, []

    def watched(transfer: Transfer, body: Body, part: int) -> None:
        read = body.readinto

        def readinto(buffer: memoryview) -> int:
            if transfer.done == count and not waited:
                waited.append(transfer)
                body._response.fp.raw._sock.settimeout(0.2)
            return read(buffer)

        monkeypatch.setattr(body, "readinto", readinto)
        copy(transfer, body, part)

    monkeypatch.setattr(Transfer, "_copy", watched)


@pytest.mark.parametrize(
    ("how", "waited_for", "ranges"),
    [
        ({"status": 500, "times": 2}, "The hub has a problem", [None] * 3),
        pytest.param(
            {"status": 503, "times": 1, "headers": {"Retry-After": "0"}}, "", [None] * 2, marks=pytest.mark.slow
        ),
        ({"status": 429, "times": 1, "headers": {"Retry-After": "600"}}, "asks to slow down", [None] * 2),
        ({"cut": 500_000, "times": 1}, "broke", [None, "bytes=500000-"]),
        ({"cut": 0, "times": 1}, "broke", [None, None]),
        pytest.param({"cut": 500_000, "reset": True, "times": 1}, "The connection to", None, marks=pytest.mark.slow),
        ({"short": 2_500_000, "times": 1}, "broke", [None, "bytes=500000-"]),
        pytest.param({"hang_up": True, "times": 2}, "failed", None, marks=pytest.mark.slow),
        ({"stall": 500_000, "times": 1}, "No byte came", [None, "bytes=500000-"]),
        pytest.param({"cut": 2_000_000, "times": 1}, "", [None, "bytes=2000000-"], marks=pytest.mark.slow),
        ({"flip": 77, "times": 1}, "", [None, None]),
    ],
    ids=["500", "503", "429", "cut", "cut at once", "reset", "short", "no answer", "stall", "cut late", "flipped once"],
)
async def test_what_passes_is_waited_for_and_resumed(hub, tmp_path, monkeypatch, how, waited_for, ranges):
    hub.trouble(WEIGHTS, **how)
    pace = UNTIL_TOLD if waited_for else IMPATIENT
    if "stall" in how:
        impatient_after(how["stall"], monkeypatch)
    async with instance(hub, tmp_path, pace=pace) as lama:
        job = await lama.downloads.add(REPO)
        if waited_for:
            waiting = await lama.until(job, lambda now: now.state == "waiting" or now.ended)
            assert (waiting.state, waiting.error) == ("waiting", None)
            assert waited_for in waiting.why
            assert waiting.retry_at is not None
            while not (await lama.until(job, lambda now: now.state == "waiting" or now.ended)).ended:
                await lama.downloads.retry(job)
        done = await lama.ended(job)
        assert (done.state, done.error, done.done_bytes) == ("done", None, done.total_bytes)
        assert sum(lama.blobs().values()) == done.total_bytes
    if ranges is not None:
        assert fetched_from(hub) == ranges


async def test_a_changed_etag_begins_again(hub, tmp_path):
    hub.trouble(WEIGHTS, cut=500_000, times=1)
    hub.trouble(WEIGHTS, etag="another")
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add(REPO)
        done = await lama.ended(job)
        assert done.state == "done"
        assert lama.blobs()
    _first, second, *more = hub.asked("GET", WEIGHTS)
    assert second.headers["if-range"] and second.range == "bytes=500000-"  # the hub sent all of it
    assert not more


async def test_a_server_that_cannot_send_parts_sends_all_again(hub, tmp_path):
    hub.trouble(WEIGHTS, cut=2_000_000, times=1)
    hub.trouble(WEIGHTS, whole=True)
    async with instance(hub, tmp_path) as lama:
        assert (await lama.ended(await lama.downloads.add(REPO))).state == "done"
        assert lama.blobs()


@pytest.mark.parametrize(
    ("pattern", "how", "kind", "says"),
    [
        (WEIGHTS, {"flip": 77}, ModelIntegrityError, "not what was published"),
        (WEIGHTS, {"status": 403}, AuthError, "HTTP 403"),
        (WEIGHTS, {"status": 404}, ModelNotFoundError, "HTTP 404"),
        (WEIGHTS, {"status": 500}, DownloadError, None),
        (WEIGHTS, {"location": "/a/resolve/model.safetensors"}, DownloadError, "in a circle"),
        (WEIGHTS, {"location": "http://example.invalid/x"}, DownloadError, "unsafe"),
        (WEIGHTS, {"location": "file:///etc/passwd"}, DownloadError, "unsafe"),
        (WEIGHTS, {"headers": {"Content-Encoding": "gzip"}}, DownloadError, "compressed"),
        ("/api/models/", {"status": 401, "headers": {"X-Error-Code": "RepoNotFound"}}, ModelNotFoundError, "not on"),
    ],
    ids=["flipped", "403", "404", "500 for ever", "circle", "elsewhere", "file", "compressed", "no such model"],
)
async def test_what_does_not_pass_fails_and_says_what_to_do(hub, tmp_path, pattern, how, kind, says):
    hub.trouble(pattern, **how)
    async with instance(hub, tmp_path) as lama:
        failed = await lama.ended(await lama.downloads.add(REPO))
        assert failed.state == "failed"
        assert failed.error is not None and failed.error.hint
        if says is not None:
            assert isinstance(failed.error, kind)
            assert says in str(failed.error)
        assert not any(size == SIZE for size in lama.blobs().values())
        found = cached_repo(lama.cache, REPO)
        assert found is None or found.folder is None  # nobody takes it for a model
        assert lama.seen[-1].state == "failed"
    assert not outside(tmp_path)


async def test_a_gated_model_says_where_to_agree(hub, tmp_path):
    hub.add("org/gated", model_files(1000), gated="auto")
    hub.tokens["hf_other"] = set()
    async with instance(hub, tmp_path) as lama:
        failed = await lama.ended(await lama.downloads.add("org/gated"))
        assert isinstance(failed.error, AuthError)
        assert f"{hub.endpoint}/org/gated" in failed.error.hint


@pytest.mark.parametrize("told", [{"size": 10}, {"size": 4_000_000}], ids=["more comes", "less comes"])
async def test_sizes_that_lie_are_found_out(hub, tmp_path, told):
    hub.add("org/liar", model_files(SIZE), told={"model.safetensors": told})
    async with instance(hub, tmp_path) as lama:
        failed = await lama.ended(await lama.downloads.add("org/liar"))
        assert isinstance(failed.error, DownloadError)
        assert "not as long as the hub lists it" in failed.error.title
        assert lama.folder("org/liar").snapshot(failed.commit or "").exists() is False


@pytest.mark.parametrize("path", ["../../evil", "/evil-of-lama", "a/../../b", "C:\\evil", "a\0b", "sub//x"])
async def test_names_that_lead_elsewhere_are_refused(hub, tmp_path, path):
    hub.add("org/evil", model_files(1000), told={"tokenizer.json": {"path": path}})
    async with instance(hub, tmp_path) as lama:
        failed = await lama.ended(await lama.downloads.add("org/evil"))
        assert isinstance(failed.error, DownloadError)
        assert lama.blobs("org/evil") == {}
    assert not outside(tmp_path)


async def test_a_full_disk_is_waited_for_with_words(hub, tmp_path):
    hub.add("org/huge", model_files(1000), told={"model.safetensors": {"size": 1 << 50}})
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add("org/huge")
        waiting = await lama.until(job, lambda now: now.state != "queued" and now.state != "running")
        assert waiting.state == "waiting"
        assert "disk is full" in waiting.why and "are needed" in waiting.why
        await lama.downloads.cancel(job)
        assert (await lama.ended(job)).state == "cancelled"


@pytest.mark.slow
async def test_a_repo_of_ten_thousand_files(hub, tmp_path):
    files = {f"part-{number // 100:03d}/{number:05d}.json": b'{"n": %d}' % number for number in range(10_000)}
    hub.add("org/many", {**files, **model_files(1000)})
    async with instance(hub, tmp_path) as lama:
        job = await lama.downloads.add("org/many")
        done = await lama.until(job, lambda now: now.ended, within=600)
        assert (done.state, done.files_done, done.error) == ("done", 10_004, None)
        assert len(lama.blobs("org/many")) == 10_004
