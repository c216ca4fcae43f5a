"""A process that used the engine ends by itself, with its own status and a clean stderr, in every state."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import in_time

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, sys, time
from lama_tui.config.settings import EngineSettings
from lama_tui.engine.backend import GenerationRequest, ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.types import ChatMessage, RequestId, Sampling

def backend():
    from lama_tui.engine.mlx_backend import MlxBackend
    return MlxBackend(EngineSettings(batch_size=64))

async def main(folder, event, goodbye):
    engine = Engine(backend)
    source = ModelSource("one", folder)
    text = "word " * 700 if event == "PromptProgress" else "hello"
    tokens = 5 if event == "StreamFinished" else 3000
    request = GenerationRequest(RequestId("r"), source, (ChatMessage("user", text),), Sampling(0.0, tokens))
    async for seen in engine.generate(request):
        if type(seen).__name__ == event:
            break
    if goodbye == "stop":
        began = time.monotonic()
        stopped = await engine.stop(30)
        print(stopped, time.monotonic() - began)
    elif goodbye == "crash":
        raise KeyError("on purpose")

asyncio.run(main(*sys.argv[1:]))
sys.exit(0)
"""


def run(folder: Path, event: str, goodbye: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"MLX_DISABLE_COMPILE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), event, goodbye],
        capture_output=True, text=True, timeout=300, env=environment,
    )  # fmt: skip
    return done


@pytest.mark.parametrize("event", ["ModelLoading", "PromptProgress", "TextDelta", "StreamFinished"])
def test_stopped_in_any_state_it_exits_with_zero(tiny_models: tuple[Path, Path], event: str) -> None:
    done = run(tiny_models[0], event, "stop")
    assert (done.returncode, done.stderr) == (0, "")
    stopped, seconds = done.stdout.split()
    assert stopped == "True" and float(seconds) < in_time(2.0)


@pytest.mark.parametrize(("goodbye", "status"), [("forgotten", 0), ("crash", 1)])
def test_a_program_that_forgets_to_stop_still_ends(tiny_models: tuple[Path, Path], goodbye: str, status: int) -> None:
    done = run(tiny_models[0], "TextDelta", goodbye)
    assert done.returncode == status
    assert ("on purpose" in done.stderr) == (goodbye == "crash")


def test_the_engines_face_imports_no_runtime() -> None:
    program = (
        "import sys, lama_tui.engine.thread, lama_tui.engine.mlx_backend, lama_tui.providers.local\n"
        "heavy = {'mlx', 'mlx_lm', 'transformers', 'huggingface_hub', 'psutil', 'jinja2', 'numpy'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()", done.stderr
