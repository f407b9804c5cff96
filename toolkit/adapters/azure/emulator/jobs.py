"""Container Apps jobs: executions that really run, with retries, time limits and exit codes; schedules that fire.

`POST /_emulator/clock` {"ahead": seconds} sets the scheduler's clock ahead of the machine's and answers when all that
is then due was run: tests need not wait. A scheduled execution's name ends with its time in minutes since 1970.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from toolkit.adapters.azure.emulator import containerapps_checks as checks
from toolkit.adapters.azure.emulator.arm_console import ConsoleLogs
from toolkit.adapters.azure.emulator.arm_room import id_of, listed, merged, stamp
from toolkit.adapters.azure.emulator.containerapps import PROVIDER, ContainerApps, container, principal
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.jobs_beats import Bad, between
from toolkit.adapters.azure.emulator.refused import conflict, missing
from toolkit.adapters.azure.emulator.rest import Call, Reply
from toolkit.execution.container.running import Container, execute
from toolkit.execution.http_messages import Request, Response, json_response
from toolkit.execution.process import Outcome
from toolkit.execution.reaper import Reaper

JOBS = f"{PROVIDER}/jobs"
CLOCK = "/_emulator/clock"
LOOK_SECONDS = 1.0
MOST_MISSED = 100
NEVER = datetime.min.replace(tzinfo=UTC)
RUNNING, STOPPED = "Running", "Stopped"


@dataclass
class Execution:
    name: str
    template: dict[str, Any]
    begun: str
    status: str = RUNNING
    ended: str = ""
    reason: str = ""
    stop: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@dataclass
class Kept:
    desired: dict[str, Any]
    executions: dict[str, Execution] = field(default_factory=dict)
    looked: datetime = NEVER


class Jobs:
    def __init__(
        self,
        address: str,
        home: Path,
        reaper: Reaper,
        identity: Identity,
        apps: ContainerApps,
        log: ConsoleLogs,
    ) -> None:
        self._address, self._home, self._reaper, self._identity, self._log = address, home, reaper, identity, log
        self._apps, self._lock, self.operations = apps, apps.lock, apps.operations
        self._kept: dict[str, Kept] = {}
        self._ahead = timedelta(0)
        self._closing = threading.Event()
        threading.Thread(target=self._look_on, name="schedules", daemon=True).start()

    # The control plane

    def put(self, call: Call) -> Reply:
        name = id_of(call, JOBS, call.path["job"])
        with self._lock:
            self._settled(name)
            there = self._kept.get(name)
            body = {**copy.deepcopy(call.body), "id": name, "name": call.path["job"], "type": JOBS}
            created = there.desired["systemData"]["createdAt"] if there else stamp()
            body["systemData"] = {"createdAt": created, "lastModifiedAt": stamp()}
            return self._change(call, name, there or Kept(body), body, 200 if there else 201, asynchronous=True)

    def patch(self, call: Call) -> Reply:
        name = id_of(call, JOBS, call.path["job"])
        with self._lock:
            self._settled(name)
            kept = self._find(call)
            return self._change(call, name, kept, merged(kept.desired, call.body), 202, asynchronous=False)

    def get(self, call: Call) -> Reply:
        with self._lock:
            self.operations.settle()
            return Reply(copy.deepcopy(self._find(call).desired))

    def list(self, call: Call) -> Reply:
        begin = id_of(call, JOBS, "")
        with self._lock:
            self.operations.settle()
            found = [copy.deepcopy(self._kept[name].desired) for name in sorted(self._kept) if name.startswith(begin)]
        return listed(found, call)

    def delete(self, call: Call) -> Reply:
        name = id_of(call, JOBS, call.path["job"])
        with self._lock:
            self.operations.settle()
            if name not in self._kept:
                return Reply(None, 204)
            self._settled(name)
            kept = self._kept[name]

            def finish() -> None:
                self._kept.pop(name, None)
                for execution in kept.executions.values():
                    execution.stop = execution.stop or "the job is deleted"
                self._log.forget("ContainerJobName_s", call.path["job"])

            return self.operations.begin(call, name, finish, status=202, asynchronous=False)

    def start(self, call: Call) -> Reply:
        with self._lock:
            self.operations.settle()
            kept = self._find(call)
            if kept.desired["properties"]["provisioningState"] != "Succeeded":
                raise conflict("There is an operation in progress on the job.", "JobOperationInProgress")
            template = copy.deepcopy(call.body) or copy.deepcopy(kept.desired["properties"]["template"])
            checks.template(template, "Job")
            self._apps.pulled(kept.desired, template)
            execution = self._begin(kept, f"{call.path['job']}-{uuid4().hex[:7]}", template)
            told = {"name": execution.name, "id": f"{kept.desired['id']}/executions/{execution.name}"}
            return self.operations.begin(
                call, f"{kept.desired['id']}/executions", lambda: told, status=202, asynchronous=False
            )

    def stop(self, call: Call) -> Reply:
        with self._lock:
            execution = self._execution(call)
            if not execution.over.is_set():
                execution.stop = "stopped"
            return self.operations.begin(call, execution.name, dict, status=202, asynchronous=False)

    def executions(self, call: Call) -> Reply:
        with self._lock:
            kept = self._find(call)
            found = [_shown(kept, one) for one in reversed(kept.executions.values())]
        return listed(found, call)

    def execution(self, call: Call) -> Reply:
        with self._lock:
            return Reply(_shown(self._find(call), self._execution(call)))

    def clock(self, request: Request) -> Response | None:
        """None for any other path."""
        if request.path != CLOCK or request.method != "POST":
            return None
        with self._lock:
            self._ahead = timedelta(seconds=float(json.loads(request.body)["ahead"]))
            if not self._ahead:  # a test is over: what lay ahead is not made up for
                for kept in self._kept.values():
                    kept.looked = self._now()
        for execution in self._look():
            execution.over.wait(120)
        return json_response(200, {"ahead": self._ahead.total_seconds()})

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            running = [one for kept in self._kept.values() for one in kept.executions.values()]
            for execution in running:
                execution.stop = execution.stop or "the emulator ends"
        for execution in running:
            execution.over.wait(15)

    # What a change comes to

    def _change(
        self, call: Call, name: str, kept: Kept, body: dict[str, Any], status: int, *, asynchronous: bool
    ) -> Reply:
        checks.resource(body, call.path["job"], self._apps.environments, "Job")
        checks.job(body["properties"])
        checks.template(body["properties"].get("template"), "Job")
        config = body["properties"]["configuration"].get("scheduleTriggerConfig")
        if config:
            try:
                next(iter(between(config["cronExpression"], self._now(), self._now())), None)
            except Bad as error:
                raise checks.wrong("scheduleTriggerConfig.cronExpression", str(error), "Job") from error
        body["properties"]["provisioningState"] = "InProgress"
        kept.desired, kept.looked = body, self._now()
        self._kept[name] = kept

        def finish() -> Any:
            if self._kept.get(name) is not kept:
                raise missing(name)
            kept.desired["properties"]["provisioningState"] = "Succeeded"
            return copy.deepcopy(kept.desired)

        return self.operations.begin(
            call, name, finish, body=copy.deepcopy(body), status=status, asynchronous=asynchronous
        )

    def _settled(self, name: str) -> None:
        self.operations.settle()
        if self.operations.busy(name):
            raise conflict("There is an operation in progress on the job.", "JobOperationInProgress")

    def _find(self, call: Call) -> Kept:
        name = id_of(call, JOBS, call.path["job"])
        if name not in self._kept:
            raise missing(name)
        return self._kept[name]

    def _execution(self, call: Call) -> Execution:
        found = self._find(call).executions.get(call.path["execution"])
        if found is None:
            raise missing(call.path["execution"])
        return found

    # Running

    def _begin(self, kept: Kept, name: str, template: dict[str, Any]) -> Execution:
        execution = kept.executions[name] = Execution(name, template, stamp())
        configuration, own = kept.desired["properties"]["configuration"], copy.deepcopy(kept.desired)
        threading.Thread(target=self._run, args=(own, configuration, execution), name="execution", daemon=True).start()
        return execution

    def _run(self, job: dict[str, Any], configuration: dict[str, Any], execution: Execution) -> None:
        given = execution.template["containers"][0]
        shape = container(given)
        told = {
            **shape.env, **self._identity.environment(principal(job)), "CONTAINER_APP_JOB_NAME": job["name"],
            "CONTAINER_APP_JOB_EXECUTION_NAME": execution.name,
        }  # fmt: skip
        wanted = Container(shape.args, told, shape.memory_mb, configuration["replicaTimeout"])
        try:
            for attempt in range(1 + (configuration.get("replicaRetryLimit") or 0)):
                replica = f"{execution.name}-{attempt:05d}"
                outcome = execute(
                    wanted, self._home, self._reaper, self._printer(job["name"], replica, given["name"]),
                    lambda: execution.stop,
                )  # fmt: skip
                execution.outcomes.append(outcome)
                if outcome.state in {"succeeded", "cancelled", "timeout"} or execution.stop:
                    break
        finally:
            with self._lock:
                last = execution.outcomes[-1] if execution.outcomes else Outcome("failed", "it could not be started")
                states = {"succeeded": "Succeeded", "cancelled": STOPPED}
                execution.status, execution.ended = states.get(last.state, "Failed"), stamp()
                execution.reason = {"timeout": "DeadlineExceeded", "failed": "BackoffLimitExceeded"}.get(last.state, "")
            execution.over.set()

    def _printer(self, job: str, replica: str, name: str) -> Callable[[str, str], None]:
        def printed(text: str, time: str) -> None:
            self._log.printed(
                text,
                time,
                ContainerJobName_s=job,
                ContainerGroupName_s=replica,
                ContainerName_s=name,
                Stream_s="stdout",
            )

        return printed

    # Schedules

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def _look_on(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> tuple[Execution, ...]:
        """Start what is due."""
        begun = []
        with self._lock:
            self.operations.settle()
            now = self._now()
            for kept in self._kept.values():
                since, kept.looked = kept.looked, max(now, kept.looked)
                properties = kept.desired["properties"]
                config = properties["configuration"].get("scheduleTriggerConfig")
                if not config or properties["provisioningState"] != "Succeeded":
                    kept.looked = since
                    continue
                for moment in list(between(config["cronExpression"], since, now))[-MOST_MISSED:]:
                    name = f"{kept.desired['name']}-{int(moment.timestamp()) // 60}"
                    if name not in kept.executions:
                        begun.append(self._begin(kept, name, copy.deepcopy(properties["template"])))
        return tuple(begun)


def _shown(kept: Kept, execution: Execution) -> dict[str, Any]:
    replicas = [
        {
            "name": f"{execution.name}-{attempt:05d}",
            "containers": [
                {
                    "name": execution.template["containers"][0]["name"],
                    "code": _code(outcome),
                    "status": "Terminated",
                    "additionalInformation": _said(outcome),
                }
            ],
        }
        for attempt, outcome in enumerate(execution.outcomes)
    ]
    properties: dict[str, Any] = {
        "status": execution.status, "startTime": execution.begun, "template": execution.template,
        "detailedStatus": {"replicas": replicas},
    }  # fmt: skip
    if execution.ended:
        properties |= {"endTime": execution.ended, "reason": execution.reason}
    return {
        "id": f"{kept.desired['id']}/executions/{execution.name}", "name": execution.name,
        "type": f"{JOBS}/executions", "properties": properties,
    }  # fmt: skip


def _code(outcome: Outcome) -> int:
    if outcome.exit_code is not None:
        return outcome.exit_code
    return 0 if outcome.state == "succeeded" else 137


def _said(outcome: Outcome) -> str:
    return "OOMKilled" if outcome.state == "out-of-memory" else "Completed" if outcome.state == "succeeded" else "Error"
