"""What models may take: what is refused before loading, how that is forced, and what comes back after unloading."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lama_tui.config.settings import EngineSettings
from lama_tui.engine.backend import GenerationRequest, ModelSource
from lama_tui.engine.device import memory_of
from lama_tui.engine.fit import USUAL_CONTEXT, WORKING, KvForm, Machine, fit
from lama_tui.engine.machine import control_groups, for_models, machine_memory
from lama_tui.engine.mlx_backend import MlxBackend
from lama_tui.engine.model_files import check_folder
from lama_tui.errors import ContextError, OutOfMemoryError
from lama_tui.events import StreamEvent, StreamFailed, StreamFinished
from lama_tui.types import GUIDE, ChatMessage, RequestId, Sampling
from tests.engine.conftest import PATIENCE, Rig, text_of
from tests.engine.test_mlx_backend import in_a_thread
from tests.models import make_tiny_llama

GIB = 1024**3
SMALL_SHARE = 0.01
"""Of the memory of a machine on which tests run: less than what any model needs to work in."""
APPLE = {
    "device_name": "Apple M2",
    "max_recommended_working_set_size": 11453251584,
    "memory_size": 17179869184,
}
"""What `mx.device_info` says on a Mac of 16 GiB. Nothing here was run on one."""


def source_of(path: Path) -> ModelSource:
    return ModelSource(path.name, str(path))


def request(name: str, source: ModelSource, text: str = "hello", tokens: int = 5, **more: object) -> GenerationRequest:
    messages = (ChatMessage("user", text),)
    return GenerationRequest(RequestId(name), source, messages, Sampling(0.0, tokens), **more)  # type: ignore[arg-type]


def ended(backend: MlxBackend, names: Sequence[str]) -> dict[str, list[StreamEvent]]:
    """Every event of these requests."""
    seen: dict[str, list[StreamEvent]] = {name: [] for name in names}
    while not all(any(isinstance(event, StreamFinished | StreamFailed) for event in each) for each in seen.values()):
        for event in backend.step():
            seen[event.request].append(event.event)
    return seen


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """Heads of 32 numbers, the fewest that can be packed."""
    return source_of(make_tiny_llama(tmp_path_factory.mktemp("wide") / "wide", hidden=128))


# -- what is refused


async def test_what_does_not_fit_is_refused_with_every_figure_and_can_be_forced(
    tiny_models: tuple[Path, Path],
) -> None:
    one = source_of(tiny_models[0])
    rig = Rig(lambda: MlxBackend(EngineSettings(memory_limit=SMALL_SHARE)), one, one)
    with pytest.raises(OutOfMemoryError) as caught:
        await rig.engine.load(one)
    said = caught.value.detail
    assert "weights" in said and "KV cache of 4,096 tokens" in said and "512 MiB to work in" in said
    assert f"{SMALL_SHARE:g} (engine.memory_limit) of" in said
    assert "--force" in caught.value.hint
    assert not rig.engine.figures().loaded

    await rig.engine.load(replace(one, forced=True))
    finished = (await rig.answer(rig.request(one)))[-1]  # of a chat, which forces nothing: it is loaded already
    assert isinstance(finished, StreamFinished) and rig.engine.figures().relief is None
    await rig.engine.unload(one.reference)
    with pytest.raises(OutOfMemoryError):
        await rig.answer(rig.request(one))
    assert await rig.engine.stop(PATIENCE)


def test_the_guide_is_never_refused(tiny_models: tuple[Path, Path]) -> None:
    def work(backend: MlxBackend) -> None:
        backend.check(ModelSource(GUIDE, str(tiny_models[0])))

    in_a_thread(work, EngineSettings(memory_limit=SMALL_SHARE))


def test_a_longer_context_needs_more(tiny_models: tuple[Path, Path]) -> None:
    one = source_of(tiny_models[0])

    def work(backend: MlxBackend) -> tuple[int, int]:
        return backend.needs(replace(one, context=256)), backend.needs(one)

    short, usual = in_a_thread(work)
    kv = check_folder(one).kv
    assert kv is not None
    assert usual - short == kv.size(4096) - kv.size(256)  # no longer than the model's own window


async def test_the_browser_and_the_engine_count_alike(tiny_models: tuple[Path, Path]) -> None:
    from lama_tui.engine.figures import EngineFigures
    from lama_tui.library.inspect import inspect_folder
    from lama_tui.library.installed import InstalledModel
    from lama_tui.ui.models import ListedModel
    from lama_tui.ui.screens.models.catalogue import Measured, fit_of, machine

    one = source_of(tiny_models[0])
    found = inspect_folder(tiny_models[0])
    installed = InstalledModel("one", one.folder, weights=found.weights, context=found.context, kv=found.kv)
    for form in (KvForm(), KvForm(window=512), KvForm(bits=8)):
        settings = EngineSettings(window=form.window, kv_bits=form.bits, memory_limit=SMALL_SHARE)
        there = machine(Measured(*_system()), EngineFigures(), SMALL_SHARE)
        seen = fit_of(ListedModel("one", "one", installed=installed), USUAL_CONTEXT, there, EngineFigures(), form)

        def work(backend: MlxBackend, seen: object = seen.needed) -> None:
            assert backend.needs(replace(one, forced=True)) == seen

        in_a_thread(work, settings)
        assert seen.fits is False


def _system() -> tuple[int | None, int | None]:
    memory = machine_memory()
    return memory.total, memory.available


# -- what the machine can give


def test_what_models_can_have_on_each_kind_of_device() -> None:
    system = Machine(16 * GIB, 6 * GIB)
    assert for_models(system, "cpu", 16 * GIB, 2 * GIB, 0.5) == Machine(16 * GIB, 8 * GIB, 8 * GIB)
    assert for_models(system, "cpu", 16 * GIB, 2 * GIB, 0.5, own=12 * GIB).limit == 12 * GIB
    assert for_models(system, "cuda", 80 * GIB, 0, 0.5) == Machine(80 * GIB, None, 40 * GIB)
    assert for_models(Machine(), None, None, 0, 0.5) == Machine()


def test_on_metal_the_system_says_how_much() -> None:
    working_set = memory_of(APPLE)
    assert working_set == APPLE["max_recommended_working_set_size"]
    there = for_models(Machine(16 * GIB, 2 * GIB), "metal", working_set, 0, 0.8)
    assert fit(7 * GIB, None, None, there).fits is True  # others make way
    assert fit(8 * GIB, None, None, there).fits is False
    assert memory_of({"device_name": "Intel"}) is None


def test_a_container_has_what_its_groups_leave(tmp_path: Path) -> None:
    mine, groups = tmp_path / "mine", tmp_path / "groups"
    deep = groups / "user" / "app"
    deep.mkdir(parents=True)
    mine.write_text("0::/user/app\n")
    (deep / "memory.max").write_text("max\n")
    (deep / "memory.current").write_text("5\n")
    (groups / "user" / "memory.max").write_text("1000\n")
    (groups / "user" / "memory.current").write_text("700\n")
    (groups / "user" / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    assert list(control_groups(groups, mine)) == [(1000, 500)]

    old = groups / "memory" / "user"
    old.mkdir(parents=True)
    (old / "memory.limit_in_bytes").write_text("2000\n")
    (old / "memory.usage_in_bytes").write_text("50\n")
    (old / "memory.stat").write_text("garbage\ntotal_inactive_file 60\n")
    mine.write_text("broken\n4:memory:/user\n3:cpuset:/\n")
    assert list(control_groups(groups, mine)) == [(2000, 0)]
    assert list(control_groups(groups, tmp_path / "nowhere")) == []


def test_the_limits_are_set_on_mlx(tiny_models: tuple[Path, Path]) -> None:
    import mlx.core as mx

    total = machine_memory().total
    assert total is not None

    def work(backend: MlxBackend) -> tuple[int, int, int]:
        backend.load(replace(source_of(tiny_models[0]), forced=True), lambda done, total: None)
        forced = mx.get_memory_limit()
        backend.unload("one")
        buffers = mx.set_cache_limit(WORKING)
        mx.set_cache_limit(buffers)
        return forced, mx.get_memory_limit(), buffers

    forced, afterwards, buffers = in_a_thread(work, EngineSettings(memory_limit=SMALL_SHARE))
    assert afterwards == int(total * SMALL_SHARE) < WORKING < forced
    assert 0 < buffers <= WORKING


def test_a_machine_that_runs_short_is_a_shortage_for_whoever_holds_much(monkeypatch: pytest.MonkeyPatch) -> None:
    import mlx.core as mx

    from lama_tui.engine import mlx_memory

    def work(backend: MlxBackend) -> tuple[int, int, int]:
        monkeypatch.setattr(mlx_memory, "machine_memory", lambda: Machine(16 * GIB, 100 * 1024**2))
        little = backend.pressure()
        much = mx.zeros((mlx_memory.RESERVE,), mx.uint8)
        mx.eval(much)
        mx.eval(one := mx.zeros((1,)))
        short = backend.pressure()
        monkeypatch.setattr(mlx_memory, "machine_memory", lambda: Machine(16 * GIB, 8 * GIB))
        assert much.size and one.size
        return little, short, backend.pressure()

    assert in_a_thread(work) == (0, 156 * 1024**2, 0)


# -- what comes back


def test_unloading_gives_back_the_weights_while_others_answer(wide: ModelSource) -> None:
    import mlx.core as mx

    sources = [ModelSource(name, wide.folder) for name in "abc"]

    def work(backend: MlxBackend) -> list[tuple[int, int, int]]:
        models = [backend.load(source, lambda done, total: None) for source in sources]
        backend.begin(request("kept", sources[0], "long " * 100, tokens=60))
        backend.begin(request("done", sources[1]))
        while backend._runs["b"].requests:  # it leaves a prompt behind
            backend.step()
        gone = []
        for model in models[1:]:
            before = mx.get_active_memory()
            freed = backend.unload(model.reference)
            gone.append((model.weights, before - mx.get_active_memory(), freed))
        assert isinstance(ended(backend, ["kept"])["kept"][-1], StreamFinished)
        return gone

    for weights, back, freed in in_a_thread(work):
        assert weights > 1024**2
        assert back >= 0.99 * weights and freed >= 0.99 * weights


# -- a window, and packed KV


def test_within_its_window_an_answer_is_what_it_was_and_beyond_it_goes_on(wide: ModelSource) -> None:
    def work(backend: MlxBackend) -> tuple[list[StreamEvent], list[StreamEvent], int, int | None]:
        backend.load(wide, lambda done, total: None)
        backend.begin(request("short", wide, "x" * 60, tokens=40))
        short = ended(backend, ["short"])["short"]
        backend.begin(request("long", wide, "x" * 100, tokens=180))
        most = 0
        long: list[StreamEvent] = []
        while not any(isinstance(event, StreamFinished) for event in long):
            long += [event.event for event in backend.step()]
            most = max(most, backend.memory().kv or 0)
        return short, long, most, backend.loaded()[0].context_window

    plain = in_a_thread(work)
    turning = in_a_thread(work, EngineSettings(window=256))
    assert text_of(plain[0]) == text_of(turning[0]) != ""
    finished = turning[1][-1]
    assert isinstance(finished, StreamFinished) and finished.usage.completion_tokens == 180
    assert finished.usage.context_window == turning[3] == 256 and plain[3] == 4096
    kv = check_folder(wide).kv
    assert kv is not None
    assert turning[2] == kv.size(284, KvForm(window=256)) == kv.size(256) < plain[2]


def test_a_question_must_fit_in_the_window(wide: ModelSource) -> None:
    turns = tuple(ChatMessage(role, "y" * 100) for role in ("user", "assistant") * 3)[:-1]  # type: ignore[arg-type]

    def work(backend: MlxBackend) -> object:
        backend.load(wide, lambda done, total: None)
        with pytest.raises(ContextError, match=r"tokens.*at most 256 \(engine\.window\)"):
            backend.begin(replace(request("all", wide), messages=turns))
        backend.begin(replace(request("newest", wide), messages=turns, drop_oldest=True))
        return ended(backend, ["newest"])["newest"][-1]

    finished = in_a_thread(work, EngineSettings(window=256))
    assert isinstance(finished, StreamFinished) and finished.usage.left_out


@pytest.mark.parametrize("bits", [4, 8])
def test_packed_kv_takes_less_answers_beside_others_and_is_remembered(wide: ModelSource, bits: int) -> None:
    from lama_tui.engine.mlx_kv import MlxKv

    def work(backend: MlxBackend) -> tuple[list[StreamEvent], list[StreamEvent], int]:
        backend.load(wide, lambda done, total: None)
        backend.begin(request("one", wide, "z" * 300, tokens=8))
        backend.begin(request("two", wide, "w" * 300, tokens=8))
        seen, most = {"one": [], "two": []}, 0  # type: dict[str, list[StreamEvent]], int
        while backend._runs[wide.reference].requests:
            for event in backend.step():
                seen[event.request].append(event.event)
            most = max(most, backend.memory().kv or 0)
        backend.begin(request("again", wide, "z" * 300 + "!", tokens=8))
        return [*seen["one"], *seen["two"]], ended(backend, ["again"])["again"], most

    first, again, most = in_a_thread(work, EngineSettings(kv_bits=bits))
    assert len([event for event in first if isinstance(event, StreamFinished)]) == 2
    finished = again[-1]
    assert isinstance(finished, StreamFinished) and (finished.usage.cached_tokens or 0) > 250
    kv = check_folder(wide).kv
    # a packed cache grows by 256 tokens from wherever it is, not to a multiple of them
    assert kv is not None and 2 * kv.size(256, KvForm(bits=bits)) < most <= 2 * kv.size(560, KvForm(bits=bits))
    assert most < 1.3 * kv.size(320)
    assert MlxKv([], bits).copy().bits == bits


def test_packed_kv_comes_back_from_the_disk(wide: ModelSource, tmp_path: Path) -> None:
    from lama_tui.engine.prompt_files import PromptFiles

    def one(backend: MlxBackend) -> StreamEvent:
        backend.load(wide, lambda done, total: None)
        backend.begin(request("r", wide, "v" * 600, tokens=4, conversation=7))
        last = ended(backend, ["r"])["r"][-1]
        while backend.rest():
            pass
        return last

    cached = []
    for bits in (8, 8, 0, 4):
        files = PromptFiles(tmp_path / "prompts", GIB, False)
        finished = in_a_thread(one, EngineSettings(kv_bits=bits), files)
        assert isinstance(finished, StreamFinished)
        cached.append(finished.usage.cached_tokens or 0)
    assert cached[0] == 0 and cached[1] > 500
    assert cached[2:] == [0, 0], "computed with other settings, it is another model's"
