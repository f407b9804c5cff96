"""Rows of the test split as a client would send them: what `invoke --sample` and a warm-up ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from toolkit.domain import wire
from toolkit.domain.records import Feature

if TYPE_CHECKING:
    import polars as pl

ROWS = 50


def sample(rows: pl.DataFrame, features: Sequence[Feature]) -> bytes:
    """JSON list of records (feature name -> JSON value; times as RFC 3339 text), evenly spread over `rows`."""
    chosen = rows.select([feature.name for feature in features])
    if len(chosen) > ROWS:
        chosen = chosen.gather_every(-(-len(chosen) // ROWS))
    records = [{name: wire.to_json(value) for name, value in row.items()} for row in chosen.iter_rows(named=True)]
    return msgspec.json.encode(records)
