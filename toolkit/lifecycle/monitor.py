"""Compare a window of live traffic with what the model was trained on; tell people once per incident.

The window's counts were kept by the endpoint itself, in the baseline's own bins, so that a check merges small profiles
and its cost does not depend on how many rows there were. The report is created once per window: the same event
delivered twice is one report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from toolkit.domain import times
from toolkit.domain.errors import ConfigError, NotFound, ProviderError
from toolkit.domain.records import DriftReport, Release
from toolkit.domain.specs import MetricPoint
from toolkit.lifecycle import alerting, find, naming, page, realised, symptoms
from toolkit.ports.context import Context
from toolkit.quality import drift
from toolkit.quality.baseline import from_bytes
from toolkit.quality.merge import merge
from toolkit.state import keys, profiles, service
from toolkit.state.blobs import Blobs
from toolkit.state.incidents import Incidents
from toolkit.state.reports import Reports
from toolkit.state.triggers import Triggers

UNITS = {"drift_effect": "ratio", "p50_ms": "ms", "p99_ms": "ms"}
LATE = timedelta(hours=1)  # after its interval a flush may come, and count: a store may have been away


@dataclass(frozen=True)
class Checked:
    """`incident` is that of drift: open, still open, resolved or none; `incidents` are all that are open or were
    resolved now. `new` is False when this window had its report already. `page` is the key of the report as HTML."""

    report: DriftReport
    incident: str
    new: bool
    page: str = ""
    incidents: dict[str, str] = field(default_factory=dict)


def run(ctx: Context, *, since: str = "", until: str = "") -> Checked:
    """Check the window [since, until), by default the last `monitor.window` up to now.

    Raises NotFound when nothing is deployed; a window with too few rows is a result ("not enough data"), not an error.
    """
    release = naming.releases(ctx).current()
    if release is None:
        raise NotFound(f"nothing is deployed on target {ctx.target}: nothing to watch", hint="toolkit deploy")
    start, end = _window(ctx, since, until)
    reports = Reports(ctx.store, ctx.target, release.endpoint)
    before = reports.latest()
    report, new = reports.create(_check(ctx, release, start, end))
    changed = _incidents(ctx, report, before) if new else {}
    if new:
        _measure(ctx, report)
        _publish(ctx, report)
    return Checked(report, changed.get("drift", "none"), new, _page(ctx, report), changed)


def history(ctx: Context) -> Iterator[DriftReport]:
    """Every report of the target's endpoint, by start of the window."""
    return Reports(ctx.store, ctx.target, naming.endpoint(ctx)).list()


def report(ctx: Context, window: str = "") -> DriftReport:
    """The report made last, or the newest whose window begins as `window` says. NotFound."""
    reports = Reports(ctx.store, ctx.target, naming.endpoint(ctx))
    found = reports.latest() if not window else None
    if window:
        found = next((r for r in reversed(list(reports.list())) if r.window.startswith(window)), None)
    if found is None:
        what = f"no report of a window that begins with {window!r}" if window else "no drift check was made yet"
        raise NotFound(f"{what} on target {ctx.target}", hint="toolkit drift list" if window else "toolkit drift")
    return found


def _page(ctx: Context, report: DriftReport) -> str:
    return keys.page(ctx.target, report.endpoint, report.window, report.model_digest)


def _publish(ctx: Context, report: DriftReport) -> None:
    """Beside the report, for people; a store that fails here fails no check."""
    try:
        ctx.store.put(_page(ctx, report), page.html(report).encode())
    except ProviderError as error:
        ctx.report.warn(f"the report's page was not written: {error.message}")


def _window(ctx: Context, since: str, until: str) -> tuple[str, str]:
    end = times.parse(until) if until else times.parse(ctx.clock())
    start = times.parse(since) if since else end - timedelta(seconds=times.seconds(ctx.project.monitor.window))
    if start >= end:
        raise ConfigError(
            f"the window is empty: {since or start} is not before {until or end}", hint="--since, --until"
        )
    return times.text(start), times.text(end)


def _check(ctx: Context, release: Release, start: str, end: str) -> DriftReport:
    blobs, watch = Blobs(ctx.store), ctx.project.monitor
    manifest = find.manifest(ctx, find.version(ctx, release.model_version))
    baseline = from_bytes(blobs.get(manifest.files["profile"]))
    shards = profiles.between(ctx.store, ctx.target, release.endpoint, release.model_digest, start, end)
    merged = merge(shards, baseline)
    found = drift.check(baseline, merged, min_rows=watch.min_rows, effect=watch.effect)
    measured = realised.between(ctx, release, manifest.signature, start, end)
    return DriftReport(
        endpoint=release.endpoint,
        model=release.model,
        model_version=release.model_version,
        model_digest=release.model_digest,
        window=f"{start}/{end}",
        rows=merged.rows,
        verdict=found.verdict,
        columns=found.columns,
        quality=found.quality,
        performance={**found.performance, **measured},
        service=_service(ctx, release, start, end),
        created=ctx.clock(),
    )


def _service(ctx: Context, release: Release, start: str, end: str) -> dict[str, float]:
    """Requests, errors and latencies of the window, of every version that answered in it; empty where none were
    counted. A flush comes after what it tells of, so a little more than the window is read. Latencies are upper bounds
    of their cells, and of what is beyond the last one twice that."""
    late = times.text(times.parse(end) + LATE)
    flushed = list(service.flushes(ctx.store, ctx.target, release.endpoint, start, late))
    seconds = service.width(flushed, 1)
    first, last = (int(times.parse(moment).timestamp()) // seconds for moment in (start, end))
    counted = service.versions(flushed, seconds, first, last)
    answered = [interval for version in counted.values() for interval in version.values()]
    if not answered:
        return {}
    latencies = [sum(cell) for cell in zip(*(interval.latencies for interval in answered), strict=True)]
    return {
        "requests": float(sum(interval.requests for interval in answered)),
        "errors": float(sum(interval.errors for interval in answered)),
        "p50_ms": 1000 * min(service.quantile(latencies, 0.5), 2 * service.BOUNDS[-1]),
        "p99_ms": 1000 * min(service.quantile(latencies, 0.99), 2 * service.BOUNDS[-1]),
    }


def _incidents(ctx: Context, report: DriftReport, before: DriftReport | None) -> dict[str, str]:
    """One alert when something begins, one when it is over; in between, a reminder a day. What this check changed:
    symptom -> open, still open, resolved; what cannot be told stays as it is and is not in it."""
    incidents = Incidents(ctx.store, ctx.target, report.endpoint)
    recent = Triggers(ctx.store, report.model).recent()
    found = [
        *symptoms.of_report(report, before, ctx.project.monitor),
        symptoms.of_retrains(recent, ctx.project.train.timeout),
    ]
    changed: dict[str, str] = {}
    for symptom in found:
        if symptom.firing is None:
            continue
        notice = incidents.observe(
            f"{symptom.name}-{report.endpoint}",
            symptom.firing,
            title=f"{report.endpoint} on {ctx.target}: {symptom.title}",
            text=symptom.text
            or f"version {report.model_version} of {report.model}, {report.rows:,} rows in {report.window}",
            severity=symptom.severity,
            labels={"endpoint": report.endpoint, "target": ctx.target, "model": report.model},
            actor=ctx.actor,
            time=ctx.clock(),
        )
        if notice or symptom.firing:
            changed[symptom.name] = notice.alert.state if notice else "still open"
    alerting.send(ctx, incidents)
    return changed


def _measure(ctx: Context, report: DriftReport) -> None:
    """What `toolkit status` and a dashboard of the provider's show: a point each, of the window that was checked."""
    labels = {"endpoint": report.endpoint, "target": ctx.target, "version": str(report.model_version)}
    worst = max((c.effect for c in report.columns), default=0.0)
    measured = {"drift_rows": float(report.rows), "drift_effect": worst, **report.service}
    now = ctx.clock()
    ctx.metrics.record(
        [
            MetricPoint(name=name, value=value, time=now, unit=UNITS.get(name, "count"), labels=labels)
            for name, value in measured.items()
        ]
    )
