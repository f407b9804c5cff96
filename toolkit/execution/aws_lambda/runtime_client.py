"""A runtime client that speaks as `awslambdaric` does, for where that has no wheel. Standard library only.

Same calls of the Runtime API, same error types, same log lines, same context object. Not offered: response streaming,
client context classes, SnapStart. A Decimal is answered as the nearest float.
Started by `bootstrap.py`, which loads this file by its path; nothing of the toolkit is imported here.
"""

from __future__ import annotations

import decimal
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

_API = "/2018-06-01/runtime"
_INDENT = "\u00a0"
_request_id = ""


class Fault(Exception):
    """What Lambda has an error type for."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


class Context:
    """What a handler gets as its second argument."""

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.client_context = None
        self.identity = None
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))


class Runtime:
    """The connection to the Runtime API; one, kept open."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[http.client.HTTPMessage, bytes]:
        status, headers, body = self._send("GET", "/invocation/next")
        if status != 200:
            raise SystemExit(f"the Runtime API answered {status} to next")
        return headers, body

    def answer(self, request_id: str, body: bytes, content_type: str) -> None:
        path = f"/invocation/{request_id}/response"
        self._expect(self._send("POST", path, body, {"Content-Type": content_type})[0], path)

    def fail(self, path: str, error: dict[str, Any]) -> None:
        headers = {
            "Content-Type": "application/vnd.aws.lambda.error+json",
            "Lambda-Runtime-Function-Error-Type": error["errorType"],
        }
        self._expect(self._send("POST", path, _json(error).encode(), headers)[0], path)

    def _send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        self._connection.request(method, _API + path, body, headers or {})
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()

    def _expect(self, status: int, path: str) -> None:
        if status != 202:
            raise RuntimeError(f"the Runtime API answered {status} to {path}")


class _Logs(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = _request_id
        sys.stdout.write(self.format(record))


def main(handler: str) -> NoReturn:
    global _request_id
    runtime = Runtime(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _set_up_logging()
    try:
        function = _load(handler)
    except Exception as error:
        failure = _describe(error, "")
        _print_error(failure)
        runtime.fail("/init/error", failure)
        sys.exit(1)
    while True:
        headers, body = runtime.next()
        _request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
        _call(runtime, function, headers, body)


def _call(
    runtime: Runtime, function: Callable[[Any, Context], Any], headers: http.client.HTTPMessage, body: bytes
) -> None:
    try:
        context = Context(headers)
        answer, content_type = _marshal(function(_unmarshal(body), context))
    except Exception as error:
        failure = _describe(error, _request_id)
        _print_error(failure)
        runtime.fail(f"/invocation/{_request_id}/error", failure)
    else:
        runtime.answer(_request_id, answer, content_type)


def _load(handler: str) -> Callable[[Any, Context], Any]:
    module, dot, name = handler.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack")
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module}': {error}") from error
    except SyntaxError as error:
        place = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}", place) from error
    try:
        function: Callable[[Any, Context], Any] = getattr(loaded, name)
    except AttributeError as error:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module}'") from error
    return function


def _unmarshal(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


def _marshal(value: Any) -> tuple[bytes, str]:
    if isinstance(value, bytes):
        return value, "application/unknown"
    try:
        return _json(value).encode(), "application/json"
    except (TypeError, ValueError) as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _json(value: Any) -> str:
    return json.dumps(value, default=_decimal)


def _decimal(value: Any) -> float:
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _describe(error: Exception, request_id: str) -> dict[str, Any]:
    if isinstance(error, Fault):
        kind, trace = error.kind, error.trace
    else:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
        kind, trace = type(error).__name__, traceback.format_list(frames)
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _print_error(failure: dict[str, Any]) -> None:
    """One log record: lines are parted by carriage returns, indents kept by no-break spaces, as Lambda does it."""
    lines = [f"[ERROR] {failure['errorType']}: {failure['errorMessage']}", "Traceback (most recent call last):"]
    for element in failure["stackTrace"]:
        for line in element.splitlines():
            text = line.lstrip(" ")
            lines.append(_INDENT * (len(line) - len(text)) + text)
    sys.stdout.write("\r".join(lines) + "\n")


def _set_up_logging() -> None:
    logging.Formatter.converter = time.gmtime
    handler = _Logs()
    form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    handler.setFormatter(logging.Formatter(form, "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger().addHandler(handler)
