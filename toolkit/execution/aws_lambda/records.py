"""What is deployed, what came of a call, and Lambda's words for what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PAYLOAD_BYTES = 6 * 1024**2  # request and response of a synchronous call
ASYNC_BYTES = 1024**2  # an event that nobody waits for
INIT_SECONDS = 10.0
IDLE_SECONDS = 300.0

TIMEOUT = "Sandbox.Timedout"
EXIT = "Runtime.ExitError"
OUT_OF_MEMORY = "Runtime.OutOfMemory"
RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"
REQUEST_TOO_LARGE = "RequestTooLargeException"
THROTTLED = "TooManyRequestsException"
GONE = "ResourceNotFoundException"


@dataclass(frozen=True)
class Deployment:
    """One published version, unpacked and ready to run. `task_root` is the bundle's folder, read-only."""

    name: str
    version: str
    task_root: Path
    handler: str = "app.handler"
    memory_mb: int = 512
    timeout_seconds: float = 30.0
    environment: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 2
    init_seconds: float = INIT_SECONDS
    idle_seconds: float = IDLE_SECONDS
    region: str = "local"
    account: str = "000000000000"

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}:{self.version}"


@dataclass(frozen=True)
class Outcome:
    """What Invoke answers: `status` 200 with the handler's JSON, 200 with `error` and the error's JSON when the
    function failed, 413 or 429 when it was not called at all."""

    payload: bytes
    error: str = ""
    status: int = 200
    request_id: str = ""

    @property
    def message(self) -> str:
        """The words of the error, "" when there is none."""
        if not self.error:
            return ""
        try:
            return str(json.loads(self.payload).get("errorMessage", ""))
        except (ValueError, AttributeError):
            return self.payload.decode("utf-8", "replace")


def failure(kind: str, message: str, request_id: str = "", status: int = 200) -> Outcome:
    body = {"errorType": kind, "errorMessage": message}
    return Outcome(json.dumps(body).encode(), kind, status, request_id)


def timed_out(request_id: str, seconds: float) -> Outcome:
    return failure(TIMEOUT, f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds", request_id)


def exited(request_id: str, how: str) -> Outcome:
    """`how`: "exit status 1", "signal: killed"."""
    return failure(EXIT, f"RequestId: {request_id} Error: Runtime exited with error: {how}", request_id)


def out_of_memory(request_id: str, used_mb: int, limit_mb: int) -> Outcome:
    text = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
    return failure(OUT_OF_MEMORY, f"{text} (used {used_mb} MB of {limit_mb} MB)", request_id)


def response_too_large(request_id: str) -> Outcome:
    text = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES} bytes)."
    return failure(RESPONSE_TOO_LARGE, text, request_id)


def request_too_large(limit: int = PAYLOAD_BYTES) -> Outcome:
    text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return failure(REQUEST_TOO_LARGE, text, status=413)


def throttled() -> Outcome:
    return failure(THROTTLED, "Rate Exceeded.", status=429)


def gone(name: str) -> Outcome:
    return failure(GONE, f"Function not found: {name}", status=404)
