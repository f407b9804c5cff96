"""Schedules as Container Apps jobs with a schedule trigger: each hands its event to the function, by
`function_app.deliver`.

They are Kubernetes' cron jobs: five fields in UTC, as the portable grammar has them. Such a job cannot be switched off,
so a schedule that is not enabled has a manual trigger. Its tags say what the job has no field for; the event and the
expression as it was written are what the container is told.

Of functions that are function apps, schedules are timer triggers of the app itself: `sites_timers`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from toolkit.adapters.azure import arm_delivery
from toolkit.adapters.azure import names as called
from toolkit.adapters.azure.arm_apps import APPS, JOBS, Apps
from toolkit.adapters.azure.containerapps_body import host
from toolkit.adapters.azure.functions import FUNCTIONS
from toolkit.domain import names
from toolkit.domain.errors import ConfigError, NotFound, Unsupported
from toolkit.domain.schedule import parse
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules

NAME, STEM, FUNCTION = "toolkit-schedule", "toolkit-stem", "toolkit-function-called"
OWN = frozenset({NAME, STEM, FUNCTION})


def open_schedules(settings: Settings) -> Schedules:
    if settings.get("functions") == FUNCTIONS:
        from toolkit.adapters.azure.sites_timers import SiteSchedules

        return SiteSchedules(settings)
    return ContainerAppSchedules(settings)


class ContainerAppSchedules:
    def __init__(self, settings: Settings) -> None:
        self._apps = Apps(settings)
        self._stem: str = settings["stem"]

    def put(self, spec: ScheduleSpec) -> None:
        names.check_resource("schedule", spec.name)
        trigger = triggered(spec)
        tags = {**spec.tags, NAME: spec.name, STEM: self._stem, FUNCTION: spec.function}
        if called.tags(tags) != tags:
            raise Unsupported(f"schedule {spec.name!r}: Azure does not take its tags as they are: {spec.tags}")
        what = {"name": spec.name, "expression": spec.expression}
        told = arm_delivery.told(self._apps, self._url(spec.function), spec.event, **what)
        if len(json.dumps(told).encode()) > arm_delivery.MOST_BYTES:
            raise Unsupported(f"schedule {spec.name!r}: its event has over {arm_delivery.MOST_BYTES:,} bytes")
        body = arm_delivery.body(self._apps, arm_delivery.container(self._apps, told), trigger, tags)
        self._apps.change(f"make schedule {spec.name}", "PUT", self._path(spec.name), body)

    def get(self, name: str) -> ScheduleSpec:
        names.check_resource("schedule", name)
        try:
            return _spec(self._apps.get(f"read schedule {name}", self._path(name)))
        except NotFound as error:
            where = self._apps.settings["resource_group"]
            raise NotFound(f"no schedule {name!r} in {where}", hint="toolkit status") from error.__cause__

    def list(self, tags: dict[str, str] | None = None) -> Iterator[ScheduleSpec]:
        wanted, found = (tags or {}).items(), []
        for job in self._apps.pages("list schedules", self._apps.arm.path(JOBS, "").rstrip("/")):
            own = job.get("tags") or {}
            if NAME in own and own.get(STEM) == self._stem:
                found.append(_spec(job))
        yield from sorted((spec for spec in found if wanted <= spec.tags.items()), key=lambda spec: spec.name)

    def delete(self, name: str) -> None:
        names.check_resource("schedule", name)
        with suppress(NotFound):
            self._apps.delete(f"delete schedule {name}", self._path(name))

    def _url(self, function: str) -> str:
        try:
            body = self._apps.get(f"look at function {function}", self._apps.arm.path(APPS, called.app(function)))
        except NotFound as error:
            raise NotFound(f"function {function!r} does not exist", hint="toolkit deploy") from error.__cause__
        if not (found := host(body)):
            raise ConfigError(f"function {function!r} has no traffic, so nothing can call it", hint="toolkit deploy")
        return self._apps.address(found)

    def _path(self, name: str) -> str:
        return self._apps.arm.path(JOBS, called.job(f"{self._stem}-at-{name}"))


def triggered(spec: ScheduleSpec) -> dict[str, Any]:
    """What starts the job. ConfigError for an expression that is not portable. Pure."""
    found = parse(spec.expression)
    if not spec.enabled:
        return dict(arm_delivery.MANUAL)
    config = {"cronExpression": found.cron, "parallelism": 1, "replicaCompletionCount": 1}
    return {"triggerType": "Schedule", "scheduleTriggerConfig": config}


def _spec(job: Mapping[str, Any]) -> ScheduleSpec:
    """What was put."""
    properties, tags = job["properties"], job["tags"]
    told = json.loads(properties["template"]["containers"][0]["env"][0]["value"])
    return ScheduleSpec(
        name=tags[NAME],
        expression=told["expression"],
        function=tags[FUNCTION],
        event=told["event"],
        enabled=properties["configuration"]["triggerType"] == "Schedule",
        tags={key: value for key, value in tags.items() if key not in OWN},
    )
