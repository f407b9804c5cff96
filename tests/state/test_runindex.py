import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.state.crashes import run_end, run_spec
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.errors import ConfigError, Corrupt, NewerFormat
from toolkit.domain.records import Split
from toolkit.state import keys
from toolkit.state.runindex import Index, Part, RunIndex, RunView, column_name, columns_of, decode, encode, flat

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | NUMBERS | st.text(max_size=8)
PARAMS = st.dictionaries(st.text(min_size=1, max_size=6), SCALARS | st.lists(SCALARS, max_size=3), max_size=4)
METRICS = st.dictionaries(st.text(min_size=1, max_size=6), NUMBERS, max_size=4)


def part(runs: list[RunView]) -> Part:
    return Part(len(runs), columns_of([flat(run.spec, run.end) for run in runs]))


def view(n: int, params: dict[str, Any], metrics: dict[str, float], **fields: Any) -> RunView:
    end = run_end(f"r{n}", metrics=metrics, reason=f"reason {n % 3}")
    return RunView(spec=run_spec(f"r{n}", params=params, **fields), status="succeeded", end=end)


@given(runs=st.lists(st.tuples(PARAMS, METRICS), max_size=12))
def test_a_part_holds_its_runs_exactly(runs: list[tuple[dict[str, Any], dict[str, float]]]) -> None:
    views = [view(n, params, metrics) for n, (params, metrics) in enumerate(runs)]
    found = decode(encode(part(views)))
    assert found.runs == len(views)
    for row, original in enumerate(views):
        again = found.view(row)
        assert again == original
        assert [type(value) for value in again.spec.params.values()] == [
            type(original.spec.params[name]) for name in again.spec.params
        ]


def test_values_that_are_equal_in_python_stay_apart() -> None:
    values = [1, 1.0, True, "1", None, 0, False, 0.0]
    views = [view(n, {"x": value}, {}) for n, value in enumerate(values)]
    found = decode(encode(part(views)))
    assert [repr(found.view(row).spec.params["x"]) for row in range(len(values))] == [repr(value) for value in values]


def test_what_repeats_is_kept_once() -> None:
    views = [view(n, {"depth": n % 3}, {"auc": 0.5}, split=Split(kind="time")) for n in range(1000)]
    columns = part(views).columns
    assert len(columns["params.depth"].values) == 4
    assert len(columns["spec.code"].values) == 2
    assert len(encode(part(views))) < 1000 * 40


@pytest.mark.parametrize("data", [b"", b"bits", struct.pack("I", 7) * 10])
def test_an_unreadable_part_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        decode(data)


def test_a_newer_part_is_refused() -> None:
    import zlib

    data = zlib.compress(msgspec.msgpack.encode({"kind": "run-part", "format": 2, "runs": 0, "columns": {}}))
    with pytest.raises(NewerFormat, match="format 2"):
        decode(data)


def test_a_newer_index_is_refused(store: MemoryStore) -> None:
    index = RunIndex(store)
    assert index.swap(Index(revision=1, nonce="a"), None)
    data = store.get(keys.RUN_INDEX).data
    store.put(keys.RUN_INDEX, data.replace(b'"format":1', b'"format":2'))
    with pytest.raises(NewerFormat):
        index.read()


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("id", "spec.run_id"),
        ("model", "spec.model"),
        ("status", "end.status"),
        ("seconds", "end.seconds"),
        ("metrics.a.b", "metrics.a.b"),
        ("params.depth", "params.depth"),
    ],
)
def test_fields_by_the_name_people_use(field: str, column: str) -> None:
    assert column_name(field) == column
    if "." not in field:
        assert column in part([view(1, {}, {})]).columns


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ConfigError, match="'auc'"):
        column_name("auc")
