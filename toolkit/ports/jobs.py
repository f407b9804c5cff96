"""Batch jobs that run to an end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from toolkit.domain.specs import JobSpec, JobStatus, LogLine


class Jobs(Protocol):
    def submit(self, spec: JobSpec) -> JobStatus:
        """Start it, or find it: a second submission of `spec.name` returns the first one's status and starts nothing.

        Returns once the provider has taken it. Raises Unsupported (resources that the provider does not have).
        """
        ...

    def status(self, job_id: str) -> JobStatus:
        """NotFound. A final state never changes again. `reason` says in words why a job did not succeed."""
        ...

    def cancel(self, job_id: str) -> JobStatus:
        """Stop it; its processes are gone when its state is `cancelled`. No effect on an ended job. NotFound."""
        ...

    def logs(self, job_id: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        """What it printed (stdout and stderr, in order) after the cursor `after`; `follow` waits until it has ended."""
        ...

    def list(self, tags: dict[str, str] | None = None) -> Iterator[JobStatus]:
        """Every job whose tags include `tags`, newest first."""
        ...

    def delete(self, job_id: str) -> None:
        """Forget an ended job and its logs. Conflict while it runs; deleting what is not there is no error."""
        ...
