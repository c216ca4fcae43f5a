"""One answer in the making: reads its prompt in chunks, then makes a token a step."""

import time
from collections.abc import Sequence
from typing import Any

from lama_tui.engine.answer_text import AnswerText
from lama_tui.engine.backend import GenerationRequest
from lama_tui.engine.mlx_model import MlxModel
from lama_tui.engine.mlx_sampler import MlxSampler
from lama_tui.engine.pace import Pace
from lama_tui.engine.sampling import Chosen
from lama_tui.events import PromptProgress, StreamEvent, StreamFinished, UsageUpdated
from lama_tui.types import FinishReason, Usage

USAGE_INTERVAL = 0.25
"""Seconds between two figures of a running answer."""
CLEAR_EVERY = 256
"""Tokens after which buffers of outgrown KV caches are handed back."""


class MlxAnswer:
    """The state of one request on the device. The next token is computed while this one is decoded."""

    def __init__(
        self,
        request: GenerationRequest,
        model: MlxModel,
        prompt: Sequence[int],
        chosen: Chosen,
        limit: int,
        pace: Pace,
        left_out: int = 0,
    ) -> None:
        import mlx.core as mx
        from mlx_lm.models.cache import make_prompt_cache

        self.request = request
        self._model = model
        self._prompt = mx.array(list(prompt), mx.uint32)
        self._limit = limit
        self._pace = pace
        self._left_out = left_out
        self._cache = make_prompt_cache(model.network)
        self._sampler = MlxSampler(chosen, request.sampling.seed)
        self._text = AnswerText(model.tokenizer, prompt, model.stops, continued=bool(request.prefix))
        self._read = 0
        self._busy = 0.0
        self._next: Any = None
        self._tokens = 0
        self._first = self._last = self._told = 0.0

    def step(self) -> list[StreamEvent]:
        """Read one chunk of the prompt, or make one token. Ends with `StreamFinished`."""
        if self._next is not None:
            return self._decode()
        return self._prefill()

    def finish(self, reason: FinishReason) -> list[StreamEvent]:
        """End with `reason`: what text was held back, then the figures."""
        return [*self._text.end(), StreamFinished(reason, self.usage())]

    def usage(self) -> Usage:
        """Figures so far."""
        import mlx.core as mx

        prompt = int(self._prompt.size)
        seconds = self._last - self._first
        return Usage(
            prompt_tokens=prompt,
            cached_tokens=0,
            completion_tokens=self._tokens,
            ttft_ms=(self._first - self.request.submitted) * 1000 if self._first else None,
            prefill_tok_s=self._read / self._busy if self._read and self._busy else None,
            decode_tok_s=(self._tokens - 1) / seconds if self._tokens > 1 and seconds > 0 else None,
            peak_memory=int(mx.get_peak_memory()),
            context_window=self._model.context_window,
            left_out=self._left_out or None,
        )

    @property
    def kv_bytes(self) -> int:
        """Bytes of the KV cache now, as its arrays are laid out (it grows in steps of 256 tokens)."""
        return sum(int(layer.nbytes) for layer in self._cache)

    def _prefill(self) -> list[StreamEvent]:
        import mlx.core as mx

        started = time.perf_counter()
        total = int(self._prompt.size)
        # the last token is read by the step that makes the first token of the answer
        size = min(self._pace.chunk, total - 1 - self._read)
        if size > 0:
            self._model.network(self._prompt[self._read : self._read + size][None], cache=self._cache)
            mx.eval([layer.state for layer in self._cache])
            mx.clear_cache()
            self._pace.measured(size, time.perf_counter() - started)
            self._read += size
        if self._read == total - 1:
            self._next = self._forward(self._prompt[-1:])
            self._read = total
        now = time.perf_counter()
        self._busy += now - started
        # what the last token costs is not known before the first token of the answer is
        return [PromptProgress(self._read, total), *(self._tell(now) if self._next is None else ())]

    def _forward(self, tokens: Any) -> Any:
        """Begin to compute the token after `tokens`; shape (1,)."""
        import mlx.core as mx

        logits = self._model.network(tokens[None], cache=self._cache)[:, -1, :]
        token = self._sampler(logits)
        mx.async_eval(token)  # type: ignore[no-untyped-call]
        return token

    def _decode(self) -> list[StreamEvent]:
        started = time.perf_counter()
        current = self._next
        if self._tokens + 1 < self._limit:
            self._next = self._forward(current)
        token = int(current.item())
        now = time.perf_counter()
        if not self._first:
            self._first = now
            self._busy += now - started
        if token in self._model.tokenizer.eos_token_ids:
            return self.finish("stop")
        self._tokens += 1
        self._last = now
        if self._tokens % CLEAR_EVERY == 0:
            import mlx.core as mx

            mx.clear_cache()
        events: list[StreamEvent] = [*self._text.add(token)]
        if self._text.stopped:
            return [*events, *self.finish("stop")]
        if self._tokens >= self._limit:
            return [*events, *self.finish("length")]
        return [*events, *self._tell(now)]

    def _tell(self, now: float) -> list[StreamEvent]:
        """The figures so far, a few times a second."""
        if now - self._told <= USAGE_INTERVAL:
            return []
        self._told = now
        return [UsageUpdated(self.usage())]
