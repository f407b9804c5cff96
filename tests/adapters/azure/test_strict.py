"""The emulator takes what Azure's own models say and nothing else: valid requests of Key Vault, Event Grid and Log
Analytics, as our adapters sent them, spoiled.

Every field of every recorded request is misspelled, given a value of another type and, where it is required, left out;
each time the request has to be refused with Azure's error. So are a missing token, a wrong one, another version, an
unknown parameter and another path.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.adapters.azure import microsoft
from tests.adapters.azure.topics import Topic
from toolkit.adapters.azure.alerts import open_alerts
from toolkit.adapters.azure.client import EMULATED_TOKEN
from toolkit.adapters.azure.metrics import open_metrics
from toolkit.adapters.azure.operator.bootstrap import open_operator
from toolkit.adapters.azure.secrets import open_secrets
from toolkit.domain import times
from toolkit.domain.specs import Alert, MetricPoint
from toolkit.ports import Settings

TOKEN = {"Authorization": f"Bearer {EMULATED_TOKEN}"}
OTHERS = ("Microsoft.App/", "Microsoft.Web/", "operations")  # test_compute_strict.py, test_sites_strict.py
FREE = frozenset({"tags", "Labels", "data", "streamDeclarations"})  # maps of whatever one likes
REQUIRED = {
    "value", "id", "source", "type", "specversion", "location", "endpointType", "query",
    "TimeGenerated", "Target", "Name", "Time", "Value", "Unit", "Labels",
}  # fmt: skip
HOSTS = {"{vault}.vault", "{topic}.{location}-1.eventgrid", "{name}.ingest.monitor", "api.loganalytics", "management"}
LAX = ("Microsoft.OperationalInsights/", "/roleDefinitions/")  # their models require nothing of these names
Path = tuple[str | int, ...]


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    """One accepted request of every method that the adapters use."""
    settings = microsoft.settings()
    _every_port(settings)
    found = requests.get(f"{microsoft.address()}/emulator/requests", timeout=10).json()
    return [one for one in found if not any(other in one["method"] for other in OTHERS)]


def _every_port(settings: Settings) -> None:
    topic = Topic(settings)
    assert open_alerts(settings).publish(Alert(incident="i", state="open", title="t"))[0].ok
    assert len(topic.events(1)) == 1
    topic.close()
    metrics = open_metrics(settings)
    metrics.record([MetricPoint(name="a.b", value=1, time=times.now(), labels={"endpoint": "e"})])
    assert len(list(metrics.query("a.b", since="2026-01-01"))) == 1
    secrets = open_secrets(settings)
    for value in ("one", "two"):
        secrets.put("name", value)
    assert secrets.get("name") == "two"
    assert list(secrets.list()) == ["name"]
    secrets.delete("name")
    half = open_operator(settings, {"managed-by": "toolkit", "project": "p", "target": "t"})
    for action in half.plan().changes:
        half.carry_out(action)


def send(one: dict[str, Any], body: str | None = None, target: str = "", token: dict[str, str] = TOKEN) -> Any:
    given = one["body"] if body is None else body
    kind = "cloudevents-batch+json" if "eventgrid.azure" in one["method"] else "json"
    headers = {**token, "Content-Type": f"application/{kind}"}
    url = microsoft.address() + (target or one["target"])
    return requests.request(one["verb"], url, data=given.encode(), headers=headers, timeout=30)


def test_there_is_something_to_spoil(recorded: list[dict[str, Any]]) -> None:
    hosts = {one["method"].split(" ")[1].partition(".azure")[0].partition(".io")[0] for one in recorded}
    assert hosts >= HOSTS  # and those that other tests of this process asked before
    assert len(recorded) >= 36


def test_no_token_and_a_wrong_one(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        for token in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": f"Basic {EMULATED_TOKEN}"}):
            assert send(one, token=token).status_code == 401, one["method"]


def test_a_token_for_another_service_opens_nothing(recorded: list[dict[str, Any]]) -> None:
    """As a managed identity gets them: each is for one audience."""
    from toolkit.adapters.azure.client import AUDIENCES
    from toolkit.adapters.azure.emulator.identity import Identity
    from toolkit.adapters.azure.emulator.refused import Refused
    from toolkit.execution.http_messages import Request

    identity = Identity("http://127.0.0.1:1")
    hosts = {end: f"some.{end}" for end in AUDIENCES}
    for mine, host in hosts.items():
        token = identity.give("me", AUDIENCES[mine])
        for other, elsewhere in hosts.items():
            request = Request("GET", "/", (("authorization", f"Bearer {token}"),))
            if AUDIENCES[other] == AUDIENCES[mine]:
                assert identity.caller(request, elsewhere) == "me"
            else:
                with pytest.raises(Refused):
                    identity.caller(request, elsewhere)
        assert identity.caller(Request("GET", "/", (("authorization", f"Bearer {token}"),)), host) == "me"


def test_another_path_version_or_parameter(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        path, _, query = one["target"].partition("?")
        assert send(one, target=f"{path}/x/y/z?{query}").status_code in {404, 405}, one["method"]
        assert send(one, target=f"{one['target']}{'&' if query else '?'}unknown=1").status_code == 400, one["method"]
        if one["version"]:
            assert send(one, target=path).status_code == 400, one["method"]
            assert send(one, target=f"{path}?api-version=1999-01-01").status_code == 400, one["method"]


def test_no_json(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        if one["json"]:
            for body in (one["body"][:-1], "1", '"text"', "{}" if one["body"].startswith("[") else "[]"):
                _refused(send(one, body), one, body[-20:])


def test_every_misspelled_field_is_refused(recorded: list[dict[str, Any]]) -> None:
    count = 0
    for one, path, body in _bodies(recorded):
        holder = _at(body, path[:-1])
        holder[f"{path[-1]}x"] = holder.pop(path[-1])
        _refused(send(one, json.dumps(body)), one, path)
        count += 1
    assert count > 25


def test_every_field_of_another_type_is_refused(recorded: list[dict[str, Any]]) -> None:
    for one, path, body in _bodies(recorded):
        if path[-1] == "data":  # anything
            continue
        holder = _at(body, path[:-1])
        holder[path[-1]] = ["x"] if not isinstance(holder[path[-1]], list) else {"x": "y"}
        _refused(send(one, json.dumps(body)), one, path)


def test_every_required_field_that_is_left_out_is_refused(recorded: list[dict[str, Any]]) -> None:
    seen = set()
    for one, path, body in _bodies(recorded):
        if (
            path[-1] in REQUIRED
            and not one["patch"]
            and "tags" not in path
            and not any(x in one["target"] for x in LAX)
        ):
            _at(body, path[:-1]).pop(path[-1])
            _refused(send(one, json.dumps(body)), one, path)
            seen.add(path[-1])
    assert seen == REQUIRED


def _refused(answer: Any, one: dict[str, Any], what: object) -> None:
    told = answer.json().get("error", {}) if answer.content else {}
    good = answer.status_code in {400, 409} and told.get("code") and told.get("message")
    assert good, f"{one['method']}: {what}: {answer.status_code} {answer.text[:300]}"


def _bodies(recorded: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Path, Any]]:
    """(request, path of a field, a fresh copy of the body), for every field that has a name of Azure's."""
    for one in recorded:
        if one["json"] and one["body"]:
            body = json.loads(one["body"])
            for path in _fields(body):
                yield one, path, copy.deepcopy(body)


def _fields(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            if key not in FREE:
                yield from _fields(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from _fields(value[0], (*path, 0))


def _at(body: Any, path: Path) -> Any:
    for step in path:
        body = body[step]
    return body
