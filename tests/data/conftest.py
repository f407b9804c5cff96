"""A table with everything in it that real ones have, and one whose rows repeat by nature."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="session")
def shop() -> pl.DataFrame:
    """600 visits: numbers with gaps, text, times, a boolean, an id; `bought` depends on `amount` but not wholly."""
    draw = np.random.default_rng(3)
    rows = 600
    amount = draw.lognormal(2, 1, rows)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return pl.DataFrame(
        {
            "visit_id": [f"v{k:05}" for k in draw.permutation(rows)],
            "amount": pl.Series(amount).set(pl.Series(draw.random(rows) < 0.1), None),
            "items": draw.poisson(3, rows),
            "city": draw.choice(["Paris", "Lyon", "Nice"], rows),
            "member": draw.random(rows) < 0.4,
            "when": [start + dt.timedelta(hours=int(h)) for h in draw.integers(0, 400, rows)],
            "born": [dt.date(1950, 1, 1) + dt.timedelta(days=int(d)) for d in draw.integers(0, 20000, rows)],
            "bought": np.where(amount + draw.normal(0, 6, rows) > 9, "yes", "no"),
        }
    )
