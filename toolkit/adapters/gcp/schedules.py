"""Cloud Scheduler: a job posts the event to a function's URL, with an ID token of the scheduler's account.

A job's id is the target's stem and the schedule's name, so `list` sees no other target's. Jobs have no labels and no
field for most of what a schedule is: the body holds that, beside the event (see `body`). A job is made enabled; one
that is not to fire is made for a day that is years away, paused, and only then given its times.

Dead letters. Cloud Scheduler has none of its own: it calls again (RETRIES), and what failed to the end stands in the
job's status and in Cloud Logging. By way of Pub/Sub it would have them, and lose the header with the scheduled time,
which is what makes an event that comes twice the same event. So what cannot be read goes to the target's own
`deadletter/` prefix, put there by the function, and what could not be delivered is made up for by the next beat: the
check works on windows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from toolkit.adapters.gcp import scheduler_cron
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.names import Names, service
from toolkit.domain import names
from toolkit.domain.errors import AlreadyExists, ConfigError, NotFound, Unsupported
from toolkit.domain.specs import ScheduleSpec
from toolkit.execution.http_calls import EVENT
from toolkit.ports import Settings

HOST = "cloudscheduler.googleapis.com"
MOST_BYTES = 900_000  # of the megabyte that a job may have, in base64
FAR = "0 0 29 2 *"
RETRIES = {  # no maxRetryDuration: with both, Google goes on until both are used up
    "retryCount": 5,
    "minBackoffDuration": "5s",
    "maxBackoffDuration": "600s",
    "maxDoublings": 5,
}
DEADLINE = "1800s"  # Cloud Scheduler's longest for HTTP: a function may take as long as it may


def open_schedules(settings: Settings) -> CloudSchedules:
    return CloudSchedules(settings)


class CloudSchedules:
    def __init__(self, settings: Settings) -> None:
        for name in ("project", "region"):
            if not settings[name]:
                raise ConfigError(f"no {name} is set on gcp", hint=f'{name} = "..." in [targets.<t>.gcp]')
        self._settings = settings
        self._names = Names(settings["stem"])
        self._parent = f"projects/{settings['project']}/locations/{settings['region']}"
        self._api = Api(HOST, "v1", settings["services_endpoint"])
        self._run = Api("run.googleapis.com", "v2", settings["services_endpoint"])

    def put(self, spec: ScheduleSpec) -> None:
        names.check_resource("schedule", spec.name)
        job = self._job(spec)
        try:
            self._make(spec, job)
        except AlreadyExists:
            self._replace(spec, job)

    def get(self, name: str) -> ScheduleSpec:
        names.check_resource("schedule", name)
        try:
            return _spec(self._api.get(f"read schedule {name}", self._path(name)))
        except NotFound as error:
            raise NotFound(f"no schedule {name!r} in {self._parent}", hint="toolkit status") from error.__cause__

    def list(self, tags: dict[str, str] | None = None) -> Iterator[ScheduleSpec]:
        wanted, own = (tags or {}).items(), self._path("")
        found = self._api.pages("list schedules", f"{self._parent}/jobs", "jobs")
        for job in sorted((one for one in found if one["name"].startswith(own)), key=lambda one: str(one["name"])):
            spec = _spec(job)
            if wanted <= spec.tags.items():
                yield spec

    def delete(self, name: str) -> None:
        names.check_resource("schedule", name)
        with suppress(NotFound):
            self._api.call(f"delete schedule {name}", "DELETE", self._path(name))

    def _make(self, spec: ScheduleSpec, job: dict[str, Any]) -> None:
        first = job if spec.enabled else {**job, "schedule": FAR}
        self._api.call(f"make schedule {spec.name}", "POST", f"{self._parent}/jobs", first)
        if not spec.enabled:
            self._replace(spec, job)

    def _replace(self, spec: ScheduleSpec, job: dict[str, Any]) -> None:
        """Silent before it changes, loud after."""
        what = f"replace schedule {spec.name}"
        if not spec.enabled:
            self._api.call(what, "POST", f"{job['name']}:pause", {})
        given = {key: value for key, value in job.items() if key != "name"}
        self._api.call(what, "PATCH", job["name"], given, {"updateMask": ",".join(sorted(given))})
        if spec.enabled:
            self._api.call(what, "POST", f"{job['name']}:resume", {})

    def _job(self, spec: ScheduleSpec) -> dict[str, Any]:
        rendered, told = scheduler_cron.expression(spec.expression), body(spec)
        if len(told) > MOST_BYTES * 3 // 4:
            raise Unsupported(f"schedule {spec.name!r}: an event of {len(told):,} bytes; Cloud Scheduler takes 675,000")
        url = self._url(spec.function)
        account = self._settings["accounts"].get("scheduler") or self._names.account(
            "scheduler", self._settings["project"]
        )
        return {
            "name": self._path(spec.name),
            "description": f"calls {spec.function}"[:500],
            "schedule": rendered,
            "timeZone": scheduler_cron.ZONE,
            "httpTarget": {
                "uri": url + EVENT,
                "httpMethod": "POST",
                "headers": {"Content-Type": "application/json"},
                "body": base64.b64encode(told).decode(),
                "oidcToken": {"serviceAccountEmail": account, "audience": url},
            },
            "retryConfig": RETRIES,
            "attemptDeadline": DEADLINE,
        }

    def _url(self, function: str) -> str:
        try:
            found = self._run.get(f"look at function {function}", f"{self._parent}/services/{service(function)}")
        except NotFound as error:
            raise NotFound(f"function {function!r} does not exist", hint="toolkit deploy") from error.__cause__
        return str(found["uri"])

    def _path(self, name: str) -> str:
        return f"{self._parent}/jobs/{self._names.schedule(name)}"


def body(spec: ScheduleSpec) -> bytes:
    """What the function's server reads: our own words of the event and the user's, between which it puts the scheduled
    time from Google's header; and, for reading the schedule back, what the job has no field for."""
    kept = {"name": spec.name, "expression": spec.expression, "function": spec.function, "tags": spec.tags}
    own = {"source": "toolkit.schedule", "schedule": spec.name}
    return json.dumps({"own": own, "event": spec.event, "kept": kept}, separators=(",", ":")).encode()


def _spec(job: dict[str, Any]) -> ScheduleSpec:
    told = json.loads(base64.b64decode(job["httpTarget"]["body"]))
    return ScheduleSpec(**told["kept"], event=told["event"], enabled=job.get("state") != "PAUSED")
