"""Every test has a home of its own, and reaches nothing beyond loopback."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis.internal.conjecture import providers
from textual import _wait

from tests.chance import EXPLORES

# before anything imports MLX: compiling shells out to a C++ compiler on the CPU
os.environ["MLX_DISABLE_COMPILE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

# what starts the tests may ignore these (nohup, a job in the background), and every program under test would inherit it
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)

# a pilot waits after every key until the process has been at rest for so long: 20 ms, twice for each key, were
# most of the time that the suite took. What takes longer than a rest is waited for by what comes of it
_wait.SLEEP_GRANULARITY, _wait.SLEEP_IDLE = 0.004, 0.0008

# an app of each test, and all that tests import: to look through all of it as often as usual takes a third of the time
gc.set_threshold(20_000, 20, 20)

# how long an example takes, and making it, is of the machine: only where a test says so it counts
hypothesis.settings.register_profile(
    "usual", derandomize=not EXPLORES, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("usual")

# it also tries what stands in the modules that are imported, which depends on which tests a process ran before: the
# same examples in every run are worth more than these; there is no setting for it
if not EXPLORES:
    providers._get_local_constants = lambda: providers._local_constants


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A LAMA_HOME and an HF_HOME that are empty and nobody else's."""
    for name in list(os.environ):
        if name.startswith(("LAMA_", "HF_", "HUGGINGFACE_", "XDG_")) and name != "HF_HUB_OFFLINE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("LAMA_HOME", str(tmp_path / "lama"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    yield tmp_path
