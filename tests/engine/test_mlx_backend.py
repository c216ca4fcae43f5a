"""What the MLX backend does by itself: where there is no MLX, and when one answer of several fails."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lama_tui.config.settings import EngineSettings
from lama_tui.engine.backend import GenerationRequest, ModelSource
from lama_tui.engine.mlx_backend import MlxBackend
from lama_tui.engine.pace import FIRST, STEP_SECONDS, Pace
from lama_tui.engine.prompt_files import PromptFiles
from lama_tui.errors import InferenceError, ModelLoadError
from lama_tui.events import StreamEvent, StreamFailed, StreamFinished
from lama_tui.types import ChatMessage, RequestId, Sampling, Usage
from tests.engine.conftest import Rig

Ends = StreamFailed | StreamFinished


def test_a_machine_without_mlx_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlx.core", None)
    with pytest.raises(ModelLoadError, match="MLX is not installed") as caught:
        MlxBackend(EngineSettings()).open()
    assert caught.value.hint


def in_a_thread(
    work: Callable[[MlxBackend], Any], settings: EngineSettings | None = None, files: PromptFiles | None = None
) -> Any:
    """Run `work` with an open backend in one thread of its own, as the engine does."""

    def whole() -> Any:
        backend = MlxBackend(settings or EngineSettings(), files)
        backend.open()
        try:
            return work(backend)
        finally:
            backend.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(whole).result()


def test_an_answer_that_fails_fails_alone(tiny_models: tuple[Path, Path]) -> None:
    source = ModelSource("one", str(tiny_models[0]))

    def request(name: str) -> GenerationRequest:
        return GenerationRequest(RequestId(name), source, (ChatMessage("user", "hi"),), Sampling(0.0, 5))

    def work(backend: MlxBackend) -> dict[str, list[type]]:
        backend.load(source, lambda done, total: None)
        backend.begin(request("good"))
        backend.begin(request("bad"))
        run = backend._runs["one"]
        run._reading[1].kv.layers.clear()  # the network will find no layer's cache
        seen: dict[str, list[type]] = {"good": [], "bad": []}
        while run.requests:
            for event in backend.step():
                seen[event.request].append(type(event.event))
        assert backend.cancel(RequestId("bad"))[0].event == StreamFinished("cancelled", Usage())
        return seen

    seen = in_a_thread(work)
    assert seen["bad"] == [StreamFailed]
    assert seen["good"][-1] is StreamFinished


def test_an_end_that_cannot_be_remembered_is_an_end_and_costs_nobody_else(
    tiny_models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (ModelSource(path.name, str(path)) for path in tiny_models)

    def request(name: str, source: ModelSource, tokens: int) -> GenerationRequest:
        return GenerationRequest(RequestId(name), source, (ChatMessage("user", name),), Sampling(0.0, tokens))

    def no_memory(*_: object) -> None:
        raise RuntimeError("[malloc] Unable to allocate")

    def work(backend: MlxBackend) -> dict[str, list[StreamEvent]]:
        for source in (one, two):
            backend.load(source, lambda done, total: None)
        requests = [request("short", one, 2), request("long", one, 8), request("stopped", one, 8), request("x", two, 8)]
        for each in requests:
            backend.begin(each)
        monkeypatch.setattr(backend._prompts, "keep", no_memory)
        seen: dict[str, list[StreamEvent]] = {each.id: [] for each in requests}
        events = []
        while any(run.requests for run in backend._runs.values()):
            if seen["short"] and isinstance(seen["short"][-1], StreamFinished) and not events:
                monkeypatch.setattr("lama_tui.engine.mlx_decoding.extracted", no_memory)
                events = [*backend.cancel(RequestId("stopped"))]
                monkeypatch.undo()
                seen["stopped"] += [event.event for event in events]
            for event in backend.step():
                seen[event.request].append(event.event)
        return seen

    seen = in_a_thread(work)
    ends = {name: [type(event) for event in events if isinstance(event, Ends)] for name, events in seen.items()}
    # a batch that could not be taken apart is not trusted any more: of it, and only of it, the others fail
    assert ends["short"] == ends["x"] == [StreamFinished] and ends["long"] == [StreamFailed]
    assert ends["stopped"] == [StreamFinished]


def test_a_request_for_what_is_not_loaded(tiny_models: tuple[Path, Path]) -> None:
    source = ModelSource("one", str(tiny_models[0]))
    request = GenerationRequest(RequestId("r"), source, (ChatMessage("user", "hi"),), Sampling(0.0, 5))
    with pytest.raises(InferenceError, match="not loaded"):
        in_a_thread(lambda backend: backend.begin(request))


def test_the_pace_keeps_a_step_short_and_within_the_settings() -> None:
    pace = Pace(512)
    assert pace.chunk() == pace.chunk(hurry=True) == FIRST
    pace.measured(FIRST, 0.001)
    assert pace.chunk() == 512
    pace.measured(512, 100 * STEP_SECONDS)
    assert (pace.chunk(), pace.chunk(hurry=True)) == (5, 2)
    pace.measured(5, 1000.0)
    assert pace.chunk() == 1
    pace.measured(1, 0.0)
    assert pace.chunk() == 512
    pace.measured(3, 0.01)  # the rest of a prompt says nothing of the next
    assert pace.chunk() == 512
    assert Pace(4).chunk() == 4


async def test_the_device_is_known_after_the_first_use(mlx: Rig) -> None:
    await mlx.engine.load(mlx.first)
    device = mlx.engine.figures().device
    assert device is not None and device.name and device.memory and device.memory > 1024**3
