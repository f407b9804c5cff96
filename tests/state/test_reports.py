from typing import Any

from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.records import DriftReport
from toolkit.state.reports import Reports

DIGEST = "1" * 64


def report(day: int, **fields: Any) -> DriftReport:
    defaults: dict[str, Any] = {"model_digest": DIGEST, "rows": 500, "verdict": "ok", "columns": ()}
    window = f"2013-07-{day:02d}T00:00:00Z/2013-07-{day + 1:02d}T00:00:00Z"
    return DriftReport(endpoint="flights", model="flights", model_version=1, window=window, **{**defaults, **fields})


def test_the_first_report_of_a_window_and_model_stays(store: MemoryStore) -> None:
    reports = Reports(store, "prod", "flights")
    assert reports.create(report(1)) == (report(1), True)
    assert reports.create(report(1, verdict="drift")) == (report(1), False)
    assert reports.create(report(1, model_digest="2" * 64))[1]


def test_reports_by_window_and_by_time(store: MemoryStore) -> None:
    reports = Reports(store, "prod", "flights")
    assert reports.latest() is None
    for second, day in enumerate((3, 1, 2)):
        store.clock = lambda second=second: f"2026-01-01T00:00:0{second}.000000Z"  # type: ignore[misc]
        reports.create(report(day))
    assert list(reports.list()) == [report(1), report(2), report(3)]
    assert reports.latest() == report(2)
