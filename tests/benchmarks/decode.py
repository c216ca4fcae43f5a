"""Decode speed through the whole chain against mlx-lm alone: `python -m tests.benchmarks.decode [FOLDER]`.

Both answer the same prompt greedily with the same model, in turn, after the same warm-up, each in
its own thread of one process. Decode = (n − 1) / (t_last − t_first), the times being those at
which a reader had the text: of `stream_generate` its loop, of the chain the event loop. A small model can
be faster through the chain: `stream_generate` also works out the log-probabilities of every token.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("MLX_DISABLE_COMPILE", "1")

from lama_tui.config.settings import EngineSettings, GenerationSettings
from lama_tui.engine.backend import ModelSource
from lama_tui.engine.thread import Engine
from lama_tui.events import ReasoningDelta, StreamFinished, TextDelta
from lama_tui.providers.base import ChatRequest
from lama_tui.providers.local import LocalProvider
from lama_tui.types import ChatMessage, Sampling
from tests.models import make_tiny_llama

QUESTION = "What does a workspace for language models show while an answer is being written?"


def raw(folder: Path) -> Callable[[int], float]:
    """A function that lets mlx-lm alone make n tokens, and returns its decode speed."""
    from mlx_lm.generate import stream_generate
    from mlx_lm.utils import load

    model, tokenizer = load(str(folder))
    tokenizer.eos_token_ids = set()
    messages = [{"role": "user", "content": QUESTION}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)

    def measure(tokens: int) -> float:
        times = [time.perf_counter() for _ in stream_generate(model, tokenizer, prompt, max_tokens=tokens)]
        return (len(times) - 1) / (times[-1] - times[0])

    return measure


async def through_the_chain(provider: LocalProvider, model: str, tokens: int) -> tuple[float, float]:
    """Decode speed as the reader of the provider sees it, and as the engine measures it."""
    request = ChatRequest(model, (ChatMessage("user", QUESTION),), Sampling(temperature=0.0, max_tokens=tokens))
    times: list[float] = []
    async for event in provider.stream(request):
        if isinstance(event, TextDelta | ReasoningDelta):
            times.append(time.perf_counter())
        if isinstance(event, StreamFinished):
            made, measured = event.usage.completion_tokens, event.usage.decode_tok_s
    assert made == tokens, f"the model ended by itself after {made} tokens"
    return (made - 1) / (times[-1] - times[0]), measured or 0.0


@dataclass(frozen=True, slots=True)
class Decode:
    """Tokens per second: mlx-lm alone, as the chain's reader sees it, as the engine measures it.

    Each is the fastest of its rounds: whatever else the machine does only ever slows one down, and a
    token's handing over from thread to thread suffers far more from it than the token itself.
    """

    device: str
    alone: float
    seen: float
    inside: float

    @property
    def ratio(self) -> float:
        """Of the chain, at its reader, to mlx-lm alone."""
        return self.seen / self.alone


def measure(rounds: int, tokens: int = 256, folder: str | None = None) -> Decode:
    """Let both answer in turn; without a folder a random Llama of 2.7 M parameters."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(folder or make_tiny_llama(Path(temporary) / "tiny", hidden=256, layers=4, heads=8))
        return asyncio.run(_measure(path, tokens, rounds))


async def _measure(folder: Path, tokens: int, rounds: int) -> Decode:
    from lama_tui.engine.mlx_backend import MlxBackend

    async def resolve(reference: str) -> ModelSource:
        return ModelSource(reference, str(folder))

    engine = Engine(lambda: MlxBackend(EngineSettings()))
    provider = LocalProvider(engine, resolve, GenerationSettings)
    thread = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    measure_alone = await loop.run_in_executor(thread, raw, folder)
    for _ in range(2):
        await loop.run_in_executor(thread, measure_alone, tokens)
        await through_the_chain(provider, folder.name, tokens)
    alone, seen, inside = [], [], []
    for number in range(2 * rounds):
        if number % 4 in (0, 3):  # by turns alone, chain, chain, alone: neither always comes after the other
            alone.append(await loop.run_in_executor(thread, measure_alone, tokens))
        else:
            by_reader, by_engine = await through_the_chain(provider, folder.name, tokens)
            seen.append(by_reader)
            inside.append(by_engine)
    device = engine.figures().device
    await engine.stop()
    thread.shutdown()
    return Decode(device.name if device else "–", max(alone), max(seen), max(inside))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="an MLX model; without it a random Llama of 2.7 M parameters")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    found = measure(options.rounds, options.tokens, options.folder)
    print(f"{found.device}, {options.tokens} tokens, fastest of {options.rounds} rounds")
    print(f"{'stream_generate alone':<28}{found.alone:>9.1f} tok/s")
    print(f"{'chain, at its reader':<28}{found.seen:>9.1f} tok/s   ratio {found.ratio:.3f}")
    print(f"{'chain, in the engine':<28}{found.inside:>9.1f} tok/s   ratio {found.inside / found.alone:.3f}")


if __name__ == "__main__":
    main()
