"""`python -m toolkit.execution.limited SECONDS MODULE ARGUMENT...`: a module as a process with a time limit.

For providers whose own limits are too coarse. Ends with `TIMED_OUT` when the time was up, else as the module did.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

MODULE = "toolkit.execution.limited"
TIMED_OUT = 124  # as coreutils' `timeout`
GRACE_SECONDS = 5.0


def command(seconds: float, module: str, arguments: Sequence[str]) -> list[str]:
    """What follows `python -m`."""
    return [MODULE, f"{seconds:g}", module, *arguments]


def main(seconds: float, what: Sequence[str]) -> int:
    child = subprocess.Popen([sys.executable, "-m", *what])
    signal.signal(signal.SIGTERM, lambda number, frame: child.send_signal(number))
    try:
        code = child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        return TIMED_OUT
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
