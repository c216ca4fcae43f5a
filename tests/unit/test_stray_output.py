"""What native code prints while the screen is ours must not reach the screen."""

import subprocess
import sys

PROGRAM = """
import logging, os, sys, time
from lama_tui.ui.terminal.stray import StrayOutput

heard = []
class Ear(logging.Handler):
    def emit(self, record):
        heard.append(record.getMessage())
logging.getLogger().addHandler(Ear())
stray = StrayOutput()
stray.divert()
stray.divert()
os.write(1, b"from stdout\\n")
os.write(2, b"from \\x1b[2Jstderr\\nhalf a line")
deadline = time.monotonic() + 40
while len(heard) < 2:
    assert time.monotonic() < deadline, heard
    time.sleep(0.005)
stray.restore()
stray.restore()
os.write(1, repr(heard).encode())
"""


def test_stray_output_goes_to_the_log_and_the_streams_come_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "from stdout" in done.stdout and "stderr" in done.stdout and "\\x1b" not in done.stdout
