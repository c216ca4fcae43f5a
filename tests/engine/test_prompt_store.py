"""What models remember on the disk: after a restart a conversation goes on from there, or from nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import RawIOBase
from pathlib import Path
from typing import TypeVar

import pytest

from lama_tui.config.settings import EngineSettings
from lama_tui.engine import mlx_backend
from lama_tui.engine.backend import GenerationRequest, ModelSource
from lama_tui.engine.mlx_backend import MlxBackend
from lama_tui.engine.mlx_prompt_store import key_of
from lama_tui.engine.prompt_files import PromptFiles
from lama_tui.events import StreamFailed, StreamFinished, TextDelta
from lama_tui.types import ChatMessage, RequestId, Sampling, Usage
from tests.models import make_tiny_llama

HISTORY = "x" * 600

T = TypeVar("T")


class Life:
    """A backend from its opening to its end, in a thread of its own."""

    def __init__(self, backend: MlxBackend, source: ModelSource) -> None:
        self.backend = backend
        self.source = source

    def request(self, *texts: str, conversation: int = 7) -> GenerationRequest:
        messages = tuple(ChatMessage("assistant" if n % 2 else "user", text) for n, text in enumerate(texts))
        return GenerationRequest(RequestId("r"), self.source, messages, Sampling(0.0, 10), conversation=conversation)

    def ask(self, *texts: str, conversation: int = 7) -> tuple[str, Usage]:
        """The answer to a conversation of these texts."""
        self.backend.begin(self.request(*texts, conversation=conversation))
        text = ""
        while True:
            for made in self.backend.step():
                assert not isinstance(made.event, StreamFailed), made.event.error
                if isinstance(made.event, TextDelta):
                    text += made.event.text
                if isinstance(made.event, StreamFinished):
                    return text, made.event.usage

    def rest(self) -> None:
        """Nothing runs for a while."""
        while self.backend.rest():
            pass


@pytest.fixture(autouse=True)
def _a_long_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written at the end may take as long as it does on a busy machine."""
    monkeypatch.setattr(mlx_backend, "_LAST_MOMENT", 60.0)


@pytest.fixture
def live(tiny_models: tuple[Path, Path], tmp_path: Path) -> Callable[[Callable[[Life], T]], T]:
    source = ModelSource("one", str(tiny_models[0]))

    def life(work: Callable[[Life], T]) -> T:
        backend = MlxBackend(EngineSettings(), PromptFiles(tmp_path / "prompts", 10**9))
        backend.open()
        try:
            backend.load(source, lambda done, total: None)
            return work(Life(backend, source))
        finally:
            backend.close()

    def lived(work: Callable[[Life], T]) -> T:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(life, work).result()

    return lived


def saved(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "prompts").rglob("*.safetensors"))


def test_a_conversation_goes_on_after_a_restart(live: Callable[[Callable[[Life], T]], T], tmp_path: Path) -> None:
    answer, _ = live(lambda life: (life.ask(HISTORY), life.rest())[0])
    assert len(saved(tmp_path)) == 1
    warm, usage = live(lambda life: life.ask(HISTORY, answer, "and?"))
    assert (usage.cached_tokens or 0) >= 603
    for path in saved(tmp_path):
        path.unlink()
    cold, usage = live(lambda life: life.ask(HISTORY, answer, "and?"))
    assert usage.cached_tokens == 0 and cold == warm


def test_quitting_keeps_what_was_not_written_yet(live: Callable[[Callable[[Life], T]], T], tmp_path: Path) -> None:
    live(lambda life: life.ask(HISTORY))
    assert len(saved(tmp_path)) == 1


def test_unloading_keeps_it_too(live: Callable[[Callable[[Life], T]], T]) -> None:
    def work(life: Life) -> Usage:
        answer, _ = life.ask(HISTORY)
        life.backend.unload("one")
        life.backend.load(life.source, lambda done, total: None)
        return life.ask(HISTORY, answer, "and?")[1]

    assert live(work).cached_tokens


def test_a_disk_that_is_full_costs_no_model_its_unloading(
    live: Callable[[Callable[[Life], T]], T], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: RawIOBase, *_: object) -> None:
        file.write(b"half")
        raise RuntimeError("[malloc] Unable to allocate")  # MLX's own; the disk says OSError

    def work(life: Life) -> int:
        life.ask(HISTORY)
        monkeypatch.setattr("mlx_lm.models.cache.save_prompt_cache", full)
        assert life.backend.rest()
        life.ask("y" * 600, conversation=8)
        return life.backend.unload("one")

    assert live(work) > 0 and not saved(tmp_path)


def test_whoever_comes_does_not_wait_for_the_disk(live: Callable[[Callable[[Life], T]], T], tmp_path: Path) -> None:
    def work(life: Life) -> str:
        answer, _ = life.ask(HISTORY)
        assert life.backend.rest(lambda: True) and not any((tmp_path / "prompts").rglob("*.safetensors"))
        assert life.backend.rest() and len(saved(tmp_path)) == 1 and not life.backend.rest()
        return answer

    answer = live(work)

    def given_up(life: Life) -> list[int | None]:
        request = life.request(HISTORY, answer, "and?")
        life.backend.begin(request, lambda: True)
        (cancelled,) = [event.event for event in life.backend.cancel(request.id)]
        assert isinstance(cancelled, StreamFinished)
        return [cancelled.usage.cached_tokens, life.ask(HISTORY, answer, "and?")[1].cached_tokens]

    at_once, then = live(given_up)
    assert at_once == 0 and (then or 0) >= 603


def test_what_is_wiped_while_it_is_read_is_not_used(
    live: Callable[[Callable[[Life], T]], T], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlx_lm.models import cache

    answer, _ = live(lambda life: life.ask(HISTORY))
    load = cache.load_prompt_cache

    def wiped(path: str, **how: bool) -> object:
        found = load(path, **how)  # its arrays are read when they are needed
        PromptFiles(tmp_path / "prompts", 10**9, wipe=True).forget(7)
        return found

    monkeypatch.setattr(cache, "load_prompt_cache", wiped)
    _, usage = live(lambda life: life.ask(HISTORY, answer, "and?"))
    assert usage.cached_tokens == 0


def test_a_link_that_leads_nowhere_costs_nothing(tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "one")
    (folder / "README.md").symlink_to(tmp_path / "cleaned away")
    assert key_of(ModelSource("one", str(folder)), "") != key_of(ModelSource("one", str(folder)), "other")


def test_a_damaged_file_is_replaced(live: Callable[[Callable[[Life], T]], T], tmp_path: Path) -> None:
    answer, _ = live(lambda life: life.ask(HISTORY))
    (path,) = saved(tmp_path)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    _, usage = live(lambda life: life.ask(HISTORY, answer, "and?"))
    assert usage.cached_tokens == 0
    assert len(saved(tmp_path)) == 1 and saved(tmp_path) != [path]


def test_another_model_does_not_use_it(
    live: Callable[[Callable[[Life], T]], T], tiny_models: tuple[Path, Path]
) -> None:
    answer, _ = live(lambda life: life.ask(HISTORY))

    def work(life: Life) -> Usage:
        life.source = ModelSource("one", str(tiny_models[1]))
        life.backend.load(life.source, lambda done, total: None)
        return life.ask(HISTORY, answer, "and?")[1]

    assert live(work).cached_tokens == 0


def test_a_deleted_conversation_is_forgotten(live: Callable[[Callable[[Life], T]], T], tmp_path: Path) -> None:
    def work(life: Life) -> Usage:
        answer, _ = life.ask(HISTORY)
        life.ask("y" * 600, conversation=8)
        life.rest()
        life.backend.forget(7)
        PromptFiles(tmp_path / "prompts", 10**9).forget(7)
        return life.ask(HISTORY, answer, "and?", conversation=9)[1]

    assert live(work).cached_tokens in (0, 1)  # every prompt begins with the same token
    assert {path.name.partition("-")[0] for path in saved(tmp_path)} == {"8", "9"}


def test_short_prompts_and_what_belongs_to_nothing_are_not_written(
    live: Callable[[Callable[[Life], T]], T], tmp_path: Path
) -> None:
    live(lambda life: (life.ask("hi"), life.ask(HISTORY, conversation=0)))
    assert not saved(tmp_path)


def test_what_cannot_be_cut_is_not_even_read_for_a_prompt_that_begins_otherwise(tmp_path: Path) -> None:
    def work() -> list[tuple[int, int] | None]:
        import mlx.core as mx
        from mlx_lm.models.cache import KVCache, RotatingKVCache

        from lama_tui.engine.mlx_kv import MlxKv
        from lama_tui.engine.mlx_prompt_store import MlxPromptStore

        store = MlxPromptStore(PromptFiles(tmp_path, 10**9))
        for conversation, layer, tokens in [(1, RotatingKVCache(max_size=256), 400), (2, KVCache(), 300)]:
            layer.update_and_fetch(mx.ones((1, 1, tokens, 8)), mx.ones((1, 1, tokens, 8)))
            assert store.write("model", conversation, range(tokens), MlxKv([layer]))
        prompts = [[*range(380), 0], [*range(400), 0], [*range(200), 0]]
        later = MlxPromptStore(PromptFiles(tmp_path, 10**9))
        found = [later.longest("model", prompt, 0) for prompt in prompts]
        whole = found[1]
        assert whole is not None and later.read(*whole) is not None
        return [each and (each[0].conversation, each[1]) for each in found]

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(work).result() == [(2, 300), (1, 400), None]
