"""Jobs as detached processes of this machine: one folder and one supervisor each, under `host`/jobs.

They outlive the command that submitted them and are found again by the folder. The limits are ceilings, not
reservations: a job that may use 4 GiB can be submitted on a machine with less.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from toolkit.domain import names
from toolkit.domain.errors import Conflict, NotFound, Unavailable, Unsupported
from toolkit.domain.specs import JOB_FINAL, JobSpec, JobStatus, LogLine
from toolkit.execution import files, job_supervisor
from toolkit.execution.job_folder import JobFolder
from toolkit.execution.output import Reader, follow
from toolkit.ports import Settings

MAX_MEMORY_MB = 1024 * 1024
_CANCEL_SECONDS = 30.0


def open_jobs(settings: Settings) -> LocalJobs:
    return LocalJobs(Path(settings["host"]) / "jobs", settings.get("python") or sys.executable)


class LocalJobs:
    def __init__(self, folder: Path, python: str) -> None:
        self._folder = folder
        self._python = python

    def submit(self, spec: JobSpec) -> JobStatus:
        names.check_resource("job", spec.name)
        if not 0 < spec.memory_mb <= MAX_MEMORY_MB:
            raise Unsupported(f"job {spec.name} asks for {spec.memory_mb} MiB; local jobs take 1 to {MAX_MEMORY_MB}")
        with files.translated(f"submit job {spec.name}"):
            folder, lock = JobFolder.create(self._folder, spec, self._python)
            if lock is not None:
                job_supervisor.start(folder, lock)
            return folder.status()

    def status(self, job_id: str) -> JobStatus:
        with files.translated(f"read job {job_id}"):
            return self._find(job_id).status()

    def cancel(self, job_id: str) -> JobStatus:
        deadline = time.monotonic() + _CANCEL_SECONDS
        with files.translated(f"cancel job {job_id}"):
            folder = self._find(job_id)
            status = folder.status()
            if status.state not in JOB_FINAL:
                folder.ask_to_stop("cancelled")
            while status.state not in JOB_FINAL:
                if time.monotonic() > deadline:
                    raise Unavailable(f"job {job_id} was asked to stop and has not ended in {_CANCEL_SECONDS:.0f} s")
                time.sleep(0.02)
                status = folder.status()
            return status

    def logs(self, job_id: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        return self._lines(self._find(job_id), forever=follow, after=after)

    def _lines(self, folder: JobFolder, *, forever: bool, after: str) -> Iterator[LogLine]:
        def ended() -> bool:
            try:
                return folder.status().state in JOB_FINAL
            except FileNotFoundError:  # deleted while it was read
                return True

        reader = Reader(folder.path, source=folder.path.name, after=after)
        with files.translated(f"read the log of job {folder.path.name}"):
            yield from follow(reader, ended) if forever else reader.read(whole=ended())

    def list(self, tags: dict[str, str] | None = None) -> Iterator[JobStatus]:
        found = []
        with files.translated("list jobs"):
            for path in self._folder.glob("[!.]*"):
                try:
                    found.append(JobFolder(path).status())
                except FileNotFoundError:  # deleted meanwhile
                    continue
        wanted = (tags or {}).items()
        yield from sorted(
            (status for status in found if wanted <= status.tags.items()),
            key=lambda status: (status.submitted, status.name),
            reverse=True,
        )

    def delete(self, job_id: str) -> None:
        folder = JobFolder(self._folder / names.check_resource("job", job_id))
        with files.translated(f"delete job {job_id}"):
            if not folder.exists():
                return
            if folder.status().state not in JOB_FINAL:
                raise Conflict(f"job {job_id} is still running", hint="cancel it first")
            folder.remove()

    def _find(self, job_id: str) -> JobFolder:
        folder = JobFolder(self._folder / names.check_resource("job", job_id))
        if not folder.exists():
            raise NotFound(f"no job {job_id!r} on this machine")
        return folder
