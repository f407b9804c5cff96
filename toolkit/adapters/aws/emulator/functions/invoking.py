"""Calls of functions: which version, by which worker, how many at once, and again for events that failed."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.functions.code import interpreter
from toolkit.adapters.aws.emulator.functions.logs import CloudWatchLog
from toolkit.adapters.aws.emulator.functions.state import Function, Functions, Version, split
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.operations import Refused
from toolkit.adapters.aws.emulator.queues import send
from toolkit.adapters.aws.emulator.wire import Reply
from toolkit.domain import times
from toolkit.execution.aws_lambda import Deployment, Outcome, Pool, records

RETRY_SECONDS = (0.5, 1.0)  # AWS: one minute, then two
THROTTLED_SECONDS = 60.0  # how long an event waits for a free worker; AWS: six hours
EVENTS_AT_ONCE = 16
CLOSE_SECONDS = 8.0  # for all workers together to be gone; `dev --stop` kills after fifteen
_LOOK = 5.0


class Invoker:
    """Every function's workers. Used from many threads; nothing runs inside a lock."""

    def __init__(self, moto: Moto, home: Home, functions: Functions) -> None:
        self._moto = moto
        self._home = home
        self._functions = functions
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, str, str], Pool] = {}
        self._logs: dict[str, CloudWatchLog] = {}
        self._stop = threading.Event()
        self._events = ThreadPoolExecutor(EVENTS_AT_ONCE, "lambda-event")
        threading.Thread(target=self._look_after, name="lambda-recycle", daemon=True).start()

    def invoke(self, region: str, given: dict[str, Any]) -> Reply:
        """The operation of that name."""
        name, qualifier = split(given["FunctionName"], given.get("Qualifier", ""))
        with self._functions.lock:
            function = self._functions.get(region, name)
            function.version(qualifier)
        payload = given.get("Payload") or b"{}"
        try:
            json.loads(payload)
        except ValueError as error:
            raise Refused(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}") \
                from error  # fmt: skip
        kind = given.get("InvocationType", "RequestResponse")
        if kind == "DryRun":
            return Reply(204)
        if kind == "Event":
            if len(payload) > records.ASYNC_BYTES:
                raise _too_large(records.ASYNC_BYTES)
            self.queue(function, qualifier, payload)
            return Reply(202)
        outcome, version = self.call(function, qualifier, payload)
        return _answered(outcome, version)

    def queue(self, function: Function, qualifier: str, payload: bytes) -> None:
        """An event that nobody waits for: delivered at least once, again when it fails."""
        with suppress(RuntimeError):  # the emulator is going down
            self._events.submit(self._deliver, function, qualifier, payload)

    def call(self, function: Function, qualifier: str, payload: bytes) -> tuple[Outcome, str]:
        """What came of it and the version that ran. Never raises for what the function does. Refused (404)."""
        with self._functions.lock:
            version = _chosen(function, qualifier)
            if function.reserved is not None and function.running >= function.reserved:
                return records.throttled(), version.number
            function.running += 1
        try:
            while version.pending:  # calls wait for a function that is being made
                time.sleep(0.01)
            return self._pool(function, version).call(payload), version.number
        finally:
            with self._functions.lock:
                function.running -= 1

    def forget(self, function: Function) -> None:
        """End the workers of what was removed or changed."""
        with self._functions.lock:
            alive = self._alive(function)
            kept = {function.latest.config["RevisionId"], *(v.config["RevisionId"] for v in function.versions.values())}
        with self._lock:
            old = [key for key in self._pools if key[0] == function.id and (not alive or key[2] not in kept)]
            pools = [self._pools.pop(key) for key in old]
            if not alive:
                self._logs.pop(function.id, None)
        for pool in pools:
            threading.Thread(target=pool.close, args=(0.0 if not alive else 30.0,), daemon=True).start()

    def close(self) -> None:
        self._stop.set()
        self._events.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        closing = [threading.Thread(target=pool.close, daemon=True) for pool in pools]
        for thread in closing:
            thread.start()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in closing:  # all at once: one call that hangs does not hold up the others' end
            thread.join(max(0.0, deadline - time.monotonic()))

    def _pool(self, function: Function, version: Version) -> Pool:
        key = (function.id, version.number, version.config["RevisionId"])
        with self._lock:
            if key not in self._pools:
                log = self._logs.setdefault(
                    function.id,
                    CloudWatchLog(self._moto, function.region, function.name, lambda: self._alive(function)),
                )
                self._pools[key] = Pool(
                    self._deployment(function, version),
                    workers=self._home.folder / "workers",
                    runtime=self._home.folder / "runtime",
                    log=log,
                    python=interpreter(version.config["Runtime"]),
                )
                if self._stop.is_set():  # a call that came late: no worker for it, nobody would end that
                    self._pools[key].close()
            return self._pools[key]

    def _deployment(self, function: Function, version: Version) -> Deployment:
        config = version.config
        variables = (config.get("Environment") or {}).get("Variables") or {}
        return Deployment(
            name=function.name,
            version=version.number,
            task_root=Path(version.code),
            handler=config["Handler"],
            memory_mb=config["MemorySize"],
            timeout_seconds=config["Timeout"],
            environment={**variables, **self._home.environment(function.region)},
            concurrency=1000,
            region=function.region,
            account=self._home.account,
        )

    def _alive(self, function: Function) -> bool:
        with self._functions.lock:
            known = self._functions.has(function.region, function.name)
            return known and self._functions.get(function.region, function.name).id == function.id

    def _deliver(self, function: Function, qualifier: str, payload: bytes) -> None:
        with self._functions.lock:
            policy = dict(function.events.get(qualifier, {}))
        attempts, failed, deadline = 1 + policy.get("MaximumRetryAttempts", 2), 0, time.monotonic() + THROTTLED_SECONDS
        outcome = Outcome(b"")
        while failed < attempts and not self._stop.is_set() and self._alive(function):
            try:
                outcome, _ = self.call(function, qualifier, payload)
            except Refused:
                return  # what it was meant for is gone
            if not outcome.error:
                return
            if outcome.error == records.THROTTLED and time.monotonic() < deadline:
                self._stop.wait(0.1)
                continue
            failed += 1
            if failed < attempts:
                self._stop.wait(RETRY_SECONDS[min(failed, len(RETRY_SECONDS)) - 1])
        if failed and (target := (policy.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")):
            send(self._moto, target, _undelivered(function, qualifier, payload, outcome, failed))

    def _look_after(self) -> None:
        while not self._stop.wait(_LOOK):
            with self._lock:
                pools = list(self._pools.values())
            for pool in pools:
                pool.recycle()


def _chosen(function: Function, qualifier: str) -> Version:
    """The version that this call goes to: an alias may share its traffic between two."""
    if qualifier not in function.aliases:
        return function.version(qualifier)
    alias = function.aliases[qualifier]
    for number, weight in ((alias["RoutingConfig"] or {}).get("AdditionalVersionWeights") or {}).items():
        if random.random() < weight:  # noqa: S311  # shares traffic, guards nothing
            return function.version(number)
    return function.version(alias["FunctionVersion"])


def _answered(outcome: Outcome, version: str) -> Reply:
    if outcome.error == records.REQUEST_TOO_LARGE:
        raise _too_large(records.PAYLOAD_BYTES)
    if outcome.error == records.THROTTLED:
        raise Refused(429, "TooManyRequestsException", "Rate Exceeded.",
                      Reason="ReservedFunctionConcurrentInvocationLimitExceeded")  # fmt: skip
    if outcome.error == records.GONE:
        raise Refused(404, "ResourceNotFoundException", "Function not found")
    headers = [("content-type", "application/json"), ("x-amz-executed-version", version),
               ("x-amzn-requestid", outcome.request_id or str(uuid.uuid4()))]  # fmt: skip
    if outcome.error:
        headers.append(("x-amz-function-error", "Unhandled"))
    return Reply(200, tuple(headers), outcome.payload)


def _too_large(limit: int) -> Refused:
    return Refused(413, "RequestTooLargeException", f"Request must be smaller than {limit} bytes for the InvokeFunction"
                   " operation")  # fmt: skip


def _undelivered(function: Function, qualifier: str, payload: bytes, outcome: Outcome, attempts: int) -> str:
    """The record that a destination gets."""
    told = {
        "version": "1.0",
        "timestamp": times.now(),
        "requestContext": {"functionArn": f"{function.arn}:{qualifier}", "condition": "RetriesExhausted",
                           "approximateInvokeCount": attempts},
        "requestPayload": json.loads(payload),
        "responsePayload": json.loads(outcome.payload or b"null"),
    }  # fmt: skip
    return json.dumps(told)
