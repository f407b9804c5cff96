"""The check and the loop's turn: one report a window, one alert an incident, one run an event, a reason on record."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.shop import Shop, make_shop
from tests.lifecycle.test_deploy import tiny
from toolkit.adapters.memory.alerts import MemoryAlerts
from toolkit.adapters.memory.metrics import MemoryMetrics
from toolkit.domain import codec, times, wire
from toolkit.domain.errors import ConfigError, Locked, NotFound, PermissionDenied, TrainingFailed
from toolkit.lifecycle import deploy, destroy, find, gc, ingest, monitor, naming, promote, retrain, status, train
from toolkit.lifecycle.lock import exclusively
from toolkit.packaging import bundle
from toolkit.quality.baseline import from_bytes
from toolkit.quality.counter import Counter
from toolkit.state import keys
from toolkit.state.blobs import Blobs
from toolkit.state.registry import Registry
from toolkit.state.service import BOUNDS, Interval, Served

WINDOW = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-08T00:00:00Z"}
_names = (f"{n:032x}" for n in itertools.count())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A trained, promoted, deployed model; its endpoint's bundle is a tiny one."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "build", lambda spec: tiny(spec, folder))
        shop = make_shop(folder)
        result = train.run(shop.ctx, dataset=shop.dataset())
        promote.run(shop.ctx, result.version)
        deploy.run(shop.ctx)
        yield shop
        destroy.run(shop.ctx)


def traffic(shop: Shop, hour: str, rows: int, **changed: Any) -> None:
    """Rows of the test split, with some columns changed, counted as the endpoint would have."""
    release = naming.releases(shop.ctx).current()
    assert release is not None
    manifest = find.manifest(shop.ctx, find.version(shop.ctx, release.model_version))
    blobs = Blobs(shop.ctx.store)
    counter = Counter(from_bytes(blobs.get(manifest.files["profile"])))
    sample = json.loads(blobs.get(manifest.files["sample"]))
    for number, record in zip(range(rows), itertools.cycle(sample), strict=False):
        row = {**record, **changed}
        counter.add_row([wire.to_wire(f, row[f.name]) for f in manifest.signature.features], 0.2 + number % 5 / 10)
    data = counter.take()
    assert data is not None
    key = keys.profile(shop.ctx.target, release.endpoint, release.model_digest, hour, next(_names))
    shop.ctx.store.put(key, data)


def test_a_window_is_one_report_and_an_incident_one_alert(served: Shop) -> None:
    alerts = served.ctx.alerts
    assert isinstance(alerts, MemoryAlerts)
    few = monitor.run(served.ctx, since="2025-01-01", until="2025-01-08")
    assert (few.report.verdict, few.incident) == ("not enough data", "none")
    traffic(served, "2026-01-02T10:00:00Z", 600, amount=900.0, city="Oslo")
    first = monitor.run(served.ctx, **WINDOW)
    assert (first.report.verdict, first.incident, first.new) == ("drift", "open", True)
    assert "amount" in [c.name for c in first.report.columns if c.verdict == "drift"]
    again = monitor.run(served.ctx, **WINDOW)
    assert (again.report, again.new, again.incident) == (first.report, False, "none")
    traffic(served, "2026-01-09T10:00:00Z", 600, amount=900.0)
    second = monitor.run(served.ctx, since="2026-01-08", until="2026-01-15")
    assert second.incident == "still open"
    assert len(alerts.sent) == 1
    assert alerts.sent[0].state == "open"
    assert [i["name"] for i in status.run(served.ctx)["incidents"]] == ["drift-shop"]


def test_a_window_begins_and_ends_where_it_says(served: Shop) -> None:
    traffic(served, "2024-03-01T00:00:00Z", 10)
    traffic(served, "2024-03-01T23:00:00Z", 20)
    traffic(served, "2024-03-02T00:00:00Z", 40)
    checked = monitor.run(served.ctx, since="2024-03-01T00:00:00Z", until="2024-03-02T00:00:00Z")
    assert checked.report.rows == 30


def test_failing_and_slow_requests_are_told_from_what_the_function_counted(served: Shop) -> None:
    """Of every version that answered in the window, and of nothing before or after it."""
    served.configure(monitor=served.ctx.project.monitor.model_copy(update={"latency": "1s"}))
    for hour, version, errors in ((9, 1, 0), (10, 1, 30), (11, 2, 10), (12, 1, 200)):
        moment = f"2023-05-01T{hour:02d}:30:00Z"
        latencies = [0] * (len(BOUNDS) + 1)
        latencies[2], latencies[11] = 180, 20
        interval = Interval(
            number=int(times.parse(moment).timestamp()) // 60, requests=200, errors=errors, latencies=tuple(latencies)
        )
        told = Served(endpoint="shop", model_version=version, model_digest="1" * 64, intervals=(interval,))
        served.ctx.store.put(keys.service("test", "shop", moment, next(_names)), codec.encode(told))
    checked = monitor.run(served.ctx, since="2023-05-01T10:00:00Z", until="2023-05-01T12:00:00Z")
    assert checked.report.service == {"requests": 400, "errors": 40, "p50_ms": 2.5, "p99_ms": 2500}
    assert (checked.incidents["errors"], checked.incidents["latency"]) == ("open", "open")
    calm = monitor.run(served.ctx, since="2023-05-01T09:00:00Z", until="2023-05-01T10:00:00Z")
    assert (calm.incidents["errors"], calm.incidents["latency"]) == ("resolved", "still open")
    shown = status.run(served.ctx)["metrics"]
    assert {**shown, "time": ""} == {"time": "", "requests": 200, "errors": 0, "p99_ms": 2500, "drift_rows": 0}
    assert gc.run(served.ctx)["service"] == 4, "gone with the captures' retention"


@pytest.mark.parametrize("since", ["2026-02-02", "2026-02-01"])
def test_an_empty_window_is_refused(served: Shop, since: str) -> None:
    with pytest.raises(ConfigError, match="window is empty"):
        monitor.run(served.ctx, since=since, until="2026-02-01")


def test_a_failing_channel_fails_no_check(served: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(alert: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setitem(served.ctx.__dict__, "alerts", MemoryAlerts("elsewhere", {"hook": refuse}))
    traffic(served, "2027-01-02T10:00:00Z", 600)
    monitor.run(served.ctx, since="2027-01-01", until="2027-01-08")


def test_status_does_without_metrics_that_cannot_be_read(served: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(MemoryMetrics):
        def query(self, name: str, **asked: Any) -> Any:
            raise PermissionDenied("cannot read the metrics")

    monkeypatch.setitem(served.ctx.__dict__, "metrics", Refusing("refusing"))
    assert status.run(served.ctx)["metrics"] == {}


def test_an_event_makes_one_run_with_its_reason_on_record(served: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "run", lambda ctx, until="": served.dataset(500, seed=3))
    turn = retrain.run(served.ctx, reason="drift", window="2026-01-08")
    assert turn.decision in {"promoted", "stayed"}
    assert turn.trained
    again = retrain.run(served.ctx, reason="drift", window="2026-01-08")
    assert (again.decision, again.trained) == ("refused", False)
    soon = retrain.run(served.ctx, reason="drift", window="2026-01-08T06:00:00Z")
    assert (soon.decision, soon.trained) == ("refused", False)
    assert "cooldown" in soon.why
    told = status.run(served.ctx)["retrains"]
    assert {t["decision"] for t in told if t["window"] == "2026-01-08"} == {turn.decision}
    assert Registry(served.ctx.store, "shop").aliases()["challenger"] == 2


def test_a_run_that_fails_leaves_the_champion(served: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = Registry(served.ctx.store, "shop").aliases()["champion"]

    def fail(*arguments: Any, **options: Any) -> None:
        raise TrainingFailed("run x failed: ValueError")

    monkeypatch.setattr(ingest, "run", lambda ctx, until="": served.dataset())
    monkeypatch.setattr(train, "run", fail)
    turn = retrain.run(served.ctx, reason="drift", window="2026-03-01")
    assert (turn.decision, turn.trained) == ("failed", False)
    assert "ValueError" in turn.why
    assert Registry(served.ctx.store, "shop").aliases()["champion"] == champion


def test_two_turns_do_not_run_at_once(served: Shop) -> None:
    with exclusively(served.ctx, "retrain"), pytest.raises(Locked):
        retrain.run(served.ctx, reason="drift", window="2026-05-01")


def test_nothing_deployed_is_nothing_to_watch(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        monitor.run(make_shop(tmp_path).ctx)
    assert caught.value.hint == "toolkit deploy"
