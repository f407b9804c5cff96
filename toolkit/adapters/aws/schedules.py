"""EventBridge Scheduler: a schedule calls the alias `live` of a function, as the scheduler's role.

All schedules of a target lie in one group (the operator makes it; a group is what can be tagged, a schedule cannot),
so a name is the target's own and `list` sees no other's. A schedule's description holds what AWS has no field for: the
expression as it was written, and the tags.

What the scheduler cannot hand over goes to the queue `undelivered`. It hands over and does not wait: a function that
fails is called twice more by Lambda, and what it said is in its log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

from toolkit.adapters.aws import eventbridge
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import code, translated
from toolkit.adapters.aws.function_api import ALIAS, ROLE_SECONDS, patiently
from toolkit.adapters.aws.identity import Identity
from toolkit.adapters.aws.names import Names
from toolkit.domain import names
from toolkit.domain.errors import ConfigError, NotFound, ToolkitError
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports import Settings

MOST_WORDS = 512  # characters of a description
# Attributes that AWS fills in when it fires.
TIME = "<aws.scheduler.scheduled-time>"
RETRIES = {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 3600}


def open_schedules(settings: Settings) -> AwsSchedules:
    return AwsSchedules(settings, client("scheduler", settings["region"], settings["services_endpoint"]))


class AwsSchedules:
    def __init__(self, settings: Settings, service: Any, *, role_seconds: float = ROLE_SECONDS) -> None:
        self._settings = settings
        self._service = service
        self._names = Names(settings["stem"])
        self._role_seconds = role_seconds

    def put(self, spec: ScheduleSpec) -> None:
        given = self._given(spec)

        def early(error: Exception) -> bool:
            """A role that was made just now is not known everywhere yet."""
            return code(error) == "ValidationException" and "assume" in str(error)

        try:
            patiently(lambda: self._write(given), early, self._role_seconds)
        except NotFound as error:
            group = self._names.schedule_group
            raise ConfigError(
                f"there is no group {group} for schedules", hint="toolkit bootstrap makes it"
            ) from error.__cause__

    def get(self, name: str) -> ScheduleSpec:
        return _spec(self._read(names.check_resource("schedule", name)))

    def list(self, tags: dict[str, str] | None = None) -> Iterator[ScheduleSpec]:
        wanted = (tags or {}).items()
        found = []
        with suppress(NotFound), self._translated("list schedules"):
            for page in self._service.get_paginator("list_schedules").paginate(GroupName=self._names.schedule_group):
                found += [schedule["Name"] for schedule in page["Schedules"]]
        for name in sorted(found):
            with suppress(NotFound):  # deleted while we looked, or not ours
                spec = _spec(self._read(name))
                if wanted <= spec.tags.items():
                    yield spec

    def delete(self, name: str) -> None:
        names.check_resource("schedule", name)
        with suppress(NotFound), self._translated(f"delete schedule {name}"):
            self._service.delete_schedule(Name=name, GroupName=self._names.schedule_group)

    def _write(self, given: dict[str, Any]) -> None:
        """Made, or replaced where it is there; either may be repeated."""
        try:
            with self._translated(f"make schedule {given['Name']}"):
                self._service.create_schedule(**given)
        except ToolkitError as error:
            if code(error) != "ConflictException":
                raise
            with self._translated(f"replace schedule {given['Name']}"):
                self._service.update_schedule(**given)

    def _read(self, name: str) -> Any:
        try:
            with self._translated(f"read schedule {name}"):
                return self._service.get_schedule(Name=name, GroupName=self._names.schedule_group)
        except NotFound as error:
            raise NotFound(f"no schedule {name!r} in group {self._names.schedule_group}") from error.__cause__

    def _given(self, spec: ScheduleSpec) -> dict[str, Any]:
        names.check_resource("schedule", spec.name)
        rendered = eventbridge.expression(spec.expression)
        words = json.dumps({"toolkit": spec.expression, "tags": spec.tags}, separators=(",", ":"))
        if len(words) > MOST_WORDS:
            raise ConfigError(f"schedule {spec.name!r}: its tags have {len(words)} characters of AWS's {MOST_WORDS}")
        who = Identity.of(self._settings["region"], self._settings["services_endpoint"])
        region = self._service.meta.region_name
        arn = f"arn:{who.partition}:{{}}:{region}:{who.account}:{{}}"
        own = {"source": "toolkit.schedule", "schedule": spec.name, "time": TIME}
        return {
            "Name": spec.name,
            "GroupName": self._names.schedule_group,
            "Description": words,
            "ScheduleExpression": rendered,
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED" if spec.enabled else "DISABLED",
            "Target": {
                "Arn": arn.format("lambda", f"function:{spec.function}:{ALIAS}"),
                "RoleArn": self._settings["roles"].get("scheduler") or who.role(self._names.role("scheduler")),
                "Input": json.dumps({**own, **spec.event}, ensure_ascii=False),
                "RetryPolicy": RETRIES,
                "DeadLetterConfig": {"Arn": arn.format("sqs", self._names.undelivered)},
            },
        }

    def _translated(self, what: str) -> AbstractContextManager[None]:
        return translated(what, self._service.meta.region_name)


def _spec(found: Any) -> ScheduleSpec:
    """What was put. NotFound for what somebody else put there."""
    try:
        words = json.loads(found.get("Description") or "{}")
        expression, tags = words["toolkit"], words["tags"]
        given = json.loads(found["Target"]["Input"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotFound(f"schedule {found['Name']!r} was not made by toolkit") from error
    own = {"source": "toolkit.schedule", "schedule": found["Name"], "time": TIME}
    return ScheduleSpec(
        name=found["Name"],
        expression=expression,
        function=found["Target"]["Arn"].split(":function:")[1].partition(":")[0],
        event={key: value for key, value in given.items() if own.get(key) != value},
        enabled=found["State"] == "ENABLED",
        tags=tags,
    )
