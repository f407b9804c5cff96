"""Every port of the adapter used once, so that the emulator has seen a valid request of every method."""

from __future__ import annotations

from uuid import uuid4

from tests.adapters.gcp import google
from toolkit.adapters.gcp.alerts import HOST as PUBSUB
from toolkit.adapters.gcp.alerts import open_alerts
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.metrics import open_metrics
from toolkit.adapters.gcp.secrets import open_secrets
from toolkit.domain import times
from toolkit.domain.specs import Alert, MetricPoint
from toolkit.ports import Settings

HOSTS = {
    "secretmanager.googleapis.com", "pubsub.googleapis.com", "logging.googleapis.com", "monitoring.googleapis.com",
}  # fmt: skip
METHODS = 11


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


def _alerts(settings: Settings) -> None:
    (topic,) = settings["topics"]
    Api(PUBSUB, "v1", settings["services_endpoint"]).call("make", "PUT", topic, {})
    assert open_alerts(settings).publish(Alert(incident="i", state="open", title="t"))[0].ok
