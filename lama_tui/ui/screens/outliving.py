"""Work that a person asked for and that is done also where its screen is closed: what became of it is told all the
same."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from lama_tui.errors import LamaError
from lama_tui.security.gate import clean_line
from lama_tui.ui.troubles import told as note

if TYPE_CHECKING:
    from textual.app import App

Result = TypeVar("Result")

_LONGEST = 600
"""Characters of a toast."""

_running: set["asyncio.Future[Any]"] = set()
"""What outlived who waited for it: the loop alone would let it be collected."""


async def outliving(
    app: "App[object]",
    work: Awaitable[Result],
    told: Callable[[Result], str] = lambda _: "",
    failed: Callable[[Exception], str] | None = None,
) -> Result:
    """What `work` returns; it goes on when who waits for it is cancelled, as the workers of a closed screen are.

    Then a toast says what became of it: a `LamaError` as it is, else what `told` makes of the result, or `failed` of
    another error that is to be expected. Where that is empty, nothing is said.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        _running.add(task)
        task.add_done_callback(partial(_tell, app, told, failed))
        raise


def _tell(
    app: "App[object]",
    told: Callable[[Result], str],
    failed: Callable[[Exception], str] | None,
    task: "asyncio.Future[Result]",
) -> None:
    _running.discard(task)
    if task.cancelled() or not app.is_running:
        return
    error = task.exception()
    if error is None:
        text = told(task.result())
    elif isinstance(error, LamaError):
        note(error)
        text = str(error)
    elif failed is not None and isinstance(error, Exception):
        text = failed(error)
    else:
        raise error  # a defect: the loop's handler tells of it
    if text:
        app.notify(clean_line(text, _LONGEST), severity="information" if error is None else "error", markup=False)
