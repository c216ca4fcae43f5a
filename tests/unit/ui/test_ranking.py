"""What a few letters find, and what comes first."""

from hypothesis import given
from hypothesis import strategies as st

from lama_tui.config.keymap import KEYMAP
from lama_tui.ui.commands.entries import Entry, palette_entries, slash_entries
from lama_tui.ui.commands.ranking import fold, rank, without_many

ENTRIES = palette_entries({}, ["workspace"])


def ids(wanted: str, recent: tuple[str, ...] = ()) -> list[str]:
    return [found.entry.id for found in rank(ENTRIES, wanted, recent)]


def labels(wanted: str, *names: str) -> list[str]:
    return [found.entry.label for found in rank([Entry(name, name, "") for name in names], wanted)]


def test_the_start_of_a_name_then_of_a_word_then_a_part() -> None:
    assert labels("mo", "Remote", "New model", "Model") == ["Model", "New model", "Remote"]
    assert labels("code", "Decode", "Copy code", "Code") == ["Code", "Copy code", "Decode"]


def test_the_whole_name_is_best() -> None:
    assert labels("copy", "Copy code", "Copy") == ["Copy", "Copy code"]


def test_letters_in_order_and_initials_find_too() -> None:
    assert labels("np", "Inputs", "Next pane") == ["Next pane", "Inputs"]
    assert labels("rgn", "Regenerate", "Organ") == ["Regenerate"]


def test_every_word_must_be_found_in_any_order() -> None:
    assert ids("settings chat")[0] == "conversation.settings"
    assert ids("chat settings")[0] == "conversation.settings"
    assert ids("chat nosuchword") == []


def test_purpose_and_slash_name_find_too() -> None:
    assert "conversation.settings" in ids("temperature")
    assert ids("think")[0] == "thinking.toggle"


def test_of_equals_the_one_used_last_is_first() -> None:
    assert ids("", ("app.quit", "help.open"))[:2] == ["app.quit", "help.open"]
    copies = ids("copy")
    assert ids("copy", ("transcript.copy",))[0] == "transcript.copy"
    assert set(copies) == set(ids("copy", ("transcript.copy",)))


def test_what_was_meant_is_set_off() -> None:
    (found,) = rank([Entry("x", "New model", "")], "mod")
    assert "".join("New model"[at] for at in sorted(found.label)) == "mod"


def test_slash_commands_are_found_with_and_without_the_slash() -> None:
    found = rank(slash_entries({}), "mod")
    assert [each.entry.label for each in found][:2] == ["/model", "/models"]


@given(st.text(max_size=30), st.lists(st.sampled_from([key.id for key in KEYMAP]), max_size=4))
def test_any_text_is_looked_for(wanted: str, recent: list[str]) -> None:
    for found in rank(ENTRIES, wanted, recent):
        assert all(0 <= at < len(found.entry.label) for at in found.label)
        assert all(0 <= at < len(found.entry.about) for at in found.about)


@given(st.text())
def test_folding_keeps_positions(text: str) -> None:
    assert len(fold(text)) == len(text)


def test_actions_come_before_conversations_of_the_same_fit_and_few_of_many_are_listed() -> None:
    conversations = [Entry(f"conversation:{n}", "New idea", "Open", is_conversation=True) for n in range(500)]
    actions = [Entry("new", "New", ""), Entry("renew", "New key", ""), Entry("say", "Renew", "")]
    found = rank([*conversations, *actions], "new", ["conversation:7"])
    assert [line.entry.id for line in found[:3]] == ["new", "renew", "conversation:7"]
    listed, left_out = without_many(found)
    assert [line.entry.id for line in listed if not line.entry.is_conversation] == ["new", "renew", "say"]
    assert len(listed) + left_out == len(found) == 503
    assert len(listed) < 12
    assert rank([*conversations, *actions], "", ["conversation:7"])[0].entry.id == "conversation:7"
