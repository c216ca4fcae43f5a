from lama_tui.engine.backend import ModelSource
from lama_tui.engine.scheduler import Held, Move, Next, Wish, first_to_load, idle_too_long, next_move

ONE, TWO, THREE = (ModelSource(name, f"/{name}") for name in ("one", "two", "three"))


def ask(source: ModelSource, needs: int = 10) -> Wish:
    return Wish(source.reference, source, needs=needs)


def drop(source: ModelSource) -> Wish:
    return Wish(source.reference, None)


def load(source: ModelSource, needs: int = 10) -> Wish:
    return Wish(source.reference, source, generates=False, needs=needs)


def held(source: ModelSource, running: int = 0, used: float = 0.0, pinned: bool = False, size: int = 10) -> Held:
    return Held(source, size, running, used, pinned)


def move(line: list[Wish], models: list[Held], free: int = 0, loading: ModelSource | None = None) -> Next:
    return next_move(line, models, 4, free, loading)


def test_nothing_to_do() -> None:
    assert move([], []) == move([], [held(ONE)]) == Next(Move.WAIT)
    assert move([], [held(ONE, 1)]) == Next(Move.STEP)


def test_the_first_in_line_is_loaded_then_admitted() -> None:
    assert move([ask(ONE)], [], free=10) == Next(Move.LOAD, 0)
    assert move([ask(ONE)], [held(ONE)]) == Next(Move.ADMIT, 0)


def test_what_alone_is_too_large_is_tried_alone() -> None:
    """Whoever lets it come so far forces it."""
    assert move([ask(ONE, 99)], [], free=10) == Next(Move.LOAD, 0)
    assert move([ask(ONE, 99)], [held(TWO)], free=10) == Next(Move.EVICT, 0, "two")
    assert move([ask(ONE, 99)], [held(TWO, 1)], free=10) == Next(Move.STEP)


def test_a_model_whose_places_are_taken_lets_others_pass() -> None:
    models = [held(ONE, 4), held(TWO)]
    assert move([ask(ONE), ask(TWO)], models) == Next(Move.ADMIT, 1)
    assert move([ask(ONE), ask(ONE)], models) == Next(Move.STEP)
    assert move([ask(ONE), load(ONE)], models) == Next(Move.ADMIT, 1), "what is loaded is loaded"


def test_a_model_is_loaded_beside_others_while_they_answer() -> None:
    assert move([ask(TWO)], [held(ONE, 4)], free=10) == Next(Move.LOAD, 0)


def test_who_waits_for_room_holds_up_what_came_after() -> None:
    assert move([ask(TWO), ask(ONE)], [held(ONE, 1)]) == Next(Move.STEP)
    assert move([ask(ONE), ask(TWO)], [held(ONE, 1)]) == Next(Move.ADMIT, 0), "but not what came before"


def test_what_was_used_longest_ago_goes_first_and_pinned_models_last() -> None:
    models = [held(ONE, used=5, pinned=True), held(TWO, used=7), held(ModelSource("four", "/four"), used=9)]
    assert move([ask(THREE)], models) == Next(Move.EVICT, 0, "two")
    assert move([ask(THREE)], models[::2]) == Next(Move.EVICT, 0, "four")
    assert move([ask(THREE)], models[:1]) == Next(Move.EVICT, 0, "one")


def test_nothing_goes_as_long_as_that_makes_no_room() -> None:
    models = [held(ONE, 1, size=90), held(TWO, size=5)]
    assert move([ask(THREE, 50)], models) == Next(Move.STEP)
    assert move([ask(THREE, 50)], [held(ONE, size=90), models[1]]).move is Move.EVICT
    assert move([ask(THREE, 5)], models) == Next(Move.EVICT, 0, "two")


def test_a_model_of_another_folder_is_replaced_even_where_there_is_room() -> None:
    moved = ModelSource("one", "/elsewhere")
    assert move([ask(moved)], [held(ONE), held(TWO, 1)], free=100) == Next(Move.EVICT, 0, "one")
    assert move([ask(moved)], [held(ONE, 1)], free=100) == Next(Move.STEP)


def test_unloading_waits_for_its_own_model_and_holds_up_nobody_else() -> None:
    assert move([drop(ONE)], []) == move([drop(ONE)], [held(ONE), held(TWO, 1)]) == Next(Move.UNLOAD, 0)
    assert move([drop(ONE)], [held(ONE, 1)]) == Next(Move.STEP)
    assert move([drop(ONE), ask(ONE)], [held(ONE, 1)]) == Next(Move.STEP)
    assert move([drop(ONE), ask(TWO)], [held(ONE, 1), held(TWO)]) == Next(Move.ADMIT, 1)


def test_while_a_model_loads_others_begin_and_go_on_and_nothing_else_is_moved() -> None:
    line = [ask(TWO), drop(ONE), ask(THREE)]
    assert move(line, [held(ONE)], 100, TWO) == Next(Move.WAIT)
    assert move(line, [held(ONE, 1)], 100, TWO) == Next(Move.STEP)
    assert move([ask(TWO), ask(ONE)], [held(ONE, 1)], 100, TWO) == Next(Move.ADMIT, 1)
    assert move([ask(TWO), drop(TWO), ask(ONE)], [held(ONE)], 100, TWO) == Next(Move.ADMIT, 2)


def test_the_one_that_room_is_made_for() -> None:
    assert first_to_load([ask(ONE), drop(TWO), ask(TWO)], [held(ONE)]) == 2
    assert first_to_load([ask(ONE), drop(TWO)], [held(ONE)]) is None
    assert first_to_load([ask(ModelSource("one", "/elsewhere"))], [held(ONE)]) == 0


def test_a_model_that_nobody_used_for_long_goes() -> None:
    models = [held(ONE, used=5), held(TWO, used=3)]
    assert idle_too_long([], models, before=2) is None
    assert idle_too_long([], models, before=5) == "two"
    assert idle_too_long([ask(TWO)], models, before=5) == "one"
    assert idle_too_long([], [held(ONE, 1), held(TWO, pinned=True)], before=5) is None
