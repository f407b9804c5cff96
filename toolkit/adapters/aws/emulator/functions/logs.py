"""What functions print, as CloudWatch Logs keeps it: a group a function, a stream a worker pool."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.domain import times
from toolkit.execution.aws_lambda.log import FunctionLog


class CloudWatchLog(FunctionLog):
    """Where a pool writes. Lambda makes the group and the stream when they are missing."""

    def __init__(self, moto: Moto, region: str, function: str, alive: Callable[[], bool]) -> None:
        super().__init__(Path())
        self._moto = moto
        self._region = region
        self._group = f"/aws/lambda/{function}"
        self._alive = alive
        self._streams: dict[str, str] = {}

    def write(self, source: str, said: Sequence[tuple[str, str]]) -> None:
        if not said or not self._alive():  # a worker of a deleted function must not make its group anew
            return
        events = [{"timestamp": int(times.parse(moment).timestamp() * 1000), "message": text} for moment, text in said]
        with self._moto.lock:
            logs = self._moto.state("logs", self._region)
            if self._group not in logs.groups:
                logs.create_log_group(self._group, {})
            stream = self._streams.setdefault(source, _stream(source))
            if stream not in logs.groups[self._group].streams:
                logs.create_log_stream(self._group, stream)
            logs.put_log_events(self._group, stream, events)


def _stream(version: str) -> str:
    return f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{uuid.uuid4().hex}"
