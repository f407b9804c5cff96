"""Run one command to its end: own session, output kept, time and memory limited, nothing left running.

Memory is the resident memory of the whole process tree, looked at ten times a second. An address-space limit
(RLIMIT_AS) would be exact and wrong: numpy, Arrow and onnxruntime reserve far more than they touch, so a healthy
program would die; and it holds for one process, not for its children. The price is stated: a program can overshoot by
what it touches in a tenth of a second. Where there is no /proc, `ps` is asked instead, once a second.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from toolkit.execution.output import Output
from toolkit.execution.tree import MARK, Tree, memory

State = Literal["succeeded", "failed", "cancelled", "timeout", "out-of-memory"]
_TICK = 0.1
_SHARE = 20  # looking at the processes takes at most one part in twenty of a core, however many there are
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Command:
    """`env` is the whole environment. 0 means no limit. `grace_seconds` lie between asking to stop and killing."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path
    timeout_seconds: float = 0.0
    memory_bytes: int = 0
    grace_seconds: float = 5.0
    mark: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True)
class Outcome:
    """How it ended. `exit_code` is None when it did not end by itself; `peak_bytes` is the most memory seen."""

    state: State
    reason: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    peak_bytes: int = 0


def never() -> str:
    return ""


def run(
    command: Command,
    output: Output,
    *,
    stop: Callable[[], str] = never,
    started: Callable[[int], None] = lambda pid: None,
) -> Outcome:
    """Run it and wait. `stop` is asked at every look: a text cancels the command, the text being the reason.

    A command that cannot be started has failed, with the system's reason; nothing is raised for it. When this returns
    or raises, no process of the command is left.
    """
    begin = time.monotonic()
    with output.open() as sink:
        try:
            child = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=command.cwd,
                env={**command.env, MARK: command.mark},
                start_new_session=True,
            )
        except OSError as error:
            return Outcome("failed", f"could not start {command.argv[0]}: {error.strerror or error}")
        tree = Tree(child.pid, command.mark)
        watch = _Watch(command, child, tree, output, begin)
        try:
            started(child.pid)
            verdict = watch.until_over(stop)
        finally:
            tree.end()
            child.wait()
            output.note()
    return watch.outcome(verdict)


class _Watch:
    """Looks at a running command until it ends by itself or has to be ended."""

    def __init__(
        self, command: Command, child: subprocess.Popen[bytes], tree: Tree, output: Output, begin: float
    ) -> None:
        self._command, self._child, self._tree, self._output = command, child, tree, output
        self._begin = begin
        self._peak = 0
        self._next_scan = 0.0
        self._tick = _TICK if sys.platform == "linux" else 10 * _TICK

    def until_over(self, stop: Callable[[], str]) -> tuple[State, str] | None:
        """What it was ended for, or None when it ended by itself."""
        while True:
            try:
                self._child.wait(timeout=_TICK)
            except subprocess.TimeoutExpired:
                self._output.note()
            else:
                return None
            if verdict := self._over_limit() or self._stopped(stop):
                # What grows past its memory gets no time to say goodbye.
                self._tree.end(0.0 if verdict[0] == "out-of-memory" else self._command.grace_seconds)
                return verdict

    def _stopped(self, stop: Callable[[], str]) -> tuple[State, str] | None:
        if why := stop():
            return "cancelled", why
        limit = self._command.timeout_seconds
        if limit and time.monotonic() - self._begin > limit:
            return "timeout", f"ran longer than {limit:g} s"
        return None

    def _over_limit(self) -> tuple[State, str] | None:
        now = time.monotonic()
        if now < self._next_scan:
            return None
        limit = self._command.memory_bytes
        used = memory(self._tree.scan(), over=limit or sys.maxsize)
        self._next_scan = now + max(self._tick, (time.monotonic() - now) * _SHARE)
        self._peak = max(self._peak, used)
        if limit and used > limit:
            return "out-of-memory", f"used {used / _MIB:.0f} MiB, more than its {limit / _MIB:.0f} MiB"
        return None

    def outcome(self, verdict: tuple[State, str] | None) -> Outcome:
        seconds = time.monotonic() - self._begin
        if verdict:
            return Outcome(*verdict, seconds=seconds, peak_bytes=self._peak)
        code = self._child.returncode
        if code == 0:
            return Outcome("succeeded", exit_code=0, seconds=seconds, peak_bytes=self._peak)
        return Outcome("failed", self._failure(code), code if code > 0 else None, seconds, self._peak)

    def _failure(self, code: int) -> str:
        if code == -signal.SIGKILL:
            return "killed by SIGKILL, not by the toolkit: the machine may have run out of memory"
        if code < 0:
            known = {number.value: number.name for number in signal.Signals}
            return f"killed by {known.get(-code, f'signal {-code}')}"
        last = self._output.last_line()
        return f"exit code {code}: {last}" if last else f"exit code {code}"
