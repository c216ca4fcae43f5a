"""The monitor says what matters most in any room, never more than fits, and `–` for what is not known."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lama_tui.events import GpuSample, ResourceSample
from lama_tui.ui.monitor_line import strip_line
from lama_tui.ui.monitor_rows import TWO_COLUMNS, pane_rows

GIB = 1024**3
USUAL = ResourceSample(
    at=0,
    cpu=37.0,
    cores=(50.0, 24.0),
    memory_used=9 * GIB,
    memory_total=24 * GIB,
    swap_used=0,
    swap_total=2 * GIB,
    disk_free=120 * GIB,
    disk_total=494 * GIB,
    process_cpu=12.0,
    process_memory=68 * 1024**2,
    model_memory=int(3.4 * GIB),
    model_peak=4 * GIB,
    model_cache=256 * 1024**2,
    model_weights=3 * GIB,
    model_kv=300 * 1024**2,
    prefill_tok_s=930.0,
    decode_tok_s=61.3,
    ttft_ms=85.0,
    running=1,
    waiting=2,
)


def rows(*samples: ResourceSample, width: int = 24, height: int = 40) -> list[str]:
    return [line.plain for line in pane_rows(samples, width, height)]


def said(label: str, *samples: ResourceSample, width: int = 24) -> str:
    """What stands beside a label."""
    (row,) = (row for row in rows(*samples, width=width) if row.split(" ")[0] == label)
    return row.removeprefix(label).strip()


def test_a_shortage_of_memory_is_marked_and_cut_to_the_room() -> None:
    short = rows(replace(USUAL, relief="unloaded mlx-community/Big-8B, 4,300 MiB"))
    assert "! unloaded mlx-community" in short
    assert not any("unloaded" in line for line in rows(USUAL))


def test_every_figure_is_said() -> None:
    shown = "\n".join(row for row in rows(USUAL, height=21) if row.strip(" ·▁▂▃▄▅▆▇█━─"))
    assert shown == "\n".join(
        [
            "Machine",
            "CPU                 37 %",
            "Cores                 ▄▂",
            "Memory     9.0 of 24 GiB",
            "Swap          0 of 2 GiB",
            "Disk 120 of 494 GiB free",
            "lama     12 % · 68.0 MiB",
            "Model",
            "Weights          3.0 GiB",
            "KV               300 MiB",
            "Cache            256 MiB",
            "Peak             4.0 GiB",
            "Prefill        930 tok/s",
            "Decode          61 tok/s",
            "TTFT               85 ms",
            "Queue     1 run · 2 wait",
        ]
    )
    assert said("Queue", USUAL, width=34) == "1 running · 2 waiting"


def test_what_is_not_known_is_never_zero() -> None:
    for samples in ((), (ResourceSample(at=5),)):
        text = "\n".join(rows(*samples)) + strip_line(samples, 120).plain
        assert "–" in text and "0" not in text and "GPU" not in text and "Cores" not in text
    assert said("Queue", replace(USUAL, running=0, waiting=0)) == "idle"
    assert said("Swap", replace(USUAL, swap_used=0, swap_total=0)) == "none"
    assert said("KV", replace(USUAL, model_kv=0)) == "0 B"
    assert said("Prompts", replace(USUAL, model_prompts=5 * 1024**2)) == "5.0 MiB"
    assert not any(row.startswith("Prompts") for row in rows(USUAL))


@pytest.mark.parametrize(
    ("label", "low", "high"),
    [
        ("CPU", {"cpu": 89.0}, {"cpu": 90.0}),
        ("Memory", {"memory_used": int(20.3 * GIB)}, {"memory_used": int(20.5 * GIB)}),
        ("Disk", {"disk_free": 25 * GIB}, {"disk_free": 24 * GIB}),
        ("GPU", {"gpus": (GpuSample(99.0, 75 * GIB, 80 * GIB),)}, {"gpus": (GpuSample(9.0, 77 * GIB, 80 * GIB),)}),
    ],
)
def test_what_is_high_is_marked(label: str, low: dict[str, object], high: dict[str, object]) -> None:
    assert not said(label, replace(USUAL, **low)).startswith("!")  # type: ignore[arg-type]
    assert said(label, replace(USUAL, **high)).startswith("! ")  # type: ignore[arg-type]


def test_full_memory_has_another_bar() -> None:
    assert any(set(row) == {"━", "─"} for row in rows(USUAL))
    assert any(set(row) == {"═", "─"} for row in rows(replace(USUAL, memory_used=23 * GIB)))


def test_swap_is_marked_while_it_grows() -> None:
    def swapped(*used: int) -> list[ResourceSample]:
        return [replace(USUAL, swap_used=mib << 20, at=at * 1000) for at, mib in enumerate(used)]

    assert said("Swap", *swapped(0, 10, 40)) == "! 0.0 of 2 GiB"
    assert said("Swap", *swapped(1500, 1500, 1501)) == "1.5 of 2 GiB"
    assert said("Swap", *swapped(*[0] * 3, *[1500] * 10)) == "1.5 of 2 GiB"
    assert "Swap ! 40.0 MiB" in strip_line(swapped(0, 10, 40), 160).plain


def test_speeds_are_drawn_when_they_are_measured() -> None:
    speeds = [50.0, 50.0, 100.0, 50.0, 50.0, 50.0]
    samples = [replace(USUAL, at=2000 * at, decode_tok_s=speed) for at, speed in enumerate(speeds)]
    shown = rows(*samples, height=21)
    assert shown[next(at for at, row in enumerate(shown) if row.startswith("Decode")) + 1].endswith("·····█▄··")


def test_two_seconds_share_a_column_that_keeps_its_height() -> None:
    def graph(count: int) -> str:
        loads = [10.0, 90.0, 30.0, 30.0, 100.0, 100.0]
        samples = [replace(USUAL, at=100_000 + at * 1000, cpu=load) for at, load in enumerate(loads[:count])]
        return rows(*samples, height=21)[3].strip("·")

    assert [graph(count) for count in range(1, 7)] == ["▁", "▄", "▄▂", "▄▂", "▄▂█", "▄▂█"]


def test_what_matters_most_stays_in_a_low_pane() -> None:
    everything = rows(USUAL, height=21)
    for height in range(1, 22):
        shown = rows(USUAL, height=height)
        assert len(shown) == height and set(shown) <= set(everything)
    assert [row.split(" ")[0] for row in rows(USUAL, height=5)] == ["CPU", "Memory", "Weights", "Decode", "Queue"]
    labels = {"CPU", "Memory", "Swap", "Disk", "lama", "Weights", "KV", "Cache", "Peak", "Prefill", "Decode", "TTFT"}
    assert labels | {"Cores", "Queue"} <= {row.split(" ")[0] for row in rows(USUAL, height=17)}


def test_graphs_take_the_room_that_is_left() -> None:
    samples = [replace(USUAL, at=at * 1000) for at in range(60)]
    assert len(rows(*samples, height=21)) == 21
    assert 25 < len(rows(*samples, height=37)) <= 37
    assert 35 < len(rows(*samples, height=60)) <= 60
    many = [replace(sample, cores=(50.0,) * 128) for sample in samples]
    assert sum(row.count("▄") for row in rows(*many, height=37)) >= 128


def test_a_wide_pane_has_two_columns() -> None:
    shown = rows(USUAL, width=58, height=17)
    assert shown[0].split() == ["Machine", "Model"]
    assert shown[1].split() == ["CPU", "37", "%", "Weights", "3.0", "GiB"]
    assert len(shown[1]) == 27 + 3 + 27


def test_gpus_have_rows_where_there_are_any() -> None:
    card = GpuSample(37.0, 12 * GIB, 80 * GIB)
    assert said("GPU", replace(USUAL, gpus=(card,))) == "37 % · 12 of 80 GiB"
    assert said("GPU", replace(USUAL, gpus=(GpuSample(23.0, GIB),))) == "23 % · 1.0 GiB"
    assert said("GPU", replace(USUAL, gpus=(GpuSample(),))) == "– · –"
    several = rows(replace(USUAL, gpus=(card, card)))
    assert [row.split("  ")[0] for row in several if row.startswith("GPU")] == ["GPU 0", "GPU 1"]


def test_the_strip_drops_what_matters_least() -> None:
    def line(width: int) -> str:
        return strip_line([USUAL], width).plain

    assert line(160) == (
        "CPU 37 %  Memory 9.0 of 24 GiB  Model 3.4 GiB  KV 300 MiB  Decode 61 tok/s ············"
        "  Prefill 930 tok/s  TTFT 85 ms  Queue 1 running · 2 waiting"
    )
    assert line(76) == "CPU 37 %  Memory 38 %  Model 3.4 GiB  Decode 61 tok/s  TTFT 85 ms  Queue 1+2"
    assert line(56) == "CPU 37 %  Mem 38 %  Model 3.4 GiB  61 tok/s  Queue 1+2"
    assert line(30) == "Memory 38 %  Model 3.4 GiB"
    assert line(8) == "Mem 38 %"
    assert line(7) == ""


def test_the_strip_warns_before_it_tells_anything_else() -> None:
    full = replace(USUAL, disk_free=GIB)
    assert strip_line([full], 40).plain == "Memory 38 %  Disk ! 1.0 GiB free"


anything = st.none() | st.floats() | st.floats(0, 200) | st.integers(-(10**30), 10**400) | st.integers(0, 1 << 40)
gpus = st.lists(st.builds(GpuSample, anything, anything, anything), max_size=9).map(tuple)
any_sample = st.builds(
    ResourceSample,
    **{name: anything for name in ResourceSample.__dataclass_fields__ if name not in ("at", "cores", "gpus", "relief")},
    at=st.integers(0, 10_000) | st.integers(),
    cores=st.lists(st.floats() | st.floats(0, 100), max_size=130).map(tuple),
    gpus=gpus,
    relief=st.text() | st.sampled_from(["unloaded org/模型, 5 MiB", "a\u202eb\x1b[31m"]),
)


@given(st.lists(any_sample, max_size=6), st.integers(8, 80), st.integers(3, 80))
def test_whatever_was_measured_it_fits(samples: list[ResourceSample], width: int, height: int) -> None:
    shown = pane_rows(samples, width, height)
    assert 3 <= len(shown) <= height
    assert all(row.cell_length <= width for row in shown)
    told = " ".join(sample.relief for sample in samples)
    assert not any(word in row.plain for word in ("nan", "inf") if word not in told for row in shown)
    assert not any("\x1b" in row.plain or "\u202e" in row.plain for row in shown)
    line = strip_line(samples, width)
    assert line.cell_length <= width and "\n" not in line.plain
    assert (width < TWO_COLUMNS) or len(shown) >= 9 or height < 9


def test_not_a_number_is_unknown() -> None:
    broken = replace(USUAL, cpu=math.nan, memory_used=10**400, ttft_ms=math.inf)
    assert (said("CPU", broken), said("TTFT", broken)) == ("–", "–")
    assert said("Memory", broken) == "–"
