"""Jobs of this process: kept in a dictionary, run in the way that `settings["jobs"]` says.

"process" (the default, and what the claims are about) runs them for real, in processes that end with this one. "here"
runs the module inside this process and inside `submit`, so that a unit test's job sees the same memory store; such a
job cannot be stopped, and its time and memory are not limited.
"""

from __future__ import annotations

import atexit
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from toolkit.domain import names, times
from toolkit.domain.errors import Conflict, NotFound, Unsupported
from toolkit.domain.specs import JOB_FINAL, JobSpec, JobStatus, LogLine
from toolkit.execution.here import run_here
from toolkit.execution.jobs import carry_out
from toolkit.execution.output import Reader, follow
from toolkit.execution.process import Outcome
from toolkit.ports import Settings

MAX_MEMORY_MB = 1024 * 1024


@dataclass
class _Job:
    status: JobStatus
    folder: tempfile.TemporaryDirectory[str]
    stop: str = ""
    over: threading.Event = field(default_factory=threading.Event)


@dataclass
class _World:
    jobs: dict[str, _Job] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_WORLDS: dict[str, _World] = {}
_REGISTRY = threading.Lock()


def open_jobs(settings: Settings) -> MemoryJobs:
    here = settings.get("jobs", "process") == "here"
    return MemoryJobs(str(settings.get("name", "default")), _here if here else _process)


def forget(name: str) -> None:
    """Stop and drop the jobs of `name` (tests)."""
    with _REGISTRY:
        world = _WORLDS.pop(name, _World())
    for job in list(world.jobs.values()):
        job.stop = job.stop or "the process that ran it ended"
        job.over.wait(30)
        job.folder.cleanup()


@atexit.register
def _forget_all() -> None:
    for name in list(_WORLDS):
        forget(name)


class MemoryJobs:
    """`run` carries out one job; it is called in a thread, except for `_here`, which runs where it is called."""

    def __init__(self, name: str, run: Callable[[JobSpec, _Job], Outcome]) -> None:
        with _REGISTRY:
            self._world = _WORLDS.setdefault(name, _World())
        self._run = run

    def submit(self, spec: JobSpec) -> JobStatus:
        names.check_resource("job", spec.name)
        if not 0 < spec.memory_mb <= MAX_MEMORY_MB:
            raise Unsupported(f"job {spec.name} asks for {spec.memory_mb} MiB; memory jobs take 1 to {MAX_MEMORY_MB}")
        with self._world.lock:
            if found := self._world.jobs.get(spec.name):
                return found.status
            status = JobStatus(
                id=spec.name, name=spec.name, state="queued", submitted=times.now(), tags=dict(spec.tags)
            )
            job = _Job(status, tempfile.TemporaryDirectory(prefix="toolkit-job-"))
            self._world.jobs[spec.name] = job
        if self._run is _here:
            self._carry_out(spec, job)
        else:
            threading.Thread(target=self._carry_out, args=(spec, job), daemon=True).start()
        return job.status

    def _carry_out(self, spec: JobSpec, job: _Job) -> None:
        job.status = _with(job.status, state="running", started=times.now())
        try:
            outcome = self._run(spec, job)
        except Exception as error:  # as a supervisor would: the job must not stay without an end
            outcome = Outcome("failed", f"could not be run: {type(error).__name__}: {error}")
        job.status = _with(
            job.status, state=outcome.state, reason=outcome.reason, exit_code=outcome.exit_code, ended=times.now()
        )
        job.over.set()

    def status(self, job_id: str) -> JobStatus:
        return self._find(job_id).status

    def cancel(self, job_id: str) -> JobStatus:
        job = self._find(job_id)
        job.stop = job.stop or "cancelled"
        job.over.wait()
        return job.status

    def logs(self, job_id: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        return _lines(self._find(job_id), forever=follow, after=after)

    def list(self, tags: dict[str, str] | None = None) -> Iterator[JobStatus]:
        wanted = (tags or {}).items()
        with self._world.lock:
            found = [job.status for job in self._world.jobs.values() if wanted <= job.status.tags.items()]
        yield from sorted(found, key=lambda status: (status.submitted, status.name), reverse=True)

    def delete(self, job_id: str) -> None:
        with self._world.lock:
            job = self._world.jobs.get(job_id)
            if job is None:
                return
            if job.status.state not in JOB_FINAL:
                raise Conflict(f"job {job_id} is still running", hint="cancel it first")
            del self._world.jobs[job_id]
        job.folder.cleanup()

    def _find(self, job_id: str) -> _Job:
        job = self._world.jobs.get(names.check_resource("job", job_id))
        if job is None:
            raise NotFound(f"no job {job_id!r} in this process")
        return job


def _lines(job: _Job, *, forever: bool, after: str) -> Iterator[LogLine]:
    reader = Reader(Path(job.folder.name), source=job.status.name, after=after)
    return follow(reader, job.over.is_set) if forever else reader.read(whole=job.over.is_set())


def _process(spec: JobSpec, job: _Job) -> Outcome:
    return carry_out(spec, python=sys.executable, folder=Path(job.folder.name), stop=lambda: job.stop)


def _here(spec: JobSpec, job: _Job) -> Outcome:
    return run_here(spec, Path(job.folder.name))


def _with(status: JobStatus, **changes: object) -> JobStatus:
    return msgspec.structs.replace(status, **changes)
