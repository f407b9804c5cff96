"""Valid requests of Azure Functions, as our adapters sent them, spoiled: each has to be refused with ARM's error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.adapters.azure import microsoft, site
from tests.adapters.azure import test_compute_strict as strict
from tests.support import HERE
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.store import open_store
from toolkit.domain.specs import ScheduleSpec
from toolkit.testing.functions import Deploy, answers, bundle_into

pytestmark = pytest.mark.slow
OURS = "Microsoft.Web/"
METHODS = {
    "PUT serverfarms/{plan}", "PUT sites/{site}", "GET sites/{site}", "GET sites",
    "PUT sites/{site}/config/authsettingsV2", "POST sites/{site}/config/appsettings/list",
    "PUT sites/{site}/providers/Microsoft.Insights/diagnosticSettings/{setting}",
    "PUT sites/{site}/config/appsettings", "POST sites/{site}/syncfunctiontriggers",
}  # fmt: skip
FREE = ("tags", "userAssignedIdentities")  # maps of whatever one likes; settings are looked at by name and value
Recorded = list[dict[str, Any]]


@pytest.fixture(scope="module")
def recorded() -> Iterator[Recorded]:
    """One accepted request of every method; its app is there while it is spoiled."""
    settings = site.make(functions="functions")
    deploy = Deploy(open_functions(settings), bundle_into(open_store(settings)), runtime=HERE)
    schedules = open_schedules(settings)
    schedules.put(ScheduleSpec(name="tick", expression="rate(1 day)", function=deploy(answers("a"))))
    assert len(list(open_functions(settings).list())) == 1
    found = requests.get(f"{microsoft.address()}/emulator/requests", timeout=10).json()
    yield [one for one in found if OURS in one["method"] and "Microsoft.Resources/tags" not in one["method"]]
    deploy.delete()


def spoiled(recorded: Recorded) -> Iterator[tuple[dict[str, Any], strict.Path, Any]]:
    for one in strict.bodies(recorded):
        for path, body in strict.fields(one):
            settings = "appsettings" in one["method"] and len(path) > 1
            if path[-1] != "properties" and not settings and not {*FREE} & {*path[:-1]}:
                yield one, path, body


def test_there_is_something_to_spoil(recorded: Recorded) -> None:
    assert {f"{one['verb']} {one['method'].rpartition(OURS)[2]}" for one in recorded} >= METHODS


def test_no_token_and_a_wrong_one(recorded: Recorded) -> None:
    for one in recorded:
        for token in ({}, {"Authorization": "Bearer guessed"}):
            strict.refused(strict.send(one, token=token), 401, one, "token")


def test_no_version_an_unknown_one_and_an_unknown_parameter(recorded: Recorded) -> None:
    for one in recorded:
        path = one["target"].partition("?")[0]
        for query in ("", "api-version=2019-01-01", "api-version=2025-05-01&unknown=1"):
            strict.refused(strict.send(one, target=f"{path}?{query}"), 400, one, query)


def test_every_misspelled_field_is_refused(recorded: Recorded) -> None:
    count = 0
    for one, path, body in spoiled(recorded):
        holder = strict.at(body, path[:-1])
        holder[f"{path[-1]}x"] = holder.pop(path[-1])
        strict.refused(strict.send(one, json.dumps(body)), 400, one, path)
        count += 1
    assert count > 40


def test_every_field_of_another_type_is_refused(recorded: Recorded) -> None:
    for one, path, body in spoiled(recorded):
        holder = strict.at(body, path[:-1])
        holder[path[-1]] = ["x"] if not isinstance(holder[path[-1]], list) else {"x": "y"}
        strict.refused(strict.send(one, json.dumps(body)), 400, one, path)


@pytest.mark.parametrize(
    "settings",
    [
        {"FUNCTIONS_WORKER_RUNTIME": "python"},
        {"WEBSITE_TIME_ZONE": "Europe/Berlin"},
        {"1A": "x"},
        {"A": 1},
        {"A": "DefaultEndpointsProtocol=https;AccountKey=abc"},
    ],
)
def test_settings_that_flex_consumption_refuses(recorded: Recorded, settings: dict[str, Any]) -> None:
    one = next(one for one in recorded if one["method"].endswith("config/appsettings"))
    strict.refused(strict.send(one, json.dumps({"properties": settings})), 400, one, settings)
