"""A body becomes rows in the signature's order, whichever shape it has and whichever way it was read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.endpoints import FEATURES, ROW
from toolkit.domain.records import Feature, Signature
from toolkit.serving.problems import Problem
from toolkit.serving.rows import Batch
from toolkit.serving.settings import Limits
from toolkit.serving.validate import Validator

SIGNATURE = Signature(task="regression", features=FEATURES, label="y")
VALIDATOR = Validator(SIGNATURE, Limits(max_rows=10, max_findings=5))
WIRE = (12.5, 500, True, "AA", "JFK", 15887.5, 15887.0)


def batch(document: Any, validator: Validator = VALIDATOR) -> Batch:
    return validator.batch(document if isinstance(document, bytes) else msgspec.json.encode(document))


def rows(found: Batch) -> list[tuple[Any, ...]]:
    return list(zip(*found.columns, strict=True))


COLUMNS = {name: [value, value] for name, value in ROW.items()}


@pytest.mark.parametrize(
    ("document", "count"),
    [
        (ROW, 1),
        ([ROW], 1),
        ([ROW, ROW], 2),
        ({"records": [ROW]}, 1),
        ({"records": [ROW, ROW]}, 2),
        ({"instances": [ROW, ROW, ROW]}, 3),
        ({"columns": COLUMNS}, 2),
        (b' \n{ "records" : [' + msgspec.json.encode(ROW) + b"] } ", 1),
        (b'{"rec\\u006frds": [' + msgspec.json.encode(ROW) + b"]}", 1),
    ],
)
def test_every_shape_gives_the_same_rows(document: Any, count: int) -> None:
    assert rows(batch(document)) == [WIRE] * count


def test_nulls_may_be_left_out() -> None:
    least = {"distance": 500, "origin": "JFK", "day": "2013-07-01"}
    wire = (None, 500, None, None, "JFK", None, 15887.0)
    assert rows(batch(least)) == rows(batch([{**dict.fromkeys(ROW), **least}])) == [wire]
    assert rows(batch({"columns": {name: [value] for name, value in least.items()}})) == [wire]


def test_a_whole_number_may_be_written_as_a_float() -> None:
    assert rows(batch({**ROW, "distance": 500.0})) == [WIRE]


def test_the_last_of_two_equal_keys_counts() -> None:
    body = msgspec.json.encode(ROW)[:-1] + b', "distance": 7}'
    assert rows(batch(body))[0][1] == 7


def test_a_feature_may_have_the_name_of_an_envelope() -> None:
    features = tuple(Feature(name=name, dtype="float64") for name in ("records", "columns", "instances"))
    validator = Validator(Signature(task="regression", features=features, label="y"), Limits())
    row = {"records": 1.0, "columns": 2.0, "instances": 3.0}
    for document in (row, [row], {"records": [row]}, {"columns": {name: [value] for name, value in row.items()}}):
        assert rows(batch(document, validator)) == [(1.0, 2.0, 3.0)]
    assert rows(batch({"columns": 2.0}, validator)) == [(None, 2.0, None)]


def test_all_nullable_features_make_an_empty_record_a_row() -> None:
    validator = Validator(Signature(task="regression", features=FEATURES[:1], label="y"), Limits())
    documents: list[Any] = [{}, b" { } ", [{}]]
    for document in documents:
        assert rows(batch(document, validator)) == [(None,)]


def problem(document: Any) -> Problem:
    with pytest.raises(Problem) as error:
        batch(document)
    return error.value


def findings(document: Any) -> list[tuple[int | None, str | None, str]]:
    return [(f.row, f.field, f.message) for f in problem(document).findings]


def test_everything_that_is_wrong_is_named() -> None:
    bad = {**ROW, "delay": "late", "dely": 1}
    del bad["distance"]
    assert findings([ROW, bad]) == [
        (1, "dely", "unknown field; did you mean 'delay'?"),
        (1, "delay", "expected a number, got text 'late'"),
        (1, "distance", "is missing; expected a whole number"),
    ]
    columns = {**COLUMNS, "delay": [1.0, "late"], "zzz": [1, 2]}
    assert findings({"columns": columns}) == [
        (None, "zzz", "unknown field"),
        (1, "delay", "expected a number, got text 'late'"),
    ]
    assert problem([ROW, bad]).detail == "row 1, field 'dely': unknown field; did you mean 'delay'?"


def test_the_list_of_findings_is_bounded() -> None:
    assert len(findings([{**ROW, "delay": "x", "rain": 1}] * 10)) == 5


def test_columns_must_be_lists_of_one_length() -> None:
    assert findings({"columns": {**COLUMNS, "delay": [1.0]}}) == [(None, "delay", "has 1 values, another column has 2")]
    assert findings({"columns": {**COLUMNS, "delay": 1.0}}) == [(None, "delay", "expected a list of values, got 1.0")]
    missing = {name: values for name, values in COLUMNS.items() if name != "day"}
    assert findings({"columns": missing}) == [(None, "day", "is missing; expected a date such as 2013-07-01")]


@pytest.mark.parametrize("document", [[], {"records": []}, {"instances": []}, {"columns": {}}])
def test_no_rows_is_an_error(document: Any) -> None:
    assert problem(document).status == 422


@pytest.mark.parametrize(
    "document", [[ROW] * 11, {"records": [ROW] * 11}, {"columns": {n: [v] * 11 for n, v in ROW.items()}}, [{}] * 11]
)
def test_too_many_rows(document: Any) -> None:
    assert (problem(document).status, problem(document).kind) == (413, "too-many-rows")


def test_braces_in_text_do_not_count_as_rows() -> None:
    assert rows(batch({**ROW, "origin": "{" * 50}))[0][4] == "{" * 50


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "delay": st.none() | st.floats(-1e6, 1e6) | st.just("x"),
    "distance": st.integers(-5, 5) | st.integers(2**63 - 2, 2**63 + 2) | st.integers(-5, 5).map(float) | st.none(),
    "rain": st.none() | st.booleans() | st.just(1),
    "carrier code": st.none() | st.text(max_size=3),
    "origin": st.text(max_size=3) | st.none() | st.just(5),
    "hour": st.none() | st.sampled_from(["2013-07-01T00:00:00Z", "2013-02-30", "noon"]),
    "day": st.sampled_from(["2013-07-01", "2013-07-01T00:00:00+01:00", "13"]),
}
RECORDS = st.fixed_dictionaries(
    {name: VALUES[name] for name in ("distance", "origin", "day")},
    optional={**{n: VALUES[n] for n in ("delay", "rain", "carrier code", "hour")}, "stranger": st.just(1)},
)


@given(st.lists(RECORDS, min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_the_typed_way_and_the_way_by_hand_agree(records: list[dict[str, Any]]) -> None:
    body = msgspec.json.encode(records)
    try:
        typed = VALIDATOR._decode(body)
    except ValueError:
        typed = None
    try:
        by_hand = VALIDATOR._by_hand(body)
    except Problem:
        assert typed is None
        return
    if typed is not None:
        assert rows(typed) == rows(by_hand)
    else:  # refused only for a whole number written as a float
        assert any(isinstance(record["distance"], float) for record in records)


HOSTILE = st.sampled_from([float("nan"), float("inf"), 10**400, 2**64, "\ud800", True, 1, 1.5, None, [1.0], (1,), b"x"])


@given(records=st.lists(RECORDS, min_size=1, max_size=3), name=st.sampled_from(list(ROW)), value=HOSTILE)
@settings(max_examples=300, deadline=None)
def test_values_that_another_reader_made_are_held_to_the_same(
    records: list[dict[str, Any]], name: str, value: Any
) -> None:
    """A conversion lets NaN and half a surrogate pass, which a decoder of JSON does not."""
    records[0][name] = value
    columns = {n: [record.get(n) for record in records] for n in {n for record in records for n in record}}
    ways: tuple[tuple[Any, Any, str], ...] = (
        (records, VALIDATOR.records, "records"),
        (columns, VALIDATOR.table, "columns"),
    )
    for given_rows, ask, kind in ways:
        try:
            by_hand = VALIDATOR._checked(given_rows, kind)
        except Problem:
            with pytest.raises(Problem):
                ask(given_rows)
        else:
            assert rows(ask(given_rows)) == rows(by_hand)
