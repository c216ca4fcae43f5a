"""A long conversation costs what its screen costs, not what its length would."""

import time

import pytest
from chat.scripted import says
from stage import Open, Stage

from lama_tui.ui.drawn_message import DrawnMessage


async def write_conversation(stage: Stage, messages: int) -> None:
    """Put a conversation with so many messages into the store."""
    assert stage.screen._opened is not None
    database = await stage.screen._opened.services.database()
    now = time.time_ns() // 1_000_000
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO conversations (id, title, model, created, updated) VALUES (7, 'long', 'guide', ?, ?)",
            (now, now),
        )
        await connection.executemany(
            "INSERT INTO messages (id, conversation_id, parent_id, role, state, created)"
            " VALUES (?, 7, ?, ?, 'complete', ?)",
            [(n, n - 1 or None, "user" if n % 2 else "assistant", now) for n in range(1, messages + 1)],
        )
        await connection.executemany(
            "INSERT INTO parts (message_id, ordinal, kind, text) VALUES (?, 1, 'text', ?)",
            [
                (n, f"message {n}\n\n- with\n- a list\n\nand *more* text " + "word " * (n % 90))
                for n in range(1, messages + 1)
            ],
        )
        await connection.execute("UPDATE conversations SET head = ? WHERE id = 7", (messages,))


class Draws:
    """Counts messages that are drawn."""

    def __init__(self) -> None:
        self.count = 0

    def install(self, monkeypatch) -> None:  # type: ignore[no-untyped-def]
        original = DrawnMessage._redraw

        def counting(drawn: DrawnMessage, *arguments: object) -> None:
            self.count += 1
            original(drawn, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(DrawnMessage, "_redraw", counting)

    def taken(self) -> int:
        """How many since the last time."""
        count, self.count = self.count, 0
        return count


async def test_ten_thousand_messages(workspace: Open, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    async with workspace() as stage:
        await write_conversation(stage, 10_000)
    draws = Draws()
    draws.install(monkeypatch)
    async with workspace() as stage:
        await stage.until_seen("message 10000")
        assert draws.taken() < 60
        stage.transcript.focus()
        for _ in range(10):
            await stage.press("pageup")
        assert draws.taken() < 150
        await stage.press("g")
        await stage.until_seen("message 1")
        await stage.pilot.pause()
        assert draws.taken() < 60
        stage.transcript.scroll_to(y=stage.transcript.max_scroll_y // 2, animate=False)
        await stage.pilot.pause()
        assert draws.taken() < 60
        middle = stage.seen()
        await stage.pilot.resize_terminal(90, 30)
        await stage.pilot.pause()
        assert draws.taken() < 60
        assert middle != ""
        await stage.press("G")
        await stage.until_seen("message 10000")
        assert draws.taken() < 60
        await stage.ask("one more")
        await stage.until_seen("An answer.")
        assert draws.taken() < 60


async def test_every_message_can_be_reached_and_none_is_shown_twice(workspace: Open) -> None:
    async with workspace() as stage:
        await write_conversation(stage, 120)
    async with workspace() as stage:
        await stage.until_seen("message 120")
        stage.transcript.focus()
        await stage.press("g")
        await stage.until_seen("message 1")
        seen: list[int] = []
        while True:
            await stage.pilot.pause()
            offset = stage.transcript.scroll_offset.y
            for row in stage.seen().split("\n"):
                if "message " in row:
                    number = int(row.split("message ")[1].split()[0])
                    if number not in seen:
                        seen.append(number)
            if offset >= stage.transcript.max_scroll_y:
                break
            stage.transcript.scroll_to(y=offset + 15, animate=False)
        assert seen == list(range(1, 121))


async def test_what_one_reads_stays_where_it_is_when_the_width_changes(workspace: Open) -> None:
    async with workspace(size=(100, 30)) as stage:
        await write_conversation(stage, 300)
    async with workspace(size=(100, 30)) as stage:
        await stage.until_seen("message 300")
        stage.transcript.focus()
        await stage.press(*"kkkkkkkkkk")
        await stage.pilot.pause()
        transcript = stage.transcript
        assert transcript.current is not None
        number = transcript.current.id
        for width in (60, 160, 90, 100):
            await stage.pilot.resize_terminal(width, 30)
            await stage.pilot.pause()
            await stage.until_seen(f"message {number}")


@pytest.mark.slow
async def test_scrolling_that_is_animated_ends_well(workspace: Open) -> None:
    async with workspace(says("\n\n".join(f"row {number}" for number in range(200)))) as stage:
        await stage.ask("hi")
        stage.app.animation_level = "full"
        stage.transcript.focus()
        for key in ("pageup", "up", "home", "pagedown", "end", "pageup", "G", "pageup"):
            await stage.press(key)
            # a frame that takes longer than the animation makes its first step the last one
            time.sleep(0.3)  # noqa: ASYNC251
            await stage.pilot.wait_for_animation()
            await stage.pilot.pause()
        assert stage.app._exception is None
        assert not stage.transcript.following
