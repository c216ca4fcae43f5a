"""Search in what was said. Whatever is asked, it answers."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lama_tui.conversations.search import Found, Search, match_expression
from lama_tui.conversations.table import Conversations
from lama_tui.store.database import Database
from lama_tui.types import ConversationId


async def say(conversations: Conversations, conversation: ConversationId, question: str, answer: str) -> None:
    _, message = await conversations.add_turn(conversation, question, "m")
    await conversations.finish(message, "complete", text=answer, reasoning=f"thinking of {answer}")


@pytest.fixture
async def search(database: Database, conversations: Conversations) -> Search:
    one, two = await conversations.create("About trees"), await conversations.create("About code")
    await say(conversations, one, "How tall is an oak?", "An oak grows to twenty metres, a Mammutbaum to ninety.")
    await say(conversations, two, "What is `foo-bar` in C++?", "foo-bar is not an identifier: foo minus bar.")
    await say(conversations, two, "日本語 and naïve café", "NEAR the end OR the start, AND NOT both")
    return Search(database)


def texts(found: Found) -> list[str]:
    return ["".join(text for text, _ in hit.snippet) for hit in found.hits]


def marked(found: Found) -> list[list[str]]:
    return [[text for text, is_hit in hit.snippet if is_hit] for hit in found.hits]


async def test_a_hit_says_where_it_is(search: Search) -> None:
    found = await search.find("oak")
    assert [(hit.title, hit.role) for hit in found.hits] == [("About trees", "assistant"), ("About trees", "user")]
    assert texts(found) == ["An oak grows to twenty metres, a Mammutbaum to ninety.", "How tall is an oak?"]
    assert marked(found) == [["oak"], ["oak"]]
    assert found.left_out == 0 and not found.problem


async def test_all_words_count_and_the_last_may_be_unfinished(search: Search) -> None:
    assert len((await search.find("oak tal")).hits) == 1
    assert len((await search.find("oak tal ")).hits) == 0
    assert len((await search.find("MAMMUT")).hits) == 1
    assert len((await search.find("cafe naive")).hits) == 1
    assert len((await search.find("日本語")).hits) == 1
    assert len((await search.find('"minus bar"')).hits) == 1
    assert len((await search.find('"bar minus"')).hits) == 0


async def test_operators_are_words(search: Search) -> None:
    assert len((await search.find("NEAR end")).hits) == 1
    assert len((await search.find("oak OR code")).hits) == 0
    assert len((await search.find("oak NOT tall")).hits) == 0
    assert len((await search.find("foo-bar")).hits) == 2
    assert len((await search.find("-foo")).hits) == 2
    assert (await search.find("text:oak")).hits == ()


async def test_what_has_no_word_says_so(search: Search) -> None:
    assert await search.find("   ") == Found()
    for odd in ("-", '"', '""', "* ( ) ^ : +", "👍", "…"):
        found = await search.find(odd)
        assert found.hits == () and "letters" in found.problem


async def test_reasoning_is_found_where_the_text_has_no_hit(search: Search) -> None:
    assert [hit.reasoning for hit in (await search.find("thinking")).hits] == [True, True, True]
    assert [hit.reasoning for hit in (await search.find("grows")).hits] == [False]


async def test_what_is_deleted_is_not_found(search: Search, conversations: Conversations) -> None:
    for listed in await conversations.list():
        if listed.title == "About trees":
            await conversations.delete(listed.id)
    assert (await search.find("oak")).hits == ()


async def test_it_says_how_many_are_left_out(database: Database, conversations: Conversations) -> None:
    one = await conversations.create()
    for number in range(30):
        await say(conversations, one, f"needle {number}", "hay")
    found = await Search(database).find("needle", limit=10)
    assert len(found.hits) == 10 and found.left_out == 20
    assert texts(found)[0] == "needle 29"
    assert (await Search(database).find("needle", limit=30)).left_out == 0


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(max_size=40),
        st.text(st.sampled_from("ab\"'*-+^(){}:,. \\\x00\x02\x03\n%NEARORTD"), max_size=60),
        st.lists(st.sampled_from(["NEAR", "AND", "OR", "NOT", "oak", '"', "(", ")", "*", "text", ":", "-", "^"])).map(
            " ".join
        ),
        st.characters().map(lambda character: character * 10_000),
        st.text(min_size=1, max_size=3).map(lambda text: f"{text} " * 3_000),
    )
)
async def test_no_query_raises(search: Search, wanted: str) -> None:
    found = await search.find(wanted)
    assert not (found.hits and found.problem)


@given(st.text())
def test_every_word_is_quoted(wanted: str) -> None:
    expression = match_expression(wanted)
    assert expression.count('"') % 2 == 0
    outside = "".join(expression.split('"')[::2])
    assert set(outside) <= {" ", "*"}


async def test_a_branch_that_is_not_shown_is_found_and_shown(database: Database, conversations: Conversations) -> None:
    one = await conversations.create("tree")
    _, first = await conversations.add_turn(one, "question", "m")
    await conversations.finish(first, "complete", text="the quokka answer")
    second = await conversations.add_sibling(first, "m")
    await conversations.finish(second, "complete", text="another answer")
    hit = (await Search(database).find("quokka")).hits[0]
    assert first == hit.message and first not in [m.id for m in await conversations.messages(one)]
    await conversations.show_branch(hit.message)
    assert [m.id for m in await conversations.messages(one)][-1] == first
    shown = await conversations.messages(one)
    await conversations.show_branch(shown[0].id)  # what is shown has it: it stays
    assert await conversations.messages(one) == shown


async def test_summaries_are_found_as_long_as_they_are_there(database: Database, conversations: Conversations) -> None:
    one = await conversations.create("About stars")
    await say(conversations, one, "Which star is near?", "Proxima.")
    await say(conversations, one, "And far?", "Most of them.")
    search, last = Search(database), (await conversations.messages(one))[1].id
    await conversations.summarize(last, "They spoke of a quasar near Proxima.", "m")
    hits = (await search.find("quasar")).hits
    assert [(hit.conversation, hit.is_summary, hit.message, hit.title) for hit in hits] == [
        (one, True, -last, "About stars")
    ]
    async with database.transaction() as connection:  # the times are milliseconds, and may be the same
        await connection.execute("UPDATE summaries SET created = (SELECT created FROM messages WHERE id = ?)", (last,))
    assert [hit.is_summary for hit in (await search.find("proxima")).hits] == [True, False]  # it came later
    found = await search.find("proxima", limit=1)
    assert (len(found.hits), found.left_out) == (1, 1)
    await conversations.fork(last)
    assert len((await search.find("quasar")).hits) == 2
    await conversations.reword_summary(last, "They spoke of nebulae.")
    assert len((await search.find("quasar")).hits) == 1 and len((await search.find("nebulae")).hits) == 1
    await conversations.drop_summary(last)
    assert not (await search.find("nebulae")).hits
    for listed in await conversations.list():
        await conversations.delete(listed.id)
    assert not (await search.find("quasar")).hits
    await conversations.purge_deleted(1 << 60)
    async with database.transaction() as connection:  # raises where the index does not agree with the table
        await connection.execute("INSERT INTO summaries_index (summaries_index, rank) VALUES ('integrity-check', 1)")
    assert not await database.read("SELECT 1 FROM summaries_index WHERE summaries_index MATCH 'quasar'")


async def test_a_message_is_one_hit_however_many_of_its_parts_have_the_words(
    database: Database, conversations: Conversations
) -> None:
    one = await conversations.create()
    for _ in range(4):
        _, answer = await conversations.add_turn(one, "?", "m")
        await conversations.finish(answer, "complete", text="needle text", reasoning="needle", calls="needle()")
    found = await Search(database).find("needle", limit=3)
    assert ["".join(text for text, _ in hit.snippet) for hit in found.hits] == ["needle text"] * 3
    assert found.left_out == 1
