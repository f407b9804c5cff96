"""Cron in Cloud Scheduler's words, what a job holds, and whom its token lets in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.cron import LINES, MOMENTS, same_moments
from tests.adapters.gcp import google
from toolkit.adapters.gcp import scheduler_cron
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.emulator.scheduler import CLOCK
from toolkit.adapters.gcp.emulator.scheduler_beats import Bad, Beat
from toolkit.adapters.gcp.names import Names
from toolkit.adapters.gcp.schedules import HOST, CloudSchedules, open_schedules
from toolkit.domain.errors import ConfigError, NotFound, PermissionDenied, Unsupported
from toolkit.domain.specs import ScheduleSpec
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.http_server import HttpServer
from toolkit.ports import Settings


@pytest.mark.parametrize(
    ("portable", "theirs"),
    [
        ("rate(5 minutes)", "*/5 * * * *"),
        ("rate(1 hour)", "0 * * * *"),
        ("rate(7 days)", "0 0 * * 0"),
        ("30 6 * * MON-FRI", "30 6 * * 1-5"),
        ("0 0 * * SUN,WED", "0 0 * * 0,3"),
        ("0 12 1-10/3 JAN-MAR *", "0 12 1,4,7,10 1-3 *"),
        ("0 0 */10 * *", "0 0 */10 * *"),
        ("*,5 * * * *", "* * * * *"),
    ],
)
def test_what_it_says(portable: str, theirs: str) -> None:
    assert scheduler_cron.expression(portable) == theirs


@given(LINES, MOMENTS)
def test_both_fire_at_the_same_moments(line: str, moment: datetime) -> None:
    same_moments(line, moment, Beat(scheduler_cron.expression(line)).between)


@pytest.mark.parametrize(
    "bad",
    ["", "* * * *", "* * * * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "5/2 * * * *", "0 0 * * FOO",
     "0 0 0 * *", "rate(5 minutes)", "every 5 minutes", "@daily"],
)  # fmt: skip
def test_what_is_no_expression(bad: str) -> None:
    with pytest.raises(Bad, match="invalid"):
        Beat(bad)


def test_no_such_zone() -> None:
    with pytest.raises(Bad, match="Mars"):
        Beat("* * * * *", "Mars/Olympus")


def test_either_day_fires_and_in_the_zone_of_the_job() -> None:
    begin = datetime(2026, 6, 1, tzinfo=UTC)
    found = list(Beat("0 12 15 * 1", "Europe/Berlin").between(begin, begin + timedelta(days=15)))
    assert [(moment.day, moment.hour) for moment in found] == [(1, 10), (8, 10), (15, 10)]


@given(st.from_regex(r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9])){0,62}", fullmatch=True))
def test_ids_fit_and_belong_to_one_target(name: str) -> None:
    own = Names.of("flights", "prod").schedule(name)
    assert len(own) <= 500
    assert own.removeprefix("flights-prod--") == name


# Over the wire


class Sink:
    """A URL that remembers who called with what."""

    def __init__(self) -> None:
        self.calls: list[Request] = []
        self.status = 200
        self._server = HttpServer(0, self._answer)
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.close = self._server.close

    def _answer(self, request: Request) -> Response:
        self.calls.append(request)
        return Response(self.status)


class Schedules(CloudSchedules):
    """To a URL of the test's."""

    def __init__(self, settings: Settings, url: str) -> None:
        super().__init__(settings)
        self._target = url

    def _url(self, function: str) -> str:
        return self._target


@pytest.fixture
def settings() -> Settings:
    return prepared()


def prepared() -> Settings:
    found = google.settings()
    google.scheduler(found)
    return found


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.close()


@pytest.fixture
def schedules(settings: Settings, sink: Sink) -> Iterator[Schedules]:
    made = Schedules(settings, sink.url)
    yield made
    for spec in list(made.list()):
        made.delete(spec.name)
    clock(0)


def clock(ahead: float) -> None:
    requests.post(f"{google.address()}{CLOCK}", data=json.dumps({"ahead": ahead}), timeout=20).raise_for_status()


def spec(**fields: Any) -> ScheduleSpec:
    return ScheduleSpec(**{"name": "check", "expression": "rate(1 minute)", "function": "f", **fields})


def job(settings: Settings, name: str = "check") -> dict[str, Any]:
    path = f"projects/emulated-project/locations/europe-west1/jobs/{Names(settings['stem']).schedule(name)}"
    return Api(HOST, "v1", settings["services_endpoint"]).get("look", path)


def test_a_call_comes_as_the_schedulers_account_with_its_time(schedules: Schedules, sink: Sink) -> None:
    schedules.put(spec(event={"a": 1}))
    clock(60)
    (call, *_) = sink.calls
    token = call.header("authorization").removeprefix("Bearer ").split(".")[1]
    claims = json.loads(_decoded(token))
    assert (claims["aud"], call.path) == (sink.url, "/_toolkit/event")
    assert claims["email"] == Names(schedules._names.stem).account("scheduler", "emulated-project")
    assert call.header("x-cloudscheduler-scheduletime").endswith(":00Z")
    assert json.loads(call.body)["own"] == {"source": "toolkit.schedule", "schedule": "check"}


def _decoded(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "==")


def test_what_fails_is_called_again_and_its_status_says_so(
    schedules: Schedules, settings: Settings, sink: Sink
) -> None:
    schedules.put(spec())
    sink.status = 500
    clock(60)
    assert len(sink.calls) == 3
    assert len({call.header("x-cloudscheduler-scheduletime") for call in sink.calls}) == 1
    assert job(settings)["status"] == {"code": 13}


def test_one_that_is_not_to_fire_is_never_ready(
    schedules: Schedules, settings: Settings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made for a day far off, paused, and only then given its times."""
    steps: list[str] = []
    plain = schedules._api.call

    def call(what: str, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        steps.append(f"{method} {(body or {}).get('schedule') or path.rpartition(':')[2]}")
        return plain(what, method, path, body, query)

    monkeypatch.setattr(schedules._api, "call", call)
    schedules.put(spec(enabled=False))
    assert steps == ["POST 0 0 29 2 *", "POST pause", "PATCH * * * * *"]
    assert (job(settings)["state"], job(settings)["schedule"]) == ("PAUSED", "* * * * *")
    clock(120)
    assert sink.calls == []
    schedules.put(spec())
    assert job(settings)["state"] == "ENABLED"
    schedules.put(spec(enabled=False))
    assert schedules.get("check") == spec(enabled=False)


def test_another_targets_schedules_are_not_ours(schedules: Schedules, sink: Sink) -> None:
    other = Schedules(prepared(), sink.url)
    other.put(spec(name="theirs"))
    schedules.put(spec())
    assert [found.name for found in schedules.list()] == ["check"]
    other.delete("theirs")


def test_a_function_that_is_not_there(settings: Settings) -> None:
    with pytest.raises(NotFound, match="function 'f' does not exist"):
        open_schedules(settings).put(spec())


def test_without_the_schedulers_account(sink: Sink) -> None:
    with pytest.raises(PermissionDenied, match="actAs"):
        Schedules(google.settings(), sink.url).put(spec())


def test_an_event_that_does_not_fit(schedules: Schedules) -> None:
    with pytest.raises(Unsupported, match="675,000"):
        schedules.put(spec(event={"much": "x" * 700_000}))


def test_without_a_region() -> None:
    with pytest.raises(ConfigError, match="no region"):
        open_schedules({**google.settings(), "region": ""})


# What the emulator refuses, as Google does

BAD: list[tuple[str, Any, str]] = [
    ("schedule", "61 * * * *", "job.schedule"),
    ("timeZone", "Mars/Olympus", "job.schedule"),
    ("description", "x" * 501, "job.description"),
    ("attemptDeadline", "5s", "job.attempt_deadline"),
    ("attemptDeadline", "1801s", "job.attempt_deadline"),
    ("retryConfig", {"retryCount": 6}, "job.retry_config.retry_count"),
    ("httpTarget.uri", "ftp://here", "job.http_target.uri"),
    ("httpTarget.httpMethod", "GET", "job.http_target.http_method"),
    ("httpTarget.headers", {"X-CloudScheduler": "no"}, "job.http_target.headers"),
    ("name", "projects/emulated-project/locations/europe-west1/jobs/a.b", "job.name"),
    ("name", "projects/other/locations/europe-west1/jobs/a", "job.name"),
]


@pytest.mark.parametrize(("field", "value", "named"), BAD, ids=[f"{one[0]}-{str(one[1])[:12]}" for one in BAD])
def test_the_emulator_refuses(schedules: Schedules, field: str, value: Any, named: str) -> None:
    given = schedules._job(spec())
    *path, last = field.split(".")
    holder = given
    for step in path:
        holder = holder[step]
    holder[last] = value
    with pytest.raises(ConfigError) as refused:
        schedules._api.call("make", "POST", f"{schedules._parent}/jobs", given)
    (violation,) = refused.value.__cause__.details[0]["fieldViolations"]  # type: ignore[union-attr]
    assert violation["field"] == named
