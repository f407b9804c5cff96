from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.aws.sizes import FARGATE, MOST_CPU, MOST_MEMORY_MB, cells, fargate, size
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import JobSpec

CPUS = st.floats(0.01, 20)
MEMORY = st.integers(1, 130_000)


@given(CPUS, MEMORY)
def test_the_smallest_cell_that_holds_it(cpu: float, memory: int) -> None:
    found = fargate(cpu, memory)
    fits = [(c, m) for c in FARGATE for m in cells(c) if c >= cpu and m >= memory]
    assert (found is None) == (not fits)
    if found is not None:
        assert (found.cpu, found.memory_mb) == min(fits)
        assert fargate(found.cpu, found.memory_mb) == found


@given(CPUS, MEMORY, CPUS, MEMORY)
def test_who_asks_for_more_never_gets_less(cpu: float, memory: int, more: float, more_memory: int) -> None:
    small, large = fargate(cpu, memory), fargate(cpu + more, memory + more_memory)
    assert large is None or (small is not None and small.cpu <= large.cpu)


def test_the_grid_is_amazons() -> None:
    assert cells(0.25) == (512, 1024, 2048)
    assert cells(0.5) == (1024, 2048, 3072, 4096)
    assert [(len(cells(cpu)), cells(cpu)[0], cells(cpu)[-1]) for cpu in (1, 2, 4, 8, 16)] == [
        (7, 2048, 8192), (13, 4096, 16384), (23, 8192, 30720), (12, 16384, 61440), (12, 32768, 122880),
    ]  # fmt: skip
    assert cells(3) == ()
    assert max(FARGATE) == MOST_CPU
    assert max(cells(16)) == MOST_MEMORY_MB


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"cpu": 17}, "16 CPUs"),
        ({"memory_mb": 122_881}, "122,880 MiB"),
        ({"gpus": 1}, "no GPU"),
        ({"cpu": 0}, "more than nothing"),
        ({"memory_mb": 0}, "more than nothing"),
        ({"array": 10_001}, "10,000"),
    ],
)
def test_what_fargate_has_not_is_refused_by_name(fields: dict[str, int], limit: str) -> None:
    with pytest.raises(Unsupported, match=limit):
        size(JobSpec(name="a", **fields), ec2=False)  # type: ignore[arg-type]  # one field a case


def test_what_fargate_has_not_goes_to_ec2_where_there_is_a_queue() -> None:
    found = size(JobSpec(name="a", gpus=2, cpu=3.5, memory_mb=5000), ec2=True)
    assert (found.platform, found.cpu, found.memory_mb) == ("EC2", 4, 5000)
    assert found.requirements()[-1] == {"type": "GPU", "value": "2"}
    assert size(JobSpec(name="a", cpu=17), ec2=True).platform == "EC2"
    assert size(JobSpec(name="a"), ec2=True).platform == "FARGATE"


def test_more_than_any_machine_has_is_refused() -> None:
    with pytest.raises(Unsupported, match="no machine of AWS"):
        size(JobSpec(name="a", memory_mb=1 << 40), ec2=True)
