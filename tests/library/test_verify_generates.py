"""The smoke run: a few tokens through the engine, and the memory as it was."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from lama_tui.engine.backend import ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.errors import InferenceError, OutOfMemoryError
from lama_tui.library.installed import InstalledModel
from lama_tui.library.verify.check import Progress
from lama_tui.library.verify.generates import check_generates
from tests.engine.conftest import PATIENCE
from tests.engine.fake import SIZE, FakeBackend

MODEL = InstalledModel("one", "/one")


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
async def engine(backend: FakeBackend) -> AsyncIterator[Engine]:
    engine = Engine(lambda: backend)
    yield engine
    assert await engine.stop(PATIENCE)


def loaded(engine: Engine) -> list[str]:
    return [model.reference for model in engine.figures().loaded]


async def test_it_answers_and_leaves_the_memory_as_it_was(engine: Engine, backend: FakeBackend) -> None:
    seen: list[Progress] = []
    check = await check_generates(engine, MODEL, seen.append)
    assert (check.level, check.status) == ("generates", "ok") and "8 tokens" in check.detail
    assert loaded(engine) == [] and any(each.now == "loading" and each.total for each in seen)
    # what was loaded comes back, and what is being checked stays where it was loaded before
    await engine.load(ModelSource("two", "/two"))
    assert (await check_generates(engine, MODEL, seen.append)).status == "ok"
    assert loaded(engine) == ["two"]
    loads = backend.calls.count("load")
    assert (await check_generates(engine, InstalledModel("two", "/two"), seen.append)).status == "ok"
    assert loaded(engine) == ["two"] and backend.calls.count("load") == loads


async def test_what_comes_back_has_its_parts_again() -> None:
    with_draft = ModelSource("two with draft small", "/two", draft="/small")
    engine = Engine(lambda: FakeBackend(room=SIZE))
    try:
        await engine.load(with_draft)
        assert (await check_generates(engine, MODEL, lambda _: None)).status == "ok"
        assert [model.source for model in engine.figures().loaded] == [with_draft]
    finally:
        assert await engine.stop(PATIENCE)


@pytest.mark.parametrize(
    ("fails", "error", "status"),
    [
        ("load", OutOfMemoryError("It does not fit", "", "Choose a smaller one."), "unknown"),
        ("begin", InferenceError("The chat template failed", "a reason"), "failed"),
        ("step", RuntimeError("[metal] boom"), "failed"),
    ],
)
async def test_what_goes_wrong_is_the_answer_and_the_memory_is_free(
    engine: Engine, backend: FakeBackend, fails: str, error: Exception, status: str
) -> None:
    backend.fails, backend.error = [fails], error
    check = await check_generates(engine, MODEL, lambda _: None)
    assert check.status == status and check.detail
    assert loaded(engine) == []
    assert (await check_generates(engine, MODEL, lambda _: None)).status == "ok"  # the engine lives


async def test_what_does_not_fit_is_not_tried(engine: Engine, backend: FakeBackend) -> None:
    check = await check_generates(engine, replace(MODEL, fits=False), lambda _: None)
    assert check.status == "unknown" and "does not fit" in check.detail and backend.calls == []


async def test_it_is_stopped_and_leaves_nothing(engine: Engine, backend: FakeBackend) -> None:
    began, stopped = asyncio.Event(), threading.Event()
    backend.on_progress = lambda: stopped.wait(PATIENCE) and None  # it is still at it when it is stopped
    checking = asyncio.create_task(check_generates(engine, MODEL, lambda _: began.set()))
    await asyncio.wait_for(began.wait(), PATIENCE)
    checking.cancel()
    stopped.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(checking, PATIENCE)
    assert loaded(engine) == []
