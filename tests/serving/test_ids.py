from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolkit.serving import ids

NOON = 1_372_680_000_000  # 2013-07-01T12:00:00Z


@given(st.integers(0, 253_402_300_799_999), st.integers(0, 9_999_999))
def test_an_id_carries_its_time(moment: int, row: int) -> None:
    prefix = ids.prefix(moment)
    assert len(prefix) == ids.LENGTH
    assert ids.moment_ms(f"{prefix}-{row}") == moment


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=10))
def test_ids_sort_by_time(moments: list[int]) -> None:
    assert [m for _, m in sorted((ids.prefix(m), m) for m in moments)] == sorted(moments)


def test_ids_of_one_moment_differ() -> None:
    assert len({ids.prefix(NOON) for _ in range(10_000)}) == 10_000


def test_windows() -> None:
    assert ids.start_of_hour(ids.hour(NOON + 59 * 60_000)) == "2013-07-01T12:00:00Z"
    assert ids.day(NOON) == "2013-07-01T00:00:00Z"


def test_what_is_no_id() -> None:
    for text in (
        "",
        "x",
        "0" * 22,
        "0" * 22 + "-",
        "0" * 22 + "-01",
        "F" * 22 + "-0",
        "f" * 22 + "-0",
        "0" * 22 + "-0\n",
    ):
        assert ids.moment_ms(text) is None
