from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.aws import cloud
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.logs import Position, Streams
from toolkit.domain.errors import ConfigError

NUMBERS = st.integers(0, 10**15)


@given(st.builds(Position, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def test_a_position_is_its_cursor(position: Position) -> None:
    assert Position.of(str(position)) == position


@pytest.mark.parametrize("cursor", ["a", "1", "1.2.3", "1.2.3.4.5", "1.2.3.-4", "f/123/s"])
def test_another_logs_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ConfigError):
        Position.of(cursor)


def streams(*messages: tuple[int, str]) -> Streams:
    service: Any = client("logs", cloud.REGION, cloud.address())
    group = f"/toolkit/{uuid4().hex}/jobs"
    service.create_log_group(logGroupName=group)
    service.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + ms, "message": text} for ms, text in messages]
    for start in range(0, len(events), 1000):
        service.put_log_events(logGroupName=group, logStreamName="s", logEvents=events[start : start + 1000])
    return Streams(group, service)


def test_reading_goes_on_after_any_line_also_within_a_millisecond() -> None:
    found = streams((0, "a"), (1, "b"), (1, "c"), (1, "d"), (2, "e"), (2, "e"))
    lines = [line for _, line in found.read("s", Position(), "job")]
    assert [line.text for line in lines] == ["a", "b", "c", "d", "e", "e"]
    for number, line in enumerate(lines, 1):
        rest = [later for _, later in found.read("s", Position.of(line.cursor), "job")]
        assert rest == lines[number:]
    assert found.last("s") == "e"


def test_more_than_one_page_is_read_and_what_is_not_there_is_empty() -> None:
    found = streams(*[(n // 7, f"line {n}") for n in range(12_000)])
    assert [line.text for _, line in found.read("s", Position(), "job")] == [f"line {n}" for n in range(12_000)]
    assert list(found.read("none", Position(), "job")) == []
    assert found.last("none") == ""
    found.delete("s")
    found.delete("s")
    assert list(found.read("s", Position(), "job")) == []
