"""Schedules, watches and the operator's half with a fault at each of their requests: the same again makes it right.

Through a proxy that loses replies, breaks them off or answers in Google's place. What fails says so as an error of
ours; whatever was applied, doing it again leaves one schedule, one watch, everything of the operator's, and no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import stamina

from tests.adapters.gcp import google
from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.operator.bootstrap import open_operator
from toolkit.adapters.gcp.schedules import CloudSchedules
from toolkit.adapters.gcp.watches import StorageWatches
from toolkit.domain.errors import PermissionDenied, Throttled, ToolkitError, Unauthenticated, Unavailable
from toolkit.domain.newdata import WatchSpec
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Applied, Cut, Fault, Proxy, Refused, Reset, Torn


def refused(status: int, code: str) -> Refused:
    return Refused(status, code, json.dumps({"error": {"code": status, "message": "the reason", "status": code}}))


CASES: dict[str, tuple[Fault, type[ToolkitError]]] = {
    "reply lost": (Applied(), Unavailable),
    "reset after": (Reset(after=True), Unavailable),
    "torn body": (Torn(3), Unavailable),
    "cut in the headers": (Cut(), Unavailable),
    "503": (refused(503, "UNAVAILABLE"), Unavailable),
    "throttled": (refused(429, "RESOURCE_EXHAUSTED"), Throttled),
    "expired token": (refused(401, "UNAUTHENTICATED"), Unauthenticated),
    "denied": (refused(403, "PERMISSION_DENIED"), PermissionDenied),
}
TOLD = {"reply lost", "503", "denied"}  # the others with make test-all
each_case = pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name, marks=() if name in TOLD else pytest.mark.exhaustive) for name, case in CASES.items()],
)
SPEC = ScheduleSpec(name="s", expression="30 6 * * MON", function="f", event={"a": 1}, enabled=False)
WATCH = WatchSpec(name="w", prefix="data/", function="f")


class Schedules(CloudSchedules):
    def _url(self, function: str) -> str:
        return "http://127.0.0.1:9"


class Watches(StorageWatches):
    def _url(self, function: str) -> str:
        return "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """No pauses between tries."""
    stamina.set_testing(True, attempts=6, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return google.prepared()


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy(google.address()) as made:
        client.emulated.add(made.address)
        yield made


def through(settings: Settings, proxy: Proxy) -> Settings:
    return {**settings, "endpoint": proxy.address, "services_endpoint": proxy.address}


def at(number: int, fault: Fault) -> object:
    return lambda count, method, target: fault if count == number else None


@each_case
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_schedule_with_a_fault_at_each_request(
    settings: Settings, proxy: Proxy, case: tuple[Fault, type[ToolkitError]], number: int
) -> None:
    fault, told = case
    schedules = Schedules(through(settings, proxy))
    proxy.begin(at(number, fault))  # type: ignore[arg-type]
    _try(lambda: schedules.put(SPEC), told)
    proxy.begin(lambda *_: None)
    schedules.put(SPEC)
    assert list(schedules.list()) == [SPEC]
    schedules.put(ScheduleSpec(name="s", expression="rate(1 day)", function="f"))
    proxy.begin(at(number, fault))  # type: ignore[arg-type]
    _try(lambda: schedules.put(SPEC), told)
    proxy.begin(at(1, fault))  # type: ignore[arg-type]
    _try(lambda: schedules.delete("s"), told)
    schedules.delete("s")
    assert list(schedules.list()) == []


@each_case
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_watch_with_a_fault_at_each_request(
    settings: Settings, proxy: Proxy, case: tuple[Fault, type[ToolkitError]], number: int
) -> None:
    """A lost reply leaves a second notification at worst, which the next one sees and takes away."""
    fault, told = case
    watches = Watches(through(settings, proxy))
    proxy.begin(at(number, fault))  # type: ignore[arg-type]
    _try(lambda: watches.put(WATCH), told)
    proxy.begin(lambda *_: None)
    watches.put(WATCH)
    assert len(watches._notifications()) == 1
    assert list(watches.list()) == [WATCH]
    proxy.begin(at(number, fault))  # type: ignore[arg-type]
    _try(lambda: watches.delete("w"), told)
    proxy.begin(lambda *_: None)
    watches.delete("w")
    assert list(watches.list()) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", [CASES["reply lost"], CASES["503"]], ids=["reply lost", "503"])
def test_bootstrap_goes_on_where_it_was(proxy: Proxy, case: tuple[Fault, type[ToolkitError]]) -> None:
    """Now and then a request fails; the command is run again until it is through, and then everything is there once."""
    fault, _ = case
    found = google.settings()
    settings = through({**found, "bucket": f"b-{found['stem']}"}, proxy)
    tags = {"managed-by": "toolkit", "project": found["prefix"], "target": "test"}
    failures = 0
    for turn in range(60):
        proxy.begin(lambda number, method, target, turn=turn: fault if (number + 5 * turn) % 59 == 0 else None)  # type: ignore[misc]
        try:
            operator = open_operator(settings, tags)
            for action in operator.plan().changes:
                operator.carry_out(action)
            break
        except Unavailable:
            failures += 1
    proxy.begin(lambda *_: None)
    assert failures
    for action in (operator := open_operator(settings, tags)).plan().changes:
        operator.carry_out(action)
    assert open_operator(settings, tags).plan().changes == ()


def test_a_project_with_no_api_enabled_is_planned_and_made(proxy: Proxy) -> None:
    """What answers that its API is off is not there yet; once it was enabled, Google takes a while to know it."""
    words = "Cloud Pub/Sub API has not been used in project 1 before or it is disabled."
    off = Refused(403, "", json.dumps({"error": {"code": 403, "message": words, "status": "PERMISSION_DENIED"}}))
    found = google.settings()
    settings = through({**found, "bucket": f"b-{found['stem']}"}, proxy)
    operator = open_operator(settings, {"managed-by": "toolkit", "project": found["prefix"], "target": "test"})
    proxy.begin(lambda number, method, target: off if "/pubsub." in target else None)
    topics = [action for action in operator.plan().changes if action.kind == "topic"]
    assert [action.action for action in topics] == ["create", "create"]
    proxy.begin(lambda number, method, target: off if number < 4 else None)
    operator.carry_out(topics[0])
    assert len(proxy.seen) > 4


def _try(do: object, told: type[ToolkitError]) -> None:
    """It may succeed: what reads is tried again."""
    try:
        do()  # type: ignore[operator]
    except told:
        return
