"""The job that the conformance suite submits: `python -m toolkit.testing.probe_job ACTION...`, done in order.

    print=TEXT    error=TEXT (stderr)   raw=HEX (bytes as they are)   lines=COUNT   variable=NAME (prints its value)
    sleep=SECONDS   allocate=MIB (touched and kept)   child=SECONDS (a process of its own session that prints "tick")
    index (prints its number in an array job)   only=INDEX (the others of an array end here)   path (prints sys.path)
    files (prints the working folder's names)   exit=CODE   signal=NUMBER (to itself)

It needs nothing but the standard library and what a job asks about itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from toolkit.domain import jobs

_KEPT: list[bytearray] = []
# One write a line: `print` makes two where output is not buffered, and another process could write between them.
_TICKS = """
import sys, time
for _ in range(int({seconds} * 10)):
    sys.stdout.write('tick\\n')
    sys.stdout.flush()
    time.sleep(0.1)
"""


def main(actions: list[str]) -> None:
    for action in actions:
        name, _, value = action.partition("=")
        _act(name, value)


def _act(name: str, value: str) -> None:
    if name == "print":
        _print(value)
    elif name == "error":
        sys.stderr.write(f"{value}\n")
    elif name == "raw":
        sys.stdout.buffer.write(bytes.fromhex(value))
        sys.stdout.buffer.flush()
    elif name == "lines":
        for number in range(int(value)):
            sys.stdout.write(f"line {number}\n")
        sys.stdout.flush()
    elif name == "variable":
        _print(os.environ.get(value, "(not set)"))
    elif name == "sleep":
        time.sleep(float(value))
    elif name == "allocate":
        for _ in range(int(value)):
            _KEPT.append(bytearray(os.urandom(1024) * 1024))
    elif name == "child":
        subprocess.Popen([sys.executable, "-c", _TICKS.format(seconds=float(value))], start_new_session=True)
    elif name == "index":
        _print(str(jobs.index()))
    elif name == "path":
        _print(json.dumps(sys.path))
    elif name == "files":
        _print(json.dumps(sorted(path.name for path in Path.cwd().iterdir())))
    elif name == "signal":
        os.kill(os.getpid(), int(value))
    elif name == "only":
        if jobs.index() != int(value):
            raise SystemExit(0)
    elif name == "exit":
        raise SystemExit(int(value))
    else:
        raise SystemExit(f"unknown action {name!r}")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
