"""Containers as processes of this machine: what is in the image, this machine has; all else is what was deployed.

A clean environment, a folder of its own, memory limited over the whole tree, output into the log, nothing left running.
"""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.execution import environments
from toolkit.execution.output import Output, Reader
from toolkit.execution.process import Command, Outcome, run
from toolkit.execution.reaper import Reaper

Print = Callable[[str, str], None]  # text, time
PUMP = 0.05


@dataclass(frozen=True)
class Container:
    """`args` follow `python -m`, the image's entry point; 0 seconds: no limit."""

    args: tuple[str, ...]
    env: Mapping[str, str]
    memory_mb: int
    seconds: float = 0.0


def execute(container: Container, home: Path, reaper: Reaper, printed: Print, stop: Callable[[], str]) -> Outcome:
    """Run it to its end. `reaper` ends it should this process die; `printed` is called with every line, all of them
    before this returns."""
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=home, prefix="container-"))
    work = folder / "work"
    work.mkdir()
    mark, over = secrets.token_hex(8), threading.Event()
    reaper.watch(mark)
    pump = threading.Thread(target=_pump, args=(folder, printed, over), name="log", daemon=True)
    pump.start()
    command = Command(
        argv=(sys.executable, "-m", *container.args),
        env=environments.variables({**container.env}),
        cwd=work,
        timeout_seconds=container.seconds,
        memory_bytes=container.memory_mb * 1024**2,
        grace_seconds=2.0,
        mark=mark,
    )
    try:
        return run(command, Output(folder), stop=stop)
    finally:
        over.set()
        pump.join()
        reaper.leave(mark)
        shutil.rmtree(folder, ignore_errors=True)


def _pump(folder: Path, printed: Print, over: threading.Event) -> None:
    reader = Reader(folder)
    while True:
        last = over.is_set()
        for line in reader.read(whole=last):
            printed(line.text, line.time)
        if last:
            return
        over.wait(PUMP)
