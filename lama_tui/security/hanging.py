"""Calls into system services that may hang: key stores, name resolution.

They run on a daemon thread, so that the caller can give up and the program can end while the
call still hangs. (A thread of an executor would be waited for at exit.)
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begin(call: Callable[[], T]) -> "Future[T]":
    """Start `call` on a thread of its own; its result or exception arrives in the future."""
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="lama-may-hang", daemon=True).start()
    return future
