"""What the guide learns: topics with one answer each, and questions in many wordings.

`corpus/topics.toml` holds the topics, `corpus/wordings_*.toml` questions that people wrote, and
`corpus/patterns.toml` phrases with alternatives that `augment` spells out.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
OFF_TOPIC = "off-topic"

_CLAIM = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject. `names`: at least one of these strings is in every right answer."""

    id: str
    about: str
    answer: str
    names: tuple[str, ...]

    @property
    def claims(self) -> frozenset[str]:
        """The keys, commands, settings and files that the answer names."""
        return claims(self.answer)

    def accepts(self, answer: str) -> bool:
        """Whether `answer` is right: it names what it must and claims nothing of its own."""
        return len(answer) <= 500 and any(name in answer for name in self.names) and claims(answer) <= self.claims


def claims(text: str) -> frozenset[str]:
    """What a text puts in backticks."""
    return frozenset(_CLAIM.findall(text))


def topics() -> tuple[Topic, ...]:
    """All topics, in the order of the file. Raises `ValueError` for an id that comes twice."""
    tables = tomllib.loads((CORPUS / "topics.toml").read_text(encoding="utf-8"))["topic"]
    found = tuple(Topic(t["id"], t["about"], t["answer"], tuple(t["names"])) for t in tables)
    if len({topic.id for topic in found}) < len(found):
        raise ValueError("topics.toml: a topic id occurs twice")
    return found


def wordings() -> dict[str, list[str]]:
    """Questions by topic id, without repeats, in a fixed order. Raises `KeyError` for an unknown id."""
    questions: dict[str, list[str]] = {topic.id: [] for topic in topics()}
    seen: set[str] = set()
    for file in sorted(CORPUS.glob("wordings_*.toml")):
        for topic, texts in tomllib.loads(file.read_text(encoding="utf-8"))["wordings"].items():
            for text in texts:
                key = normalised(text)
                if key and key not in seen:
                    seen.add(key)
                    questions[topic].append(text)
    return questions


def normalised(question: str) -> str:
    """A question without case, punctuation and spacing, to compare two."""
    return " ".join(re.findall(r"\w+", question.lower()))


def digest() -> str:
    """SHA-256 of ids and answers: weights trained on others are out of date."""
    answers = [[topic.id, topic.answer] for topic in topics()]
    return hashlib.sha256(json.dumps(answers, ensure_ascii=True).encode()).hexdigest()
