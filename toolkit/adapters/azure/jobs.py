"""Container Apps jobs: a job of ours is one with a manual trigger and an execution for each of its processes.

Making a job is the same however often it is done; starting it is not. So whoever submits looks first and takes a ticket
(`execution.tickets`); a start whose reply was lost is looked for before it is asked again. Should two executions come
of one all the same, the first is the job, and the run that both were told to carry out is claimed by one of them.

`id` is the job's own name. What ended a week ago is removed with later submissions. Lines reach Log Analytics late:
`logs(follow=True)` waits for them a while after the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from toolkit.adapters.azure import job_request, job_words
from toolkit.adapters.azure.arm_apps import JOBS, Apps
from toolkit.adapters.azure.arm_console import Console, equals
from toolkit.adapters.azure.store import open_store
from toolkit.domain import names, times
from toolkit.domain.errors import Conflict, NotFound, Throttled, Unavailable
from toolkit.domain.specs import JobSpec, JobStatus, LogLine
from toolkit.execution.tickets import Tickets
from toolkit.ports import Settings

CANCEL_SECONDS = 180.0
WAIT_FOR_OTHER = 45.0  # longer than a ticket
STARTS = 3  # at most, of one process by one command
LOOKS = (0.2, 0.8, 2.0, 4.0)  # seconds between looks for an execution whose start got no answer
LATE = 20.0  # seconds that a line takes to the log
KEPT = timedelta(days=7)
TIDIED = 20  # jobs at most that one submission removes
Body = dict[str, Any]


def open_jobs(settings: Settings) -> ContainerAppJobs:
    return ContainerAppJobs(settings)


def image(settings: Settings) -> str:
    """The reference of what jobs run."""
    return Apps(settings).image()


class ContainerAppJobs:
    def __init__(self, settings: Settings) -> None:
        self._apps = Apps(settings)
        self._stem: str = settings["stem"]
        self._console = Console(settings)
        self._tickets = Tickets(open_store(settings), self._stem)
        self._late = 0.0 if settings["services_endpoint"] else LATE

    def submit(self, spec: JobSpec) -> JobStatus:
        names.check_resource("job", spec.name)
        job_request.check(spec)
        deadline = time.monotonic() + WAIT_FOR_OTHER
        while True:
            if found := self._begun(spec.name):
                return job_words.status(*found)
            if ticket := self._tickets.take(spec.name):
                try:
                    return self._submit(spec)
                except Unavailable:
                    raise  # it may have come to something: nobody else tries before the ticket has run out
                except Exception:
                    self._tickets.give_back(spec.name, ticket)
                    raise
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"job {spec.name} is being submitted by somebody else, and has not begun",
                    hint="run the same command again",
                )
            time.sleep(self._apps.poll)

    def status(self, job_id: str) -> JobStatus:
        return self._status(self._find(job_id))

    def cancel(self, job_id: str) -> JobStatus:
        job = self._find(job_id)
        deadline, asked = time.monotonic() + CANCEL_SECONDS, set[str]()
        while not job_words.ended(job, executions := self._executions(job)):
            if time.monotonic() > deadline:
                raise Unavailable(f"job {job_id} was asked to stop and has not ended in {CANCEL_SECONDS:.0f} s")
            for one in executions:
                if one["name"] not in asked and one["properties"].get("status") not in job_words.ENDED:
                    asked.add(one["name"])
                    self._apps.post(f"stop job {job_id}", f"{job['id']}/executions/{one['name']}/stop")
            time.sleep(self._apps.poll)
        return self._status(job)

    def logs(self, job_id: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        """Processes of an array as they printed, one among the other."""
        job = self._find(job_id)
        since = job_words.moment(job["systemData"]["createdAt"])
        wanted = (equals("ContainerJobName_s", job["name"]),)
        if follow:
            yield from self._console.follow(wanted, lambda row: job_id, after, since, lambda: self._over(job))
        else:
            yield from self._console.lines(wanted, lambda row: job_id, after, since)

    def list(self, tags: dict[str, str] | None = None) -> Iterator[JobStatus]:
        wanted = (tags or {}).items()
        found = []
        for job in self._ours():
            with suppress(NotFound):  # deleted while we looked
                if wanted <= job["tags"].items():
                    found.append(self._status(job))
        yield from sorted(found, key=lambda status: (status.submitted, status.name), reverse=True)

    def delete(self, job_id: str) -> None:
        names.check_resource("job", job_id)
        try:
            job = self._find(job_id)
        except NotFound:
            return
        if not job_words.ended(job, self._executions(job)):
            raise Conflict(f"job {job_id} is still running", hint="cancel it first")
        self._apps.delete(f"delete job {job_id}", job["id"])
        self._tickets.give_back(job_id)

    # Submitting

    def _begun(self, name: str) -> tuple[Body, tuple[Body, ...]] | None:
        """The job with all its executions, None where some are not there."""
        try:
            job = self._find(name)
        except NotFound:
            return None
        executions = self._executions(job)
        return (job, executions) if len(executions) >= job_words.wanted(job) else None

    def _submit(self, spec: JobSpec) -> JobStatus:
        """With the ticket: what is missing is made and started."""
        self._tidy()
        path = self._path(spec.name)
        identity = self._apps.identity(job_request.role(spec.tags))
        container = job_request.container(spec, image=self._apps.image(), client=self._apps.client_of(identity))
        try:
            job = self._apps.settled(f"look at job {spec.name}", path)
        except NotFound:
            place = {
                "location": self._apps.arm.location, "environment": self._apps.environment, "identity": identity,
            }  # fmt: skip
            registries = self._apps.registries(identity)
            body = job_request.body(spec, self._stem, place=place, registries=registries, container=container)
            job = self._apps.change(f"submit job {spec.name}", "PUT", path, body)
        for number in range(spec.array) if spec.array else (None,):
            self._start(spec.name, job, job_request.numbered(container, number), number)
        return self._status(self._find(spec.name))

    def _start(self, name: str, job: Body, container: Body, number: int | None) -> None:
        """Once; a second time only when it is known that the first did not come to anything."""
        for attempt in range(1, STARTS + 1):
            if self._started(job, number):
                return
            try:
                self._apps.post(f"start job {name}", f"{job['id']}/start", {"containers": [container]})
                return
            except (Unavailable, Throttled):
                for seconds in LOOKS:
                    time.sleep(seconds)
                    if self._started(job, number):
                        return
                if attempt == STARTS:
                    raise

    def _started(self, job: Body, number: int | None) -> bool:
        return any(job_request.number_of(one) == number for one in self._executions(job))

    def _tidy(self) -> None:
        """Remove what ended long ago."""
        left = TIDIED
        for job in self._ours():
            old = times.parse(times.now()) - times.parse(job_words.moment(job["systemData"]["createdAt"])) > KEPT
            if old and left and job_words.ended(job, self._executions(job)):
                left -= 1
                with suppress(NotFound, Unavailable):
                    self._apps.delete("remove an old job", job["id"])

    # Looking

    def _find(self, name: str) -> Body:
        names.check_resource("job", name)
        try:
            return self._apps.get(f"look at job {name}", self._path(name))
        except NotFound as error:
            where = f"{self._apps.arm.location} of {self._apps.settings['resource_group']}"
            raise NotFound(f"no job {name!r} in {where}", hint="ended jobs are kept for a week") from error.__cause__

    def _ours(self) -> Iterator[Body]:
        for job in self._apps.pages("list jobs", self._apps.arm.path(JOBS, "").rstrip("/")):
            if (job.get("tags") or {}).get(job_request.STEM) == self._stem:
                yield job

    def _executions(self, job: Body) -> tuple[Body, ...]:
        """One for each process, in their order: of two for one process the first."""
        first: dict[int | None, Body] = {}
        found = self._apps.pages(f"look at job {job['name']}", f"{job['id']}/executions")
        for one in sorted(found, key=lambda one: (str(one["properties"].get("startTime", "~")), str(one["name"]))):
            first.setdefault(job_request.number_of(one), one)
        return tuple(first[number] for number in sorted(first, key=lambda number: number or 0))

    def _status(self, job: Body) -> JobStatus:
        executions = self._executions(job)
        bad = job_words.failed(executions) if job_words.ended(job, executions) else None
        said = job_words.status(job, executions)
        if bad is None or said.state != "failed" or not said.exit_code:
            return said
        return job_words.status(job, executions, self._last_line(job))

    def _last_line(self, job: Body) -> str:
        since = job_words.moment(job["systemData"]["createdAt"])
        wanted = (equals("ContainerJobName_s", job["name"]),)
        texts = [line.text.strip() for line in self._console.lines(wanted, lambda row: "", "", since)]
        return next((text for text in reversed(texts) if text), "")

    def _over(self, job: Body) -> bool:
        try:
            over = job_words.ended(job, self._executions(job))
        except NotFound:
            return True
        if over:
            time.sleep(self._late)
        return over

    def _path(self, name: str) -> str:
        return self._apps.arm.path(JOBS, job_request.job_id(self._stem, name))
