"""What one process started does not outlive it, whatever ends it: `python -m toolkit.execution.reaper`.

It is told marks (see `tree`) on its standard input, "+mark" and "-mark" a line, and when that closes, because whoever
wrote there is gone (kill -9 too), it ends every process of a mark that was not taken back.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress

from toolkit.execution import environments
from toolkit.execution.tree import Tree, marked


class Reaper:
    """This process's end of it. The reaper is started with the first mark."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def watch(self, mark: str) -> None:
        self._tell(f"+{mark}")

    def leave(self, mark: str) -> None:
        self._tell(f"-{mark}")

    def close(self) -> None:
        """The marks that are left are ended; returns when they are."""
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()
                self._process.wait()
                self._process = None

    def _tell(self, line: str) -> None:
        with self._lock, suppress(OSError):
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "toolkit.execution.reaper"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    text=True,
                    cwd="/",
                    env=environments.for_supervisor(),
                    start_new_session=True,  # no Ctrl-C and no kill of the caller's group reaches it
                )
            assert self._process.stdin is not None
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()


def main() -> None:
    watched: set[str] = set()
    for line in sys.stdin:
        mark = line[1:].strip()
        (watched.add if line.startswith("+") else watched.discard)(mark)
    for mark in watched:
        while left := marked(mark):
            Tree(min(left), mark).end()


if __name__ == "__main__":
    main()
