from lama_tui.engine.backend import ModelSource
from lama_tui.engine.scheduler import First, Move, next_move

ONE, TWO = ModelSource("one", "/one"), ModelSource("two", "/two")


def test_nothing_to_do() -> None:
    assert next_move(None, 0, None, 4) is Move.WAIT
    assert next_move(None, 1, ONE, 4) is Move.STEP


def test_the_first_in_line_is_loaded_then_admitted() -> None:
    first = First(ONE, generates=True)
    assert next_move(first, 0, None, 4) is Move.LOAD
    assert next_move(first, 0, ONE, 4) is Move.ADMIT


def test_a_full_house_steps_but_a_wish_to_load_what_is_loaded_is_answered() -> None:
    assert next_move(First(ONE, generates=True), 4, ONE, 4) is Move.STEP
    assert next_move(First(ONE, generates=False), 4, ONE, 4) is Move.ADMIT


def test_another_model_waits_until_what_runs_has_ended() -> None:
    first = First(TWO, generates=True)
    assert next_move(first, 1, ONE, 4) is Move.STEP
    assert next_move(first, 0, ONE, 4) is Move.LOAD


def test_unloading_waits_too() -> None:
    first = First(None, generates=False)
    assert next_move(first, 2, ONE, 4) is Move.STEP
    assert next_move(first, 0, ONE, 4) is Move.UNLOAD
    assert next_move(first, 0, None, 4) is Move.UNLOAD
