"""Adding is associative and commutative, shards add up to the whole, and only profiles of one baseline are added."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.domain.errors import ConfigError, Corrupt, NewerFormat
from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline
from toolkit.quality.counter import Counter
from toolkit.quality.merge import add, merge, merge_many
from toolkit.quality.profile import Profile, decode

Frame = dict[str, list[Any]]
Row = tuple[Any, ...]

# Counts, minimum and maximum merge exactly; sums within rounding, which is relative to the largest value: numbers whose
# sums neither overflow nor cancel, so that the tolerance below says what is promised.
WIRE = st.floats(-1e6, 1e6) | st.just(math.nan)
rows = st.lists(
    st.tuples(
        st.none() | st.floats(-10, 10),
        st.floats(0, 1e6),
        st.integers(-3, 30),
        st.none() | WIRE,
        st.sampled_from(["red", "green", "blue", "violet", None]),
        st.sampled_from(["N1", "N2", "N-new", ""]),
        st.booleans(),
        st.sampled_from([None, "2013-01-01T00:00:00Z"]),
    ),
    max_size=30,
)


def profile(baseline: Baseline, found: list[Row]) -> bytes:
    counter = Counter(baseline)
    for row in found:
        counter.add_row(row, 0.25)
    return counter.take() or Profile(baseline.name, 0, [0] * baseline.size, merge([], baseline).moments).to_bytes()


def same(one: Profile, other: Profile) -> None:
    assert (one.rows, one.counts) == (other.rows, other.counts)
    for a, b in zip(one.moments, other.moments, strict=True):
        assert (a.minimum, a.maximum) == (b.minimum, b.maximum)
        assert a == pytest.approx(b, rel=1e-9, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(a=rows, b=rows, c=rows)
def test_any_order_and_grouping(baseline: Baseline, a: list[Row], b: list[Row], c: list[Row]) -> None:
    x, y, z = (profile(baseline, part) for part in (a, b, c))
    left = merge([merge([x, y], baseline).to_bytes(), z], baseline)
    right = merge([x, merge([y, z], baseline).to_bytes()], baseline)
    same(left, right)
    same(left, merge([z, y, x], baseline))
    same(left, merge([profile(baseline, a + b + c)], baseline))


@settings(max_examples=30, deadline=None)
@given(st.lists(rows, max_size=4))
def test_plain_python_and_numpy_agree(baseline: Baseline, parts: list[list[Row]]) -> None:
    data = [profile(baseline, part) for part in parts]
    same(add((decode(part, baseline) for part in data), baseline), merge_many(data, baseline))


def test_none_is_empty(baseline: Baseline) -> None:
    nothing = merge([], baseline)
    assert (nothing.rows, sum(nothing.counts)) == (0, 0)


def test_many_are_streamed(baseline: Baseline, window: Callable[..., Frame]) -> None:
    counter = Counter(baseline)
    counter.add_columns(window(100, seed=1), [0.5] * 100)
    data = counter.take() or b""
    total = merge((data for _ in range(1000)), baseline)
    assert total.counts == [n * 1000 for n in decode(data, baseline).counts]
    assert len(data) < 4000


def test_another_baseline_is_refused(baseline: Baseline) -> None:
    other = build_baseline({"x": [1.0, 2.0]}, [Feature(name="x", dtype="float64")])
    counter = Counter(other)
    counter.add_row((1.0,))
    with pytest.raises(ConfigError, match="counted against baseline"):
        merge([counter.take() or b""], baseline)


def test_newer_format_is_refused_with_the_version_to_install(baseline: Baseline) -> None:
    data = bytearray(baseline.reference().to_bytes())
    data[3] += 1
    with pytest.raises(NewerFormat, match="profile has format 2; this version reads up to 1") as caught:
        merge([bytes(data)], baseline)
    assert caught.value.hint.startswith("pip install 'driftloop>=")


def test_damaged_bytes_are_found(baseline: Baseline) -> None:
    """Every flipped bit and every cut is refused: as corrupt, as another baseline's, or as a newer format."""
    good = baseline.reference().to_bytes()
    for place in range(0, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 1 << (place % 8)
        if 5 <= place < 5 + good[4]:
            continue  # the writer's version, shown in a hint only
        with pytest.raises((Corrupt, ConfigError, NewerFormat)):
            merge([bytes(bad)], baseline)
    for length in range(0, len(good), 41):
        with pytest.raises((Corrupt, ConfigError)):
            merge([good[:length]], baseline)
    with pytest.raises(Corrupt, match="not a profile"):
        merge([b"{}"], baseline)


def test_counts_as_wide_as_needed(baseline: Baseline) -> None:
    for count in (0, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**60):
        counts = [0] * baseline.size
        counts[3] = count
        one = Profile(baseline.name, 2**40, counts, merge([], baseline).moments)
        assert decode(one.to_bytes(), baseline) == one
        assert merge_many([one.to_bytes()], baseline) == one
