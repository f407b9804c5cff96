"""What may be wrong with an endpoint, one incident each: from a check's report, the one before, and the retrains.

    drift        the traffic has moved away from the training data
    quality      nulls, unseen categories or values out of range beyond what `[monitor]` allows
    labels       realised performance has fallen below the reference's
    traffic      nobody asks any more, or fewer than `monitor.min_traffic`
    errors       requests that failed
    latency      slow requests
    retraining   runs keep failing, and what they have cost

Pure: what is said twice of the same facts is the same. None: there are too few facts to say anything, so that an open
incident stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from toolkit.domain import times
from toolkit.domain.config import MonitorConfig
from toolkit.domain.records import DriftReport
from toolkit.quality.gates import higher_is_better
from toolkit.state.triggers import Trigger

FAILED = 3  # retrains in a row


class Symptom(msgspec.Struct, frozen=True, kw_only=True):
    """`firing` None: cannot be told. `title` completes "<endpoint> on <target>: "."""

    name: str
    firing: bool | None
    title: str = "back to normal"
    text: str = ""
    severity: Literal["info", "warning", "critical"] = "warning"


def of_report(report: DriftReport, before: DriftReport | None, watch: MonitorConfig) -> list[Symptom]:
    enough = report.rows >= watch.min_rows
    return [
        _drift(report),
        _quality(report, watch) if enough else Symptom(name="quality", firing=None),
        _labels(report, watch),
        _traffic(report, before, watch),
        _errors(report, watch),
        _latency(report, watch),
    ]


def of_retrains(recent: Sequence[Trigger], timeout: str) -> Symptom:
    """`recent` newest first. The cost is bounded by what a run may take."""
    ended = [trigger for trigger in recent if trigger.accepted and trigger.decision]
    failed = 0
    for trigger in ended:
        if trigger.decision != "failed":
            break
        failed += 1
    hours = failed * times.seconds(timeout) / 3600
    return Symptom(
        name="retraining",
        firing=failed >= FAILED if ended else None,
        title=f"{failed} retrains in a row failed" if failed >= FAILED else "back to normal",
        text=f"the last one: {ended[0].decided}; up to {hours:.1f} hours of compute were spent" if failed else "",
    )


def _drift(report: DriftReport) -> Symptom:
    if report.verdict == "not enough data":
        return Symptom(name="drift", firing=None)
    drifted = [column.name for column in report.columns if column.verdict == "drift"]
    title = f"{', '.join(drifted[:5])} drifted" if drifted else "back to normal"
    return Symptom(name="drift", firing=report.verdict == "drift", title=title)


def _quality(report: DriftReport, watch: MonitorConfig) -> Symptom:
    """Of the columns that are not in the drift alert anyway."""
    told = {column.name for column in report.columns if column.verdict == "drift"}
    allowed = {"null_change": watch.max_null_change, "unseen": watch.max_unseen, "out_of_range": watch.max_out_of_range}
    bad = {
        name: value
        for name, value in report.quality.items()
        if abs(value) > allowed.get(name.rpartition(".")[2], 1.0) and name.rpartition(".")[0] not in told
    }
    worst = sorted(bad, key=lambda name: -abs(bad[name]))
    words = ", ".join(f"{name.replace('.', ': ')} {bad[name]:.1%}" for name in worst[:5])
    return Symptom(name="quality", firing=bool(bad), title=f"data quality, {words}" if bad else "back to normal")


def _labels(report: DriftReport, watch: MonitorConfig) -> Symptom:
    found = report.performance
    if found.get("realised_rows", 0) < watch.min_rows:
        return Symptom(name="labels", firing=None)
    drops = {}
    for name, reference in found.items():
        metric = name.removeprefix("reference_")
        now = found.get(f"realised_{metric}")
        if metric != name and now is not None and metric != "rows":
            drops[metric] = reference - now if higher_is_better(metric) else (now - reference) / (abs(reference) or 1.0)
    bad = [metric for metric in sorted(drops, key=lambda metric: -drops[metric]) if drops[metric] > watch.max_drop]
    words = ", ".join(
        f"{metric} {found[f'realised_{metric}']:.4g}, was {found[f'reference_{metric}']:.4g}" for metric in bad[:3]
    )
    return Symptom(
        name="labels",
        firing=bool(bad) if drops else None,
        title=f"worse on labels, {words}" if bad else "back to normal",
    )


def _traffic(report: DriftReport, before: DriftReport | None, watch: MonitorConfig) -> Symptom:
    """Silence is only missed where there was traffic; a bound that was written down holds always."""
    expected = watch.min_traffic or (1 if before is not None and before.rows >= watch.min_rows else 0)
    if not expected:
        return Symptom(name="traffic", firing=False if report.rows else None)
    return Symptom(
        name="traffic",
        firing=report.rows < expected,
        title=f"traffic is missing: {report.rows:,} rows" if report.rows < expected else "back to normal",
        severity="critical",
    )


def _errors(report: DriftReport, watch: MonitorConfig) -> Symptom:
    requests, failed = report.service.get("requests", 0.0), report.service.get("errors", 0.0)
    if not requests:
        return Symptom(name="errors", firing=None)
    rate = failed / requests
    return Symptom(
        name="errors",
        firing=rate > watch.error_rate,
        title=f"{rate:.2%} of {requests:,.0f} requests failed" if rate > watch.error_rate else "back to normal",
        severity="critical",
    )


def _latency(report: DriftReport, watch: MonitorConfig) -> Symptom:
    p99 = report.service.get("p99_ms")
    if p99 is None or not watch.latency:
        return Symptom(name="latency", firing=None)
    limit = times.seconds(watch.latency) * 1000
    return Symptom(
        name="latency",
        firing=p99 > limit,
        title=f"99 % of requests took up to {p99:,.0f} ms" if p99 > limit else "back to normal",
    )
