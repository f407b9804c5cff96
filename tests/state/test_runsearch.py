from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.state.crashes import run_end, run_spec
from toolkit.state.runindex import Part, RunView, columns_of, flat
from toolkit.state.runsearch import OPERATORS, Table

VALUES = st.none() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["a", "b", "2"])


def view(run_id: str, x: Any) -> RunView:
    params = {} if x is None else {"x": x}
    return RunView(spec=run_spec(run_id, params=params), status="succeeded", end=run_end(run_id))


def part(views: list[RunView]) -> Part:
    return Part(len(views), columns_of([flat(run.spec, run.end) for run in views]))


def meets(value: Any, sign: str, wanted: Any) -> bool:
    try:
        return value is not None and OPERATORS[sign](value, wanted)
    except TypeError:
        return False


@given(
    values=st.lists(VALUES, max_size=25),
    cuts=st.tuples(st.integers(0, 25), st.integers(0, 25)),
    sign=st.sampled_from(sorted(OPERATORS)),
    wanted=st.integers(-3, 3) | st.sampled_from(["a", "b"]),
)
def test_a_search_is_the_same_however_runs_are_spread(
    values: list[Any], cuts: tuple[int, int], sign: str, wanted: Any
) -> None:
    views = [view(f"r{n:02d}", value) for n, value in enumerate(values)]
    first, second = sorted(cuts)
    table = Table([part(views[:first]), part(views[first:second])])
    for order in ("params.x", "-params.x", "id", "-id"):
        found = list(table.listing([("params.x", sign, wanted)], order, views[second:]))
        expected = [run for run in views if meets(run.spec.params.get("x"), sign, wanted)]
        assert {run.id for run in found} == {run.id for run in expected}
        if order == "id":
            assert [run.id for run in found] == sorted(run.id for run in expected)
        everything = [run.spec.params.get("x") for run in table.listing([], order, views[second:])]
        assert len(everything) == len(views)
        numbers = [value for value in everything if isinstance(value, (int, float))]
        if order.endswith("params.x"):
            assert numbers == sorted(numbers, reverse=order.startswith("-"))
            present = len([value for value in values if value is not None])
            assert all(value is None for value in everything[present:])


def test_a_listing_is_a_sequence() -> None:
    views = [view(f"r{n}", n) for n in range(5)]
    found = Table([part(views)]).listing([], "params.x", [])
    assert len(found) == 5
    assert found[0] == views[0]
    assert found[-1] == views[4]
    assert list(found[1:3]) == views[1:3]
    with pytest.raises(IndexError):
        found[5]
    assert list(Table([]).listing([], "-created", [])) == []
