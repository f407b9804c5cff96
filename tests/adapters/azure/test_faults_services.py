"""Secrets, alerts, metrics and ARM under faults: the right outcome or a clear error of ours, never a wrong value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stamina

from tests.adapters.azure import microsoft
from toolkit.adapters.azure import client
from toolkit.adapters.azure.alerts import open_alerts
from toolkit.adapters.azure.client import Arm
from toolkit.adapters.azure.metrics import open_metrics
from toolkit.adapters.azure.secrets import open_secrets
from toolkit.domain import times
from toolkit.domain.errors import PermissionDenied, Throttled, ToolkitError, Unauthenticated, Unavailable
from toolkit.domain.specs import Alert, MetricPoint
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Altered, Applied, Cut, Fault, Proxy, Refused, Reset, Torn, first

FAULTS: dict[str, tuple[Fault, tuple[type[ToolkitError], ...]]] = {
    "reply lost": (Applied(), (Unavailable,)),
    "applied, then 503": (Applied(503), (Unavailable,)),
    "reset before": (Reset(), (Unavailable,)),
    "reset after": (Reset(after=True), (Unavailable,)),
    "cut in the headers": (Cut(), (Unavailable,)),
    "torn body": (Torn(3), (Unavailable,)),
    "altered body": (Altered(), (Unavailable,)),
    "500": (Refused(500, "InternalError"), (Unavailable,)),
    "throttled": (Refused(429, "TooManyRequests"), (Throttled,)),
    "expired token": (Refused(401, "ExpiredAuthenticationToken"), (Unauthenticated,)),
    "denied": (Refused(403, "Forbidden"), (PermissionDenied,)),
}
each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
Given = tuple[Fault, tuple[type[ToolkitError], ...]]


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    stamina.set_testing(True, attempts=6)
    yield
    stamina.set_testing(False)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy(microsoft.address()) as proxy:
        client.emulated.add(proxy.address)
        yield proxy


@pytest.fixture(scope="module")
def settings() -> Settings:
    return microsoft.settings()


@pytest.fixture(scope="module")
def bad(settings: Settings, proxy: Proxy) -> Settings:
    return {**settings, "services_endpoint": proxy.address}


def outcome(call: Callable[[], Any], told: tuple[type[ToolkitError], ...]) -> Any:
    """What it gave, or None where it failed as it may."""
    try:
        return call()
    except ToolkitError as error:
        assert isinstance(error, told), repr(error)  # noqa: PT017
        assert error.hint  # noqa: PT017
        return None


@each_fault
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
def test_a_secret_is_read_right_or_not_at_all(
    settings: Settings, bad: Settings, proxy: Proxy, fault: Given, lasting: bool
) -> None:
    open_secrets(settings).put("name", "the value")
    proxy.begin((lambda *_: fault[0]) if lasting else first(fault[0]))
    secrets = open_secrets(bad)
    assert outcome(lambda: secrets.get("name"), fault[1]) in {None, "the value"}
    proxy.begin((lambda *_: fault[0]) if lasting else first(fault[0]))
    assert outcome(lambda: list(secrets.list()), fault[1]) in (None, ["name"])


@each_fault
@pytest.mark.parametrize("at_first", [True, False], ids=["first request", "second request"])
def test_a_secret_is_the_old_or_the_new(
    settings: Settings, bad: Settings, proxy: Proxy, fault: Given, at_first: bool
) -> None:
    good = open_secrets(settings)
    good.put("swapped", "old")
    plan = first(fault[0], method="PUT" if at_first else "PATCH")
    proxy.begin(plan)
    outcome(lambda: open_secrets(bad).put("swapped", "new"), fault[1])
    assert good.get("swapped") in {"old", "new"}
    good.put("swapped", "newer")
    assert good.get("swapped") == "newer"


@each_fault
def test_a_secret_that_was_to_be_deleted_can_be_deleted(
    settings: Settings, bad: Settings, proxy: Proxy, fault: Given
) -> None:
    good = open_secrets(settings)
    good.put("gone", "x")
    proxy.begin(first(fault[0], method="DELETE"))
    outcome(lambda: open_secrets(bad).delete("gone"), fault[1])
    good.delete("gone")
    assert "gone" not in list(good.list())
    good.put("gone", "back")
    assert good.get("gone") == "back"
    good.delete("gone")


@each_fault
def test_measuring_fails_nothing_and_an_alert_says_so(
    settings: Settings, bad: Settings, proxy: Proxy, fault: Given
) -> None:
    proxy.begin(lambda *_: fault[0])
    open_metrics(bad).record([MetricPoint(name="a", value=1, time=times.now(), labels={})])
    (delivery,) = open_alerts(bad).publish(Alert(incident="i", state="open", title="t"))
    assert not delivery.ok or isinstance(fault[0], (Torn, Altered))  # an answer without a body cannot be torn
    assert bool(delivery.error) != delivery.ok


@each_fault
@pytest.mark.parametrize("request_", [1, 2, 3, 4])
def test_a_change_that_was_begun_is_seen_through_or_its_doubt_is_told(
    settings: Settings, bad: Settings, proxy: Proxy, fault: Given, request_: int
) -> None:
    """The request itself is sent once; the looks after it again."""
    group = microsoft.settings()["resource_group"]
    arm = Arm({**bad, "resource_group": group})
    proxy.begin(lambda number, *_: fault[0] if number == request_ else None)
    body = {"location": "westeurope", "tags": {"a": "b"}}
    made = outcome(lambda: arm.change("make", "PUT", arm.group, "2024-07-01", body), fault[1])
    assert made is None or made["tags"] == {"a": "b"}
    assert proxy.count("PUT") == 1
    if made is None and request_ > 1:
        assert not issubclass(fault[1][0], Unavailable | Throttled), "a look is taken again"
