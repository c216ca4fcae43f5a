"""The guide's tokenizer: byte-level BPE, three special tokens, and its chat template."""

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END, USER, ASSISTANT = "<|end|>", "<|user|>", "<|assistant|>"
VOCABULARY = 2048
QUESTION_CHARACTERS = 400

# Only the last question counts: a model this small loses its way in earlier turns. Case carries
# nothing here and is dropped from questions; the words of a special token are taken out of them.
# An answer after the last question is one to continue, so it is left open.
CHAT_TEMPLATE = (
    "{%- set ns = namespace(question='', answer='') -%}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}{%- set ns.question = message['content'] -%}{%- set ns.answer = '' -%}"
    "{%- elif message['role'] == 'assistant' -%}{%- set ns.answer = message['content'] -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- set words = ns.question | replace('<|', ' ') | replace('|>', ' ') | lower -%}"
    "{{- '<|user|> ' + (words.split() | join(' '))[:400] -}}"
    "{%- if add_generation_prompt or ns.answer -%}{{- '<|assistant|>' + ns.answer -}}{%- endif -%}"
)


def question_text(question: str) -> str:
    """A question as the chat template renders it, without the special tokens around it."""
    words = question.replace("<|", " ").replace("|>", " ").lower()
    return " " + " ".join(words.split())[:QUESTION_CHARACTERS]


def learn(texts: Iterable[str]) -> Tokenizer:
    """Train the tokenizer on `texts`; every byte and the special tokens have an id."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END, USER, ASSISTANT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def special_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a special token. Raises `ValueError` if the tokenizer has none."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"the tokenizer does not know {token}")
    return found


def in_small_pieces(tokenizer: Tokenizer) -> Tokenizer:
    """The same vocabulary with only the first third of the merges, so that words fall into more tokens."""
    definition = json.loads(tokenizer.to_str())
    merges = definition["model"]["merges"]
    definition["model"]["merges"] = merges[: len(merges) // 3]
    return Tokenizer.from_str(json.dumps(definition))


def prompts(tokenizer: Tokenizer, questions: list[str]) -> list[list[int]]:
    """The tokens of questions up to where an answer begins, as the chat template has them."""
    user, assistant = (special_id(tokenizer, token) for token in (USER, ASSISTANT))
    encoded = tokenizer.encode_batch_fast([question_text(question) for question in questions])
    return [[user, *found.ids, assistant] for found in encoded]
