"""What people might have said and kept: conversations and models, from which pictures are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from still import GIB, LOADED, MIB, NOW, Clock

from lama_tui.conversations.message_table import end_message, insert_message, write_parts
from lama_tui.conversations.messages import ConversationSettings
from lama_tui.conversations.rows import settings_to
from lama_tui.engine.fit import KeyValueShape
from lama_tui.errors import LamaError
from lama_tui.library.installed import InstalledModel
from lama_tui.services import Services
from lama_tui.types import GUIDE, MessageState, Usage

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
QWEN = LOADED.loaded[0].reference
USAGE = Usage(512, 128, 241, 85.0, 900.0, 61.3, int(5.3 * GIB), 40_960)


@dataclass(frozen=True)
class Turn:
    """A question and its answer. `left` is other answers to it, which were given before."""

    question: str
    answer: str = ""
    reasoning: str = ""
    state: MessageState = "complete"
    error: LamaError | None = None
    usage: Usage = USAGE
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Talk:
    """A conversation. `ago` is how long before now its first message was sent, in milliseconds."""

    turns: tuple[Turn, ...]
    title: str = ""
    ago: int = HOUR
    model: str = QWEN
    settings: ConversationSettings = field(default_factory=ConversationSettings)


async def write(services: Services, talks: Sequence[Talk], clock: Clock) -> None:
    """Put conversations into the store, by the statements with which lama itself writes them."""
    database = await services.database()
    async with database.transaction() as connection:
        for talk in talks:
            clock.now = NOW - talk.ago
            title = talk.title or talk.turns[0].question[:60]
            made = await connection.execute(
                "INSERT INTO conversations (title, model, created, updated, settings) VALUES (?, ?, ?, ?, ?)",
                (title, talk.model, clock.now, clock.now, settings_to(talk.settings)),
            )
            conversation, above = made.lastrowid, None
            for turn in talk.turns:
                question = await insert_message(connection, conversation, above, "user", text=turn.question)
                for text in (*turn.left, turn.answer):
                    clock.now += 1000
                    answer = await insert_message(
                        connection, conversation, question, "assistant", model=talk.model, owner=database.instance
                    )
                    await write_parts(connection, answer, text, turn.reasoning)
                    reason = "stop" if turn.state == "complete" else None
                    await end_message(connection, answer, turn.state, reason, turn.usage, turn.error)
                above = answer
    clock.now = NOW


ANSWER = """## Sorting in Python

Use **`sorted`** for a new list, or `list.sort` in place. See [the docs](https://docs.python.org/3/howto/sorting.html).

1. `key=` takes a function
2. `reverse=True` turns it around
   - works with `key` too

> Timsort is stable: equal items keep their order.

| Method | Time | Notes |
|---|--:|:--|
| `sorted` | 12 ms | returns a new list |
| `list.sort` | 9 ms | changes the list itself, returns None |

```python
people = [("Ada", 36), ("Linus", 21)]
for name, age in sorted(people, key=lambda p: p[1]):
    print(f"{name} is {age}")  # youngest first
```

That is all. 日本語もだいじょうぶ。
"""
REASONING = """They ask about sorting, in Python.
There are two ways: a function and a method. I should name both, say what differs, and show one with a key.
A table would help."""

USUAL = (
    Talk((Turn("Why is the sky blue?", "Air scatters short waves more."),), ago=9 * DAY),
    Talk((Turn("Draft a polite reply to the landlord", "Dear Ms Okafor, thank you for your letter."),), ago=3 * DAY),
    Talk((Turn("What does `git rebase --onto` do?", "It moves a range of commits onto another base."),), ago=2 * DAY),
    Talk((Turn("Rust or Go for a small CLI?", "Either. Go compiles faster, Rust starts faster."),), ago=DAY),
    Talk(
        (
            Turn("Hello, what can you do?", "I can explain, write and compare. What are you working on?"),
            Turn("How do I sort a list of people by age?", ANSWER, REASONING),
        ),
        title="Sorting people by age",
        ago=2 * MINUTE,
    ),
)

LONG_NAME = "A conversation with a title that is far too long for the list that it stands in, and for most headings"
WIDE = "日本語の題名と🦙の絵文字がある、とても長い会話の題名です。幅の広い文字も正しく切られるはずです。"
LONG_LINE = "supercalifragilisticexpialidocious" * 8
LONG_ANSWER = "\n\n".join(
    [
        ANSWER,
        *(f"Paragraph {number}. " + "Words that fill a line and go on to the next one. " * 6 for number in range(12)),
        "| "
        + " | ".join(f"column {number}" for number in range(12))
        + " |\n"
        + "|---" * 12
        + "|\n"
        + "| cell " * 12
        + "|",
        f"A word that cannot be broken: {LONG_LINE}",
        "```python\nx = " + " + ".join(f"value_{number}" for number in range(30)) + "\n```",
        WIDE * 2,
    ]
)
LONG = (
    *(
        Talk((Turn(f"Question {number}", f"Answer {number}"),), title=f"{(LONG_NAME, WIDE)[number % 2]} {number}",
             ago=DAY + (300 - number) * HOUR)
        for number in range(300)
    ),
    Talk(
        (Turn(f"{LONG_LINE}\n{WIDE}\n" + "And more of it. " * 40, LONG_ANSWER, "Thinking goes on and on. " * 80),),
        title=f"{LONG_NAME} {WIDE}",
        ago=MINUTE,
    ),
)  # fmt: skip

TIMED_OUT = LamaError(
    "The server stopped answering", "No token came for 60 seconds.", "Try again, or raise timeout_token."
)
FAILED = (
    *USUAL[:4],
    Talk(
        (
            Turn("How do I sort?", "The first half of an ans", state="interrupted", usage=Usage()),
            Turn("And by age?", "It begins like th", state="failed", error=TIMED_OUT, usage=Usage()),
        ),
        title="Sorting people by age",
        ago=2 * MINUTE,
    ),
)


def _hub(
    ref: str, params: float, bits: int, size: float, context: int, layers: int = 36, **more: object
) -> InstalledModel:
    folder = f"/home/ada/.cache/huggingface/hub/models--{ref.replace('/', '--')}/snapshots/4f1c09b7e2d5"
    known = {
        "revision": "4f1c09b7e2d5", "format": "mlx", "architecture": "qwen3", "license": "apache-2.0",
        "kv": KeyValueShape(layers, 8, 128, 2), "fits": size < 14,
    }  # fmt: skip
    weights = int(size * GIB)
    return InstalledModel(
        ref, folder, params=int(params * 1e9), bits=bits, size=weights + 11 * MIB, weights=weights, context=context,
        **{**known, **more},  # type: ignore[arg-type]
    )  # fmt: skip


GUIDE_MODEL = InstalledModel(
    GUIDE, "/opt/lama/lama_tui/guide/weights", None, "mlx", "llama", 660_000, 8, None, 3 * MIB, 2 * MIB, 512, "MIT",
    fits=True, kv=KeyValueShape(2, 4, 32, 4),
)  # fmt: skip
MODELS = (
    GUIDE_MODEL,
    _hub("mlx-community/gemma-2-27b-it-8bit", 27.2, 8, 27.0, 8192, 46, architecture="gemma2", license="gemma"),
    _hub("mlx-community/Llama-3.2-3B-Instruct-4bit", 3.2, 4, 1.7, 131_072, 28, architecture="llama", license="llama"),
    _hub("mlx-community/Mistral-7B-Instruct-v0.3-8bit", 7.2, 8, 7.2, 32_768, 32, architecture="mistral"),
    _hub("mlx-community/Qwen3-0.6B-4bit", 0.6, 4, 0.33, 40_960, 28),
    _hub("mlx-community/Qwen3-8B-4bit", 8.2, 4, 4.3, 40_960),
    InstalledModel("someone/torch-only", "/home/ada/.cache/huggingface/hub/models--someone--torch-only", size=2 * GIB,
                   params=int(1.1e9), problem="has no weights that MLX can read"),
)  # fmt: skip
BROKEN = (
    GUIDE_MODEL,
    InstalledModel("half/downloaded-7B-4bit", "", problem="nothing of it was downloaded yet"),
    InstalledModel("my-finetune", "/home/ada/.local/share/lama/models/my-finetune", format="mlx", size=4 * GIB,
                   problem="model.safetensors.index.json names model-00002-of-00003.safetensors, which is not there"),
    InstalledModel("[/nope] is no markup", "/home/ada/.local/share/lama/models/[/nope]", problem="config.json: line 1 "
                   "column 2: expected a property name in double quotes"),
    InstalledModel("old.gguf", "/home/ada/old.gguf", format="gguf", size=4 * GIB, weights=4 * GIB,
                   problem="GGUF weights: this version runs MLX models only"),
)  # fmt: skip
MANY = (
    GUIDE_MODEL,
    *(
        _hub(
            f"a-research-group-with-a-long-name/An-Instruction-Tuned-Model-With-A-Very-Long-Name-{number:03}B-Thinking-DWQ-{bits}bit",
            number, bits, number * bits / 8, 1_048_576,
        )
        for number in range(1, 120)
        for bits in (4, 8)
    ),
    _hub("模型/とても長い名前のモデル-日本語-7B-4bit", 7.0, 4, 3.9, 32_768),
)  # fmt: skip
