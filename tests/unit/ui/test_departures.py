"""What is said of models that leave memory: once each, with why and what it gave back."""

from lama_tui.engine.figures import EngineFigures, ModelActivity
from lama_tui.engine.pressure import Relief, Rung
from lama_tui.events import ModelUnloaded
from lama_tui.ui.departures import Departures

GIB = 1024**3


def test_each_departure_is_told_once_with_its_reason() -> None:
    departures = Departures()
    idle = (ModelActivity("org/Small-4bit", unload_at=50_000),)
    assert departures.look(EngineFigures(activity=idle), 48_000) == []
    gone = EngineFigures(unloaded=(ModelUnloaded("org/Small-4bit", GIB),))
    said = "Small-4bit was not used for a while and left memory: 1.0 GiB freed."
    assert [departures.look(gone, 50_500), departures.look(gone, 52_500)] == [[said], []]

    room = ModelUnloaded("org/Big", 2 * GIB)
    assert departures.made_room(room, "org/Next") == "Big left memory to make room for Next: 2.0 GiB freed."
    assert departures.look(gone.without(room), 60_000) == []  # told already

    short = ModelUnloaded("evil\x1b[31m\n" + "x" * 200, 0)
    pressed = EngineFigures(unloaded=(short,), relief=Relief(Rung.UNLOAD, 70_000, 0, short.model))
    (said,) = departures.look(pressed, 70_100)
    assert said.endswith("left memory to make room.") and "\x1b" not in said and "\n" not in said and len(said) < 120
    assert departures.made_room(short, "org/Next") == ""  # the answer that it made room for tells of it later

    by_hand = EngineFigures(unloaded=(ModelUnloaded("org/Small-4bit", GIB),))
    assert departures.look(by_hand, 80_000) == ["Small-4bit left memory: 1.0 GiB freed."]


def test_of_several_that_leave_between_two_looks_all_are_told() -> None:
    departures = Departures()
    first, second = ModelUnloaded("org/One", GIB), ModelUnloaded("org/Two", 2 * GIB)
    now = EngineFigures().without(first).without(second).without(ModelUnloaded("org/One", GIB))
    said = [f"{name} left memory: {size}.0 GiB freed." for name, size in (("One", 1), ("Two", 2), ("One", 1))]
    assert departures.look(now, 0) == said
    for _ in range(100):
        now = now.without(ModelUnloaded("org/One", GIB))
    assert len(now.unloaded) < 20  # what nobody looks at does not grow
    assert departures.look(now, 0) == [said[0]] * len(now.unloaded)
