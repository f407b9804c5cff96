"""Jobs as records, and how DescribeJobs and ListJobs show them."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
ENDED = frozenset({"SUCCEEDED", "FAILED"})
BEFORE_START = frozenset({"SUBMITTED", "PENDING", "RUNNABLE"})


def now() -> int:
    return int(time.time() * 1000)


@dataclass
class Attempt:
    started: int
    stream: str
    stopped: int = 0
    exit_code: int | None = None
    reason: str = ""  # the container's
    status_reason: str = ""

    def wire(self) -> dict[str, Any]:
        container = _without_none(
            {"exitCode": self.exit_code, "reason": self.reason or None, "logStreamName": self.stream}
        )
        return {"container": container, "startedAt": self.started, "stoppedAt": self.stopped,
                "statusReason": self.status_reason}  # fmt: skip


@dataclass
class Job:
    """`given` is SubmitJob's input, `definition` the job definition as moto describes it. Guarded by `lock`."""

    given: dict[str, Any]
    definition: dict[str, Any]
    queue: str  # ARN
    region: str
    account: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    index: int | None = None
    status: str = "SUBMITTED"
    status_reason: str = ""
    created: int = field(default_factory=now)
    started: int = 0
    stopped: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    current: Attempt | None = None
    refused: str = ""  # why its container could not be started
    cancelled: bool = False
    terminated: bool = False
    stop: str = ""  # why it was told to stop
    tags: dict[str, str] = field(default_factory=dict)
    children: list[Job] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def arn(self) -> str:
        return f"arn:aws:batch:{self.region}:{self.account}:job/{self.id}"

    @property
    def name(self) -> str:
        return str(self.given["jobName"])

    @property
    def container(self) -> dict[str, Any]:
        """The definition's, with what the submission overrides."""
        base, over = self.definition["containerProperties"], self.given.get("containerOverrides", {})
        variables = {one["name"]: one.get("value", "") for one in base.get("environment", [])}
        variables |= {one["name"]: one.get("value", "") for one in over.get("environment", [])}
        sizes = {one["type"]: one["value"] for one in base.get("resourceRequirements", [])}
        sizes |= {one["type"]: one["value"] for one in over.get("resourceRequirements", [])}
        return {
            **base,
            "command": over.get("command") or base.get("command", []),
            "environment": [{"name": name, "value": value} for name, value in variables.items() if value],
            "resourceRequirements": [{"type": kind, "value": value} for kind, value in sizes.items()],
        }

    def amount(self, kind: str) -> float:
        return next((float(one["value"]) for one in self.container["resourceRequirements"] if one["type"] == kind), 0.0)

    @property
    def timeout(self) -> dict[str, Any]:
        return dict(self.given.get("timeout") or self.definition.get("timeout") or {})

    @property
    def retry(self) -> dict[str, Any]:
        return dict(self.given.get("retryStrategy") or self.definition.get("retryStrategy") or {"attempts": 1})

    def summary(self) -> dict[str, Any]:
        last = self.attempts[-1] if self.attempts else None
        container = {"exitCode": last.exit_code if last else None, "reason": (last.reason if last else "") or None}
        return _without_none(
            {
                "jobArn": self.arn,
                "jobId": self.id,
                "jobName": self.name,
                "createdAt": self.created,
                "status": self.status,
                "statusReason": self.status_reason or None,
                "startedAt": self.started or None,
                "stoppedAt": self.stopped or None,
                "container": _without_none(container) or None,
                "arrayProperties": self._array(),
                "jobDefinition": self.definition["jobDefinitionArn"],
                "isCancelled": self.cancelled,
                "isTerminated": self.terminated,
            }
        )

    def wire(self) -> dict[str, Any]:
        shown = self.current or (self.attempts[-1] if self.attempts else None)
        container = {**self.container, **(shown.wire()["container"] if shown else {})}
        if self.refused:
            container["reason"] = self.refused
        return {
            **self.summary(),
            "jobQueue": self.queue,
            "startedAt": self.started,
            "container": container,
            "attempts": [attempt.wire() for attempt in self.attempts],
            "dependsOn": self.given.get("dependsOn", []),
            "parameters": self.given.get("parameters", {}),
            "retryStrategy": self.retry,
            "timeout": self.timeout,
            "tags": self.tags,
            "propagateTags": bool(self.given.get("propagateTags")),
            "platformCapabilities": self.definition.get("platformCapabilities") or ["EC2"],
        }

    def _array(self) -> dict[str, Any] | None:
        if self.index is not None:
            return {"index": self.index}
        if not self.children:
            return None
        states = [child.status for child in self.children]
        return {"size": len(states), "statusSummary": {state: states.count(state) for state in STATES}}


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
