"""Measured speeds are kept, and estimates say what they are from, or nothing."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lama_tui.config.loader import load_settings
from lama_tui.conversations.table import Conversations
from lama_tui.library.benchmarking.benchmark import BenchmarkProgress, benchmark
from lama_tui.library.benchmarking.estimate import SpeedPoint, Speeds, experts_of, points
from lama_tui.library.benchmarking.known import known_speeds
from lama_tui.library.benchmarking.tune import Tried, chosen
from lama_tui.library.installed import describe
from lama_tui.library.measurement_table import ChatSpeed, Measurement, MeasurementTable
from lama_tui.library.tuning_table import Tuning, TuningTable
from lama_tui.paths import Paths
from lama_tui.services import open_services
from lama_tui.store.database import Database
from tests.models import make_tiny_llama

GIB = 1024**3
ONE = Measurement("org/one", "c1", "a chip", "llama", 8, 4, GIB, 128, 64, 900.0, 50.0, 140.0, 2 * GIB, 1000, 0, 3)


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    database = await Database.open(Paths.from_environment())
    yield database
    await database.close()


async def test_measurements_are_kept_as_they_were(database: Database) -> None:
    table = MeasurementTable(database)
    unknown = replace(ONE, revision="", architecture=None, params=None, prefill_tok_s=None, peak_memory=None, at=900)
    for each in (ONE, unknown, replace(ONE, ref="org/two", at=2000)):
        await table.record(each)
    assert await table.of("org/one") == [ONE, unknown]
    assert await table.of("org/one", "") == [unknown]
    assert [each.ref for each in await table.all()] == ["org/two", "org/one", "org/one"]
    assert await table.of("' OR 1=1 --") == []


async def test_answers_in_conversations_count(database: Database, home: Path) -> None:
    make_tiny_llama(Paths.from_environment().models / "tiny")
    table = MeasurementTable(database)
    conversation = await Conversations(database).create("tiny")
    async with database.transaction() as connection:
        for speed, tokens in ((10.0, 100), (20.0, 100), (90.0, 100), (5000.0, 2), (None, 50)):
            usage = {"completion_tokens": tokens} | ({"decode_tok_s": speed} if speed else {})
            await connection.execute(
                "INSERT INTO messages (conversation_id, role, state, usage, model, created)"
                " VALUES (?, 'assistant', 'complete', ?, 'tiny', 1)",
                (conversation, json.dumps(usage)),
            )
    assert await table.of_chats() == [ChatSpeed("tiny", 20.0, 3)]

    tiny = await describe("tiny", Paths.from_environment())
    speeds, weights = await known_speeds(table, [tiny]), tiny.weights
    own = speeds.of("tiny", weights, 32, 0)
    assert own is not None and (own.decode_tok_s, own.source) == (20.0, "from 3 answers here")
    like = speeds.of("org/like", 2 * weights, 32, 0)
    assert like is not None and like.kind == "similar" and like.decode_tok_s == pytest.approx(10, rel=0.01)


def point(ref: str, weights: float, speed: float, *, bits: int = 4, experts: int = 0) -> SpeedPoint:
    return SpeedPoint(ref, int(weights * GIB), speed, 6, bits, experts)


def test_one_similar_model_gives_its_bandwidth() -> None:
    estimate = Speeds([point("a", 4, 50)]).of("b", 2 * GIB, 4, 0)
    assert estimate is not None and estimate.decode_tok_s == pytest.approx(100)
    assert estimate.source == "from 6 runs of 1 similar model"


def test_several_give_what_does_not_depend_on_size_too() -> None:
    def speed(weights: float) -> float:
        return 1 / (weights / 200 + 0.002)  # 200 GiB/s, and 2 ms a token

    known = [point(name, weights, speed(weights)) for name, weights in (("a", 1), ("b", 2), ("c", 6))]
    for weights in (1.5, 4.0, 8.0):
        estimate = Speeds(known).of("new", int(weights * GIB), 4, 0)
        assert estimate is not None and estimate.decode_tok_s == pytest.approx(speed(weights), rel=0.001)


def test_noise_never_gives_what_is_not_a_speed() -> None:
    known = [point("a", 1, 100), point("b", 1.1, 300), point("c", 1.2, 20)]
    estimate = Speeds(known).of("new", 4 * GIB, 4, 0)
    assert estimate is not None and 0 < estimate.decode_tok_s < 100


@pytest.mark.parametrize(
    ("weights", "experts"),
    [(40 * GIB, 0), (GIB // 100, 0), (4 * GIB, 8), (4 * GIB, None), (None, 0), (0, 0)],
    ids=["much larger", "much smaller", "a mixture", "who knows", "no size", "nothing"],
)
def test_nothing_is_said_of_what_nothing_is_known_of(weights: int | None, experts: int | None) -> None:
    assert Speeds([point("a", 4, 50), point("mixture", 4, 500, experts=8)]).of("new", weights, 4, experts) is None
    assert Speeds([]).of("new", weights, 4, experts) is None


def test_a_mixture_says_nothing_of_others_but_was_measured_itself() -> None:
    speeds = Speeds([point("mixture", 4, 500, experts=8)])
    assert speeds.of("dense", 4 * GIB, 4, 0) is None
    own = speeds.of("mixture", 4 * GIB, 4, 8)
    assert own is not None and (own.decode_tok_s, own.source) == (500, "measured here")


def test_points_are_of_one_device_and_of_what_was_measured_last() -> None:
    rows = [
        ONE,
        replace(ONE, prompt_tokens=1024, decode_tok_s=40.0, at=1001),
        replace(ONE, decode_tok_s=10.0, at=1),
        replace(ONE, ref="org/elsewhere", device="another chip"),
        replace(ONE, ref="org/silent", decode_tok_s=None),
    ]
    assert points(rows, "a chip") == [SpeedPoint("org/one", GIB, 50.0, 6, 4, 0)]


@pytest.mark.parametrize(
    ("config", "experts"),
    [
        ({}, 0),
        ({"num_local_experts": 8}, 8),
        ({"text_config": {"n_routed_experts": 64}}, 64),
        ({"num_experts": "x"}, 0),
    ],
)
def test_experts_by_the_config(config: dict, experts: int) -> None:
    assert experts_of(config) == experts


@pytest.mark.slow
async def test_a_benchmark_runs_what_it_says(database: Database, home: Path) -> None:
    from lama_tui.config.settings import EngineSettings
    from lama_tui.engine.mlx_backend import MlxBackend
    from lama_tui.engine.thread import Engine

    make_tiny_llama(Paths.from_environment().models / "tiny", window=512)
    model = await describe("tiny", Paths.from_environment())
    table = MeasurementTable(database)
    engine = Engine(lambda: MlxBackend(EngineSettings()))
    seen: list[BenchmarkProgress] = []
    try:
        short, long, skipped = await benchmark(
            engine, model, seen.append, prompt_tokens=(90, 300, 510), tokens=12, runs=2, keep=table.record
        )
    finally:
        await engine.stop()
    for asked, result in ((90, short), (300, long)):
        assert result.measured is not None and len(result.runs) == 2
        assert asked - 3 <= result.measured.prompt_tokens <= asked
        assert result.measured.completion_tokens == 12 and result.measured.weights == (model.params or 0) * 4
        assert all(run.decode_tok_s and run.prefill_tok_s and run.cached_tokens == 0 for run in result.runs)
    assert skipped.measured is None and "512" in skipped.skipped
    assert {each.prompt_tokens for each in await table.of("tiny")} == {
        result.measured.prompt_tokens for result in (short, long) if result.measured
    }
    assert (max(each.run for each in seen), seen[-1].runs) == (4, 6)


def test_the_smallest_step_that_is_about_as_fast_as_the_fastest_is_the_best() -> None:
    def of(*speeds: float) -> int:
        return chosen(
            [Tried(step, speed, (speed,)) for step, speed in zip((64, 128, 256), speeds, strict=True)]
        ).batch_size

    assert (of(100, 200, 300), of(99, 100, 100), of(100, 103, 90), of(10, 9, 8)) == (256, 64, 128, 64)


async def test_what_was_tuned_is_kept_and_read_with(database: Database, home: Path) -> None:
    paths = Paths.from_environment()
    make_tiny_llama(paths.models / "tiny")
    tuning = Tuning("tiny", "a chip", 128, 900.0, 512, 800.0, 1000)
    table = TuningTable(database)
    await table.record(replace(tuning, batch_size=64))
    await table.record(tuning)
    assert (await table.of("tiny"), await table.all()) == (tuning, {"tiny": tuning})
    services = await open_services(paths, load_settings(paths))
    try:
        source = await services.resolve("tiny")
        assert source.batch_size == 128 and source == replace(source, batch_size=0)
        assert (await services.resolve("guide")).batch_size == 0
        assert await table.forget("tiny") and not await table.forget("tiny")
        assert (await services.resolve("tiny")).batch_size == 0
    finally:
        await services.close()
