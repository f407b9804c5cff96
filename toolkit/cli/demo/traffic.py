"""Months of flights as live traffic: one request a day, at that day's time, with the outcome reported afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from toolkit.domain.errors import ProviderError
from toolkit.domain.specs import HttpRequest
from toolkit.ports.context import Context


@dataclass
class Replay:
    """`digest` covers every prediction in order (labels and probabilities, no ids)."""

    rows: int = 0
    requests: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


def replay(ctx: Context, function: str, frame: Any, month: str, seen: Replay, *, feedback: bool = True) -> Replay:
    """Send the flights of `month` ("2013-04") in `frame` (prepared, polars) to the function, day by day."""
    days = list(_days(ctx, frame, month))
    with ctx.report.track(f"replay {month}", sum(len(labels) for _, _, labels in days)) as advance:
        for moment, columns, labels in days:
            body = json.dumps({"columns": columns}).encode()
            # a day is told to be on record when it is answered: live traffic may wait a minute for that
            answer = _post(ctx, function, "/predict", body, {"x-toolkit-time": moment, "x-toolkit-flush": "now"})
            predictions = answer["predictions"]
            if feedback:
                known = [{"id": p["id"], "label": label} for p, label in zip(predictions, labels, strict=True)]
                _post(ctx, function, "/feedback", json.dumps({"feedback": known}).encode(), {})
            for prediction in predictions:
                prediction.pop("id")
            seen.digest.update(json.dumps(predictions, sort_keys=True).encode())
            seen.rows += len(labels)
            seen.requests += 1
            advance(len(labels))
    return seen


def _days(ctx: Context, frame: Any, month: str) -> Iterator[tuple[str, dict[str, list[Any]], list[Any]]]:
    import polars as pl

    from toolkit.data.sampling import wire_columns

    config = ctx.project.data
    moment = pl.col(config.time)
    chosen = frame.filter(moment.dt.strftime("%Y-%m") == month).with_columns(__day=moment.dt.date())
    for (day,), rows in chosen.group_by("__day", maintain_order=True):
        features = rows.drop("__day", config.label, config.time)
        yield f"{day}T12:00:00Z", wire_columns(features), rows[config.label].cast(pl.String).to_list()


def _post(ctx: Context, function: str, path: str, body: bytes, more: dict[str, str]) -> Any:
    headers = {"content-type": "application/json", **more}
    answer = ctx.functions.request(function, HttpRequest(method="POST", path=path, headers=headers, body=body))
    if answer.status != 200:
        raise ProviderError(f"{path} answered {answer.status}: {answer.body[:300].decode(errors='replace')}")
    return json.loads(answer.body)
