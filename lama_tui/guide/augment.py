"""More questions out of the written ones: phrases spelled out, synonyms, slips of the fingers."""

import math
import random
import re
import tomllib
from typing import Any

from lama_tui.guide.corpus import CORPUS, OFF_TOPIC, topics, wordings

_INNERMOST = re.compile(r"\{([^{}]*)\}")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEAR = {letter: row[max(0, i - 1) : i] + row[i + 1 : i + 2] for row in _ROWS for i, letter in enumerate(row)}


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((CORPUS / name).read_text(encoding="utf-8"))


class Patterns:
    """The phrases of `patterns.toml`.

    `{a|b}` stands for a or b, `{name}` for one of the words of that name. A phrase in `do` is
    what someone wants to do and gets a frame ("how do i ~"); one in `say` stands as it is.
    """

    def __init__(self, tables: dict[str, Any]) -> None:
        self._words: dict[str, str] = tables["words"]
        self._frames: list[str] = tables["frames"]
        self._asks: list[str] = tables["asks"]
        self._named: dict[str, list[str]] = tables["named"]
        self._phrases = {
            topic: [(True, text) for text in table.get("do", ())] + [(False, text) for text in table.get("say", ())]
            for topic, table in tables["topic"].items()
        }
        # a phrase that can be said in many ways is drawn more often, but not in proportion
        self._weights = {
            topic: [min(self._ways(text), 100) ** 0.5 for _, text in phrases]
            for topic, phrases in self._phrases.items()
        }

    def _ways(self, text: str) -> int:
        """Roughly how many questions a phrase stands for."""
        return math.prod(inside.count("|") + 1 for inside in _INNERMOST.findall(text))

    @property
    def topics(self) -> list[str]:
        """The ids of the topics that have phrases."""
        return list(self._phrases)

    def spell(self, topic: str, chance: random.Random) -> str:
        """One question on `topic`."""
        if topic in self._named and chance.random() < 0.15:
            return chance.choice(self._asks).replace("~", chance.choice(self._named[topic]))
        framed, text = chance.choices(self._phrases[topic], self._weights[topic])[0]
        if framed:
            text = chance.choice(self._frames).replace("~", text)
        while match := _INNERMOST.search(text):
            inside = match[1]
            if "|" not in inside:
                inside = self._words[inside]
            text = text[: match.start()] + chance.choice(inside.split("|")) + text[match.end() :]
        return " ".join(text.split())


class Keywords:
    """Words of `keywords.toml` strung together, so that words count which no wording uses."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self._words = {topic: [w.strip() for w in words.split(",")] for topic, words in tables["keywords"].items()}
        self._between: list[str] = tables["between"]

    @property
    def topics(self) -> list[str]:
        """The ids of the topics that have keywords."""
        return list(self._words)

    def string(self, topic: str, chance: random.Random) -> str:
        """A few words of a topic with small words between them."""
        parts: list[str] = []
        for word in chance.sample(self._words[topic], chance.choice((1, 1, 2, 2, 3))):
            parts += chance.choices(self._between, k=chance.randrange(4))
            parts.append(word)
        parts += chance.choices(self._between, k=chance.randrange(3))
        return " ".join(parts)


class Synonyms:
    """Groups of words and phrases that may stand for each other."""

    def __init__(self, groups: list[list[str]]) -> None:
        self._others = {phrase: [p for p in group if p != phrase] for group in groups for phrase in group}
        longest_first = sorted(self._others, key=len, reverse=True)
        self._any = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")

    def vary(self, text: str, share: float, chance: random.Random) -> str:
        """`text` with about `share` of its known words said in another way."""
        return self._any.sub(
            lambda found: chance.choice(self._others[found[1]]) if chance.random() < share else found[1], text
        )


class Questions:
    """An endless, seeded supply of questions. `held_back` are never drawn."""

    def __init__(self, seed: int, held_back: frozenset[str] = frozenset()) -> None:
        self._chance = random.Random(seed)  # noqa: S311 — nothing secret is drawn
        tables = _read("patterns.toml")
        self._patterns = Patterns(tables)
        self._keywords = Keywords(_read("keywords.toml"))
        self._synonyms = Synonyms(tables["synonyms"])
        self._before: list[str] = tables["before"]
        self._after: list[str] = tables["after"]
        self._written = {
            topic: [q.lower() for q in questions if q not in held_back] for topic, questions in wordings().items()
        }
        self._vocabulary = sorted({w for qs in self._written.values() for q in qs for w in q.split()})
        self._topics = [topic.id for topic in topics()]
        # there is far more that is off-topic, and few questions to learn it from
        self._weights = [36.0 if topic == OFF_TOPIC else 1.0 for topic in self._topics]

    def texts(self, phrases: int) -> list[str]:
        """Every written question and `phrases` spelled ones a topic, to learn a tokenizer from."""
        spelled = [self._patterns.spell(t, self._chance) for t in self._patterns.topics for _ in range(phrases)]
        strung = [self._keywords.string(t, self._chance) for t in self._keywords.topics for _ in range(phrases)]
        return [q for qs in self._written.values() for q in qs] + spelled + strung

    def draw(self) -> tuple[str, str]:
        """A topic id and a question on it, sometimes with slips of the fingers."""
        chance = self._chance
        topic = chance.choices(self._topics, self._weights)[0]
        kind = chance.random()
        if kind < 0.15:
            text = self._keywords.string(topic, chance)
        elif kind < 0.5:
            text = self._patterns.spell(topic, chance)
        else:
            text = chance.choice(self._written[topic])
        if chance.random() < 0.7:
            text = self._synonyms.vary(text, 0.4, chance)
        return topic, self._disturb(text)

    def _disturb(self, text: str) -> str:
        chance = self._chance
        words = text.split()
        if chance.random() < 0.35 and len(words) > 3:
            words = [w for w in words if chance.random() > 0.12] or words
        if chance.random() < 0.1:
            words.insert(chance.randrange(len(words) + 1), chance.choice(self._vocabulary))
        if chance.random() < 0.2:
            at = chance.randrange(len(words))
            words[at] = self._mistype(words[at])
        text = " ".join(words)
        if chance.random() < 0.3:
            text = text.rstrip("?!. ")
        elif chance.random() < 0.15:
            text = text.rstrip("?!. ") + chance.choice(("?", "??", ".", "!", " ?", "..."))
        if chance.random() < 0.1:
            text = text.replace("'", "")
        if chance.random() < 0.2:
            text = f"{chance.choice(self._before)} {text}"
        if chance.random() < 0.12:
            text = f"{text} {chance.choice(self._after)}"
        return text

    def _mistype(self, word: str) -> str:
        if len(word) < 4:
            return word
        chance = self._chance
        at = chance.randrange(1, len(word) - 1)
        slip = chance.randrange(4)
        if slip == 0:
            return word[:at] + word[at + 1 :]
        if slip == 1:
            return word[:at] + word[at] + word[at:]
        if slip == 2:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return word[:at] + chance.choice(_NEAR.get(word[at], word[at]) or word[at]) + word[at + 1 :]
