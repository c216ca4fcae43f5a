"""One answer in the making: it reads its prompt in chunks, then takes the tokens that are made for it."""

import time
from collections.abc import Sequence
from typing import Any

from lama_tui.engine.answer_text import AnswerText
from lama_tui.engine.backend import GenerationRequest
from lama_tui.engine.mlx_kv import MlxKv
from lama_tui.engine.mlx_model import MlxModel
from lama_tui.engine.mlx_sampler import MlxSampler
from lama_tui.engine.pace import Pace
from lama_tui.engine.sampling import Chosen
from lama_tui.events import PromptProgress, StreamEvent, StreamFinished, UsageUpdated
from lama_tui.types import FinishReason, Usage

USAGE_INTERVAL = 0.25
"""Seconds between two figures of a running answer."""


class MlxAnswer:
    """The state of one request on the device.

    `kv` is what the model remembers of its first `held` tokens; while it makes tokens it is with the decoding.
    """

    def __init__(
        self,
        request: GenerationRequest,
        model: MlxModel,
        prompt: Sequence[int],
        chosen: Chosen,
        limit: int,
        pace: Pace,
        left_out: int = 0,
        *,
        kv: MlxKv,
        held: int = 0,
    ) -> None:
        import mlx.core as mx

        self.request = request
        self.kv = kv
        self.held = held
        self.first: Any = None
        """The token after the prompt, still being computed, shape (1,); None while the prompt is read."""
        self.checkpoint: MlxKv | None = None
        """Of KV that cannot be cut a copy, as it was before the last token of the prompt."""
        self.drafted: list[bool] = []
        """Of tokens that are still to be taken, whether a draft model proposed them."""
        self.ended = False
        """Its last event was told."""
        self.passed_over = 0
        """Chunks of other prompts that were read while this one waited."""
        self._model = model
        self._tokens = list(prompt)
        self._prompt = mx.array(self._tokens, mx.uint32)
        self._cached = held
        self.limit = limit
        """Tokens of the answer at most."""
        self._pace = pace
        self._left_out = left_out
        self.choose = MlxSampler(chosen, request.sampling.seed, self._tokens)
        stops = (*model.stops, *filter(None, request.sampling.stop))
        self._text = AnswerText(model.tokenizer, prompt, stops, continued=bool(request.prefix))
        self._busy = 0.0
        self._made = self._accepted = 0
        self._begun = self._last = self._told = 0.0

    @property
    def to_read(self) -> int:
        """Tokens of the prompt that are still to be read."""
        return int(self._prompt.size) - self.held if self.first is None else 0

    @property
    def is_last(self) -> bool:
        """Whether no token is wanted after the next one."""
        return self._made + 1 >= self.limit

    @property
    def known(self) -> int:
        """Tokens of the prompt and of the answer so far."""
        return len(self._tokens)

    @property
    def remembered(self) -> list[int]:
        """The tokens that `kv` holds."""
        return self._tokens[: self.held]

    @property
    def before_last(self) -> list[int]:
        """The tokens that `checkpoint` holds."""
        return self._tokens[: int(self._prompt.size) - 1]

    @property
    def alone(self) -> bool:
        """Whether it makes its tokens by itself: a seed gives the same text only so, and some KV does not batch."""
        return self.request.sampling.seed is not None or not self.kv.batches or self._model.draft is not None

    def finish(self, reason: FinishReason) -> list[StreamEvent]:
        """End with `reason`: what text was held back, then the figures."""
        self.ended = True
        rest = self._text.end()
        if reason == "length" and self._text.stopped:
            reason = "stop"
        return [*rest, StreamFinished("tool_calls" if reason == "stop" and self._text.calls else reason, self.usage())]

    def usage(self) -> Usage:
        """Figures so far."""
        import mlx.core as mx

        prompt = int(self._prompt.size)
        seconds = self._last - self._begun
        read = min(self.held, prompt) - self._cached
        return Usage(
            prompt_tokens=prompt,
            cached_tokens=self._cached,
            completion_tokens=self._made,
            ttft_ms=(self._begun - self.request.submitted) * 1000 if self._begun else None,
            prefill_tok_s=read / self._busy if read and self._busy else None,
            decode_tok_s=(self._made - 1) / seconds if self._made > 1 and seconds > 0 else None,
            peak_memory=int(mx.get_peak_memory()),
            context_window=self._model.context_window,
            left_out=self._left_out or None,
            accepted_tokens=None if self._model.draft is None else self._accepted,
        )

    def read(self, hurry: bool) -> list[StreamEvent]:
        """Read one chunk of the prompt, a short one where others wait for their tokens meanwhile."""
        import mlx.core as mx

        started = time.perf_counter()
        total = int(self._prompt.size)
        # the last token is read by the step that makes the first token of the answer
        size = min(self._pace.chunk(hurry), total - 1 - self.held)
        if size > 0:
            self._model.network(self._prompt[self.held : self.held + size][None], cache=self.kv.layers)
            self.kv.evaluate()
            mx.clear_cache()
            self._pace.measured(size, time.perf_counter() - started)
            self.held += size
        if self.held == total - 1:
            if self.held and not self.kv.can_be_cut:
                self.checkpoint = self.kv.copy()
            logits = self._model.network(self._prompt[None, -1:], cache=self.kv.layers)[:, -1, :]
            self.first = self.choose(logits)
            mx.async_eval(self.first)  # type: ignore[no-untyped-call]
            self.held = total
        now = time.perf_counter()
        self._busy += now - started
        # what the last token costs is not known before the first token of the answer is
        return [PromptProgress(self.held, total), *(self._tell(now) if self.first is None else ())]

    def take(self, token: int, started: float) -> list[StreamEvent]:
        """Take a token that was made in a step which began at `started`. Ends with `StreamFinished`."""
        now = time.perf_counter()
        self._tokens.append(token)
        if not self._begun:
            self._begun = now
            self._busy += now - started
        if token in self._model.tokenizer.eos_token_ids:
            return self.finish("stop")
        self._made += 1
        self._accepted += bool(self.drafted and self.drafted.pop(0))
        self._last = now
        events: list[StreamEvent] = [*self._text.add(token)]
        if self._text.stopped:
            events += self.finish("stop")
        elif self._made >= self.limit:
            events += self.finish("length")
        else:
            events += self._tell(now)
        return events

    def _tell(self, now: float) -> list[StreamEvent]:
        """The figures so far, a few times a second."""
        if now - self._told <= USAGE_INTERVAL:
            return []
        self._told = now
        return [UsageUpdated(self.usage())]
