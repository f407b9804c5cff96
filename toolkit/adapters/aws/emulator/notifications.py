"""S3's notifications to functions, really delivered: moto finds which apply, and they are sent once its lock is free.

moto would call its own Lambda while it holds the lock; its one function for that is replaced. A configuration is only
taken, as by S3, if its functions exist and allow S3 to call them. Each event has what S3 adds and moto leaves out: the
object's version and a sequencer that grows with every write.
"""

from __future__ import annotations

import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.wire import Call, Reply

_FUNCTION = re.compile(rb"<(?:CloudFunction|LambdaFunctionArn)>\s*([^<\s]+)\s*</")
_REFUSED = (
    b"<Error><Code>InvalidArgument</Code><Message>Unable to validate the following destination configurations"
    b"</Message></Error>"
)


class Notifications:
    def __init__(self, moto: Moto, home: Home) -> None:
        from moto.s3 import notifications

        self._home = home
        self._calls = ThreadPoolExecutor(4, "s3-event")
        self._sequence = itertools.count(1)
        self._event = notifications._get_s3_event
        notifications._get_s3_event = self._complete
        notifications._invoke_awslambda = self._send

    def before(self, call: Call) -> Reply | None:
        if call.service == "s3" and call.method == "PUT" and "notification" in call.query:
            for arn in _FUNCTION.findall(call.body):
                if not self._allowed(arn.decode()):
                    return Reply(400, (("content-type", "application/xml"),), _REFUSED)
        return None

    def after(self, call: Call, reply: Reply) -> Reply:
        return reply

    def close(self) -> None:
        self._calls.shutdown(wait=False, cancel_futures=True)

    def _complete(self, event_name: str, bucket: Any, key: Any, notification_id: str) -> Any:
        event = self._event(event_name, bucket, key, notification_id)
        written = event["Records"][0]["s3"]["object"]
        written["sequencer"] = f"{next(self._sequence):018X}"
        if bucket.is_versioned:
            written["versionId"] = key.version_id
        return event

    def _send(self, account_id: str, event_body: Any, fn_arn: str, region_name: str) -> None:
        with suppress(RuntimeError):  # the emulator is going down
            self._calls.submit(self._deliver, fn_arn, region_name, json.dumps(event_body).encode())

    def _deliver(self, arn: str, region: str, body: bytes) -> None:
        path = f"/2015-03-31/functions/{quote(arn, safe='')}/invocations"
        headers = {**self._home.signed("lambda", region), "x-amz-invocation-type": "Event"}
        self._home.ask(Call("POST", path, headers, body))

    def _allowed(self, arn: str) -> bool:
        path = f"/2015-03-31/functions/{quote(arn, safe='')}/policy"
        reply = self._home.ask(Call("GET", path, self._home.signed("lambda", arn.split(":")[3])))
        if reply.status != 200:
            return False
        statements = json.loads(reply.json()["Policy"])["Statement"]
        return any(statement["Principal"] == {"Service": "s3.amazonaws.com"} for statement in statements)
