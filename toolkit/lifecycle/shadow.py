"""Shadow traffic: what the champion answered is asked of the challenger again, afterwards, by the tick.

A function is frozen once it has answered, so nothing can be copied behind an answer's back; captured rows can be
replayed whenever there is time. No byte of an answer can change by it, and nobody waits for it. It costs the
challenger one call for each captured request, about ROWS rows a tick, and the keeping of features
(`serve.capture.features`).

The challenger counts and captures these as any others, under its own version: that is what the judge reads.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec

from toolkit.domain import codec, times
from toolkit.domain.errors import NotFound, ProviderError
from toolkit.domain.records import Signature
from toolkit.domain.specs import HttpRequest
from toolkit.domain.wire import EPOCH
from toolkit.engine.rollouts import Standing
from toolkit.lifecycle import access, find
from toolkit.ports.context import Context
from toolkit.serving.capture import Captured
from toolkit.state import keys

ROWS = 5_000
LATE = timedelta(hours=2)  # after its hour a capture may come, and is asked again


class _Replayed(msgspec.Struct):
    """What was asked again already: the names of captures, of the hours that may yet get more. An object is filed by
    the hour of what it holds, and a late one may stand before those that were read."""

    names: list[str] = []  # msgspec copies empty defaults


def replay(ctx: Context, standing: Standing) -> int:
    """Ask the challenger what the champion was asked since the last tick. How many rows. A tick that dies asks again:
    some rows then count twice, which changes no share."""
    release = standing.release
    assert release is not None
    prefix = keys.captures(ctx.target, release.endpoint)
    cursor = keys.shadow(ctx.target, release.endpoint, standing.number)
    before = set(_read(ctx, cursor).names)
    signature = find.manifest(ctx, find.version(ctx, standing.rollout.challenger)).signature
    oldest = max(times.parse(standing.rollout.began), times.parse(ctx.clock()) - LATE)
    rows, seen = 0, []
    for meta in ctx.store.list(prefix, after=prefix + keys.stamp(f"{times.text(oldest)[:13]}:00:00Z")):
        name = meta.key.removeprefix(prefix)
        if name not in before and rows < ROWS:
            captured = codec.decode(ctx.store.get(meta.key).data, Captured, where=meta.key)
            ours = captured.model_version == standing.rollout.champion and captured.flushed >= standing.rollout.began
            rows += _ask(ctx, standing, signature, captured) if ours and captured.features else 0
        elif name not in before:
            continue  # the next tick's
        seen.append(name)
    ctx.store.put(cursor, msgspec.json.encode(_Replayed(names=seen)))
    return rows


def _ask(ctx: Context, standing: Standing, signature: Signature, captured: Captured) -> int:
    release = standing.release
    assert release is not None
    at = 0
    for _, count in captured.requests:
        columns = {name: values[at : at + count] for name, values in captured.features.items()}
        body = json.dumps({"columns": _as_asked(signature, columns)}).encode()
        headers = {"content-type": "application/json", **access.headers(ctx)}
        request = HttpRequest(method="POST", path="/predict", headers=headers, body=body)
        try:
            ctx.functions.request(release.function, request, version=release.function_version)
        except ProviderError as error:  # what it could not answer, it has not counted: the judge misses it
            ctx.report.warn(f"the shadow was not asked: {error.message}")
        at += count
    return at


def _as_asked(signature: Signature, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Captured as the model saw them, sent as a client would: nulls, truth values, times."""
    found = {}
    for feature in signature.features:
        values = columns.get(feature.name, [])
        found[feature.name] = [_value(feature.dtype, value) for value in values]
    return found


def _value(dtype: str, value: Any) -> Any:
    if value is None or value == "" or value != value:
        return None
    if dtype in ("datetime", "date"):
        from datetime import timedelta

        moment = EPOCH + timedelta(days=value)
        return times.text(moment) if dtype == "datetime" else moment.date().isoformat()
    if dtype == "bool":
        return bool(value)
    return int(value) if dtype == "int64" and float(value).is_integer() else value


def _read(ctx: Context, key: str) -> _Replayed:
    try:
        return msgspec.json.decode(ctx.store.get(key).data, type=_Replayed)
    except NotFound:
        return _Replayed()
