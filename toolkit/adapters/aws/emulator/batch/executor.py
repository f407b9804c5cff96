"""AWS Batch as one executor of the emulator."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from toolkit.adapters.aws.emulator import operations
from toolkit.adapters.aws.emulator.batch import rules
from toolkit.adapters.aws.emulator.batch.records import BEFORE_START, ENDED, Job
from toolkit.adapters.aws.emulator.batch.running import Running
from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.wire import Call, Reply

PAGE = 1000
_ALL = "AFTER_CREATED_AT", "BEFORE_CREATED_AT", "JOB_NAME", "JOB_DEFINITION"


class Batch:
    def __init__(self, moto: Moto, home: Home) -> None:
        self._moto = moto
        self._home = home
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._running = Running(moto, home, self._all)
        self._operations: dict[str, Callable[[str, dict[str, Any]], Reply | None]] = {
            "RegisterJobDefinition": self._register,
            "SubmitJob": self._submit,
            "DescribeJobs": self._describe,
            "ListJobs": self._list,
            "CancelJob": self._cancel,
            "TerminateJob": self._terminate,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
        }

    def before(self, call: Call) -> Reply | None:
        if call.service != "batch":
            return None
        try:
            operation, given = operations.service("batch").read(call)
            handler = self._operations.get(operation)
            return handler(call.region, given) if handler else None
        except operations.Invalid as error:
            return Reply.refused(400, "ClientException", str(error))
        except operations.Refused as refused:
            return refused.reply

    def after(self, call: Call, reply: Reply) -> Reply:
        return reply

    def close(self) -> None:
        self._running.close()

    def _all(self) -> list[Job]:
        """Every job, children too."""
        with self._lock:
            return list(self._jobs.values())

    def _register(self, region: str, given: dict[str, Any]) -> None:
        """Checked here, kept by moto."""
        rules.check_definition(given)

    def _submit(self, region: str, given: dict[str, Any]) -> Reply:
        rules.check_submission(given)
        with self._moto.lock:
            batch = self._moto.state("batch", region)
            queue = batch.get_job_queue(given["jobQueue"])
            found = batch.get_job_definition(given["jobDefinition"])
            definition = found.describe() if found else None
            places = [place.compute_resources.get("type", "") for place in queue.environments] if queue else []
        if queue is None:
            raise rules.client_error(f"JobQueue {given['jobQueue']} not found.")
        if definition is None or definition["status"] != "ACTIVE":
            raise rules.client_error(f"JobDefinition {given['jobDefinition']} not found.")
        if queue.state != "ENABLED":
            raise rules.client_error(f"JobQueue {queue.name} is not in ENABLED state.")
        wants = (definition.get("platformCapabilities") or ["EC2"])[0]
        if not any(("FARGATE" in place) == (wants == "FARGATE") for place in places):
            raise rules.client_error(f"Job Queue {queue.name} does not support the platform capabilities [{wants}].")
        for one in given.get("dependsOn", []):
            if one.get("jobId") not in self._jobs:
                raise rules.client_error(f"Job dependency {one.get('jobId')} not found.")
        job = Job(given, definition, queue.arn, region, self._home.account, tags=dict(given.get("tags", {})))
        for index in range(given.get("arrayProperties", {}).get("size", 0)):
            child = Job(given, definition, queue.arn, region, job.account, id=f"{job.id}:{index}", index=index)
            job.children.append(child)
        with self._lock:
            self._jobs |= {one.id: one for one in (job, *job.children)}
        self._running.start(job)
        return Reply.of({"jobId": job.id, "jobName": job.name, "jobArn": job.arn})

    def _describe(self, region: str, given: dict[str, Any]) -> Reply:
        if len(given["jobs"]) > 100:
            raise rules.client_error("The maximum number of jobs that can be described is 100")
        wanted = [one.rpartition("/")[2] for one in given["jobs"]]
        found = [self._jobs[one] for one in wanted if one in self._jobs and self._jobs[one].region == region]
        return Reply.of({"jobs": [_locked(job, job.wire) for job in found]})

    def _list(self, region: str, given: dict[str, Any]) -> Reply:
        if sum(key in given for key in ("jobQueue", "arrayJobId", "multiNodeJobId")) != 1:
            raise rules.client_error("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be given")
        if parent := given.get("arrayJobId"):
            jobs = self._jobs[parent].children if parent in self._jobs else []
        else:
            with self._moto.lock:
                queue = self._moto.state("batch", region).get_job_queue(given["jobQueue"])
            if queue is None:
                raise rules.client_error(f"JobQueue {given['jobQueue']} not found.")
            jobs = [job for job in self._all() if job.queue == queue.arn and job.index is None]
        filters = given.get("filters", [])
        if len(filters) > 1:
            raise rules.client_error("Only one filter can be used at a time")
        if filters:
            jobs = [job for job in jobs if _fits(job, filters[0])]
        else:
            jobs = [job for job in jobs if job.status == given.get("jobStatus", "RUNNING")]
        jobs = sorted(jobs, key=lambda job: job.created, reverse=True)
        size, start = min(PAGE, given.get("maxResults") or PAGE), int(given.get("nextToken") or 0)
        page: dict[str, Any] = {"jobSummaryList": [_locked(job, job.summary) for job in jobs[start : start + size]]}
        if start + size < len(jobs):
            page["nextToken"] = str(start + size)
        return Reply.of(page)

    def _cancel(self, region: str, given: dict[str, Any]) -> Reply:
        """Only what has not started; no effect on the rest."""
        for job in self._family(given["jobId"]):
            with job.lock:
                if job.status in BEFORE_START:
                    job.stop, job.cancelled = given["reason"], True
        return Reply.of({})

    def _terminate(self, region: str, given: dict[str, Any]) -> Reply:
        for job in self._family(given["jobId"]):
            with job.lock:
                if job.status not in ENDED:
                    job.stop = given["reason"]
        return Reply.of({})

    def _family(self, job_id: str) -> list[Job]:
        job = self._job(job_id)
        return [job, *job.children]

    def _job(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            raise rules.client_error(f"Job {job_id} not found.")
        return self._jobs[job_id]

    def _tag(self, region: str, given: dict[str, Any]) -> Reply | None:
        if (job := self._tagged(given["resourceArn"])) is None:
            return None
        tags = {**job.tags, **given["tags"]}
        if len(tags) > rules.MOST_TAGS:
            raise rules.client_error(f"Tags cannot have more than {rules.MOST_TAGS} entries")
        job.tags = tags
        return Reply.of({})

    def _untag(self, region: str, given: dict[str, Any]) -> Reply | None:
        if (job := self._tagged(given["resourceArn"])) is None:
            return None
        job.tags = {key: value for key, value in job.tags.items() if key not in given["tagKeys"]}
        return Reply.of({})

    def _tags(self, region: str, given: dict[str, Any]) -> Reply | None:
        job = self._tagged(given["resourceArn"])
        return Reply.of({"tags": job.tags}) if job else None

    def _tagged(self, arn: str) -> Job | None:
        """None for what is moto's."""
        kind, _, name = arn.rpartition(":job/")
        return self._job(name) if kind else None


def _locked(job: Job, show: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    with job.lock:
        return show()


def _fits(job: Job, one: dict[str, Any]) -> bool:
    name, value = one["name"], one["values"][0]
    if name not in _ALL:
        raise rules.client_error(f"Filter name {name} is not valid")
    if name == "AFTER_CREATED_AT":
        return job.created > int(value)
    if name == "BEFORE_CREATED_AT":
        return job.created < int(value)
    text = job.name if name == "JOB_NAME" else job.definition["jobDefinitionName"]
    pattern = value.lower()
    return text.lower().startswith(pattern[:-1]) if pattern.endswith("*") else text.lower() == pattern
