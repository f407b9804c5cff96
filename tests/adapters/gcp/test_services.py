"""What Cloud Run refuses although its types allow it, asked of the emulator as the adapter would ask."""

from __future__ import annotations

import copy
import json
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.gcp import google
from toolkit.adapters.gcp.emulator.containers import own_python
from toolkit.adapters.gcp.run_api import Run
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    NotFound,
    PreconditionFailed,
    ProviderError,
    Throttled,
    ToolkitError,
)

pytestmark = pytest.mark.slow
IMAGE = f"europe-west1-docker.pkg.dev/emulated-project/images/job:1-py{own_python()}"
GOOD: dict[str, Any] = {
    "template": {
        "serviceAccount": "a-job@emulated-project.iam.gserviceaccount.com",
        "scaling": {"maxInstanceCount": 1},
        "timeout": "5s",
        "containers": [
            {"image": IMAGE, "args": ["this"], "resources": {"limits": {"cpu": "1", "memory": "512Mi"}}},
        ],
    },
}


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(google.settings())


def create(run: Run, body: Any, name: str = "") -> str:
    """Its path."""
    name = name or f"s-{uuid4().hex[:8]}"
    run.change("make it", "POST", f"{run.parent}/services", body, {"serviceId": name})
    return f"{run.parent}/services/{name}"


def changed(path: str, value: Any) -> dict[str, Any]:
    """GOOD with one field, "template.containers.env" say, set to another value."""
    body = copy.deepcopy(GOOD)
    holder: Any = body
    *steps, last = path.split(".")
    for step in steps:
        holder = holder.setdefault(step, {})
        holder = holder[0] if isinstance(holder, list) else holder
    holder[last] = value
    return body


def latest(**more: Any) -> dict[str, Any]:
    return {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, **more}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("template.containers.resources", {"limits": {"cpu": "3", "memory": "512Mi"}}),
        ("template.containers.resources", {"limits": {"cpu": "1", "memory": "5Gi"}}),
        ("template.containers.resources", {"limits": {"cpu": "1", "memory": "64Mi"}}),
        ("template.containers.resources", {"limits": {"cpu": "1", "memory": "512"}}),
        ("template.containers.resources", {"limits": {"cpu": "1", "memory": "512Mi", "gpu": "1"}}),
        ("template.containers.env", [{"name": "PORT", "value": "1"}]),
        ("template.containers.env", [{"name": "A-B", "value": "1"}]),
        ("template.containers.env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        ("template.containers.env", [{"name": "A", "value": "x" * (32 * 1024 + 1)}]),
        ("template.containers.image", "no image"),
        ("template.containers", [GOOD["template"]["containers"][0]] * 2),
        ("template.timeout", "3601s"),
        ("template.serviceAccount", "nobody"),
        ("template.revision", "another-v1"),
        ("template.maxInstanceRequestConcurrency", 1001),
        ("labels", {"Upper": "x"}),
        ("annotations", {"run.googleapis.com/own": "x"}),
        ("traffic", [latest(percent=99)]),
        ("traffic", [latest(tag="Upper")]),
        ("traffic", [latest(tag="t" * 40)]),
        ("traffic", [latest(revision="r")]),
        ("traffic", [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "no-such", "percent": 100}]),
        ("ingress", "INGRESS_TRAFFIC_NOWHERE"),
        ("name", "given"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(run: Run, path: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        create(run, changed(path, value))


def test_more_instances_than_the_quota(run: Run) -> None:
    with pytest.raises((Throttled, ToolkitError), match="Quota"):
        create(run, changed("template.scaling", {"maxInstanceCount": 101}))


@pytest.mark.parametrize("name", ["Upper", "9", "a" * 50, "a-", "a_b"])
def test_bad_names(run: Run, name: str) -> None:
    with pytest.raises(ConfigError):
        create(run, GOOD, name)


def test_a_name_is_there_once_and_a_change_names_what_it_saw(run: Run) -> None:
    path = create(run, GOOD)
    with pytest.raises(AlreadyExists):
        create(run, GOOD, path.rpartition("/")[2])
    seen = run.api.get("look", path)
    for wanted in (None, PreconditionFailed):
        change = {"labels": {"a": "b"}, "etag": seen["etag"]}
        if wanted is None:
            run.change("change", "PATCH", path, change, {"updateMask": "labels"})
        else:
            with pytest.raises(wanted):
                run.change("change", "PATCH", path, change, {"updateMask": "labels"})
    for mask in ("uri", "template.containers"):
        with pytest.raises(ConfigError):
            run.change("change", "PATCH", path, {"labels": {}}, {"updateMask": mask})


def test_an_operation_is_done_when_it_is_looked_at_again(run: Run) -> None:
    operation = run.api.call("make it", "POST", f"{run.parent}/services", GOOD, {"serviceId": f"s-{uuid4().hex[:8]}"})
    looks = [run.api.get("look", operation["name"]).get("done", False) for _ in range(3)]
    assert "done" not in operation
    assert looks == [False, True, True]
    with pytest.raises(NotFound):
        run.api.get("look", f"{run.parent}/operations/{uuid4()}")


def test_an_image_that_is_not_there_is_no_revision(run: Run) -> None:
    image = IMAGE.replace(own_python(), "3.1")
    with pytest.raises(ProviderError, match="not found") as refused:
        create(run, changed("template.containers.image", image))
    assert refused.value.hint.endswith(f"toolkit image push --kind job {image}")


def test_of_two_who_change_who_may_call_one_loses(run: Run) -> None:
    path = create(run, GOOD)
    policy = run.api.get("look", f"{path}:getIamPolicy")
    policy["bindings"] = [{"role": "roles/run.invoker", "members": ["allUsers"]}]
    run.api.call("change", "POST", f"{path}:setIamPolicy", {"policy": policy})
    with pytest.raises(PreconditionFailed):
        run.api.call("change", "POST", f"{path}:setIamPolicy", {"policy": policy})
    policy = {"bindings": [{"role": "roles/run.invoker", "members": ["everybody"]}]}
    with pytest.raises(ConfigError):
        run.api.call("change", "POST", f"{path}:setIamPolicy", {"policy": policy})


def test_a_container_that_does_not_listen_is_503(run: Run) -> None:
    path = create(run, GOOD)
    policy = {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]}
    run.api.call("change", "POST", f"{path}:setIamPolicy", {"policy": policy})
    uri = run.api.get("look", path)["uri"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(uri, timeout=30)
    assert refused.value.code == 503
    assert "PORT" in json.loads(refused.value.read())["message"]
