"""EventBridge Scheduler beside moto's: what it takes is checked, and it fires.

moto keeps the schedules. Here each of them is looked at once a second; for every time that has come since the last
look its target is called as the service does (Lambda: as an event, with the attributes in `<aws.scheduler...>` filled
in), again when that fails, and in the end into its dead-letter queue.

`POST /_emulator/clock` {"ahead": seconds} sets the scheduler's clock ahead of the machine's and answers when all that
is then due was handed over: tests need not wait for a minute. What moto takes too softly: a group that is not there (it
answers 500), expressions, roles that the scheduler cannot take on, an input that is no JSON.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from toolkit.adapters.aws.emulator import operations
from toolkit.adapters.aws.emulator.beats import Bad, Beat
from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.operations import Refused
from toolkit.adapters.aws.emulator.queues import send
from toolkit.adapters.aws.emulator.wire import Call, Reply

CLOCK = "/_emulator/clock"
LOOK_SECONDS = 1.0
RETRY_SECONDS = 0.2  # AWS waits longer and longer
MOST_RETRIES = 3  # AWS: up to 185, as the schedule says
MOST_MISSED = 100
_CHANGES = {"CreateSchedule", "UpdateSchedule"}


class Scheduler:
    def __init__(self, moto: Moto, home: Home) -> None:
        self._moto = moto
        self._home = home
        self._ahead = timedelta(0)
        self._since: dict[str, tuple[datetime, datetime]] = {}  # ARN -> (set at, last looked at)
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._calls = ThreadPoolExecutor(8, "schedule")
        threading.Thread(target=self._run, name="schedules", daemon=True).start()

    def before(self, call: Call) -> Reply | None:
        if call.path == CLOCK and call.method == "POST":
            return self._turn_clock(call)
        if call.service != "scheduler":
            return None
        try:
            operation, given = operations.service("scheduler").read(call)
            if operation in _CHANGES:
                self._check(operation, call.region, given)
        except operations.Invalid as error:
            return Reply.refused(400, "ValidationException", str(error))
        except Refused as refused:
            return refused.reply
        return None

    def after(self, call: Call, reply: Reply) -> Reply:
        changed = call.service == "scheduler" and call.method in {"POST", "PUT"} and reply.status == 200
        if changed and (arn := reply.json().get("ScheduleArn")):
            with self._turn:
                self._since[arn] = (self._now(), self._now())
        return reply

    def close(self) -> None:
        self._stop.set()
        self._calls.shutdown(wait=False, cancel_futures=True)

    def _check(self, operation: str, region: str, given: dict[str, Any]) -> None:
        try:
            Beat(given["ScheduleExpression"])
        except Bad as error:
            raise _invalid(str(error)) from error
        target, group = given["Target"], given.get("GroupName") or "default"
        try:
            json.loads(target.get("Input") or "{}")
        except ValueError as error:
            raise _invalid("Invalid Input: it must be valid JSON") from error
        with self._moto.lock:
            if group not in self._moto.state("scheduler", region).schedule_groups:
                raise Refused(404, "ResourceNotFoundException", f"Schedule group {group} does not exist.")
            roles = {role.arn: role for role in self._moto.state("iam", "aws").roles.values()}
            trust = roles[target["RoleArn"]].assume_role_policy_document if target["RoleArn"] in roles else ""
        if "scheduler.amazonaws.com" not in trust:
            raise _invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")

    def _turn_clock(self, call: Call) -> Reply:
        with self._turn:
            self._ahead = timedelta(seconds=float(call.json()["ahead"]))
        for done in self._look():
            done.result()
        return Reply.of({"ahead": self._ahead.total_seconds()})

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> list[Any]:
        """Start the calls that are due; their futures."""
        due = []
        with self._turn:
            now = self._now()
            for arn, schedule in self._enabled():
                begun, last = self._since.setdefault(arn, (now, now))
                self._since[arn] = (begun, now)
                moments = list(Beat(schedule["ScheduleExpression"]).between(last, now, begun))[-MOST_MISSED:]
                due += [(arn, schedule, moment) for moment in moments]
        return [self._calls.submit(self._fire, *one) for one in due]

    def _enabled(self) -> list[tuple[str, dict[str, Any]]]:
        from moto.scheduler.models import scheduler_backends

        found = []
        with self._moto.lock:
            for backend in scheduler_backends[self._home.account].values():
                for group in backend.schedule_groups.values():
                    found += [(s.arn, s.to_dict()) for s in group.schedules.values() if s.state == "ENABLED"]
        return found

    def _fire(self, arn: str, schedule: dict[str, Any], moment: datetime) -> None:
        target = schedule["Target"]
        attempts = 1 + min(target["RetryPolicy"].get("MaximumRetryAttempts", MOST_RETRIES), MOST_RETRIES)
        execution = str(uuid.uuid4())
        body, reply = "", Reply(500)
        for attempt in range(1, attempts + 1):
            body = _filled(target.get("Input") or "{}", arn, moment, execution, attempt)
            reply = self._hand_over(target["Arn"], body)
            if reply.status < 300:
                return
            time.sleep(RETRY_SECONDS)
        if queue := (target.get("DeadLetterConfig") or {}).get("Arn"):
            code = dict(reply.headers).get("x-amzn-errortype", str(reply.status))
            said = {"ERROR_CODE": code, "ERROR_MESSAGE": str(reply.json().get("Message", "")) or code,
                    "SCHEDULE_ARN": arn, "TARGET_ARN": target["Arn"],
                    "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
                    "SCHEDULED_TIME": _text(moment), "RETRY_ATTEMPTS": str(attempts - 1)}  # fmt: skip
            send(self._moto, queue, body, said)

    def _hand_over(self, arn: str, body: str) -> Reply:
        _, _, service, region, *_ = arn.split(":")
        if service == "lambda":
            path = f"/2015-03-31/functions/{quote(arn, safe='')}/invocations"
            headers = {**self._home.signed(service, region), "x-amz-invocation-type": "Event"}
            return self._home.ask(Call("POST", path, headers, body.encode()))
        return Reply(200) if send(self._moto, arn, body) else Reply.refused(404, "ResourceNotFoundException", arn)


def _filled(text: str, arn: str, moment: datetime, execution: str, attempt: int) -> str:
    known = {"scheduled-time": _text(moment), "schedule-arn": arn, "execution-id": execution,
             "attempt-number": str(attempt)}  # fmt: skip
    for name, value in known.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _invalid(message: str) -> Refused:
    return Refused(400, "ValidationException", message)
