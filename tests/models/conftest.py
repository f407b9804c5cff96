"""A table with everything in it that real ones have: gaps, text, dates, booleans, whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from toolkit.domain.records import Column, DType, Schema
from toolkit.models.data import TrainingData, training_data

FEATURES: dict[str, DType] = {
    "amount": "float64",
    "visits": "int64",
    "member": "bool",
    "city": "string",
    "opened": "datetime",
    "born": "date",
}
LABELS: dict[str, DType] = {"bought": "bool", "tier": "string", "spent": "float64"}


@dataclass(frozen=True)
class Table:
    rows: pl.DataFrame

    def schema(self, label: str) -> Schema:
        features = [Column(name=name, dtype=dtype) for name, dtype in FEATURES.items()]
        others = [
            Column(name=name, dtype=dtype, role="label" if name == label else "ignored")
            for name, dtype in LABELS.items()
        ]
        return Schema(columns=(*features, *others))

    def data(self, label: str) -> TrainingData:
        return training_data(self.rows, self.schema(label))


def make_table(rows: int = 600, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    amount = rng.normal(50, 20, rows)
    visits = rng.integers(0, 40, rows)
    member = rng.random(rows) < 0.4
    city = rng.choice(["Łódź", "Oslo", "Bern", "Rome"], rows, p=[0.4, 0.3, 0.2, 0.1])
    opened = [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(seconds=int(s)) for s in rng.integers(0, 31_536_000, rows)]
    born = [datetime(1960, 1, 1, tzinfo=UTC).date() + timedelta(days=int(d)) for d in rng.integers(0, 15_000, rows)]
    score = (amount - 50) / 20 + visits / 20 + member + (city == "Oslo") - (city == "Rome") + rng.normal(0, 0.5, rows)
    gaps = rng.random((rows, 4)) < 0.1
    frame = pl.DataFrame(
        {
            "amount": [None if gap else float(v) for v, gap in zip(amount, gaps[:, 0], strict=True)],
            "visits": [None if gap else int(v) for v, gap in zip(visits, gaps[:, 1], strict=True)],
            "member": member,
            "city": [None if gap else str(v) for v, gap in zip(city, gaps[:, 2], strict=True)],
            "opened": [None if gap else v for v, gap in zip(opened, gaps[:, 3], strict=True)],
            "born": born,
            "bought": score > 1.2,
            "tier": np.where(score > 2, "gold", np.where(score > 0.8, "silver", "bronze")),
            "spent": 1000.0 + score * 100,
        }
    )
    return Table(frame)


@pytest.fixture(scope="session")
def table() -> Table:
    return make_table()
