"""One worker through its life: init, calls, frozen in between, its end.

Whoever calls drives it: one selector watches the runtime client's connections and the output pipe until the call is
over, its time is up, its memory is, or the process has gone. Not for two threads at a time.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import selectors
import signal
import time
from contextlib import suppress
from pathlib import Path

from toolkit.domain import times
from toolkit.execution.aws_lambda import records
from toolkit.execution.aws_lambda.channel import Connection, Post, RuntimeApi
from toolkit.execution.aws_lambda.log import FunctionLog
from toolkit.execution.aws_lambda.records import Deployment, Outcome
from toolkit.execution.aws_lambda.runtimes import Runtime
from toolkit.execution.aws_lambda.sandbox import Sandbox

_TICK = 0.05
_ENDING = 0.002  # after the client hung up: its process is about to be gone
_MIB = 1024**2
_SHARE = 20  # measuring takes at most one part in twenty of the time


class _Ended(Exception):
    """The worker cannot go on; `outcome` is what its caller gets, and the worker is to be killed."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class Worker:
    """`folder` is for records and private folders of workers. Raises OSError when it cannot be spawned."""

    def __init__(self, deployment: Deployment, runtime: Runtime, folder: Path, log: FunctionLog) -> None:
        self._deployment = deployment
        self._log = log
        self._selector = selectors.DefaultSelector()
        self._api = RuntimeApi(self._selector)
        self._waiting: Connection | None = None  # the client's open call of `next`
        self._rest = b""  # of output, after the last line end
        self._lines: list[tuple[str, str]] = []  # (time, text), to be written to the log
        self._ending = False
        self._closed = False
        self._peak = 0
        self._measure_at = 0.0
        self._init_ms = 0.0
        self.idle_since = time.monotonic()
        self._line(f"INIT_START Runtime Version: {runtime.title}")
        try:
            self._sandbox = Sandbox(deployment, runtime, self._api.address, folder)
        except BaseException:
            self._api.close()
            self._selector.close()
            raise
        self._selector.register(self._sandbox.output, selectors.EVENT_READ, self._read_output)

    @property
    def pid(self) -> int:
        return self._sandbox.pid

    @property
    def alive(self) -> bool:
        return self._waiting is not None and self._sandbox.exit_code() is None

    def start(self, request_id: str, seconds: float) -> Outcome | None:
        """Wait until the handler is loaded: None, or the error, after which the worker is dead."""
        begin = time.monotonic()
        try:
            post = self._until("next", begin + seconds, request_id, seconds)
        except _Ended as end:
            self._init_ms = (time.monotonic() - begin) * 1000
            status = "timeout" if end.outcome.error == records.TIMEOUT else "error"
            self.kill()
            self._say(f"INIT_REPORT Init Duration: {self._init_ms:.2f} ms\tPhase: init\tStatus: {status}")
            self._flush()
            return end.outcome
        self._init_ms = (time.monotonic() - begin) * 1000
        self._waiting = post.connection
        return None

    def call(self, payload: bytes, request_id: str, seconds: float) -> Outcome:
        """One invocation. If it did not end well for the process, the worker is dead (`alive` says so)."""
        begin = time.monotonic()
        self._say(f"START RequestId: {request_id} Version: {self._deployment.version}")
        outcome: Outcome | None = None
        try:
            self._hand_over(payload, request_id, seconds)
            post = self._until("response", begin + seconds, request_id, seconds)
            outcome = self._accept(post, request_id)
            self._waiting = self._until("next", begin + seconds, request_id, seconds).connection
            self._over_peak(request_id)
            self._sandbox.freeze()
            self._read_output()
        except _Ended as end:
            # An answer that was given counts, whatever became of the process after it; over its memory it does not.
            if outcome is None or end.outcome.error == records.OUT_OF_MEMORY:
                outcome = end.outcome
            self.kill()
            if outcome.error == records.TIMEOUT:
                self._say(f"{request_id} Task timed out after {seconds:.2f} seconds")
        self._report(outcome, (time.monotonic() - begin) * 1000)
        self.idle_since = time.monotonic()
        return outcome

    def end(self) -> None:
        """Kill its processes from another thread: the one that drives it sees the end and clears up."""
        self._sandbox.kill()

    def kill(self) -> None:
        """Nothing of it is left afterwards but its log. Again is no error."""
        self._waiting = None
        if self._closed:
            return
        self._closed = True
        self._sandbox.kill()
        self._read_output()
        self._flush()
        self._api.close()
        self._selector.close()
        self._sandbox.close()

    def _hand_over(self, payload: bytes, request_id: str, seconds: float) -> None:
        connection, self._waiting = self._waiting, None
        assert connection is not None
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", request_id),
            ("Lambda-Runtime-Deadline-Ms", str(int((time.time() + seconds) * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", self._deployment.arn),
            ("Lambda-Runtime-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=0"),
        ]
        self._sandbox.thaw()
        try:
            connection.reply(200, headers, payload, seconds=seconds)
        except OSError as error:
            self._api.drop(connection)
            raise _Ended(records.exited(request_id, self._how())) from error

    def _accept(self, post: Post, request_id: str) -> Outcome:
        """What was posted as the end of the call, acknowledged."""
        with suppress(OSError):
            if post.body is None:
                post.connection.refuse_size()
            else:
                post.connection.accept()
        if post.body is None:
            return records.response_too_large(request_id)
        kind = _error_type(post.body) if post.what == "error" else ""
        return Outcome(post.body, kind, request_id=request_id)

    def _until(self, what: str, deadline: float, request_id: str, seconds: float) -> Post:
        """Drive it until the client posts `what` ("response" stands for an error too). Raises _Ended."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise _Ended(records.timed_out(request_id, seconds))
            post = self._step(min(left, _ENDING if self._ending else _TICK))
            if post is None:
                self._check(request_id)
            elif post.what == "init-error" and post.body is not None:
                self._accept(post, request_id)
                raise _Ended(Outcome(post.body, _error_type(post.body), request_id=request_id))
            elif post.request_id in {"", request_id} and (
                post.what == what or (post.what, what) == ("error", "response")
            ):
                return post
            else:
                with suppress(OSError):
                    post.connection.refuse_path()

    def _step(self, seconds: float) -> Post | None:
        found: Post | None = None
        for key, _ in self._selector.select(seconds):
            post = key.data()
            found = post or found
        return found

    def _check(self, request_id: str) -> None:
        """Raise _Ended if the process has gone or uses more than its memory; let its lines be seen meanwhile."""
        self._flush()
        if self._sandbox.exit_code() is not None:
            raise _Ended(records.exited(request_id, self._how()))
        now = time.monotonic()
        if now < self._measure_at:
            return
        used = self._sandbox.memory()
        self._measure_at = now + max(2 * _TICK, (time.monotonic() - now) * _SHARE)
        self._limit(used, request_id)

    def _over_peak(self, request_id: str) -> None:
        self._limit(self._sandbox.peak(), request_id)

    def _limit(self, used: int, request_id: str) -> None:
        self._peak = max(self._peak, used)
        if used > self._deployment.memory_mb * _MIB:
            raise _Ended(records.out_of_memory(request_id, used // _MIB, self._deployment.memory_mb))

    def _how(self) -> str:
        """The end of the process, in the words of Lambda."""
        deadline = time.monotonic() + 1.0
        while (code := self._sandbox.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(_ENDING)
        if code is None or code < 0:
            return f"signal: {(signal.strsignal(-(code or -signal.SIGKILL)) or 'unknown').lower()}"
        return f"exit status {code}"

    def _read_output(self) -> None:
        """Whatever was printed, without waiting."""
        while True:
            try:
                data = os.read(self._sandbox.output, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                self._ending = True
                with suppress(KeyError, ValueError):
                    self._selector.unregister(self._sandbox.output)
                return
            *whole, self._rest = (self._rest + data).split(b"\n")
            for line in whole:
                self._line(_text(line))

    def _line(self, text: str) -> None:
        self._lines.append((times.now(), text))

    def _say(self, line: str) -> None:
        """A line of the platform, after what was printed so far."""
        if not self._closed and not self._ending:
            self._read_output()
        if self._rest:
            self._line(_text(self._rest))
            self._rest = b""
        self._line(line)

    def _report(self, outcome: Outcome, duration: float) -> None:
        billed = math.ceil(duration + self._init_ms)
        report = (
            f"REPORT RequestId: {outcome.request_id}\tDuration: {duration:.2f} ms\tBilled Duration: {billed} ms\t"
            f"Memory Size: {self._deployment.memory_mb} MB\tMax Memory Used: {math.ceil(self._peak / _MIB)} MB"
        )
        if self._init_ms:
            report += f"\tInit Duration: {self._init_ms:.2f} ms"
            self._init_ms = 0.0
        if outcome.error == records.TIMEOUT:
            report += "\tStatus: timeout"
        elif outcome.error:
            report += f"\tStatus: error\tError Type: {outcome.error}"
        self._say(f"END RequestId: {outcome.request_id}")
        self._say(report)
        self._flush()

    def _flush(self) -> None:
        if self._rest and self._ending:
            self._line(_text(self._rest))
            self._rest = b""
        lines, self._lines = self._lines, []
        self._log.write(self._deployment.version, lines)


def _text(line: bytes) -> str:
    """One record: the runtime client parts the lines of a stack trace by carriage returns."""
    return line.decode("utf-8", "replace").rstrip("\r").replace("\r", "\n")


def _error_type(body: bytes) -> str:
    with suppress(ValueError, AttributeError):
        return str(json.loads(body).get("errorType") or "Error")
    return "Error"
