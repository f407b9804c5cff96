"""Which models carry what an exact explanation needs."""

from __future__ import annotations

import pytest

from tests.models.conftest import Table
from toolkit.domain.records import Signature
from toolkit.models.compile import compiled
from toolkit.models.data import label_column, wire_frame
from toolkit.models.explain import EXPLAIN, explanation
from toolkit.models.export import to_onnx
from toolkit.models.native import native
from toolkit.models.signature import signature


def program(table: Table, model: object) -> tuple[bytes, Signature]:
    """The compiled program of an estimator over the numbers of the table."""
    data, schema = table.data("spent"), table.schema("spent")
    fitted = model.fit(data.X[data.numeric], data.y)  # type: ignore[attr-defined]
    asked = native(fitted, data)
    signed = signature(asked, data, label_column(schema), wire_frame(table.rows, asked.features))
    return compiled(to_onnx(fitted, signed.features, asked.classes), signed)[0], signed


def test_a_model_that_adds_up_carries_its_program(table: Table) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    made, signed = program(table, make_pipeline(SimpleImputer(), Ridge()))
    assert explanation(made, signed) == {EXPLAIN: made}


def test_a_model_whose_columns_mix_features_is_left_to_sampling(table: Table) -> None:
    from sklearn.ensemble import RandomForestRegressor, VotingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    voting = VotingRegressor([("a", Ridge()), ("b", RandomForestRegressor(3, random_state=0))])
    made, signed = program(table, make_pipeline(SimpleImputer(), voting))
    assert explanation(made, signed) == {}


@pytest.mark.parametrize("data", [b"", b"\xc1", b"{}"])
def test_what_is_no_program_is_not_carried(table: Table, data: bytes) -> None:
    assert explanation(data, Signature(task="regression", features=(), label="y")) == {}
