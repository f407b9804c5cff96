"""The emulator takes what Azure's own models say and nothing else: valid requests of Container Apps, as our adapters
sent them, spoiled.

Every field of every recorded request is misspelled and given a value of another type, and what the service requires is
left out; each time the request has to be refused with ARM's error. So are a missing token, version and path.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.adapters.azure import microsoft, site
from tests.support import HERE
from toolkit.adapters.azure.client import EMULATED_TOKEN
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.jobs import open_jobs
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.store import open_store
from toolkit.domain.specs import HttpRequest, ScheduleSpec
from toolkit.testing.functions import Deploy, answers, bundle_into
from toolkit.testing.jobs import probe

pytestmark = pytest.mark.slow
OURS = "Microsoft.App/"
TOKEN = {"Authorization": f"Bearer {EMULATED_TOKEN}"}
FREE = frozenset({"tags", "userAssignedIdentities", "metadata"})  # maps of whatever one likes
METHODS = {
    "PUT containerApps/{app}", "PATCH containerApps/{app}", "GET containerApps/{app}", "DELETE containerApps/{app}",
    "GET containerApps", "GET containerApps/{app}/revisions", "PUT containerApps/{app}/authConfigs/{config}",
    "POST containerApps/{app}/revisions/{revision}/deactivate", "PUT managedEnvironments/{environment}",
    "PUT jobs/{job}", "GET jobs/{job}", "GET jobs", "DELETE jobs/{job}", "POST jobs/{job}/start",
    "GET jobs/{job}/executions", "POST jobs/{job}/executions/{execution}/stop",
}  # fmt: skip
Path = tuple[str | int, ...]
Spoil = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    """One accepted request of every method that the adapters use."""
    settings = site.make()
    functions, jobs, schedules = open_functions(settings), open_jobs(settings), open_schedules(settings)
    deploy = Deploy(functions, bundle_into(open_store(settings)), runtime=HERE)
    old = functions.publish(deploy.spec(answers("old")))
    new = functions.publish(deploy.spec(answers("new")))
    functions.route(deploy.name(), {new: 1.0})
    functions.remove_version(deploy.name(), old)
    functions.event(deploy.name(), {}, wait=False)
    assert [state.name for state in functions.list({"case": deploy.case})] == [deploy.name()]
    spec = probe("sleep=20")
    jobs.submit(spec)
    jobs.cancel(spec.name)
    assert [status.name for status in jobs.list()] == [spec.name]
    jobs.delete(spec.name)
    schedules.put(ScheduleSpec(name="probe", expression="30 6 * * MON-FRI", function=deploy.name()))
    schedules.delete("probe")
    deploy.delete()
    found = requests.get(f"{microsoft.address()}/emulator/requests", timeout=10).json()
    return [one for one in found if OURS in one["method"]]


def send(one: dict[str, Any], body: str | None = None, target: str = "", token: dict[str, str] = TOKEN) -> Any:
    given = one["body"] if body is None else body
    headers = {**token, "Content-Type": "application/json"}
    url = microsoft.address() + (target or one["target"])
    return requests.request(one["verb"], url, data=given.encode(), headers=headers, timeout=30)


def test_there_is_something_to_spoil(recorded: list[dict[str, Any]]) -> None:
    def short(method: str) -> str:
        return f"{method.partition(' ')[0]} {method.rpartition(OURS)[2]}"

    assert {short(one["method"]) for one in recorded} >= METHODS


def test_no_token_and_a_wrong_one(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        for token in ({}, {"Authorization": "Bearer guessed"}):
            refused(send(one, token=token), 401, one, "token")


def test_no_version_an_unknown_one_and_an_unknown_parameter(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        path = one["target"].partition("?")[0]
        for query in ("", "api-version=2019-01-01", "api-version=2026-07-01&unknown=1"):
            refused(send(one, target=f"{path}?{query}"), 400, one, query)


def test_another_path_is_not_there(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        path, _, query = one["target"].partition("?")
        refused(send(one, target=f"{path}/x/y?{query}"), 404, one, "path")


def test_no_json(recorded: list[dict[str, Any]]) -> None:
    for one in bodies(recorded):
        for body in (one["body"][:-1], "[]", "1"):
            refused(send(one, body), 400, one, body[-20:])


def test_every_misspelled_field_is_refused(recorded: list[dict[str, Any]]) -> None:
    count = 0
    for one in bodies(recorded):
        for path, body in fields(one):
            holder = at(body, path[:-1])
            holder[f"{path[-1]}x"] = holder.pop(path[-1])
            refused(send(one, json.dumps(body)), 400, one, path)
            count += 1
    assert count > 90


def test_every_field_of_another_type_is_refused(recorded: list[dict[str, Any]]) -> None:
    for one in bodies(recorded):
        for path, body in fields(one):
            holder = at(body, path[:-1])
            holder[path[-1]] = ["x"] if not isinstance(holder[path[-1]], list) else {"x": "y"}
            refused(send(one, json.dumps(body)), 400, one, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT containerApps/{app}", "location"),
        ("PUT containerApps/{app}", "identity.type"),
        ("PUT containerApps/{app}", "properties.environmentId"),
        ("PUT containerApps/{app}", "properties.template"),
        ("PUT containerApps/{app}", "properties.template.containers.0.image"),
        ("PUT containerApps/{app}", "properties.template.containers.0.name"),
        ("PUT containerApps/{app}", "properties.template.containers.0.env.0.value"),
        ("PUT containerApps/{app}", "properties.template.containers.0.resources.memory"),
        ("PUT containerApps/{app}/authConfigs/{config}", "properties.globalValidation"),
        ("PUT containerApps/{app}/authConfigs/{config}",
         "properties.identityProviders.azureActiveDirectory.registration.clientId"),
        ("PUT jobs/{job}", "location"),
        ("PUT jobs/{job}", "properties.environmentId"),
        ("PUT jobs/{job}", "properties.configuration"),
        ("PUT jobs/{job}", "properties.configuration.triggerType"),
        ("PUT jobs/{job}", "properties.configuration.replicaTimeout"),
        ("PUT jobs/{job}", "properties.template.containers.0.image"),
    ],
)  # fmt: skip
def test_what_is_required(recorded: list[dict[str, Any]], method: str, path: str) -> None:
    one = named(recorded, method)
    body, steps = json.loads(one["body"]), [int(step) if step.isdigit() else step for step in path.split(".")]
    at(body, tuple(steps[:-1])).pop(steps[-1])
    refused(send(one, json.dumps(body)), 400, one, path)


def spoil(path: str, value: Any) -> Spoil:
    steps = [int(step) if step.isdigit() else step for step in path.split(".")]

    def change(body: dict[str, Any]) -> None:
        at(body, tuple(steps[:-1]))[steps[-1]] = value

    return change


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("PUT containerApps/{app}", spoil("properties.configuration.activeRevisionsMode", "Both")),
        ("PUT containerApps/{app}", spoil("properties.provisioningState", "Succeeded")),
        ("PUT containerApps/{app}", spoil("properties.environmentId", "/subscriptions/none")),
        ("PUT containerApps/{app}", spoil("properties.template.containers.0.resources", {"cpu": 0.3, "memory": "1Gi"})),
        ("PUT containerApps/{app}", spoil("properties.template.containers.0.resources", {"cpu": 1, "memory": "1Gi"})),
        ("PUT containerApps/{app}", spoil("properties.template.containers.0.image", "NO IMAGE")),
        ("PUT containerApps/{app}", spoil("properties.template.revisionSuffix", "-A")),
        ("PUT containerApps/{app}", spoil("properties.template.scale.maxReplicas", 1001)),
        ("PUT containerApps/{app}", spoil("tags", {"a<b": "c"})),
        ("PUT containerApps/{app}", spoil("tags", {f"k{n}": "v" for n in range(51)})),
        ("PUT containerApps/{app}", spoil("tags", {"k": "v" * 257})),
        ("PUT containerApps/{app}", spoil("identity", {"type": "UserAssigned"})),
        ("PUT jobs/{job}", spoil("properties.configuration.triggerType", "Sometimes")),
        ("PUT jobs/{job}", spoil("properties.configuration.triggerType", "Event")),
        ("PUT jobs/{job}", spoil("properties.configuration.replicaTimeout", 0)),
        ("PUT jobs/{job}", spoil("properties.configuration.replicaRetryLimit", -1)),
        ("PUT jobs/{job}", spoil("properties.configuration.scheduleTriggerConfig", {"cronExpression": "* * * *"})),
        ("POST jobs/{job}/start", spoil("containers.0.resources", {"cpu": 0.25, "memory": "1Gi"})),
    ],
)  # fmt: skip
def test_what_the_models_do_not_say(recorded: list[dict[str, Any]], method: str, change: Spoil) -> None:
    one = named(recorded, method)
    body = json.loads(one["body"])
    change(body)
    answer = send(one, json.dumps(body))
    # A job that is gone is told to be before what it should start is looked at.
    assert answer.status_code in ({400, 404} if method.startswith("POST") else {400}), answer.text


@pytest.mark.parametrize(
    ("name", "traffic"),
    [
        ("over", [{"revisionName": "{app}--v1", "weight": 101}]),
        ("under", [{"revisionName": "{app}--v1", "weight": 99}]),
        ("nobody", [{"revisionName": "{app}--v9", "weight": 100}]),
        ("neither", [{"weight": 100}]),
        ("both", [{"revisionName": "{app}--v1", "latestRevision": True, "weight": 100}]),
    ],
)
def test_traffic_that_cannot_be(name: str, traffic: list[dict[str, Any]]) -> None:
    settings = site.make()
    functions = open_functions(settings)
    deploy = Deploy(functions, bundle_into(open_store(settings)), runtime=HERE)
    functions.publish(deploy.spec(answers("a")))
    group = f"/subscriptions/{settings['subscription']}/resourceGroups/{settings['resource_group']}"
    url = f"{microsoft.address()}/management.azure.com{group}/providers/Microsoft.App/containerApps/{deploy.name()}"
    given = [
        {**one, **{k: v.format(app=deploy.name()) for k, v in one.items() if isinstance(v, str)}} for one in traffic
    ]
    body: Any = {"properties": {"configuration": {"ingress": {"external": True, "targetPort": 8080, "traffic": given}}}}
    answer = requests.patch(f"{url}?api-version=2026-07-01", json=body, headers=TOKEN, timeout=10)
    assert answer.status_code == 400, name
    assert "ingress" in answer.json()["error"]["message"]
    deploy.delete()


def test_a_revision_that_is_not_for_everybody_stays_closed_beside_one_that_is() -> None:
    settings = site.make()
    functions = open_functions(settings)
    deploy = Deploy(functions, bundle_into(open_store(settings)), runtime=HERE)
    closed = functions.publish(deploy.spec(answers("closed")))
    open_ = functions.publish(deploy.spec(answers("open"), auth="public"))
    url = functions.route(deploy.name(), {open_: 1.0}).url
    own = url.replace(f"/{deploy.name()}.", f"/{deploy.name()}--v{closed}.")
    forged = {"X-MS-CLIENT-PRINCIPAL": "anybody", "X-MS-CLIENT-PRINCIPAL-ID": "anybody"}
    assert requests.get(url, timeout=30).status_code == 200
    assert requests.get(own, timeout=30).status_code == 401
    assert requests.get(own, headers=forged, timeout=30).status_code == 401
    assert functions.request(deploy.name(), HttpRequest(), version=closed).body == b"closed"
    deploy.delete()


def named(recorded: list[dict[str, Any]], method: str) -> dict[str, Any]:
    verb, _, rest = method.partition(" ")
    return next(one for one in recorded if one["verb"] == verb and one["method"].endswith(f"{OURS}{rest}"))


def bodies(recorded: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from (one for one in recorded if one["json"] and one["body"])


def refused(answer: Any, status: int, one: dict[str, Any], what: object) -> None:
    told = answer.json().get("error", {})
    assert answer.status_code == status, f"{one['method']}: {what}: {answer.status_code} {answer.text[:300]}"
    assert told.get("code"), answer.text
    assert told.get("message"), answer.text


def fields(one: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """(path of a field, a fresh copy of the body), for every field that has a name of Azure's."""
    body = json.loads(one["body"])
    for path in _paths(body):
        yield path, copy.deepcopy(body)


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            if key not in FREE:
                yield from _paths(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from _paths(value[0], (*path, 0))


def at(body: Any, path: Path | tuple[Any, ...]) -> Any:
    for step in path:
        body = body[step]
    return body
