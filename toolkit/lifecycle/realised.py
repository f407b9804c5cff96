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
    known = labels(ctx, release.endpoint, start, end)
    if not known:
        return {}
    made = predictions(ctx, release.endpoint, start, end).get(release.model_version, [])
    rows = [row for row in made if row.id in known]
    if not rows:
        return {}
    truth = [known[row.id] for row in rows]
    if signature.task == "regression":
        found = metrics.evaluate("regression", truth, [row.score for row in rows])
    else:
        scores = [row.score for row in rows] if signature.task == "binary" else None
        found = metrics.evaluate(signature.task, truth, [row.label for row in rows], scores, signature.classes)
    return {"realised_rows": float(len(rows)), **{f"{PREFIX}{name}": value for name, value in found.items()}}


def predictions(ctx: Context, endpoint: str, start: str, end: str) -> dict[int, list[capture.Row]]:
    """Model version -> what it predicted in [start, end)."""
    first, last = _milliseconds(start), _milliseconds(end)
    prefix = keys.captures(ctx.target, endpoint)
    found: dict[int, list[capture.Row]] = {}
    hour = f"{times.text(times.parse(start))[:13]}:00:00Z"  # an object is filed by the start of its hour
    for meta in ctx.store.list(prefix, after=prefix + keys.stamp(hour)):
        if meta.key >= prefix + keys.stamp(end):
            break
        captured = codec.decode(ctx.store.get(meta.key).data, capture.Captured, where=meta.key)
        rows = found.setdefault(captured.model_version, [])
        rows += [row for row in capture.read(captured) if first <= row.time < last]
    return found


def labels(ctx: Context, endpoint: str, start: str, end: str) -> dict[str, str | float]:
    """id -> label. Labels are filed by the day of their prediction, so the day of `start` is read whole."""
    prefix = keys.feedbacks(ctx.target, endpoint)
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
