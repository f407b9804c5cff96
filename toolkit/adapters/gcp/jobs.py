"""Cloud Run jobs: a job of ours is a Cloud Run job of one execution, in the same generic image as functions.

Making the job starts it, and a name is there once (`job_submission`): no tickets, no looking for what may have come of
it. Code and packages come from the bucket by digest.

`id` is the job's own name. Cloud Run keeps jobs until somebody deletes them, a thousand in a region: what ended long
ago is removed with later submissions. Log lines arrive some seconds late and cannot be deleted: they belong to the
execution, whose name no later one has.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from toolkit.adapters.gcp import batch, job_request, job_submission, job_words
from toolkit.adapters.gcp.batch_jobs import BatchJobs
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.logs import HOST as LOGGING
from toolkit.adapters.gcp.logs import Logging, quoted
from toolkit.adapters.gcp.run_api import Run
from toolkit.domain import names, times
from toolkit.domain.errors import Conflict, NotFound, PreconditionFailed, ToolkitError, Unavailable
from toolkit.domain.specs import JobSpec, JobStatus, LogLine
from toolkit.ports import Settings
from toolkit.ports.jobs import Jobs

CANCEL_SECONDS = 180.0
LATE = 10.0  # seconds that a line takes to the log
KEPT = timedelta(days=7)  # that an ended job can be looked at
TIDIED = 20  # jobs at most that one submission removes
Body = dict[str, Any]


def open_jobs(settings: Settings) -> Jobs:
    """Cloud Run's, and Batch's with them where the target's settings ask for it (`batch`)."""
    run = Run(settings)
    if settings["batch"] == batch.NEVER:
        return RunJobs(run)
    return batch.EitherJobs(RunJobs(run), BatchJobs(run), settings["batch"])


def image(settings: Settings) -> str:
    """The reference of what jobs run."""
    return Run(settings).image("")


class RunJobs:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._stem: str = run.settings["stem"]
        self._logging = Logging(run.project, Api(LOGGING, "v2", run.settings["services_endpoint"]))
        self._late = 0.0 if run.settings["services_endpoint"] else LATE

    def submit(self, spec: JobSpec) -> JobStatus:
        names.check_resource("job", spec.name)
        made = job_request.body(
            spec,
            self._stem,
            image=self._run.image(""),
            account=self._run.account(job_request.role(spec.tags)),
            token=secrets.token_hex(3),
        )
        if job_submission.make(self._run.api, self._run, spec.name, made):
            self._tidy()
        return self.status(spec.name)

    def status(self, job_id: str) -> JobStatus:
        return self._status(self._find(job_id))

    def cancel(self, job_id: str) -> JobStatus:
        job = self._find(job_id)
        deadline = time.monotonic() + CANCEL_SECONDS
        asked = False
        while not job_words.ended(job, execution := self._execution(job)):
            if time.monotonic() > deadline:
                raise Unavailable(f"job {job_id} was asked to stop and has not ended in {CANCEL_SECONDS:.0f} s")
            if execution and not asked:
                with suppress(NotFound, PreconditionFailed):  # it has ended meanwhile
                    self._run.api.call(f"stop job {job_id}", "POST", f"{execution['name']}:cancel", {})
                asked = True
            time.sleep(self._run.poll)
            job = self._find(job_id)
        return self._status(job)

    def logs(self, job_id: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        """Processes of an array as they printed, one among the other."""
        job = self._find(job_id)

        def source(entry: Body) -> str:
            return job_id

        while follow and not self._execution(job) and not job_words.ended(job, None):
            time.sleep(self._run.poll)
            job = self._find(job_id)
        if not (wanted := self._lines_of(job)):
            return
        if follow:
            yield from self._logging.follow(wanted, source, after, lambda: self._over(job), max(self._run.poll, 0.1))
        else:
            yield from self._logging.lines(wanted, source, after)

    def list(self, tags: dict[str, str] | None = None) -> Iterator[JobStatus]:
        wanted = (tags or {}).items()
        found = []
        for job in self._ours():
            with suppress(NotFound):  # deleted while we looked
                status = job_words.status(job, None)
                if wanted <= status.tags.items():
                    found.append(self._status(job))
        yield from sorted(found, key=lambda status: (status.submitted, status.name), reverse=True)

    def delete(self, job_id: str) -> None:
        names.check_resource("job", job_id)
        try:
            job = self._find(job_id)
        except NotFound:
            return
        if not job_words.ended(job, self._execution(job)):
            raise Conflict(f"job {job_id} is still running", hint="cancel it first")
        with suppress(NotFound):
            self._run.change(f"delete job {job_id}", "DELETE", job["name"])

    # Looking

    def _find(self, name: str) -> Body:
        names.check_resource("job", name)
        path = f"{self._run.parent}/jobs/{job_request.job_id(self._stem, name)}"
        try:
            return self._run.api.get(f"look at job {name}", path)
        except NotFound as error:
            where = f"{self._run.region} of {self._run.project}"
            raise NotFound(f"no job {name!r} in {where}", hint="ended jobs are kept for a week") from error.__cause__

    def _ours(self) -> Iterator[Body]:
        for job in self._run.api.pages("list jobs", f"{self._run.parent}/jobs", "jobs"):
            if job.get("annotations", {}).get(job_request.STEM) == self._stem:
                yield job

    def _execution(self, job: Body) -> Body | None:
        """None while there is none."""
        if not (reference := job.get("latestCreatedExecution", {}).get("name")):
            return None
        try:
            path = reference if "/" in reference else f"{job['name']}/executions/{reference}"
            return self._run.api.get("look at an execution", path)
        except NotFound:
            return None

    def _status(self, job: Body) -> JobStatus:
        execution = self._execution(job)
        if execution is None or not job_words.ended(job, execution):
            return job_words.status(job, execution)
        if (found := job_words.status(job, execution)).state in {"succeeded", "cancelled"}:
            return found
        tasks = list(self._run.api.pages("list tasks", f"{execution['name']}/tasks", "tasks"))
        return job_words.status(job, execution, tasks, self._said(job, job_words.failed_task(tasks)))

    def _said(self, job: Body, result: job_words.Body) -> str:
        """The platform's word on a killed container; else what was printed last."""
        if job_words.killed(result):
            return self._logging.last(f"{self._lines_of(job, 'varlog%2Fsystem')} AND textPayload:{quoted('Memory')}")
        return self._logging.last(self._lines_of(job)) if result.get("exitCode") else ""

    def _over(self, job: Body) -> bool:
        """It has ended, and what it printed has had the time to arrive."""
        execution = self._execution(job)
        if execution is None or not execution.get("completionTime"):
            return execution is None
        end = times.parse(job_words.status(job, execution).ended)
        return datetime.now(UTC) - end >= timedelta(seconds=self._late)

    def _lines_of(self, job: Body, *streams: str) -> str:
        """The filter of its output; "" where it never started."""
        reference = job.get("latestCreatedExecution", {}).get("name", "").rpartition("/")[2]
        if not reference:
            return ""
        log = f"projects/{self._run.project}/logs/run.googleapis.com%2F"
        logs = " OR ".join(f'logName="{log}{stream}"' for stream in streams or ("stdout", "stderr"))
        return (
            f'({logs}) AND resource.type="cloud_run_job" '
            f"AND resource.labels.job_name={quoted(job['name'].rpartition('/')[2])} "
            f'AND labels."run.googleapis.com/execution_name"={quoted(reference)} '
            f'AND timestamp>="{job["createTime"]}"'
        )

    def _tidy(self) -> None:
        """Remove what ended long ago. It is no matter of this submission whether that works."""
        before = datetime.now(UTC) - KEPT
        with suppress(ToolkitError):
            old = [job for job in self._ours() if _ended_before(job, before)]
            for job in old[:TIDIED]:
                self._run.api.call("remove a job of last week", "DELETE", job["name"])


def _ended_before(job: Body, moment: datetime) -> bool:
    end = job.get("latestCreatedExecution", {}).get("completionTime", "")
    return bool(end) and times.parse(job_words.moment(end)) < moment
