"""A bound row is answered as the session itself answers it, whatever the row, and never with what came before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.domain.records import Feature
from toolkit.models.export import to_onnx
from toolkit.serving import onerow, session
from toolkit.serving.model import Model
from toolkit.serving.onerow import OneRow

NAMES = ("a", "b", "c")
FEATURES = tuple(Feature(name=name, dtype="float64") for name in NAMES)
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, width=64), st.integers(-(2**63), 2**63 - 1))


def trained(classes: tuple[str, ...]) -> Any:
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32), columns=list(NAMES))
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    target = frame.a + frame.b
    if classes:
        target = np.searchsorted(np.linspace(-1, 1, len(classes) - 1), target)
    return session.opened(to_onnx(kind(max_iter=5).fit(frame, target), FEATURES, classes))


@pytest.fixture(scope="module", params=[(), ("no", "yes"), ("low", "middle", "high")], ids=["value", "two", "three"])
def opened(request: pytest.FixtureRequest) -> Any:
    return trained(request.param)


def both(opened: Any) -> tuple[OneRow, Any]:
    outputs = [output.name for output in opened.get_outputs()]
    return OneRow(opened, outputs, FEATURES), lambda feed: opened.run(outputs, feed)


@given(rows=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_every_row_as_the_session_answers_it(opened: Any, rows: list[tuple[Any, ...]]) -> None:
    one, plain = both(opened)
    assert one._bound is not None
    largest = np.finfo(np.float32).max
    for row in rows:
        wide = np.array([np.nan if v is None else v for v in row], dtype=np.float64)
        narrow = np.clip(wide, -largest, largest).astype(np.float32)
        expected = plain({name: narrow[i : i + 1].reshape(1, 1) for i, name in enumerate(NAMES)})
        found = one.run(row)
        assert [a.tolist() for a in found] == [a.tolist() for a in expected]
        assert [a.dtype for a in found] == [a.dtype for a in expected]


def test_text_among_the_features_goes_the_plain_way(binary: Model) -> None:
    computing = binary._row.__self__  # type: ignore[attr-defined]  # the Graph of this model
    assert computing._one._bound is None
    row = (12.5, 500, True, "AA", "JFK", 15887.5, 15887.0)
    assert binary.answer_row(row) == binary.answer([[value] for value in row], 1)


def test_a_binding_that_answers_otherwise_is_not_used(opened: Any) -> None:
    outputs = [output.name for output in opened.get_outputs()]
    feed = {name: np.zeros((1, 1), np.float32) for name in NAMES}
    plain = session.unchecked(opened)
    assert onerow._bound(opened, outputs, feed, plain) is not None

    def wrong(*asked: Any) -> Any:
        return [np.zeros_like(array) if array.dtype == object else array + 1 for array in plain(*asked)]

    assert onerow._bound(opened, outputs, feed, wrong) is None


def test_without_a_binding_the_session_answers(opened: Any) -> None:
    outputs = [output.name for output in opened.get_outputs()]

    class Bare:
        def run(self, *asked: Any) -> Any:
            return opened.run(*asked)

    one, plain = OneRow(Bare(), outputs, FEATURES), both(opened)[1]
    assert one._bound is None
    expected = plain({name: np.full((1, 1), i, np.float32) for i, name in enumerate(NAMES)})
    assert [a.tolist() for a in one.run((0, 1, 2))] == [a.tolist() for a in expected]
