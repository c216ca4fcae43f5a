"""One model at work: which of its requests read their prompts, and which make tokens together.

Import only in the engine thread.
"""

import time
from collections.abc import Callable, Sequence

from lama_tui.engine.backend import StepEvent
from lama_tui.engine.mlx_decoding import MlxDecoding
from lama_tui.engine.mlx_kv import MlxKv
from lama_tui.engine.mlx_model import MlxModel
from lama_tui.engine.mlx_request import MlxAnswer
from lama_tui.engine.mlx_speculation import MlxSpeculation
from lama_tui.engine.pace import Pace
from lama_tui.engine.prompt_cache import PromptCache
from lama_tui.engine.reading import next_to_read
from lama_tui.events import StreamEvent, StreamFailed
from lama_tui.types import RequestId

CLEAR_EVERY = 256
"""Steps after which buffers of outgrown KV are handed back."""

Explain = Callable[[Exception], StreamFailed]
"""Logs an error, frees what it holds, and says what it means."""


class MlxRun:
    """A loaded model with its requests. What is computed for one that ends is kept in `cache`."""

    def __init__(self, model: MlxModel, key: str, pace: Pace, cache: PromptCache[MlxKv], explain: Explain) -> None:
        self.model = model
        self.key = key
        """Names what it computes, on the disk."""
        self.pace = pace
        self._cache = cache
        self._explain = explain
        self._reading: list[MlxAnswer] = []
        self._together = MlxDecoding(model.network)
        self._alone: list[MlxDecoding | MlxSpeculation] = []
        self._steps = 0

    @property
    def requests(self) -> list[RequestId]:
        """Those that run."""
        return [answer.request.id for answer in self._all()]

    @property
    def busy(self) -> bool:
        """Whether there is a step to make."""
        return bool(self._reading or len(self._together) or self._alone)

    @property
    def kv_bytes(self) -> int:
        """Bytes of the KV of what runs."""
        reading = sum(answer.kv.nbytes for answer in self._reading)
        return reading + sum(decoding.kv_bytes for decoding in (self._together, *self._alone))

    def begin(self, answer: MlxAnswer) -> None:
        """Let it read its prompt."""
        self._reading.append(answer)

    def step(self) -> list[StepEvent]:
        """Make a token for each that has read its prompt, and read a chunk of one prompt.

        What raises fails the requests in it, and no others.
        """
        produced = self._decode(self._together) if len(self._together) else []
        for decoding in self._alone[:]:
            produced += self._decode(decoding)
        if self._reading:
            produced += self._read()
        self._steps += 1
        if self._steps % CLEAR_EVERY == 0:
            import mlx.core as mx

            mx.clear_cache()
        return produced

    def cancel(self, request: RequestId) -> list[StepEvent]:
        """End a request; what was computed for it is kept."""
        for answer in self._all():
            if answer.request.id == request:
                self._leave(answer)
                return _events(answer, answer.finish("cancelled"))
        return []

    def _all(self) -> list[MlxAnswer]:
        decoding = [answer for decoding in (self._together, *self._alone) for answer in decoding.answers]
        return [*self._reading, *decoding]

    def _decode(self, decoding: MlxDecoding | MlxSpeculation) -> list[StepEvent]:
        started = time.perf_counter()
        try:
            made = decoding.step()
        except Exception as error:
            failed = decoding.answers
            self._drop(decoding)
            said = self._explain(error)
            return [StepEvent(answer.request.id, said) for answer in failed]
        produced: list[StepEvent] = []
        for answer, token in made:
            if answer.ended:
                continue  # of a draft more tokens may be right than are wanted
            try:
                events = answer.take(token, started)
            except Exception as error:
                answer.ended, events = True, [self._explain(error)]
            if answer.ended:
                self._leave(answer)
            produced += _events(answer, events)
        return produced

    def _read(self) -> list[StepEvent]:
        """Read a chunk of the prompt whose turn it is."""
        at = next_to_read([(answer.to_read, answer.passed_over) for answer in self._reading])
        answer = self._reading[at]
        for other in self._reading:
            other.passed_over += 1
        answer.passed_over = 0
        try:
            events = answer.read(hurry=bool(len(self._together) or self._alone))
            if answer.first is not None:
                self._reading.remove(answer)
                self._decoding_for(answer).join(answer)
        except Exception as error:
            self._reading = [other for other in self._reading if other is not answer]
            answer.kv = MlxKv([])
            return [StepEvent(answer.request.id, self._explain(error))]
        if answer.checkpoint is not None:
            self._keep(answer, answer.before_last, answer.checkpoint)
            answer.checkpoint = None
        return _events(answer, events)

    def _decoding_for(self, answer: MlxAnswer) -> MlxDecoding | MlxSpeculation:
        if not answer.alone:
            return self._together
        decoding: MlxDecoding | MlxSpeculation = MlxDecoding(self.model.network)
        if self.model.draft is not None and answer.kv.batches and not answer.kv.bits:
            decoding = MlxSpeculation(self.model.network, self.model.draft)
        self._alone.append(decoding)
        return decoding

    def _drop(self, decoding: MlxDecoding | MlxSpeculation) -> None:
        if decoding is self._together:
            self._together = MlxDecoding(self.model.network)
        else:
            self._alone.remove(decoding)

    def _leave(self, answer: MlxAnswer) -> None:
        """Let an answer go, and keep what was computed for it."""
        if answer in self._reading:
            self._reading.remove(answer)
        else:
            self._leave_decoding(answer)
        if answer.held:
            self._keep(answer, answer.remembered, answer.kv)
        answer.kv = MlxKv([])

    def _leave_decoding(self, answer: MlxAnswer) -> None:
        decoding = next(each for each in (self._together, *self._alone) if answer in each.answers)
        try:
            decoding.leave(answer)
        except Exception as error:  # it ended all the same; what there is of it is not whole
            self._explain(error)
            answer.held = 0
        if not len(decoding) and decoding is not self._together:
            self._alone.remove(decoding)

    def _keep(self, answer: MlxAnswer, tokens: Sequence[int], kv: MlxKv) -> None:
        """Keep what was computed of `tokens`; where there is no memory for that nothing is kept, and nothing fails."""
        try:
            kv.evaluate()
            self._cache.keep(self.model.source.reference, tokens, kv, answer.request.conversation)
        except Exception as error:
            self._explain(error)


def _events(answer: MlxAnswer, events: Sequence[StreamEvent]) -> list[StepEvent]:
    return [StepEvent(answer.request.id, event) for event in events]
