"""An error that is looked at for long does not keep the model in memory that it came from."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lama_tui.config.settings import EngineSettings
from lama_tui.engine.backend import GenerationRequest, LoadedModel, ModelSource, never
from lama_tui.engine.mlx_backend import MlxBackend
from lama_tui.errors import LamaError
from tests.engine.conftest import PATIENCE, Rig
from tests.models import make_tiny_llama


class Breaking(MlxBackend):
    """Fails in one place, deep inside."""

    def __init__(self, where: str) -> None:
        super().__init__(EngineSettings(batch_size=64))
        self.where = where

    def load(self, source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
        model = super().load(source, progress)
        network = self._runs[source.reference].model.network
        where = self.where

        def call(this: Any, tokens: Any, **named: Any) -> Any:
            if where == ("decode" if tokens.shape[1] == 1 else "prefill"):
                raise RuntimeError("on purpose")
            return type(this).__base__.__call__(this, tokens, **named)

        network.__class__ = type("Breaking", (type(network),), {"__call__": call})
        return model

    def begin(self, request: GenerationRequest, given_up: Callable[[], bool] = never) -> None:
        run = self._run(request.source)
        if self.where == "begin":
            raise KeyError(f"on purpose, of {run.model.source.reference}")
        super().begin(request, given_up)


@pytest.fixture(autouse=True)
def no_records() -> Iterator[None]:
    """pytest keeps what is logged, tracebacks and all; a log file does not."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("where", ["begin", "prefill", "decode", "window"])
async def test_the_memory_is_given_back_while_the_error_is_kept(tmp_path: Path, where: str) -> None:
    import mlx.core as mx

    source = ModelSource("one", str(make_tiny_llama(tmp_path / "one", window=64)))
    rig = Rig(lambda: Breaking(where), source, source)
    try:
        model = await rig.engine.load(source)
        with pytest.raises(LamaError) as caught:
            await rig.answer(rig.request(text="x" * (500 if where == "window" else 20)))
        before = mx.get_active_memory()
        assert await rig.engine.unload("one") >= model.weights
        assert before - mx.get_active_memory() >= model.weights and caught.value.title
    finally:
        assert await rig.engine.stop(PATIENCE)
