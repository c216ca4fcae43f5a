"""Renders chat templates under limits of time, memory and size, in a child process.

Measured: a Jinja loop of three nested `range(100000)` runs for centuries and no hook in the
same process can end it without slowing every template; `'x' * 10**9` and `a ~ a` repeated take
memory faster than Python code could look. A child can be killed in any of these. Starting it
costs about 60 ms and 20 MB, once; a prompt then costs a round trip of well under a
millisecond, so all models go this way, the built-in one too.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lama_tui.errors import InferenceError

PROCESSOR_SECONDS = 1.0
"""Processor time that a template may use; honest ones need a few milliseconds."""
WALL_SECONDS = 10.0
"""Time after which the child is given up where the machine starves it of its processor time."""
MEMORY = 512 * 1024**2
"""Bytes that the child may hold."""
CHARACTERS = 16 * 1024**2
"""Length of the longest prompt."""

HINT = "Choose another model, or repair chat_template in the model's folder."


class TemplateRenderer:
    """Owns the child. Used by one thread."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the child ahead of the first prompt. Raises `InferenceError`."""
        if self._child is not None and self._child.poll() is None:
            return
        self.close()
        script = Path(__file__).with_name("template_child.py")
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-I", str(script), str(MEMORY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # the terminal's signals are ours, not its
            )
        except OSError as error:
            raise InferenceError(
                "The chat template could not be rendered",
                f"A helper process could not be started: {error.strerror or error}.",
                "Close other programs and try again.",
            ) from error

    def render(self, template: str, variables: Mapping[str, Any]) -> str:
        """The prompt's text. Raises `InferenceError` for a template that fails or exceeds its limits."""
        self.start()
        job = {
            "template": template,
            "variables": variables,
            "seconds": PROCESSOR_SECONDS,
            "characters": CHARACTERS,
        }
        reply = self._exchange(json.dumps(job).encode() + b"\n")
        if "error" in reply:
            raise InferenceError("The model's chat template failed", f"It says: {reply['error']}", HINT)
        return str(reply["text"])

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()

    def _exchange(self, job: bytes) -> dict[str, str]:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise InferenceError("The chat template could not be rendered", "Its helper process is not running.")
        try:
            child.stdin.write(job)
            child.stdin.flush()
            reply = self._read_line(child, child.stdout.fileno())
        except BrokenPipeError:
            reply = b""
        if reply:
            answer: dict[str, str] = json.loads(reply)
            return answer
        status = child.wait()
        self.close()
        if status == -signal.SIGPROF:
            raise _over("it ran longer than a second")
        raise _over(f"its process ended with status {status}")

    def _read_line(self, child: "subprocess.Popen[bytes]", pipe: int) -> bytes:
        """The child's answer, empty when it died; watches the child's memory and the clock while waiting."""
        import psutil

        started = time.monotonic()
        received = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                if selector.select(timeout=0.02):
                    data = os.read(pipe, 1 << 20)
                    if not data:
                        return b""
                    received += data
                elif _resident(psutil.Process(child.pid)) > MEMORY:
                    self.close()
                    raise _over("it needed too much memory")
                elif time.monotonic() - started > WALL_SECONDS:
                    self.close()
                    raise _over("it ran too long")
        return bytes(received)


def _resident(process: Any) -> int:
    """Bytes that `process` holds; 0 when it has just ended."""
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _over(what: str) -> InferenceError:
    return InferenceError("The model's chat template was stopped", f"While writing the prompt {what}.", HINT)
