from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.gcp import sizes
from toolkit.domain.errors import Unsupported

CPUS = st.floats(0.01, 10)
MEMORY = st.integers(1, 40_000)


@given(CPUS, MEMORY, st.sampled_from([sizes.LEAST_SERVICE, sizes.LEAST_JOB]))
def test_what_is_given_is_sold_and_enough(cpu: float, memory: int, least: int) -> None:
    fits = [(count, most) for count, most in sizes.MOST if cpu <= count and memory <= most]
    if not fits:
        with pytest.raises(Unsupported, match="at most 8 and 32,768"):
            sizes.limits("it", memory, cpu, least=least)
        return
    found = sizes.limits("it", memory, cpu, least=least)
    count, size = int(found["cpu"]), int(found["memory"].removesuffix("Mi"))
    assert count == min(fits)[0]
    assert max(memory, least, sizes.LEAST.get(count, 0)) == size <= dict(sizes.MOST)[count]


@given(CPUS, MEMORY, CPUS, MEMORY)
def test_who_asks_for_more_never_gets_less(cpu: float, memory: int, more: float, more_memory: int) -> None:
    try:
        large = sizes.limits("it", memory + more_memory, cpu + more, least=128)
    except Unsupported:
        return
    small = sizes.limits("it", memory, cpu, least=128)
    assert int(small["cpu"]) <= int(large["cpu"])
    assert int(small["memory"][:-2]) <= int(large["memory"][:-2])


@given(MEMORY)
def test_the_second_environment_has_its_least(memory: int) -> None:
    second = sizes.environment(memory).endswith("GEN2")
    assert second == (memory >= sizes.SECOND)


def test_no_memory_is_refused() -> None:
    with pytest.raises(Unsupported, match="at least 1 MiB"):
        sizes.limits("it", 0, least=128)
