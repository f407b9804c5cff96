"""Which of the two ways a job goes on GCP: Cloud Run, which starts in seconds, or Batch for what Cloud Run has not.

The target says whether Batch may be used (`batch`), since it needs an API and rights of its own. A name is one job,
wherever it runs: before one is begun here, the other place is asked.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from toolkit.adapters.gcp import batch_request
from toolkit.domain import names
from toolkit.domain.errors import NotFound
from toolkit.domain.specs import JobSpec, JobStatus, LogLine
from toolkit.ports.jobs import Jobs

NEVER, NEEDED, ALWAYS = "never", "needed", "always"


class EitherJobs:
    """`run` and `batch` are the two; `when` is the target's setting, NEEDED or ALWAYS."""

    def __init__(self, run: Jobs, batch: Jobs, when: str) -> None:
        self._run, self._batch, self._always = run, batch, when == ALWAYS

    def submit(self, spec: JobSpec) -> JobStatus:
        names.check_resource("job", spec.name)
        here, other = self._run, self._batch
        if self._always or batch_request.needed(spec):
            here, other = other, here
        try:
            return other.status(spec.name)
        except NotFound:
            return here.submit(spec)

    def status(self, job_id: str) -> JobStatus:
        return self._where(job_id)[1]

    def cancel(self, job_id: str) -> JobStatus:
        return self._where(job_id)[0].cancel(job_id)

    def logs(self, job_id: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        yield from self._where(job_id)[0].logs(job_id, follow=follow, after=after)

    def list(self, tags: dict[str, str] | None = None) -> Iterator[JobStatus]:
        yield from heapq.merge(
            self._run.list(tags), self._batch.list(tags), key=lambda one: (one.submitted, one.name), reverse=True
        )

    def delete(self, job_id: str) -> None:
        self._run.delete(job_id)
        self._batch.delete(job_id)

    def _where(self, job_id: str) -> tuple[Jobs, JobStatus]:
        first, second = (self._batch, self._run) if self._always else (self._run, self._batch)
        try:
            return first, first.status(job_id)
        except NotFound as error:
            try:
                return second, second.status(job_id)
            except NotFound:
                raise error from error.__cause__  # one place is enough to name
