"""The processes that belong to a command: its descendants, and whoever shares a session with one of them.

A child that starts a session of its own and lets its parent die is no descendant any more; it is still found by that
session, or at the end by the mark that its environment carries. Linux reads /proc (about 15 microseconds a process);
elsewhere `ps` is asked, process groups stand in for sessions and there is no mark to read.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MARK = "TOOLKIT_PROCESS_MARK"
_PROC = Path("/proc/self/stat").exists()
_PAGE = os.sysconf("SC_PAGE_SIZE")
_GONE_WITHIN = 10.0  # seconds that the kernel may take to end what was killed


class Process(NamedTuple):
    """One live process; `session` is its process group where sessions cannot be read, `rss` is in bytes."""

    pid: int
    parent: int
    session: int
    rss: int


def table() -> dict[int, Process]:
    """Every process that is alive (the dead that wait for their parent are left out)."""
    found = _from_proc() if _PROC else from_ps()
    return {process.pid: process for process in found}


def _from_proc() -> Iterator[Process]:
    with os.scandir("/proc") as entries:
        names = [entry.name for entry in entries if entry.name.isdigit()]
    for name in names:
        if rest := _stat(name):
            yield Process(int(name), int(rest[1]), int(rest[3]), int(rest[21]) * _PAGE)


def _stat(pid: str) -> list[bytes]:
    """The fields of /proc/<pid>/stat from the state on; empty for the gone and the dead."""
    try:
        stat = Path("/proc", pid, "stat").read_bytes()
    except OSError:
        return []
    # The program's name stands in brackets and may hold anything, brackets too.
    rest = stat[stat.rindex(b")") + 2 :].split()
    return [] if rest[0] in {b"Z", b"X"} else rest


def from_ps() -> Iterator[Process]:
    command = ["ps", "-A", "-o", "pid=,ppid=,pgid=,rss=,stat="]
    for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
        pid, parent, group, rss, state = line.split()[:5]
        if not state.startswith("Z"):
            yield Process(int(pid), int(parent), int(group), int(rss) * 1024)


def identity(pid: int) -> str:
    """What tells this process from a later one with the same number; "" when it is gone."""
    if _PROC:
        rest = _stat(str(pid))
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {rest[19].decode()}" if rest else ""
    command = ["ps", "-p", str(pid), "-o", "lstart="]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


class Tree:
    """The tree of `root`, a child that leads a session of its own.

    Scan often: a session that was seen is remembered as long as somebody is in it.
    """

    def __init__(self, root: int, mark: str = "") -> None:
        self.root = root
        self._mark = mark
        self._sessions = {root}

    def scan(self) -> list[Process]:
        """The processes that belong to it now."""
        processes = table()
        # The root's number counts only while it leads its session: after that it may be a stranger's.
        found = {pid for pid, process in processes.items() if process.session in self._sessions}
        while True:
            sessions = {processes[pid].session for pid in found}
            more = {
                pid
                for pid, process in processes.items()
                if pid not in found and (process.parent in found or process.session in sessions)
            }
            if not more:
                break
            found |= more
        self._sessions = {processes[pid].session for pid in found} | {self.root}
        return [processes[pid] for pid in sorted(found)]

    def end(self, grace: float = 0.0) -> bool:
        """Ask all to stop, and after `grace` seconds kill all; True when nobody is left."""
        if grace:
            for process in self.scan():
                _send(process.pid, signal.SIGTERM)
            _wait(lambda: not self.scan(), grace)
        return _wait(self._kill, _GONE_WITHIN)

    def _kill(self) -> bool:
        left = {process.pid for process in self.scan()} | marked(self._mark)
        for pid in left:
            _send(pid, signal.SIGKILL)
        return not left


def marked(mark: str) -> set[int]:
    """Processes that were started with `mark` in their environment (Linux only, and only one's own)."""
    if not mark or not _PROC:
        return set()
    found, needle = set(), f"{MARK}={mark}".encode()
    for pid in table():
        with suppress(OSError):
            if needle in Path("/proc", str(pid), "environ").read_bytes().split(b"\0"):
                found.add(pid)
    return found


def memory(processes: list[Process], *, over: int) -> int:
    """Bytes used together. Pages that forked processes share are counted once, if that decides (it costs more)."""
    total = sum(process.rss for process in processes)
    return total if total <= over else sum(_proportional(process) for process in processes)


def _proportional(process: Process) -> int:
    with suppress(OSError):
        for line in Path("/proc", str(process.pid), "smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return process.rss


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
