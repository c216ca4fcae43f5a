"""kill -9 while an answer streams: the database opens and at most 200 ms of tokens are missing."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import in_time

from lama_tui.conversations.table import Conversations
from lama_tui.paths import Paths
from lama_tui.store.checks import quick_check
from lama_tui.store.database import Database

STREAMER = Path(__file__).with_name("streamer.py")
MOST_MISSING = 20  # tokens: 200 ms at 100 a second, on a machine that does nothing else


def stream_and_kill(home: Path, side: Path, name: str, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, str(STREAMER), str(side), name],
        env={**os.environ, "LAMA_HOME": str(home)},
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode == -9


async def saved(home: Path) -> tuple[int, dict[str, tuple[str, str]]]:
    """What a new start finds: how many were interrupted, and each question's answer and state."""
    paths = Paths.from_environment({"LAMA_HOME": str(home)})
    database = await Database.open(paths)
    await quick_check(paths.database)
    conversations = Conversations(database)
    recovered = await conversations.recover()
    answers = {}
    for conversation in await conversations.list():
        path = await conversations.messages(conversation.id)
        for question, answer in zip(path[::2], path[1::2], strict=True):
            answers[question.text] = (answer.text, answer.state)
    await database.close()
    return recovered, answers


def survives(tmp_path: Path, rounds: int) -> list[int]:
    """Kill that many streamers of one home; the number of tokens that each kill cost."""
    home, side = tmp_path / "home", tmp_path / "side"
    costs = []
    for number in range(rounds):
        name = f"r{number}"
        stream_and_kill(home, side, name, random.uniform(0.0, 1.5))
        recovered, answers = asyncio.run(saved(home))
        lines = side.read_text().splitlines() if side.exists() else []
        questions = [line[2:] for line in lines if line.startswith("Q ")]
        assert set(questions) <= set(answers)
        texts: dict[str, str] = {}
        for line in lines:
            if line.startswith("T "):
                token = line[2:]
                texts[token.partition("/")[0]] = texts.get(token.partition("/")[0], "") + token
        missing = 0
        for question, (answer, state) in answers.items():
            emitted = texts.get(question, "")
            assert emitted.startswith(answer)
            assert state in ("complete", "interrupted")
            if state == "complete":
                assert answer == emitted
            missing += emitted.removeprefix(answer).count(" ") if question.startswith(f"{name}.") else 0
        assert missing <= in_time(MOST_MISSING)
        assert recovered <= 1
        costs.append(missing)
    return costs


@pytest.mark.slow
def test_five_kills(tmp_path):
    survives(tmp_path, 5)


@pytest.mark.slow
def test_twenty_kills(tmp_path):
    print("tokens missing after each kill:", survives(tmp_path, 20))
