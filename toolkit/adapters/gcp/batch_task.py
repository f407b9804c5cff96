"""`python -m toolkit.adapters.gcp.batch_task MIB MODULE ARGUMENT...`: a module of a Batch job, with a memory limit.

Batch takes a task's memory to choose a machine by, and then lets the task have all of it; and a container that the
machine had to kill ends like one that was killed otherwise (137). So the limit is held in the container: what grows
past it is ended with `OUT_OF_MEMORY`, else the container ends as the module did.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from toolkit.execution.tree import Tree, memory

MODULE = "toolkit.adapters.gcp.batch_task"
OUT_OF_MEMORY = 250  # neither a shell's nor Docker's, nor one of Batch's own (50001 ...)
TICK = 0.1
GRACE_SECONDS = 5.0


def command(memory_mb: int, module: str, arguments: Sequence[str]) -> list[str]:
    """What follows `python -m`."""
    return [MODULE, str(memory_mb), module, *arguments]


def main(memory_mb: int, what: Sequence[str]) -> int:
    child = subprocess.Popen([sys.executable, "-m", *what], start_new_session=True)
    tree, limit = Tree(child.pid), memory_mb * 1024**2

    def stop(number: int, frame: FrameType | None) -> None:
        tree.end(GRACE_SECONDS)

    signal.signal(signal.SIGTERM, stop)
    while True:
        try:
            code = child.wait(TICK)
        except subprocess.TimeoutExpired:
            if memory(tree.scan(), over=limit) > limit:
                tree.end()
                child.wait()
                return OUT_OF_MEMORY
        else:
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
