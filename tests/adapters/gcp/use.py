"""Every port of the adapter used once, so that the emulator has seen a valid request of every method."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec

from tests.adapters.gcp import google, use_operator
from tests.support import HERE
from toolkit.adapters.gcp.alerts import HOST as PUBSUB
from toolkit.adapters.gcp.alerts import open_alerts
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.functions import open_functions
from toolkit.adapters.gcp.jobs import open_jobs
from toolkit.adapters.gcp.metrics import open_metrics
from toolkit.adapters.gcp.secrets import open_secrets
from toolkit.adapters.gcp.store import open_store
from toolkit.domain import times
from toolkit.domain.specs import Alert, FunctionSpec, HttpRequest, MetricPoint
from toolkit.ports import Settings
from toolkit.ports.jobs import Jobs
from toolkit.testing.functions import bundle_into
from toolkit.testing.jobs import probe

CODE = b"import os\ndef handler(event, context):\n    return {'statusCode': 200, 'body': os.environ['N']}\n"

HOSTS = {
    "secretmanager.googleapis.com", "pubsub.googleapis.com", "logging.googleapis.com", "monitoring.googleapis.com",
    "run.googleapis.com", "batch.googleapis.com", "iamcredentials.googleapis.com", "cloudtasks.googleapis.com",
    *use_operator.HOSTS,
}  # fmt: skip
OWN = {
    "network": "projects/my-project/global/networks/n",
    "subnetwork": "projects/my-project/regions/europe-west1/subnetworks/s",
}
METHODS = 38 + use_operator.METHODS


def every_port() -> None:
    settings = google.settings(topics=[f"projects/emulated-project/topics/t-{uuid4().hex[:8]}"])
    _alerts(settings)
    metrics = open_metrics(settings)
    metrics.record([MetricPoint(name="a.b", value=1, time=times.now(), labels={"endpoint": "e"})])
    assert len(list(metrics.query("a.b", since="2026-01-01"))) == 1
    secrets = open_secrets(settings)
    for value in ("one", "two"):
        secrets.put("name", value)
    assert secrets.get("name") == "two"
    assert list(secrets.list()) == ["name"]
    secrets.delete("name")
    _functions()
    _jobs()
    use_operator.everything()


def _functions() -> None:
    settings = google.bucket()
    functions = open_functions(settings)
    bundle, key = bundle_into(open_store(settings))({"app.py": CODE})
    name = f"used-{uuid4().hex[:8]}"
    specs = [
        FunctionSpec(name=name, bundle=bundle, bundle_key=key, runtime=HERE, environment={"N": n}, tags={"a": n})
        for n in "12"
    ]
    one, two = map(functions.publish, specs)
    functions.route(name, {one: 0.5, two: 0.5})
    assert functions.request(name, HttpRequest(), version=two).body == b"2"
    functions.event(name, {}, wait=False)
    list(functions.logs(name))
    functions.route(name, {two: 1.0})
    functions.remove_version(name, one)
    assert [state.name for state in functions.list({"a": "2"})].count(name) == 1
    gone = msgspec.structs.replace(specs[0], name=f"{name}-gone")
    functions.publish(gone)
    functions.delete(gone.name)  # the other stays, to be spoiled


def _jobs() -> None:
    for settings in (google.settings(), google.settings(batch="always", accelerator="nvidia-l4", **OWN)):
        _some_jobs(open_jobs(settings), gpus=1 if settings["accelerator"] else 0)


def _some_jobs(jobs: Jobs, *, gpus: int) -> None:
    fields: dict[str, Any] = {"retries": 1, "array": 2, "environment": {"A": "b"}, "tags": {"a": "b"}, "gpus": gpus}
    names = [jobs.submit(probe(*does, **fields)).name for does in (("exit=1",), ("sleep=30",))]
    jobs.cancel(names[1])
    list(jobs.logs(names[0], follow=True))
    assert [status.state for status in jobs.list({"a": "b"})] == ["cancelled", "failed"]
    for name in names:
        jobs.delete(name)


def _alerts(settings: Settings) -> None:
    (topic,) = settings["topics"]
    Api(PUBSUB, "v1", settings["services_endpoint"]).call("make", "PUT", topic, {})
    assert open_alerts(settings).publish(Alert(incident="i", state="open", title="t"))[0].ok
