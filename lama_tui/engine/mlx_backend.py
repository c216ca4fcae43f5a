"""The `Backend` that runs MLX models: on Metal, CUDA or the CPU, whichever MLX was built for.

Lives in the engine thread: MLX's streams and random state belong to a thread.
"""

import gc
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lama_tui.config.settings import EngineSettings
from lama_tui.engine.backend import (
    DeviceFacts,
    GenerationRequest,
    LoadedModel,
    MemoryFigures,
    ModelSource,
    StepEvent,
    never,
)
from lama_tui.engine.chat_template import TemplateRenderer
from lama_tui.engine.device import advice
from lama_tui.engine.failures import is_out_of_memory
from lama_tui.engine.fit import KvForm
from lama_tui.engine.fitting import fitted
from lama_tui.engine.model_code import demand_trust
from lama_tui.engine.model_files import ModelFiles, check_folder
from lama_tui.engine.pace import Pace
from lama_tui.engine.parts import check_parts, stamp
from lama_tui.engine.prompt_cache import PromptCache
from lama_tui.engine.prompt_files import GivenUp, PromptFiles
from lama_tui.engine.refusal import refuse_what_does_not_fit
from lama_tui.engine.sampling import choose
from lama_tui.errors import ContextError, InferenceError, LamaError, ModelLoadError, OutOfMemoryError
from lama_tui.events import StreamFailed, StreamFinished
from lama_tui.types import GUIDE, ChatMessage, RequestId, Usage

if TYPE_CHECKING:
    from lama_tui.engine.mlx_kv import MlxKv
    from lama_tui.engine.mlx_memory import MlxMemory
    from lama_tui.engine.mlx_model import MlxModel
    from lama_tui.engine.mlx_prompt_store import MlxPromptStore
    from lama_tui.engine.mlx_run import MlxRun

log = logging.getLogger(__name__)

_LAST_MOMENT = 0.25
"""Seconds for writing remembered prompts when the program ends, or a model leaves."""

_ROOM = "Summarize the oldest turns (/compact), or have them left out or summarized (context policy, chat settings)."
_SHORTER = "Start a new conversation, shorten the message, or choose a model with a larger window."


class MlxBackend:
    """MLX models in memory, each with its running answers, and what they remember of prompts."""

    def __init__(self, settings: EngineSettings, prompts: PromptFiles | None = None) -> None:
        self._settings = settings
        self._files = prompts
        self._renderer = TemplateRenderer()
        self._form = KvForm(settings.window, settings.kv_bits)
        self._limits: MlxMemory  # of the device, once it is open
        self._runs: dict[str, MlxRun] = {}
        self._prompts: PromptCache[MlxKv] = PromptCache(settings.prompt_cache_ram)
        self._store: MlxPromptStore | None = None

    def open(self) -> DeviceFacts:
        """Import MLX and look at its device. Raises `ModelLoadError` where this machine has none."""
        try:
            import mlx.core as mx
        except (ImportError, OSError) as error:
            missing = isinstance(error, ModuleNotFoundError)
            detail = "MLX is not installed." if missing else f"MLX does not start: {error}."
            raise ModelLoadError("Models cannot run on this machine yet", detail, advice()) from error
        from lama_tui.engine.mlx_memory import MlxMemory

        self._limits = MlxMemory(self._settings.memory_limit, self._form)
        if self._limits.device.kind == "cpu":
            # it would call g++ for each new kernel and load what lies in /tmp/mlx; decode is no faster for it
            mx.disable_compile()
        return self._limits.device

    def check(self, source: ModelSource) -> None:
        """Look at a model folder's names, sizes and headers. Raises a `ModelError`."""
        self._checked(source)

    def load(self, source: ModelSource, progress: Callable[[int, int], None]) -> LoadedModel:
        """Load a model folder beside what is loaded. Raises a `ModelError`."""
        files = self._checked(source)
        self.unload(source.reference)
        if source.forced:
            self._limits.force(source.reference, self._limits.fit(files, source, check_parts(source)).needed or 0)
        from lama_tui.engine import mlx_model
        from lama_tui.engine.mlx_kv import window_in_use
        from lama_tui.engine.mlx_prompt_store import MlxPromptStore, key_of
        from lama_tui.engine.mlx_run import MlxRun

        if self._store is None and self._files is not None:
            self._store = MlxPromptStore(self._files)
        try:
            key = key_of(source, repr(self._form) + stamp(source) + source.code)
            model = mlx_model.load(source, files, progress)
            model.context_window = window_in_use(model.network, self._form, model.longest)
        except BaseException as error:
            self._limits.let_go(source.reference)
            _forget_arrays(error)
            raise
        self._runs[source.reference] = MlxRun(model, key, Pace(self._settings.batch_size), self._prompts, _failed)
        if model.template is not None:
            self._renderer.start()
        return self._facts(model)

    def unload(self, reference: str) -> int:
        """Drop a model and what it remembers; bytes freed as MLX measures them."""
        if reference not in self._runs:
            return 0
        import mlx.core as mx

        self._save_some(reference)
        before = self.memory()
        # nothing is freed while anything still refers to an array
        del self._runs[reference]
        self._prompts.forget(reference)
        self._limits.let_go(reference)
        gc.collect()
        mx.clear_cache()
        after = self.memory()
        return max(0, before.active + before.cache - after.active - after.cache)

    def loaded(self) -> Sequence[LoadedModel]:
        """The loaded models, in the order they were loaded."""
        return [self._facts(run.model) for run in self._runs.values()]

    def count(self, source: ModelSource, messages: Sequence[ChatMessage], thinking: bool | None = None) -> int:
        """Write and tokenize the prompt, and count it. Raises a `LamaError`."""
        from lama_tui.engine.mlx_prompt import prompt_tokens

        return len(prompt_tokens(self._run(source).model, self._renderer, messages, thinking=thinking))

    def begin(self, request: GenerationRequest, given_up: Callable[[], bool] = never) -> None:
        """Write and tokenize the prompt and admit the request. Raises a `LamaError`."""
        run = self._run(request.source)
        run.pace.largest = request.source.batch_size or self._settings.batch_size
        model = run.model
        chosen = choose(request.sampling, model.generation_config, request.defaults)
        if chosen.max_tokens < 1:
            raise InferenceError("Nothing to generate", "max_tokens must be at least 1.", "Raise max_tokens.")
        from lama_tui.engine.mlx_request import MlxAnswer

        prompt, left_out = self._prompt(model, request, chosen.max_tokens)
        room = None if model.context_window is None else model.context_window - len(prompt)
        if room is not None and room < 1:
            raise ContextError(
                "The conversation is longer than the model's context window",
                f"It has {len(prompt):,} tokens; {request.source.reference} reads at most {model.context_window:,}"
                f"{'' if model.context_window == model.longest else ' (engine.window)'}, answer included.",
                _SHORTER if request.drop_oldest else f"{_ROOM} {_SHORTER}",
            )
        limit = chosen.max_tokens if model.longest is None else min(chosen.max_tokens, model.longest - len(prompt))
        if not any(other.busy for other in self._runs.values()):
            import mlx.core as mx

            mx.reset_peak_memory()
        kv, held = self._remembered(run, prompt, given_up)
        run.begin(MlxAnswer(request, model, prompt, chosen, limit, run.pace, left_out, kv=kv, held=held))

    def step(self) -> Sequence[StepEvent]:
        """A step of every model that has something to do; what fails in one leaves the others alone."""
        return [event for run in self._runs.values() if run.busy for event in run.step()]

    def cancel(self, request: RequestId) -> Sequence[StepEvent]:
        """End an answer now; what was computed for it is kept."""
        for run in self._runs.values():
            if request in run.requests:
                return run.cancel(request)
        return [StepEvent(request, StreamFinished("cancelled", Usage()))]

    def rest(self, given_up: Callable[[], bool] = never) -> bool:
        """Write a prompt that is remembered only in memory."""
        return self._save(None, given_up)

    def forget(self, conversation: int) -> None:
        """Keep nothing of a conversation in memory."""
        self._prompts.forget_conversation(conversation)

    def needs(self, source: ModelSource) -> int:
        """Weights, KV of a conversation, and what a step takes: from the files."""
        files = self._checked(source)
        added = check_parts(source)
        return self._limits.fit(files, source, added).needed or files.weights + added

    def free(self) -> int:
        """What the limit, and what the machine has now, leave beside the models and their running answers."""
        return self._limits.free() + self._prompts.nbytes

    def pressure(self) -> int:
        """What MLX holds above the limit, buffers that it keeps included."""
        return self._limits.pressure()

    def drop_buffers(self) -> int:
        """Give MLX's free buffers back to the system."""
        return self._limits.drop_buffers()

    def shrink_prompts(self, size: int) -> int:
        """Let the oldest prompts go, and their buffers with them."""
        freed = self._prompts.shrink(max(0, self._prompts.nbytes - size))
        self.drop_buffers()
        return freed

    def memory(self) -> MemoryFigures:
        """MLX's own counts, in bytes."""
        import mlx.core as mx

        return MemoryFigures(
            mx.get_active_memory(),
            mx.get_peak_memory(),
            mx.get_cache_memory(),
            sum(run.kv_bytes for run in self._runs.values()),
            self._prompts.nbytes,
        )

    def close(self) -> None:
        """Drop everything and leave no stream behind in this thread."""
        import mlx.core as mx

        self._renderer.close()
        self._save_some()
        self._runs.clear()
        self._prompts.shrink(0)
        gc.collect()
        mx.clear_cache()
        mx.synchronize()
        mx.clear_streams()

    def _prompt(self, model: "MlxModel", request: GenerationRequest, answer: int) -> tuple[list[int], int]:
        """The prompt's token ids, and how many of the oldest messages it leaves out."""
        from lama_tui.engine.mlx_prompt import prompt_tokens

        def write(messages: Sequence[ChatMessage]) -> list[int]:
            return prompt_tokens(model, self._renderer, messages, request.prefix, request.sampling.thinking)

        if request.drop_oldest and model.context_window is not None:
            return fitted(request.messages, write, model.context_window, answer)
        return write(request.messages), 0

    def _remembered(self, run: "MlxRun", prompt: Sequence[int], given_up: Callable[[], bool]) -> tuple["MlxKv", int]:
        """What is known of the beginning of a prompt, from memory or else from the disk, and of how many tokens."""
        from lama_tui.engine.mlx_kv import MlxKv

        reference = run.model.source.reference
        if self._store is not None:
            found = self._store.longest(run.key, prompt, self._prompts.longest(reference, prompt))
            kv = self._store.read(*found, given_up) if found is not None else None
            if found is not None and kv is not None:
                return kv, found[1]
        known, held = self._prompts.take(reference, prompt)
        return known or MlxKv.of(run.model.network, self._form), held

    def _save(self, reference: str | None, given_up: Callable[[], bool]) -> bool:
        """Write the newest prompt of a model, or of any, that is not on the disk; False where there is none."""
        entry = self._prompts.unsaved(reference) if self._store is not None else None
        if entry is None or self._store is None:
            return False
        entry.saved = True  # also what the disk refused: it would refuse it again
        if (run := self._runs.get(entry.model)) is not None:
            try:
                self._store.write(run.key, entry.conversation, entry.tokens, entry.kv, given_up)
            except GivenUp:
                entry.saved = False
        return True

    def _save_some(self, reference: str | None = None) -> None:
        """Write what can be written in the moment before the end, of a model or of all: others wait meanwhile."""
        end = time.monotonic() + _LAST_MOMENT
        while self._store is not None and (entry := self._prompts.unsaved(reference)) is not None:
            if time.monotonic() + self._store.seconds(entry.kv) > end:
                return
            self._save(reference, lambda: time.monotonic() > end)

    def _run(self, source: ModelSource) -> "MlxRun":
        run = self._runs.get(source.reference)
        if run is None or run.model.source != source:
            raise InferenceError("The model is not loaded", f"{source.reference} left memory.", "Try again.")
        return run

    def _facts(self, model: "MlxModel") -> LoadedModel:
        return LoadedModel(
            model.source.reference,
            model.source.folder,
            self._limits.device.kind,
            model.weights,
            model.context_window,
            model.seconds,
            mapped=False,
            chat_template=model.tokenizer.has_chat_template,
            source=model.source,
        )

    def _checked(self, source: ModelSource) -> ModelFiles:
        """The files of a model. Refuses what cannot fit: on Linux the kernel would end the whole program instead."""
        files = check_folder(source)
        demand_trust(source.reference, files.code, source.code)
        added = check_parts(source)
        if not source.forced and source.reference != GUIDE:
            refuse_what_does_not_fit(source, files, self._limits.fit(files, source, added), self._settings.memory_limit)
        return files


def _forget_arrays(error: BaseException) -> None:
    """Free what the frames of `error` hold: people look at an error for long, and it would keep a model in memory."""
    import mlx.core as mx

    at: BaseException | None = error
    seen: set[int] = set()
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        traceback.clear_frames(at.__traceback__)
        at.__traceback__ = None  # of a frame that still runs nothing is cleared, and it knows its model
        at = at.__cause__ or at.__context__
    gc.collect()
    mx.clear_cache()


def _failed(error: Exception) -> StreamFailed:
    """The end of what `error` ended. Logged as text: a record may be kept, and must not hold the model's frames."""
    log.error("an answer failed\n%s", "".join(traceback.format_exception(error)))
    _forget_arrays(error)
    return StreamFailed(_explain(error))


def _explain(error: Exception) -> LamaError:
    """Translate what MLX raised while it computed."""
    if isinstance(error, LamaError):
        return error
    text = str(error)[:300]
    explained: LamaError
    if is_out_of_memory(error):
        explained = OutOfMemoryError(
            "The answer ran out of memory", text, "Start a new conversation or choose a smaller model."
        )
    else:
        explained = InferenceError("The answer failed", f"{type(error).__name__}: {text}", "Try again.")
    explained.__cause__ = error
    return explained
