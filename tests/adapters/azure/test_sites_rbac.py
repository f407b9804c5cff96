"""Azure Functions with the role assignments that bootstrap makes for `functions = "functions"`, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.adapters.azure import microsoft
from tests.support import HERE
from toolkit.adapters.azure.emulator import rbac_needs as needs
from toolkit.adapters.azure.emulator.rbac import Asked
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.names import Names
from toolkit.adapters.azure.operator.bootstrap import open_operator
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import NotFound, PermissionDenied
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports import Settings
from toolkit.testing.functions import Deploy, answers, bundle_into

DEPLOYER = "dddddddd-0000-4000-8000-000000000002"
SITE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/a"


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", f"{SITE}/config/appsettings/list", "Microsoft.Web/sites/config/list/action"),
        ("PUT", f"{SITE}/config/appsettings", "Microsoft.Web/sites/config/write"),
        ("PUT", f"{SITE}/config/authsettingsV2", "Microsoft.Web/sites/config/write"),
        ("POST", f"{SITE}/syncfunctiontriggers", "Microsoft.Web/sites/syncfunctiontriggers/action"),
        ("PATCH", f"{SITE}/providers/Microsoft.Resources/tags/default", "Microsoft.Resources/tags/write"),
        ("PUT", f"{SITE}/providers/Microsoft.Insights/diagnosticSettings/toolkit",
         "Microsoft.Insights/diagnosticSettings/write"),
    ],
)  # fmt: skip
def test_what_a_request_needs(method: str, path: str, action: str) -> None:
    asked = needs.arm(method, path)
    assert asked is not None
    assert asked.action == action, asked
    assert isinstance(asked, Asked)


@pytest.fixture(scope="module")
def settings() -> Settings:
    """As `toolkit bootstrap` leaves a target of a project."""
    found: Settings = {**microsoft.settings(), "functions": "functions", "deployer": DEPLOYER}
    half = open_operator(found, {"managed-by": "toolkit", "project": "flights", "target": "prod"})
    for action in half.plan().changes:
        half.carry_out(action)
    return found


@pytest.fixture
def deploy(settings: Settings) -> Iterator[Deploy]:
    deploy = Deploy(open_functions(settings), bundle_into(open_store(settings)), runtime=HERE)
    yield deploy
    deploy.delete()


def identity(settings: Settings, role: str) -> str:
    group = f"/subscriptions/{settings['subscription']}/resourceGroups/{settings['resource_group']}"
    name = Names(settings["stem"], settings["subscription"]).identity(role)
    return f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"


def daily(function: str, **more: Any) -> ScheduleSpec:
    return ScheduleSpec(**{"name": "tick", "expression": "rate(1 day)", "function": function, **more})


@pytest.mark.slow
def test_who_deploys_may_do_all_of_it_and_the_drift_check_moves_on(settings: Settings, deploy: Deploy) -> None:
    with microsoft.acting(DEPLOYER):
        functions, schedules = open_functions(settings), open_schedules(settings)
        first, second = (deploy.spec(answers(word), memory_mb=size) for word, size in (("a", 512), ("b", 1024)))
        functions.route(first.name, {functions.publish(first): 1.0})
        assert functions.publish(second) == "2"
        schedules.put(daily(first.name))
        schedules.put(daily(first.name, event={"new": True}))
        assert schedules.get("tick").event == {"new": True}
    with microsoft.acting(identity(settings, "drift-check")):
        functions, schedules = open_functions(settings), open_schedules(settings)
        assert functions.route(first.name, {"2": 1.0}).weights == {"2": 1.0}
        schedules.put(daily(first.name, name="rollout"))
        schedules.delete("rollout")
        assert [one.name for one in schedules.list()] == ["tick"]
        with pytest.raises(PermissionDenied):
            functions.delete(first.name)
    with microsoft.acting(DEPLOYER):
        functions, schedules = open_functions(settings), open_schedules(settings)
        schedules.delete("tick")
        functions.remove_version(first.name, "1")
        functions.delete(first.name)
        with pytest.raises(NotFound):
            functions.observe(first.name)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["inference", "job", "scheduler"])
def test_who_answers_or_trains_changes_no_app(settings: Settings, deploy: Deploy, role: str) -> None:
    name = deploy(answers("a"))
    with microsoft.acting(identity(settings, role)):
        with pytest.raises(PermissionDenied):
            open_functions(settings).route(name, {"1": 1.0})
        with pytest.raises(PermissionDenied):
            open_schedules(settings).put(daily(name))
