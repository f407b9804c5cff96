from __future__ import annotations

from typing import Any

import pytest

from toolkit.domain.config import MonitorConfig
from toolkit.domain.records import ColumnDrift, DriftReport
from toolkit.lifecycle import symptoms
from toolkit.lifecycle.symptoms import Symptom
from toolkit.state.triggers import Trigger

WATCH = MonitorConfig(latency="0.5s")


def report(**fields: Any) -> DriftReport:
    given: dict[str, Any] = {"rows": 1000, "verdict": "ok", "columns": (), "window": "a/b", **fields}
    return DriftReport(endpoint="e", model="m", model_version=1, model_digest="0" * 64, **given)


def found(name: str, now: DriftReport, before: DriftReport | None = None, watch: MonitorConfig = WATCH) -> Symptom:
    return next(symptom for symptom in symptoms.of_report(now, before, watch) if symptom.name == name)


def column(name: str, verdict: Any) -> ColumnDrift:
    return ColumnDrift(name=name, effect=0.4, statistics={}, verdict=verdict)


@pytest.mark.parametrize(
    ("name", "fields", "firing", "words"),
    [
        ("drift", {"verdict": "drift", "columns": (column("a", "drift"), column("b", "ok"))}, True, "a drifted"),
        ("drift", {}, False, "back to normal"),
        ("drift", {"verdict": "not enough data"}, None, ""),
        ("quality", {"quality": {"a.unseen": 0.11}}, True, "data quality, a: unseen 11.0%"),
        ("quality", {"quality": {"a.null_change": -0.2, "b.out_of_range": 0.3}}, True, "b: out_of_range 30.0%, a"),
        ("quality", {"quality": {"a.unseen": 0.1, "b.out_of_range": 0.2}}, False, "back to normal"),
        ("quality", {"quality": {"a.unseen": 0.9}, "rows": 10}, None, ""),
        ("quality", {"quality": {"a.unseen": 0.9}, "columns": (column("a", "drift"),)}, False, ""),
        ("labels", {"performance": {"reference_accuracy": 0.9}}, None, ""),
        (
            "labels",
            {"performance": {"reference_accuracy": 0.9, "realised_accuracy": 0.8, "realised_rows": 500.0}},
            True,
            "worse on labels, accuracy 0.8, was 0.9",
        ),
        (
            "labels",
            {"performance": {"reference_accuracy": 0.9, "realised_accuracy": 0.88, "realised_rows": 500.0}},
            False,
            "",
        ),
        (
            "labels",
            {"performance": {"reference_accuracy": 0.9, "realised_accuracy": 0.1, "realised_rows": 5.0}},
            None,
            "",
        ),
        (
            "labels",
            {"performance": {"reference_rmse": 10.0, "realised_rmse": 11.0, "realised_rows": 500.0}},
            True,
            "rmse 11, was 10",
        ),
        ("errors", {}, None, ""),
        ("errors", {"service": {"requests": 1000.0, "errors": 11.0}}, True, "1.10% of 1,000 requests failed"),
        ("errors", {"service": {"requests": 1000.0, "errors": 10.0}}, False, ""),
        ("latency", {"service": {"p99_ms": 501.0}}, True, "99 % of requests took up to 501 ms"),
        ("latency", {"service": {"p99_ms": 499.0}}, False, ""),
    ],
)
def test_symptoms(name: str, fields: dict[str, Any], firing: bool | None, words: str) -> None:
    symptom = found(name, report(**fields))
    assert symptom.firing is firing
    assert words in symptom.title


def test_silence_is_missed_only_where_there_was_traffic_or_a_bound() -> None:
    silent = report(rows=0, verdict="not enough data")
    assert found("traffic", silent).firing is None
    assert found("traffic", silent, report(rows=10)).firing is None
    assert found("traffic", silent, report()).firing is True
    assert found("traffic", report(rows=1), report()).firing is False
    assert found("traffic", report(rows=99), None, MonitorConfig(min_traffic=100)).firing is True


def test_latency_without_a_bound_is_nobodys_business() -> None:
    assert found("latency", report(service={"p99_ms": 9e9}), None, MonitorConfig()).firing is None


def trigger(decision: str, accepted: bool = True) -> Trigger:
    return Trigger(key="k", reason="drift", window="w", accepted=accepted, decision=decision, decided="why")


@pytest.mark.parametrize(
    ("decisions", "firing"),
    [
        ([], None),
        (["failed", "failed"], False),
        (["failed", "failed", "failed", "promoted"], True),
        (["stayed", "failed", "failed", "failed"], False),
    ],
)
def test_retrains_that_keep_failing(decisions: list[str], firing: bool | None) -> None:
    symptom = symptoms.of_retrains([trigger(""), *map(trigger, decisions), trigger("failed", accepted=False)], "2h")
    assert symptom.firing is firing
    if firing:
        assert (symptom.title, symptom.text) == (
            "3 retrains in a row failed",
            "the last one: why; up to 6.0 hours of compute were spent",
        )
