from typing import Any

import pytest

from lama_tui.config.settings import GenerationSettings
from lama_tui.engine.sampling import Chosen, choose
from lama_tui.types import Sampling


def test_a_request_says_more_than_the_model() -> None:
    model = {"top_k": 20, "min_p": 0.1, "repetition_penalty": 1.05}
    asked = Sampling(temperature=1.0, top_k=0, min_p=0.0, repetition_penalty=1.0)
    assert choose(asked, model, GenerationSettings()) == Chosen(1.0)
    assert choose(Sampling(1.0), model, GenerationSettings()) == Chosen(1.0, 0, 20, 0.1, repetition_penalty=1.05)
    assert choose(Sampling(0.0), model, GenerationSettings()) == Chosen(0.0, repetition_penalty=1.05)


@pytest.mark.parametrize(
    ("asked", "model", "chosen"),
    [
        (None, {}, Chosen(0.7)),
        (None, {"temperature": 0.3}, Chosen(0.3)),
        (None, {"do_sample": False, "temperature": 0.3}, Chosen(0.0)),
        (0.9, {"do_sample": False}, Chosen(0.9)),
        (0.0, {"temperature": 0.3, "top_k": 5}, Chosen(0.0)),
        (None, {"top_p": 0.9, "top_k": 20, "min_p": 0.1}, Chosen(0.7, 0.9, 20, 0.1)),
        (None, {"top_p": 1.0, "top_k": -1, "min_p": 7, "temperature": "hot"}, Chosen(0.7)),
        (None, {"top_k": True, "temperature": None}, Chosen(0.7)),
        (None, {"temperature": float("nan"), "top_p": float("nan"), "top_k": float("inf")}, Chosen(0.7)),
    ],
)
def test_the_order_of_what_counts(asked: float | None, model: dict[str, Any], chosen: Chosen) -> None:
    assert choose(Sampling(temperature=asked), model, GenerationSettings()) == chosen
