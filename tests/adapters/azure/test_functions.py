"""A function as a container app: pure, within Azure's limits, and read back as it was."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.azure import PROVIDER, arm_sizes, names
from toolkit.adapters.azure import containerapps_body as described
from toolkit.adapters.azure.emulator import containerapps_checks as checks
from toolkit.domain import digest
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import FunctionSpec

WHERE = {"storage": "https://a.blob.core.windows.net", "container": "c", "blob": "b", "identity": "/i", "client": "id"}
PARTS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=63)
RESOURCES = PARTS.filter(lambda text: bool(re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", text)) and "--" not in text)


def spec(**more: Any) -> FunctionSpec:
    return FunctionSpec(**{"name": "shop", "bundle": "0" * 64, "bundle_key": "bundles/x.zip", **more})


def template(one: FunctionSpec, number: int = 3) -> dict[str, Any]:
    return described.template(one, number, image="example.azurecr.io/job:1-py3.13", where=WHERE)


@given(RESOURCES, RESOURCES)
def test_names_fit_and_never_fall_together(one: str, other: str) -> None:
    for name in (one, other):
        found = names.app(name)
        assert checks.NAME.fullmatch(found)
        assert len(described.revision(name, "9999")) <= checks.LONGEST_REVISION
    if one != other and {one, other} != {f"n-{one}", one} and {one, other} != {f"n-{other}", other}:
        assert names.app(one) != names.app(other)


@given(st.integers(1, 8192), st.floats(0.01, 4.0))
def test_sizes_are_sold_and_enough(memory: int, cpu: float) -> None:
    found = arm_sizes.resources("it", memory, cpu)
    checks.container({"name": "main", "image": "r.io/i:1", "resources": found}, "ContainerApp")
    assert arm_sizes.megabytes(str(found["memory"])) >= memory
    assert float(str(found["cpu"])) >= cpu


@pytest.mark.parametrize(
    "more",
    [
        {"memory_mb": 8193},
        {"memory_mb": 0},
        {"timeout_seconds": 241},
        {"timeout_seconds": 0},
        {"concurrency": 801},
        {"architecture": "arm64"},
        {"environment": {"A": "x" * 32769}},
        {"tags": {"a/b": "c"}},
        {"tags": {"a": "x" * 257}},
        {"tags": {str(n): "" for n in range(50)}},
    ],
)
def test_what_does_not_fit_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        described.check(spec(**more))


def test_the_limits_that_planning_knows_are_those_that_publishing_has() -> None:
    limits = PROVIDER.limits
    described.check(spec(memory_mb=limits["function_memory_mb"], timeout_seconds=limits["function_timeout_seconds"]))
    assert limits["payload_bytes"] == described.PAYLOAD
    assert limits["environment_bytes"] == described.ENVIRONMENT


def test_what_a_revision_says_of_itself() -> None:
    one = spec(environment={"KEY": "ä = 1"}, auth="token", memory_mb=128)
    body = {"properties": {"template": template(one)}}
    checks.template(body["properties"]["template"], "ContainerApp")
    told = described.marks(body)
    assert told["configuration"] == digest.of_value(dict(one.configuration()))
    assert (told["version"], told["auth"], told["admitted"], told["events"]) == (3, "token", "", False)
    assert told["memory"] == 128, "less than Azure sells is kept by the server itself"
    assert described.marks({"properties": {"template": template(spec(memory_mb=512))}})["memory"] == 0
    assert described.marks({"properties": {"template": {"containers": [{"env": [{"name": "A", "value": "b"}]}]}}}) == {}


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6))
def test_shares_come_back(parts: list[int]) -> None:
    total = sum(parts)
    shares = {str(number): part / total for number, part in enumerate(parts, 1)}
    whole = all((share * 100) % 1 < 1e-9 or (share * 100) % 1 > 1 - 1e-9 for share in shares.values())
    if not whole:
        with pytest.raises(Unsupported):
            described.ingress("shop", shares)
        return
    ingress = described.ingress("shop", shares)
    checks.traffic(ingress, {described.revision("shop", version) for version in shares})
    found = described.weights({"properties": {"configuration": {"ingress": ingress}}})
    assert found == pytest.approx(shares)


def test_an_app_without_ingress_has_neither_shares_nor_an_address() -> None:
    body: dict[str, Any] = {"properties": {"configuration": {"activeRevisionsMode": "Multiple"}}}
    assert (described.weights(body), described.host(body)) == ({}, "")


def test_a_guard_is_one_that_azure_takes() -> None:
    settings = {"tenant": "t", "application": "a", "audience": "api://shop"}
    for everybody in (True, False):
        guard = described.guard(settings, everybody=everybody)
        checks.guard({"properties": guard})
        action = "AllowAnonymous" if everybody else "Return401"
        assert guard["globalValidation"]["unauthenticatedClientAction"] == action
        assert guard["platform"]["enabled"], "who is let in is said by headers that only it may set"
