"""What the predictions of a window were worth, once their labels have come: an exact join by prediction id.

Labels come late, twice and in any order; the last one stored for an id counts.
"""

from __future__ import annotations

from toolkit.domain import codec, times
from toolkit.domain.records import Release, Signature
from toolkit.ports.context import Context
from toolkit.quality import metrics
from toolkit.serving import capture
from toolkit.serving.feedback import Labels
from toolkit.state import keys

PREFIX = "realised_"


def between(ctx: Context, release: Release, signature: Signature, start: str, end: str) -> dict[str, float]:
    """`realised_<metric>` and `realised_rows` of the predictions made in [start, end); empty without labels."""
    labels = _labels(ctx, release, start, end)
    if not labels:
        return {}
    rows = [row for row in _predictions(ctx, release, start, end) if row.id in labels]
    if not rows:
        return {}
    truth = [labels[row.id] for row in rows]
    if signature.task == "regression":
        found = metrics.evaluate("regression", truth, [row.score for row in rows])
    else:
        scores = [row.score for row in rows] if signature.task == "binary" else None
        found = metrics.evaluate(signature.task, truth, [row.label for row in rows], scores, signature.classes)
    return {"realised_rows": float(len(rows)), **{f"{PREFIX}{name}": value for name, value in found.items()}}


def _predictions(ctx: Context, release: Release, start: str, end: str) -> list[capture.Row]:
    first, last = _milliseconds(start), _milliseconds(end)
    prefix = keys.captures(ctx.target, release.endpoint)
    rows = []
    hour = f"{times.text(times.parse(start))[:13]}:00:00Z"  # an object is filed by the start of its hour
    for meta in ctx.store.list(prefix, after=prefix + keys.stamp(hour)):
        if meta.key >= prefix + keys.stamp(end):
            break
        captured = codec.decode(ctx.store.get(meta.key).data, capture.Captured, where=meta.key)
        if captured.model_digest == release.model_digest:
            rows += [row for row in capture.read(captured) if first <= row.time < last]
    return rows


def _labels(ctx: Context, release: Release, start: str, end: str) -> dict[str, str | float]:
    """id -> label. Labels are filed by the day of their prediction, so the day of `start` is read whole."""
    prefix = keys.feedbacks(ctx.target, release.endpoint)
    first = keys.stamp(f"{start[:10]}T00:00:00Z")
    found: dict[str, tuple[str, str | float]] = {}
    for meta in ctx.store.list(prefix, after=prefix + first):
        if meta.key >= prefix + keys.stamp(end):
            break
        record = codec.decode(ctx.store.get(meta.key).data, Labels, where=meta.key)
        for name, label in zip(record.ids, record.labels, strict=True):
            if name not in found or found[name][0] <= record.received:
                found[name] = (record.received, label)
    return {name: label for name, (_, label) in found.items()}


def _milliseconds(time: str) -> int:
    return int(times.parse(time).timestamp() * 1000)
