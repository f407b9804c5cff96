"""What a job asks for, as AWS Batch sells it.

Fargate has a grid: the smallest cell that holds what was asked for is taken, and paid for. What is larger than the
grid, or needs a GPU, runs on EC2, where any whole number of CPUs will do, in the queue that an operator made for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import JobSpec

Platform = Literal["FARGATE", "EC2"]

# CPUs -> (least, most, step) of memory in MiB
FARGATE: dict[float, tuple[int, int, int]] = {
    0.25: (512, 2048, 512),  # 512, 1024, 2048: see `cells`
    0.5: (1024, 4096, 1024),
    1: (2048, 8192, 1024),
    2: (4096, 16_384, 1024),
    4: (8192, 30_720, 1024),
    8: (16_384, 61_440, 4096),
    16: (32_768, 122_880, 8192),
}
MOST_CPU, MOST_MEMORY_MB = 16, 122_880
MOST_EC2_CPU, MOST_EC2_MEMORY_MB, MOST_GPUS = 448, 24 * 1024 * 1024, 16  # of the largest machines there are
MOST_ARRAY = 10_000


@dataclass(frozen=True)
class Size:
    platform: Platform
    cpu: float
    memory_mb: int
    gpus: int = 0

    def requirements(self) -> list[dict[str, str]]:
        """`resourceRequirements` of Batch."""
        asked = {"VCPU": f"{self.cpu:g}", "MEMORY": str(self.memory_mb)}
        if self.gpus:
            asked["GPU"] = str(self.gpus)
        return [{"type": kind, "value": value} for kind, value in asked.items()]


def cells(cpu: float) -> tuple[int, ...]:
    """The amounts of memory, in MiB, that Fargate has with so many CPUs; () if it has no such number."""
    if cpu not in FARGATE:
        return ()
    least, most, step = FARGATE[cpu]
    return tuple(memory for memory in range(least, most + 1, step) if (cpu, memory) != (0.25, 1536))


def fargate(cpu: float, memory_mb: int) -> Size | None:
    """The smallest cell with at least so much of both; None if there is none."""
    for offered in FARGATE:
        for memory in cells(offered):
            if offered >= cpu and memory >= memory_mb:
                return Size("FARGATE", offered, memory)
    return None


def size(spec: JobSpec, *, ec2: bool) -> Size:
    """Where and how large it runs. `ec2`: whether there is a queue of EC2 machines. Unsupported names the limit."""
    if spec.cpu <= 0 or spec.memory_mb <= 0 or spec.gpus < 0 or not 0 <= spec.array <= MOST_ARRAY:
        raise Unsupported(
            f"job {spec.name} asks for {spec.cpu:g} CPUs, {spec.memory_mb} MiB, {spec.gpus} GPUs, an array of "
            f"{spec.array}: more than nothing of each, and an array of {MOST_ARRAY:,} at most"
        )
    if not spec.gpus and (found := fargate(spec.cpu, spec.memory_mb)):
        return found
    wants = f"job {spec.name} asks for {spec.cpu:g} CPUs, {spec.memory_mb:,} MiB and {spec.gpus} GPUs"
    if spec.cpu > MOST_EC2_CPU or spec.memory_mb > MOST_EC2_MEMORY_MB or spec.gpus > MOST_GPUS:
        most = f"{MOST_EC2_CPU} CPUs, {MOST_EC2_MEMORY_MB:,} MiB and {MOST_GPUS} GPUs"
        raise Unsupported(f"{wants}; no machine of AWS has more than {most}", hint="ask for less under [train]")
    if not ec2:
        raise Unsupported(
            f"{wants}; Fargate has up to {MOST_CPU} CPUs and {MOST_MEMORY_MB:,} MiB, and no GPU",
            hint='ask for less under [train], or set ec2_queue = "..." in [targets.<t>.aws]',
        )
    return Size("EC2", math.ceil(spec.cpu), max(4, spec.memory_mb), spec.gpus)
