"""A job as a folder: everything known of it, and who may change it.

    request.json   what was asked, by which interpreter; written before the folder gets its name, never changed
    lock           held by whoever answers for the job: first the submitter, then the supervisor it hands it to
    status.json    that it runs, since when, as which process
    output, times  what it printed (see `output`)
    cancel         somebody wants it stopped
    end.json       how it ended; created once, so a final state never changes

The lock is an flock on an open descriptor that the submitter passes to the supervisor: it is held from before the job
can be seen until the supervisor is gone, whatever ended it (a kill -9, a reboot). So "is anyone answering for this
job?" is one system call, with no process number that a later process could have taken over. A job without an end whose
lock is free is lost; whoever finds it so kills what is left of it and records that.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from toolkit.domain import times
from toolkit.domain.errors import Corrupt
from toolkit.domain.specs import JobSpec, JobState, JobStatus
from toolkit.execution import files
from toolkit.execution.process import Outcome
from toolkit.execution.tree import Tree, identity, marked

R = TypeVar("R", bound=msgspec.Struct)
LOST = "lost: its supervisor is gone (killed, or the machine was restarted)"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    spec: JobSpec
    python: str
    submitted: str
    mark: str


class Running(msgspec.Struct, frozen=True, kw_only=True):
    started: str
    pid: int = 0
    identity: str = ""


class End(msgspec.Struct, frozen=True, kw_only=True):
    state: JobState
    reason: str = ""
    exit_code: int | None = None
    ended: str


class JobFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, jobs: Path, spec: JobSpec, python: str) -> tuple[JobFolder, int | None]:
        """Make the job, or find it. With it the locked descriptor, if it is now the caller who must start it."""
        folder = cls(jobs / spec.name)
        if folder.exists():
            return folder, folder._take_over()
        new = cls(jobs / f".new-{secrets.token_hex(6)}")
        lock = None
        try:
            request = Request(spec=spec, python=python, submitted=times.now(), mark=secrets.token_hex(8))
            files.replace(new.path / "request.json", msgspec.json.encode(request))
            lock = new.lock()
            # Renaming onto a folder that is not empty fails: of two submitters one makes the job.
            new.path.rename(folder.path)
        except OSError:
            if lock is not None:
                os.close(lock)
            shutil.rmtree(new.path, ignore_errors=True)
            if not folder.exists():
                raise
            return folder, folder._take_over()
        return folder, lock

    def exists(self) -> bool:
        return (self.path / "request.json").exists()

    def request(self) -> Request:
        """FileNotFoundError if there is no such job."""
        return self._decode("request.json", Request)

    def lock(self) -> int | None:
        """A descriptor that holds the lock, or None while another holds it. Free it with os.close."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def running(self, pid: int = 0) -> None:
        """Note that it runs (as process `pid`); the first note's time stays."""
        before = self._read("status.json", Running)
        now = Running(started=before.started if before else times.now(), pid=pid, identity=identity(pid) if pid else "")
        files.replace(self.path / "status.json", msgspec.json.encode(now))

    def end(self, outcome: Outcome) -> None:
        """Record the end, unless one is recorded."""
        end = End(state=outcome.state, reason=outcome.reason, exit_code=outcome.exit_code, ended=times.now())
        files.create(self.path / "end.json", msgspec.json.encode(end))

    def ask_to_stop(self, why: str) -> None:
        files.create(self.path / "cancel", why.encode())

    def asked_to_stop(self) -> str:
        """Why it should stop, or ""."""
        with suppress(FileNotFoundError):
            return (self.path / "cancel").read_text() or "cancelled"
        return ""

    def status(self) -> JobStatus:
        """FileNotFoundError if there is no such job."""
        request = self.request()
        end = self._read("end.json", End) or self._settle()
        running = self._read("status.json", Running)
        return JobStatus(
            id=request.spec.name,
            name=request.spec.name,
            state=end.state if end else "running" if running else "queued",
            reason=end.reason if end else "",
            exit_code=end.exit_code if end else None,
            submitted=request.submitted,
            started=running.started if running else "",
            ended=end.ended if end else "",
            tags=request.spec.tags,
        )

    def _settle(self) -> End | None:
        """The end of a job that nobody answers for; None while somebody does."""
        with self._held() as held:
            if not held:
                return None
            # Between our first look and the lock the supervisor may have recorded the end and left.
            if not (self.path / "end.json").exists():
                self._kill_what_is_left()
                asked = self.asked_to_stop()
                self.end(Outcome("cancelled", asked) if asked else Outcome("failed", LOST))
        return self._read("end.json", End)

    def _kill_what_is_left(self) -> None:
        running = self._read("status.json", Running)
        mark = self.request().mark
        if running and running.pid and identity(running.pid) == running.identity != "":
            Tree(running.pid, mark).end()
        elif left := marked(mark):
            Tree(min(left), mark).end()

    def _take_over(self) -> int | None:
        """The lock of a job whose submitter died before it started it."""
        if (self.path / "status.json").exists() or (self.path / "end.json").exists():
            return None
        lock = self.lock()
        if lock is not None and (self.path / "end.json").exists():
            os.close(lock)
            return None
        return lock

    @contextmanager
    def _held(self) -> Iterator[bool]:
        lock = self.lock()
        try:
            yield lock is not None
        finally:
            if lock is not None:
                os.close(lock)

    def _read(self, name: str, kind: type[R]) -> R | None:
        try:
            return self._decode(name, kind)
        except FileNotFoundError:
            return None

    def _decode(self, name: str, kind: type[R]) -> R:
        try:
            return msgspec.json.decode((self.path / name).read_bytes(), type=kind)
        except msgspec.MsgspecError as error:
            where = self.path / name
            raise Corrupt(
                f"job {self.path.name}: {where} is not readable: {error}", hint=f"rm -r {self.path}"
            ) from error

    def remove(self) -> None:
        """The folder is gone at once under its name, then from the disk."""
        gone = self.path.with_name(f".gone-{secrets.token_hex(6)}")
        with suppress(FileNotFoundError):
            self.path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
