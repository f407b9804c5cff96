"""A function as a function app: pure, within Azure's limits, and refused by the emulator where it does not fit."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.azure import site
from tests.support import HERE
from toolkit.adapters.azure import PROVIDER, client, sites_package
from toolkit.adapters.azure import sites_body as described
from toolkit.adapters.azure.emulator import sites_checks as checks
from toolkit.adapters.azure.emulator.refused import Refused
from toolkit.adapters.azure.functions import url
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.sites import SiteFunctions
from toolkit.adapters.azure.sites_body import VERSION
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import ConfigError, Corrupt, ProviderError, Unsupported
from toolkit.domain.specs import FunctionSpec, HttpRequest, ScheduleSpec
from toolkit.ports import Settings
from toolkit.testing.functions import Deploy, answers, bundle_into, visit

SETTINGS = {
    "account": "acc", "container": "shop-prod", "location": "westeurope", "subscription": "s", "stem": "shop-prod",
    "tenant": "t", "application": "a", "audience": "api://shop",
}  # fmt: skip
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"


def spec(**more: Any) -> FunctionSpec:
    return FunctionSpec(**{"name": "shop", "bundle": "0" * 64, "bundle_key": "bundles/x.zip", **more})


def app(one: FunctionSpec) -> dict[str, Any]:
    return {
        **described.app(SETTINGS, plan="/p", identity=IDENTITY, client="id", spec=one),
        "tags": described.own_tags(one),
    }


@pytest.mark.parametrize(
    "more",
    [
        {"memory_mb": 4097},
        {"memory_mb": 0},
        {"timeout_seconds": 231},
        {"timeout_seconds": 0},
        {"concurrency": 8001},
        {"architecture": "arm64"},
        {"runtime": "python3.9"},
        {"tags": {"a/b": "c"}},
        {"tags": {str(n): "" for n in range(48)}},
    ],
)
def test_what_does_not_fit_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        described.check(spec(**more))


def test_the_limits_that_planning_knows_are_those_that_publishing_has() -> None:
    limits = PROVIDER.chosen({"functions": "functions"}).limits
    described.check(spec(memory_mb=limits["function_memory_mb"], timeout_seconds=limits["function_timeout_seconds"]))
    with pytest.raises(Unsupported):
        described.check(spec(memory_mb=limits["function_memory_mb"] + 1))
    with pytest.raises(Unsupported):
        described.check(spec(timeout_seconds=limits["function_timeout_seconds"] + 1))


def test_only_the_settings_that_choose_them_take_claims_away() -> None:
    assert PROVIDER.chosen({}) is PROVIDER
    assert PROVIDER.chosen({"functions": "containerapps"}) is PROVIDER
    missing = PROVIDER.claims - PROVIDER.chosen({"functions": "functions"}).claims
    assert missing == {"functions.weights", "functions.beside"}


@pytest.mark.parametrize(("memory", "sold"), [(1, 512), (512, 512), (513, 2048), (2049, 4096), (4096, 4096)])
def test_sizes_are_sold_and_enough(memory: int, sold: int) -> None:
    one = spec(memory_mb=memory)
    assert described.size(one) == sold
    checks.site(app(one), "shop")
    assert sites_package.about(one, "1")["told"]["memory"] == (memory if memory < sold else 0)


def spoiled() -> Iterator[tuple[str, dict[str, Any]]]:
    """Bodies that Azure refuses, by what is wrong with them."""
    good = app(spec())
    config = good["properties"]["functionAppConfig"]
    for where, value in {
        ("kind",): "functionapp",
        ("properties", "functionAppConfig"): None,
        ("properties", "functionAppConfig", "runtime"): {"name": "python", "version": "3.9"},
        ("properties", "functionAppConfig", "deployment", "storage", "type"): "blob",
        ("properties", "functionAppConfig", "deployment", "storage", "value"): "https://elsewhere.example/c",
        ("properties", "functionAppConfig", "deployment", "storage", "authentication"): {
            "type": "StorageAccountConnectionString"
        },
        ("properties", "functionAppConfig", "scaleAndConcurrency", "instanceMemoryMB"): 1024,
        ("properties", "functionAppConfig", "scaleAndConcurrency", "maximumInstanceCount"): 1001,
        ("properties", "siteConfig", "appSettings"): [{"name": "FUNCTIONS_WORKER_RUNTIME", "value": "python"}],
        ("identity",): {"type": "UserAssigned", "userAssignedIdentities": {}},
    }.items():
        body = copy.deepcopy(good)
        inner = body
        for part in where[:-1]:
            inner = inner[part]
        inner[where[-1]] = value
        yield ".".join(where), body
    secret = copy.deepcopy(good)
    secret["properties"]["siteConfig"]["appSettings"] = [{"name": "A", "value": "x;AccountKey=abc"}]
    yield "a secret", secret
    assert config == good["properties"]["functionAppConfig"]


@pytest.mark.parametrize(("what", "body"), list(spoiled()), ids=lambda it: it if isinstance(it, str) else "")
def test_what_azure_refuses(what: str, body: dict[str, Any]) -> None:
    checks.site(app(spec()), "shop")
    with pytest.raises(Refused):
        checks.site(body, "shop")


def test_a_guard_is_one_that_azure_takes_and_is_on() -> None:
    for everybody in (True, False):
        guard = described.guard(SETTINGS, everybody=everybody)
        checks.guard({"properties": guard})
        assert guard["platform"]["enabled"]
        assert guard["globalValidation"]["requireAuthentication"] is not everybody
        guard["globalValidation"]["requireAuthentication"] = everybody
        with pytest.raises(Refused):
            checks.guard({"properties": guard})


@pytest.mark.parametrize(
    ("workspace", "category"), [("/subscriptions/s", "FunctionAppLogs"), (None, "ContainerAppConsoleLogs")]
)
def test_a_diagnostic_setting_that_azure_refuses(workspace: str | None, category: str) -> None:
    good = described.logs("/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/logs")
    checks.logs(good)
    bad = copy.deepcopy(good)
    bad["properties"]["workspaceId"] = workspace or good["properties"]["workspaceId"]
    bad["properties"]["logs"][0]["category"] = category
    with pytest.raises(Refused):
        checks.logs(bad)


def test_each_identity_has_a_container_of_packages_that_azure_takes() -> None:
    for container in ("abc", "a" * 63):
        found = {described.packages(container, role) for role in ("inference", "drift-check")}
        assert len(found) == 2
        assert all(3 <= len(one) <= 63 for one in found)


def test_a_package_is_the_bundle_and_what_azure_wants_beside_it(tmp_path: Path) -> None:
    bundle, package = tmp_path / "b.zip", tmp_path / "p.zip"
    with zipfile.ZipFile(bundle, "w") as made:
        made.writestr("app.py", "x = 1")
        made.writestr("toolkit/__init__.py", "__version__ = 'its own'")
    sites_package.write(bundle, package, spec(environment={"A": "b"}), "3")
    with zipfile.ZipFile(package) as found:
        assert found.read("app.py") == b"x = 1"
        assert found.read("toolkit/__init__.py") == b"__version__ = 'its own'"
        assert sorted(found.namelist()) == sorted(set(found.namelist()))
        version = json.loads(found.read("version.json"))
        assert json.loads(found.read("host.json"))["extensions"]["http"]["routePrefix"] == ""
    assert (version["version"], version["environment"]) == ("3", {"A": "b"})
    assert checks.package(package.read_bytes(), HERE.removeprefix("python")) == ""
    assert "function_app.py" in checks.package(bundle.read_bytes(), HERE.removeprefix("python"))


def test_a_bundle_that_cannot_be_repacked(tmp_path: Path) -> None:
    bundle = tmp_path / "b.zip"
    bundle.write_bytes(b"no zip")
    with pytest.raises(Corrupt):
        sites_package.write(bundle, tmp_path / "p.zip", spec(), "1")
    with zipfile.ZipFile(bundle, "w") as made:
        made.writestr("host.json", "{}")
    with pytest.raises(Unsupported, match=r"host\.json"):
        sites_package.write(bundle, tmp_path / "p.zip", spec(), "1")


@pytest.fixture(scope="module")
def settings() -> Settings:
    return site.make(functions="functions")


@pytest.fixture
def deploy(settings: Settings) -> Iterator[Deploy]:
    deploy = Deploy(SiteFunctions(settings), bundle_into(open_store(settings)), runtime=HERE)
    yield deploy
    deploy.delete()


@pytest.mark.slow
def test_nobody_reaches_a_version_that_was_only_published(settings: Settings, deploy: Deploy) -> None:
    one = deploy.spec(answers("a"))
    functions = SiteFunctions(settings)
    functions.publish(one)
    with pytest.raises(ConfigError, match="no traffic"):
        url(settings, one.name)
    with pytest.raises(ConfigError, match="no traffic"):
        open_schedules(settings).put(ScheduleSpec(name="tick", expression="rate(1 hour)", function=one.name))
    functions.route(one.name, {"1": 1.0})
    assert url(settings, one.name).endswith(".azurewebsites.net")


@pytest.mark.slow
def test_a_schedule_is_of_its_function(settings: Settings, deploy: Deploy) -> None:
    name = deploy(answers("a"))
    schedules = open_schedules(settings)
    wanted = ScheduleSpec(name="tick", expression="rate(1 hour)", function=name, event={"a": 1})
    schedules.put(wanted)
    assert schedules.get("tick") == wanted
    schedules.delete("tick")


@pytest.mark.slow
def test_a_deploy_that_azure_refuses_says_why_and_serves_what_served(
    settings: Settings, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = SiteFunctions(settings)
    name = deploy(answers("old"))
    new = functions.publish(deploy.spec(answers("new")))
    monkeypatch.setitem(sites_package.HOST, "version", "1.0")
    with pytest.raises(ProviderError, match=r"host\.json"):
        functions.route(name, {new: 1.0})
    assert functions.observe(name).weights == {"1": 1.0}
    assert functions.request(name, HttpRequest()).body == b"old"
    monkeypatch.undo()
    functions.route(name, {new: 1.0})
    assert functions.request(name, HttpRequest()).body == b"new"


@pytest.mark.slow
def test_the_platform_alone_says_who_calls(settings: Settings, deploy: Deploy) -> None:
    """A version that is not for everybody refuses whom Easy Auth has not let in, even if it were switched off."""
    functions = SiteFunctions(settings)
    name = deploy(answers("secret"))
    arm = client.Arm(settings)
    path = arm.path("Microsoft.Web/sites", described.called(settings, name))
    open_guard = {"properties": described.guard(settings, everybody=True)}
    arm.change("open it", "PUT", f"{path}/config/authsettingsV2", VERSION, open_guard)
    address = functions.observe(name).url
    assert visit(address, {}) == 401
    assert visit(address, {"x-ms-client-principal": "me"}) == 401


@pytest.mark.slow
def test_the_wire_of_one_deploy(settings: Settings, deploy: Deploy) -> None:
    name = deploy(answers("a"))
    api = client.Api(f"{described.called(settings, name)}.scm.azurewebsites.net", "", settings["services_endpoint"])
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as made:
        made.writestr("a", "b")
    with pytest.raises(ConfigError, match="RemoteBuild"):
        api.send("deploy", "POST", "/api/publish", headers={"Content-Type": "application/zip"}, data=zipped.getvalue())
    with pytest.raises(Unsupported, match="UnsupportedMediaType"):
        api.send(
            "deploy", "POST", "/api/publish", query={"RemoteBuild": "false"}, headers={"Content-Type": "text/plain"},
            data=zipped.getvalue(),
        )  # fmt: skip
