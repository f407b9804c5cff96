"""Function URLs: HTTP to the event of payload format 2.0 and back, with the authorization that the URL asks for.

On AWS a URL is a host of its own (https://<id>.lambda-url.<region>.on.aws/); here it is a path of the emulator,
/lambda-url/<id>/, since no name but `localhost` is sure to lead to loopback. What the function sees begins behind it.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from toolkit.adapters.aws.emulator import signature
from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.functions.invoking import Invoker
from toolkit.adapters.aws.emulator.functions.state import Function, Functions
from toolkit.adapters.aws.emulator.operations import Refused
from toolkit.adapters.aws.emulator.wire import Call, Reply
from toolkit.execution import http_events
from toolkit.execution.aws_lambda import Outcome, records
from toolkit.execution.http_messages import Request

PREFIX = "/lambda-url/"
_PLACE = re.compile(r"/lambda-url/([0-9a-z]+)(/.*)?")
_DROPPED = {"authorization", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-prefix"}
_FORBIDDEN = "Forbidden. For troubleshooting Function URL authorization issues, see: " \
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"  # fmt: skip


class Urls:
    def __init__(self, home: Home, functions: Functions, invoker: Invoker) -> None:
        self._home = home
        self._functions = functions
        self._invoker = invoker

    def answer(self, call: Call) -> Reply | None:
        """None for what is no function URL."""
        match = _PLACE.fullmatch(call.raw_path)
        if match is None or call.service == "s3":  # a bucket of that name
            return None
        with self._functions.lock:
            found = self._functions.url(match[1])
            if found is None:
                return Reply.of({"Message": None}, 404)
            function, qualifier = found
            private = function.urls[qualifier]["AuthType"] == "AWS_IAM"
            public = _public(function, qualifier)
        if refused := self._refused(call) if private else ("" if public else _FORBIDDEN):
            return Reply.of({"Message": refused}, 403, x_amzn_errortype="AccessDeniedException")
        event = self._event(call, match[1], match[2] or "/", private)
        try:
            outcome, _ = self._invoker.call(function, qualifier, json.dumps(event).encode())
        except Refused as refused_call:
            return refused_call.reply
        return _answer(outcome)

    def _refused(self, call: Call) -> str:
        if not call.key_id:
            return _FORBIDDEN
        why = signature.refusal(call, self._home.address, *self._home.credentials)
        return why or ("" if call.service == "lambda" else "Credential should be scoped to correct service: 'lambda'.")

    def _event(self, call: Call, url_id: str, path: str, private: bool) -> dict[str, Any]:
        target = f"{path}?{call.raw_query}" if call.raw_query else path
        headers = [(name, value) for name, value in call.headers.items() if name not in _DROPPED]
        port = self._home.address.rpartition(":")[2]
        headers += [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "http"), ("x-forwarded-port", port),
                    ("x-forwarded-prefix", f"{PREFIX}{url_id}")]  # fmt: skip
        event = http_events.to_event(
            Request(call.method, target, tuple(headers), call.body), function=url_id, request_id=str(uuid.uuid4())
        )
        if private:
            account = self._home.account
            event["requestContext"]["accountId"] = account
            event["requestContext"]["authorizer"] = {"iam": {
                "accessKey": call.key_id, "accountId": account, "callerId": account, "cognitoIdentity": None,
                "principalOrgId": None, "userArn": f"arn:aws:iam::{account}:root", "userId": account,
            }}  # fmt: skip
        return event


def _public(function: Function, qualifier: str) -> bool:
    """Whether everyone may call it: since October 2025 that takes both permissions."""
    granted = {
        statement["Action"]
        for statement in function.policies.get(qualifier, [])
        if statement["Principal"] == "*" and _holds(statement["Condition"])
    }
    return {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"} <= granted


def _holds(condition: dict[str, Any]) -> bool:
    """For a call over a URL without authorization."""
    auth = condition.get("StringEquals", {}).get("lambda:FunctionUrlAuthType", "NONE")
    return bool(auth == "NONE" and set(condition) <= {"StringEquals", "Bool"})


def _answer(outcome: Outcome) -> Reply:
    if not outcome.error:
        try:
            response = http_events.from_result(outcome.payload)
            return Reply(response.status, response.headers, response.body)
        except http_events.BadAnswer:
            return _failed(502)
    if outcome.error == records.THROTTLED:
        return Reply.of({"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User",
                         "message": "Rate Exceeded."}, 429, x_amzn_errortype="TooManyRequestsException")  # fmt: skip
    if outcome.error == records.REQUEST_TOO_LARGE:
        return Reply.of({"Message": "Request Entity Too Large"}, 413)
    return _failed(504 if outcome.error == records.TIMEOUT else 502)


def _failed(status: int) -> Reply:
    return Reply(status, (("content-type", "application/json"),), b"Internal Server Error")
