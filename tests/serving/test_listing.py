"""Many rows are written byte for byte as one dictionary a row would be."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from toolkit.serving import listing
from toolkit.serving.model import Prediction

NAMES = st.lists(st.text(st.characters(codec="utf-8"), max_size=8), min_size=2, max_size=4, unique=True)
PREFIX = "0140b5fd4c00a1b2c3d4e5"


@given(classes=NAMES, data=st.data())
def test_classes(classes: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(st.floats(), min_size=len(classes), max_size=len(classes)), min_size=1))
    labels = [data.draw(st.sampled_from(classes)) for _ in rows]
    expected = [
        {"id": f"{PREFIX}-{i}", "label": label, "probabilities": dict(zip(classes, shares, strict=True))}
        for i, (label, shares) in enumerate(zip(labels, rows, strict=True))
    ]
    found = listing.predictions(PREFIX, Prediction(labels=labels, probabilities=rows, classes=tuple(classes)))
    assert found == msgspec.json.encode(expected)


@given(values=st.lists(st.floats(), min_size=1))
def test_values(values: list[float]) -> None:
    expected = [{"id": f"{PREFIX}-{i}", "value": value} for i, value in enumerate(values)]
    assert listing.predictions(PREFIX, Prediction(values=values)) == msgspec.json.encode(expected)


@given(classes=NAMES, model=st.text(st.characters(codec="utf-8"), max_size=8), data=st.data())
def test_one_row(classes: list[str], model: str, data: st.DataObject) -> None:
    share, label = data.draw(st.lists(st.floats(), min_size=len(classes), max_size=len(classes))), classes[0]
    said = {"id": f"{PREFIX}-0", "label": label, "probabilities": dict(zip(classes, share, strict=True))}
    one = listing.OneRow(model, 3, classes)
    given = Prediction(labels=[label], probabilities=[share], classes=tuple(classes))
    assert one(PREFIX, given) == msgspec.json.encode({"model": model, "version": 3, "predictions": [said]})


@given(value=st.floats())
def test_one_value(value: float) -> None:
    said = {"model": "m", "version": 1, "predictions": [{"id": f"{PREFIX}-0", "value": value}]}
    assert listing.OneRow("m", 1, ())(PREFIX, Prediction(values=[value])) == msgspec.json.encode(said)
