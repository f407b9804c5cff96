"""Models of every kind with what an endpoint needs to explain them, and Shapley values by asking every coalition."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec

from tests.models.conftest import make_table
from tests.models.estimators import ESTIMATORS, LABELS
from toolkit.domain import codec, digest
from toolkit.domain.records import Feature, ModelManifest, Split
from toolkit.models import served
from toolkit.models.compile import compiled
from toolkit.models.data import label_column, wire_frame
from toolkit.models.explain import explanation
from toolkit.models.export import to_onnx
from toolkit.models.native import native
from toolkit.models.sample import sample
from toolkit.models.signature import signature
from toolkit.serving.model import Model, load

ROWS = 400


class Trained(NamedTuple):
    """`rows` are of the wire, in the order of the features; the first 50 are what the model carries as its sample."""

    model: Model
    rows: list[tuple[Any, ...]]
    estimator: Any
    frame: Any

    @property
    def features(self) -> tuple[Feature, ...]:
        return self.model.signature.features

    def scores(self, rows: Sequence[Sequence[Any]]) -> list[list[float]]:
        made = self.model.answer([list(column) for column in zip(*rows, strict=True)], len(rows))
        return list(made.probabilities) or [[value] for value in made.values]


@cache
def trained(name: str, *, program: bool = True) -> Trained:
    """`ESTIMATORS[name]`, fitted, exported, and loaded with its sample; without `program` it can only be sampled."""
    label = LABELS[name]
    table = make_table(ROWS)
    data, schema = table.data(label), table.schema(label)
    estimator = ESTIMATORS[name](data).fit(data.X, data.y)
    asked = native(estimator, data)
    frame = wire_frame(table.rows, asked.features)
    signed = signature(asked, data, label_column(schema), frame)
    onnx = to_onnx(estimator, signed.features, asked.classes)
    files = {"model.onnx": onnx, "sample": sample(table.rows.head(50), signed.features)}
    if program:
        files |= explanation(compiled(onnx, signed)[0], signed)
    names = [feature.name for feature in signed.features]
    return Trained(_loaded(signed, files), list(frame.select(names).iter_rows()), estimator, frame)


def _loaded(signed: Any, files: dict[str, bytes]) -> Model:
    manifest = codec.encode(
        ModelManifest(
            model="shop", signature=signed, files={role: digest.of_bytes(data) for role, data in files.items()},
            sizes={}, metrics={}, dataset="", dataset_version="", code="", split=Split(),
        )
    )  # fmt: skip
    return load({"manifest.json": manifest, **files}, digest.of_bytes(manifest))


def every_coalition(
    ask: Callable[[list[Sequence[Any]]], list[float]], row: Sequence[Any], background: Sequence[Sequence[Any]]
) -> list[float]:
    """Shapley values by their definition: 2**features x background rows asked."""
    count = len(row)
    coalitions = list(itertools.product((False, True), repeat=count))
    rows: list[Sequence[Any]] = [
        [mine if taken else theirs for mine, theirs, taken in zip(row, other, chosen, strict=True)]
        for chosen in coalitions
        for other in background
    ]
    answers = ask(rows)
    size = len(background)
    worth = {c: math.fsum(answers[n * size : (n + 1) * size]) / size for n, c in enumerate(coalitions)}
    parts = [0.0] * count
    for chosen, value in worth.items():
        inside = sum(chosen)
        for feature in range(count):
            if not chosen[feature]:
                joined = (*chosen[:feature], True, *chosen[feature + 1 :])
                ways = math.factorial(inside) * math.factorial(count - inside - 1) / math.factorial(count)
                parts[feature] += ways * (worth[joined] - value)
    return parts


def records(found: Trained, count: int) -> list[dict[str, Any]]:
    """Rows as a client sends them."""
    made: list[dict[str, Any]] = msgspec.json.decode(found.model.files["sample"])
    return made[:count]


__all__ = ["ESTIMATORS", "LABELS", "Trained", "every_coalition", "records", "served", "trained"]
