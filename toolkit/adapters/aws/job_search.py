"""Find a target's jobs among all that are in its queues: by name, by Batch's own ids, children of an array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from toolkit.adapters.aws import job_words
from toolkit.adapters.aws.errors import translated
from toolkit.adapters.aws.job_request import full_name, queues
from toolkit.ports import Settings

DESCRIBED = 100  # jobs in one request

Job = dict[str, Any]  # as DescribeJobs describes it


class Search:
    """`batch` is a client of AWS Batch."""

    def __init__(self, settings: Settings, batch: Any) -> None:
        self._settings = settings
        self._batch = batch
        self._ids: dict[str, str] = {}  # name -> Batch's own id

    def look(self, name: str) -> Job | None:
        """The oldest job of that name, if there is one."""
        if known := self._ids.get(name):
            for job in self.described([known]):
                return job
        found = min(self.named(name), key=lambda job: (job["createdAt"], job["jobId"]), default=None)
        if found:
            self._ids[name] = found["jobId"]
        return found

    def named(self, name: str) -> Sequence[Job]:
        """Every job of that name; of every name, if it is `*`."""
        wanted = full_name(self._settings, name)
        ids: list[str] = []
        for queue in queues(self._settings):
            # With a filter Batch lists jobs of every status; without one, those that run.
            asked = {"jobQueue": queue, "filters": [{"name": "JOB_NAME", "values": [wanted]}]}
            with self._translated("list jobs"):
                for page in self._batch.get_paginator("list_jobs").paginate(**asked):
                    ids += [summary["jobId"] for summary in page["jobSummaryList"]]
        # Another target's stem may begin as ours does.
        jobs = [job for job in self.described(ids) if job["jobName"] == full_name(self._settings, own_name(job))]
        return [job for job in jobs if name in {"*", own_name(job)}]

    def described(self, ids: Sequence[str]) -> Sequence[Job]:
        """Those of them that are there, were submitted by a toolkit, and are not deleted."""
        found: list[Job] = []
        for start in range(0, len(ids), DESCRIBED):
            found += self._describe(ids[start : start + DESCRIBED])
        return [job for job in found if own_name(job) and job_words.FORGOTTEN not in job["tags"]]

    def remember(self, name: str, batch_id: str) -> None:
        """It can be described before it is in Batch's lists."""
        self._ids[name] = batch_id

    def forget(self, name: str) -> None:
        self._ids.pop(name, None)

    def children(self, job: Job) -> Iterator[tuple[int, Job]]:
        """(number, description) of every process of an array; of another job, itself."""
        size = job.get("arrayProperties", {}).get("size", 0)
        if not size:
            yield 0, job
        for number in range(size):
            yield number, self.child(f"{job['jobId']}:{number}")

    def child(self, batch_id: str) -> Job:
        """A job by Batch's id; one that is gone has ended."""
        return next(iter(self._describe([batch_id])), {"jobId": batch_id, "status": "FAILED"})

    def _describe(self, ids: Sequence[str]) -> list[Job]:
        with self._translated("describe jobs"):
            return list(self._batch.describe_jobs(jobs=[*ids])["jobs"])

    def _translated(self, what: str) -> Any:
        return translated(what, self._batch.meta.region_name)


def own_name(job: Job) -> str:
    """The name that it was submitted by, or ""."""
    return str(job.get("tags", {}).get(job_words.NAME, ""))
