"""AWS Batch: jobs in containers of one image, on Fargate, or on EC2 where they ask for what Fargate does not have.

A job definition holds what is the same for many jobs (image, size, roles, log); its name ends with the digest of that,
so it is registered once and found again. What is particular (command, variables, limits) overrides it at submission.
Code and packages come from the bucket by digest: changing them needs no image.

Batch knows no idempotency: two jobs may have one name, a submission whose reply was lost cannot be asked after, and the
list of jobs is seconds behind. So a submission looks first, takes a ticket (`tickets`), never lets botocore repeat it,
and looks again before it tries a second time. Should two jobs come of one name all the same, the older one is the job
and the run that both were told to carry out is claimed by one of them: all attempts of a Batch job have one claimer.

`id` is the job's own name, not Batch's: it is known before there is a job and stays what it is. Batch forgets jobs a
week after their end; `delete` marks a job with a tag and removes its log.

A time limit below Batch's least (a minute) is kept inside the container (`execution.limited`). TerminateJob stops a job
in every state (it cancels what has not started), so that no state can pass between looking and asking.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from toolkit import __version__
from toolkit.adapters.aws import job_request, job_words, sizes
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import translated
from toolkit.adapters.aws.identity import Identity
from toolkit.adapters.aws.job_definition import Place, definition
from toolkit.adapters.aws.job_search import Job, Search, own_name
from toolkit.adapters.aws.logs import Position, Streams
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.store import open_store
from toolkit.domain import names, times
from toolkit.domain.errors import Conflict, NotFound, Throttled, Unavailable
from toolkit.domain.specs import JobSpec, JobStatus, LogLine
from toolkit.execution.tickets import Tickets
from toolkit.ports import Settings

CANCEL_SECONDS = 180.0  # a container has 30 s to stop, and AWS takes its time to say so
SUBMISSIONS = 3  # at most, of one job by one command
LOOKS = (0.2, 0.8, 2.0, 4.0)  # seconds between looks for a job whose submission got no answer
WAIT_FOR_OTHER = 45.0  # longer than a ticket


def open_jobs(settings: Settings) -> BatchJobs:
    region, endpoint = settings["region"], settings["services_endpoint"]
    own = Names(settings["stem"])
    return BatchJobs(
        settings,
        batch=client("batch", region, endpoint),
        submits=client("batch", region, endpoint, retries=False),
        streams=Streams(own.job_group, client("logs", region, endpoint)),
        tickets=Tickets(open_store(settings), settings["stem"]) if settings["bucket"] else None,
        # An emulator on this machine answers at once and has no quota of questions.
        poll=0.1 if endpoint else 2.0,
    )


class BatchJobs:
    """`submits` is a client that never repeats a request. `looks`: see LOOKS."""

    def __init__(
        self,
        settings: Settings,
        *,
        batch: Any,
        submits: Any,
        streams: Streams,
        tickets: Tickets | None,
        poll: float,
        looks: Sequence[float] = LOOKS,
    ) -> None:
        self._settings = settings
        self._own = Names(settings["stem"])
        self._batch = batch
        self._submits = submits
        self._streams = streams
        self._tickets = tickets
        self._poll = poll
        self._looks = looks
        self._search = Search(settings, batch)

    def submit(self, spec: JobSpec) -> JobStatus:
        names.check_resource("job", spec.name)
        size = sizes.size(spec, ec2=bool(self._settings["ec2_queue"]))
        request = job_request.request(self._settings, spec, size)
        deadline = time.monotonic() + WAIT_FOR_OTHER
        while True:
            if found := self._search.look(spec.name):
                return job_words.status(found)
            if self._tickets is None:
                return self._submit(spec, size, request)
            if ticket := self._tickets.take(spec.name):
                try:
                    return self._submit(spec, size, request)
                except Unavailable:
                    raise
                except Exception:
                    self._tickets.give_back(spec.name, ticket)
                    raise
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"job {spec.name} is being submitted by somebody else, and cannot be seen yet",
                    hint="run the same command again",
                )
            time.sleep(self._poll)

    def status(self, job_id: str) -> JobStatus:
        return self._status(self._find(job_id))

    def cancel(self, job_id: str) -> JobStatus:
        job = self._find(job_id)
        if job["status"] not in job_words.ENDED:
            with self._translated(f"stop job {job_id}"):
                self._batch.terminate_job(jobId=job["jobId"], reason=job_words.STOPPED)
        deadline = time.monotonic() + CANCEL_SECONDS
        while job["status"] not in job_words.ENDED:
            if time.monotonic() > deadline:
                raise Unavailable(f"job {job_id} was asked to stop and has not ended in {CANCEL_SECONDS:.0f} s")
            time.sleep(self._poll)
            job = self._find(job_id)
        return self._status(job)

    def logs(self, job_id: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        """An array's processes come one after the other."""
        return self._lines(self._find(job_id), follow, Position.of(after))

    def list(self, tags: dict[str, str] | None = None) -> Iterator[JobStatus]:
        wanted = (tags or {}).items()
        found = [job_words.status(job) for job in self._search.named("*")]
        yield from sorted(
            (status for status in found if wanted <= status.tags.items()),
            key=lambda status: (status.submitted, status.name),
            reverse=True,
        )

    def delete(self, job_id: str) -> None:
        names.check_resource("job", job_id)
        for job in self._search.named(job_id):
            if job["status"] not in job_words.ENDED:
                raise Conflict(f"job {job_id} is still running", hint="cancel it first")
            for _, child in self._search.children(job):
                for stream in job_words.streams(child):
                    self._streams.delete(stream)
            with self._translated(f"delete job {job_id}"):
                self._batch.tag_resource(resourceArn=job["jobArn"], tags={job_words.FORGOTTEN: times.now()})
            if self._tickets is not None:
                self._tickets.give_back(job_id)
        self._search.forget(job_id)

    # Submitting

    def _submit(self, spec: JobSpec, size: sizes.Size, request: dict[str, Any]) -> JobStatus:
        """Once; a second time only when it is known that the first did not come to anything."""
        arguments = {**request, "jobDefinition": self._registered(spec, size)}
        for attempt in itertools.count(1):
            try:
                with self._translated(f"submit job {spec.name}"):
                    made = self._submits.submit_job(**arguments)
            except (Unavailable, Throttled):
                for seconds in self._looks:
                    time.sleep(seconds)
                    if found := self._search.look(spec.name):
                        return job_words.status(found)
                if attempt == SUBMISSIONS:
                    raise
                continue
            self._search.remember(spec.name, made["jobId"])
            for job in self._search.described([made["jobId"]]):
                return job_words.status(job)
            return JobStatus(id=spec.name, name=spec.name, state="queued", submitted=times.now(), tags=spec.tags)
        raise AssertionError("unreachable")

    def _registered(self, spec: JobSpec, size: sizes.Size) -> str:
        """The ARN of the definition; registered if nobody has."""
        place = Place(
            image=image(self._settings),
            job_role=self._identity.role(self._own.job_role(spec.tags)),
            start_role=self._identity.role(self._own.role("start")),
            group=self._own.job_group,
            architecture=self._settings["job_architecture"],
            public_ip=self._settings["public_ip"],
        )
        wanted = definition(self._own.job_definition, place, size)
        with self._translated("look for the job definition"):
            asked = {"jobDefinitionName": wanted["jobDefinitionName"], "status": "ACTIVE"}
            found = self._batch.describe_job_definitions(**asked)["jobDefinitions"]
        if found:
            return str(max(found, key=lambda one: one["revision"])["jobDefinitionArn"])
        with self._translated("register the job definition"):
            return str(self._batch.register_job_definition(**wanted, tags=_MANAGED)["jobDefinitionArn"])

    @cached_property
    def _identity(self) -> Identity:
        return Identity.of(self._settings["region"], self._settings["services_endpoint"])

    def _find(self, name: str) -> Job:
        names.check_resource("job", name)
        if found := self._search.look(name):
            return found
        where = ", ".join(job_request.queues(self._settings))
        raise NotFound(f"no job {name!r} in {where}", hint="AWS forgets jobs a week after their end")

    def _status(self, job: Job) -> JobStatus:
        silent = job["status"] == "FAILED" and job_words.verdict(job) == ("failed", "")
        streams = job_words.streams(job) if silent else []
        return job_words.status(job, self._streams.last(streams[-1]) if streams else "")

    # Logs

    def _lines(self, job: Job, follow: bool, after: Position) -> Iterator[LogLine]:
        source = own_name(job)
        for number, child in self._search.children(job):
            if number >= after.child:
                read = self._follow if follow else self._once
                yield from read(child, number, after, source)

    def _once(self, child: Job, number: int, after: Position, source: str) -> Iterator[LogLine]:
        for attempt, stream in enumerate(job_words.streams(child)):
            if (number, attempt) >= (after.child, after.attempt):
                for _, line in self._streams.read(stream, after.start(number, attempt), source):
                    yield line

    def _follow(self, child: Job, number: int, after: Position, source: str) -> Iterator[LogLine]:
        """Its end is known before the last look, so that nothing printed before it is missed."""
        while True:
            over = child["status"] in job_words.ENDED
            for line in self._once(child, number, after, source):
                after = Position.of(line.cursor)
                yield line
            if over:
                return
            time.sleep(self._poll)
            child = self._search.child(child["jobId"])

    def _translated(self, what: str) -> AbstractContextManager[None]:
        return translated(what, self._batch.meta.region_name)


_MANAGED = {"managed-by": "toolkit"}


def image(settings: Settings) -> str:
    """The reference of what jobs run: what the settings name, or this version's in the target's own repository."""
    if settings["image"]:
        return str(settings["image"])
    region, endpoint = settings["region"], settings["services_endpoint"]
    host = Identity.of(region, endpoint).registry(client("batch", region, endpoint).meta.region_name)
    return f"{host}/{Names(settings['stem']).repository}:{image_tag()}"


def image_tag() -> str:
    """How the jobs' image of this version is tagged, with the Python that packages are locked for."""
    return f"{__version__}-py{sys.version_info.major}.{sys.version_info.minor}"
