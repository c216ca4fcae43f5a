"""Train the guide: `python -m lama_tui.guide.train`.

Needs torch, which is used here only and is no dependency of the app. One thread, seeded: the same
corpus, seed and steps give the same weights on the same machine.

1. Embeddings, as a bag-of-words classifier of topics.
2. The model on the openings of answers: where the openings of two answers part, it must choose.
3. The model on whole answers, also after questions of other topics, so that an answer goes on
   the way it began.
"""

import argparse
import math
import random
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from lama_tui.guide import tokenizer as speech
from lama_tui.guide.augment import Questions
from lama_tui.guide.corpus import topics, wordings
from lama_tui.guide.export import export, load
from lama_tui.guide.model import Shape, Weights, forward, initial

BATCH = 128
SORTED_TOGETHER = 12
"""Batches that are drawn and sorted by length at a time, so that little is padding."""


class Answers:
    """The answers as tokens, and where each parts from the others."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        end = speech.special_id(tokenizer, speech.END)
        self.tokens = {topic.id: [*tokenizer.encode(topic.answer).ids, end] for topic in topics()}
        following: dict[tuple[int, ...], set[int]] = {}
        for ids in self.tokens.values():
            for at, token in enumerate(ids):
                following.setdefault(tuple(ids[:at]), set()).add(token)
        self._choices = {
            topic: [len(following[tuple(ids[:at])]) > 1 for at in range(len(ids))] for topic, ids in self.tokens.items()
        }
        self.depth = max(self.opening(topic) for topic in self.tokens)

    def opening(self, topic: str) -> int:
        """How many tokens it takes until the answer is like no other."""
        choices = self._choices[topic]
        return max(at for at, choice in enumerate(choices) if choice) + 1

    def weights(self, topic: str, forced: float) -> list[float]:
        """1 for tokens that choose between answers, `forced` for the others."""
        return [1.0 if choice else forced for choice in self._choices[topic]]

    def topic_of(self, opening: list[int]) -> str | None:
        """The one answer that begins so."""
        for topic, ids in self.tokens.items():
            if ids[: self.opening(topic)] == opening[: self.opening(topic)]:
                return topic
        return None


class Batch:
    """Padded tensors: tokens, what is not padding, targets of the tail and their weights."""

    def __init__(self, questions: list[list[int]], answers: list[list[int]], weights: list[list[float]]) -> None:
        width, self.tail = max(map(len, questions)), max(map(len, answers))
        rows, length = len(questions), width + self.tail - 1
        self.tokens = torch.zeros(rows, length, dtype=torch.long)
        self.valid = torch.zeros(rows, length, dtype=torch.bool)
        self.targets = torch.zeros(rows, self.tail, dtype=torch.long)
        self.weights = torch.zeros(rows, self.tail)
        for row, (question, answer, weight) in enumerate(zip(questions, answers, weights, strict=True)):
            sequence = question + answer[:-1]
            start = width - len(question)
            self.tokens[row, start : start + len(sequence)] = torch.tensor(sequence)
            self.valid[row, start : start + len(sequence)] = True
            self.targets[row, : len(answer)] = torch.tensor(answer)
            self.weights[row, : len(answer)] = torch.tensor(weight)


class Lessons:
    """Batches without end."""

    def __init__(self, questions: Questions, tokenizer: Tokenizer, answers: Answers, seed: int) -> None:
        self._questions, self._tokenizer, self._answers = questions, tokenizer, answers
        self._small = speech.in_small_pieces(tokenizer)
        self._user, self._assistant = (
            speech.special_id(tokenizer, speech.USER),
            speech.special_id(tokenizer, speech.ASSISTANT),
        )
        self._known: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})
        self._chance = random.Random(seed)  # noqa: S311 — nothing secret is drawn

    def labelled(self, rows: int) -> list[tuple[str, list[int]]]:
        """`rows` pairs of topic and prompt tokens."""
        drawn = [self._questions.draw() for _ in range(rows)]
        return [(topic, self._prompt(text)) for topic, text in drawn]

    def _prompt(self, question: str) -> list[int]:
        """The tokens of a question; in half of them some words fall into smaller pieces.

        So no word is known by one token only, and one with a slip in it resembles the right one.
        """
        share = self._chance.choice((0.0, 0.15))
        words = speech.question_text(question).split(" ")[1:]
        pieces = [self._pieces(" " + word, small=self._chance.random() < share) for word in words]
        return [self._user, *chain.from_iterable(pieces), self._assistant]

    def _pieces(self, word: str, small: bool) -> list[int]:
        known = self._known[small]
        if word not in known:
            known[word] = (self._small if small else self._tokenizer).encode(word).ids
        return known[word]

    def batches(self, whole: bool) -> Iterator[Batch]:
        """Batches of openings, or of `whole` answers."""
        while True:
            rows = [self._row(topic, prompt, whole) for topic, prompt in self.labelled(BATCH * SORTED_TOGETHER)]
            rows.sort(key=lambda row: (len(row[1]) // 4, len(row[0])))
            groups = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
            self._chance.shuffle(groups)
            for group in groups:
                yield Batch([q for q, _, _ in group], [a for _, a, _ in group], [w for _, _, w in group])

    def _row(self, topic: str, prompt: list[int], whole: bool) -> tuple[list[int], list[int], list[float]]:
        answers = self._answers
        opening = answers.opening(topic)
        if self._chance.random() > (0.4 if whole else 0.05):
            return prompt, answers.tokens[topic][:opening], answers.weights(topic, 0.1)[:opening]
        weights = answers.weights(topic, 0.6)
        if self._chance.random() < 0.5:
            topic = self._chance.choice(list(answers.tokens))
            opening = answers.opening(topic)
            weights = [0.0] * opening + answers.weights(topic, 0.6)[opening:]
        return prompt, answers.tokens[topic], weights


def word_embeddings(lessons: Lessons, shape: Shape, steps: int, generator: torch.Generator) -> Tensor:
    """Embeddings (vocabulary, hidden) in which the mean of a question's tokens tells its topic."""
    ids = {topic.id: i for i, topic in enumerate(topics())}
    table = (torch.randn(shape.vocabulary, shape.hidden, generator=generator) * 0.1).requires_grad_()
    heads = (torch.randn(len(ids), shape.hidden, generator=generator) * 0.1).requires_grad_()
    optimizer = torch.optim.Adam([table, heads], lr=1e-2)
    for step in range(steps):
        _set_rate(optimizer, 1e-2, step, steps)
        rows = lessons.labelled(256)
        flat = torch.tensor([t for _, prompt in rows for t in prompt[1:-1]])
        starts = torch.tensor([0, *(len(prompt) - 2 for _, prompt in rows)]).cumsum(0)[:-1]
        means = functional.embedding_bag(flat, functional.rms_norm(table, (shape.hidden,)), starts, mode="mean")
        logits = functional.dropout(means, 0.1) @ heads.T * 4
        loss = functional.cross_entropy(logits, torch.tensor([ids[topic] for topic, _ in rows]), label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 250 == 0 or step == steps - 1:
            print(f"words  {step:6d}  loss {loss.item():.3f}", flush=True)
    # the same table reads words and writes them: this size gives useful logits from the start
    return functional.rms_norm(table.detach(), (shape.hidden,)) * 0.1


def _set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    warm = min(1.0, (step + 1) / 100)
    for group in optimizer.param_groups:
        group["lr"] = peak * warm * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + peak * 0.004


def fit(weights: Weights, shape: Shape, lessons: Lessons, steps: int, whole: int, rate: float, dropout: float) -> None:
    """Train in place for `steps` batches, the last `whole` of them on whole answers."""
    matrices = [w for n, w in weights.items() if w.dim() == 2 and "embed" not in n]
    rest = [w for n, w in weights.items() if w.dim() == 1 or "embed" in n]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    openings, answers = lessons.batches(whole=False), lessons.batches(whole=True)
    began, mean = time.monotonic(), 0.0
    for step in range(steps):
        _set_rate(optimizer, rate, step, steps)
        batch = next(answers if step >= steps - whole else openings)
        logits = forward(weights, shape, batch.tokens, batch.valid, batch.tail, dropout)
        chosen = batch.weights > 0
        losses = functional.cross_entropy(logits[chosen], batch.targets[chosen], reduction="none", label_smoothing=0.03)
        loss = (losses * batch.weights[chosen]).sum() / batch.weights.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optimizer.step()
        mean += loss.item() / 250
        if step % 250 == 249:
            print(f"model  {step + 1:6d}  loss {mean:.3f}  {time.monotonic() - began:.0f} s", flush=True)
            mean = 0.0


@torch.no_grad()
def judge(weights: Weights, shape: Shape, tokenizer: Tokenizer, questions: list[tuple[str, str]]) -> list[str | None]:
    """The topics whose answers the model begins, greedily, for `questions` (topic, text)."""
    answers = Answers(tokenizer)
    end = speech.special_id(tokenizer, speech.END)
    asked = speech.prompts(tokenizer, [text for _, text in questions])
    begun: list[list[int]] = [[] for _ in asked]
    for at in range(0, len(asked), 256):
        for _ in range(answers.depth):
            rows = range(at, min(at + 256, len(asked)))
            # what was begun counts as part of the question, so that the next token is the last of every row
            batch = Batch([asked[r] + begun[r] for r in rows], [[end]] * len(rows), [[1.0]] * len(rows))
            chosen = forward(weights, shape, batch.tokens, batch.valid, 1)[:, -1].argmax(-1)
            for r, token in zip(rows, chosen.tolist(), strict=True):
                begun[r].append(token)
    return [answers.topic_of(b) for b in begun]


def held_back(every: int) -> list[tuple[str, str]]:
    """Every `every`-th wording of a topic, to tune on; none for 0."""
    return [(t, q) for t, qs in wordings().items() for q in qs[every - 1 :: every]] if every else []


def train(shape: Shape, questions: Questions, options: argparse.Namespace) -> tuple[Weights, Tokenizer]:
    """Weights and tokenizer from nothing."""
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    answers_often = [topic.answer for topic in topics() for _ in range(5)]
    tokenizer = speech.learn([speech.question_text(q) for q in questions.texts(30)] + answers_often)
    lessons = Lessons(questions, tokenizer, Answers(tokenizer), options.seed)
    embeddings = word_embeddings(lessons, shape, options.word_steps, generator)
    weights = initial(shape, embeddings, generator)
    fit(weights, shape, lessons, options.steps, options.steps // 6, options.rate, options.dropout)
    return weights, tokenizer


def main() -> None:
    """Train and export."""
    parser = argparse.ArgumentParser(description="Train the built-in guide and export its weights.")
    parser.add_argument("--steps", type=int, default=5000, help=f"batches of {BATCH} questions")
    parser.add_argument("--word-steps", type=int, default=1200, help="batches of 256 for the embeddings")
    parser.add_argument("--polish", type=int, default=600, help="batches at the end at a low rate, on whole answers")
    parser.add_argument("--polish-only", type=Path, metavar="FOLDER", help="start from what was exported there")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--hold-back", type=int, default=0, help="keep every N-th wording out and score on them")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights")
    options = parser.parse_args()

    torch.set_num_threads(1)
    test = held_back(options.hold_back)
    out_of_sight = frozenset(text for _, text in test)
    if options.polish_only:
        weights, shape, tokenizer = load(options.polish_only)
    else:
        shape = Shape(hidden=options.hidden, heads=options.hidden // 32, mlp=options.hidden * 14 // 5 // 32 * 32)
        weights, tokenizer = train(shape, Questions(options.seed, out_of_sight), options)
    # with a seed of its own, so that it goes the same way after training and after loading
    torch.manual_seed(options.seed + 1)
    lessons = Lessons(Questions(options.seed + 1, out_of_sight), tokenizer, Answers(tokenizer), options.seed + 1)
    fit(weights, shape, lessons, options.polish, options.polish, options.rate / 5, options.dropout)
    if test:
        found = judge(weights, shape, tokenizer, test)
        right = sum(f == topic for f, (topic, _) in zip(found, test, strict=True))
        print(f"held back: {right} of {len(test)} right, {right / len(test):.1%}")
        for f, (topic, text) in zip(found, test, strict=True):
            if f != topic:
                print(f"  {topic} -> {f}: {text}")
    export(options.out, {n: w.detach() for n, w in weights.items()}, shape, tokenizer, options.seed, options.steps)


if __name__ == "__main__":
    main()
