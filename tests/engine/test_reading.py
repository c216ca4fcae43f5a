"""Whose prompt is read next."""

from lama_tui.engine.reading import PATIENCE, next_to_read


def test_a_short_prompt_goes_before_a_long_one() -> None:
    assert next_to_read([(4000, 0), (20, 0)]) == 1
    assert next_to_read([(20, 0), (20, 0)]) == 0


def test_a_long_prompt_is_read_however_many_short_ones_come() -> None:
    left, passed, short = 100, 0, 0
    while left:
        if next_to_read([(left, passed), (20, 0)]) == 0:
            left, passed = left - 1, 0
        else:
            short, passed = short + 1, passed + 1
            assert passed <= PATIENCE
    assert short == 80 * PATIENCE, "the last 20 tokens make it the shorter one"
