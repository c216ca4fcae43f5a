"""What could go when models take more than they may: values only, in an order that people can follow."""

from pathlib import Path

from lama_tui.library.model_table import ModelUse
from lama_tui.library.storage.quota import Suggestion, disk_room, quota_state
from lama_tui.library.storage.usage import LibraryUsage, ModelStorage


def usage(*models: ModelStorage) -> LibraryUsage:
    return LibraryUsage(models, sum(model.size for model in models), 0)


LIBRARY = usage(
    ModelStorage("new", "", 100, 100, arrived=900),
    ModelStorage("used-long-ago", "", 100, 100, arrived=10),
    ModelStorage("used-just-now", "", 100, 100, arrived=10),
    ModelStorage("pinned", "", 100, 100, arrived=10),
    ModelStorage("updated", "", 150, 150, old=50, arrived=800),
    ModelStorage("shared", "", 100, 0, arrived=1),
)
USES = {"used-long-ago": ModelUse(20), "used-just-now": ModelUse(1000), "pinned": ModelUse(15, pinned=True)}


def test_old_revisions_then_the_least_recently_used_and_never_a_pinned_one() -> None:
    state = quota_state(LIBRARY, USES, quota=1)
    assert (state.used, state.over) == (650, 649)
    assert [(each.ref, each.freed, each.old_revisions) for each in state.suggestions] == [
        ("updated", 50, True),
        ("used-long-ago", 100, False),
        ("updated", 100, False),
        ("new", 100, False),
        ("used-just-now", 100, False),
    ]


def test_no_more_than_is_needed_and_nothing_that_is_loaded() -> None:
    state = quota_state(LIBRARY, USES, quota=540, kept={"updated"})
    assert state.over == 110
    assert state.suggestions == (
        Suggestion("used-long-ago", 100, False, 20),
        Suggestion("new", 100, False, None),
    )


def test_gguf_files_of_a_repo_are_used_pinned_and_loaded_with_it() -> None:
    library = usage(ModelStorage("quants", "", 100, 100, arrived=1), ModelStorage("other", "", 100, 100, arrived=2))
    used = {"quants/q4.gguf": ModelUse(50), "quants/q8.gguf": ModelUse(40, pinned=True), "quants-2": ModelUse(99)}
    assert [each.ref for each in quota_state(library, used, quota=1).suggestions] == ["other"]
    used["quants/q8.gguf"] = ModelUse(40)
    (other, quants) = quota_state(library, used, quota=1).suggestions
    assert (other.ref, quants) == ("other", Suggestion("quants", 100, False, 50))
    assert [each.ref for each in quota_state(library, used, 1, {"quants/q4.gguf"}).suggestions] == ["other"]


def test_no_quota_and_room_to_spare() -> None:
    assert quota_state(LIBRARY, USES, quota=0).suggestions == ()
    assert quota_state(LIBRARY, USES, quota=650).over == 0


def test_a_disk_that_lacks_room_suggests_too() -> None:
    state = quota_state(LIBRARY, USES, quota=0, lacking=60)
    assert (state.over, [each.ref for each in state.suggestions]) == (0, ["updated", "used-long-ago"])


async def test_a_disk_is_low_where_less_is_free_than_is_enough(tmp_path: Path) -> None:
    room = await disk_room(tmp_path / "not" / "there", 0)
    assert room is not None and not room.low and 0 < room.free <= room.total
    low = await disk_room(tmp_path, room.total + 1)
    assert low is not None and low.low and low.lacking == room.total + 1 - low.free
