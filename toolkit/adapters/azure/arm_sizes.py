"""Memory and CPU as Container Apps sells them on the Consumption plan. Pure.

A quarter of a CPU and half a GiB at a time, always together: 0.25 and 0.5Gi up to 4 and 8Gi.
"""

from __future__ import annotations

from toolkit.domain.errors import Unsupported

STEP_MB, STEPS = 512, 16


def steps(what: str, memory_mb: int, cpu: float = 0.0) -> int:
    """How many of them. Unsupported names what there is."""
    if memory_mb < 1:
        raise Unsupported(f"{what}: memory must be at least 1 MiB")
    found = max(1, -(-memory_mb // STEP_MB), -int(-cpu * 4 // 1))
    if found > STEPS:
        raise Unsupported(
            f"{what} asks for {cpu:g} CPU and {memory_mb:,} MiB; Container Apps has at most {STEPS // 4} and "
            f"{STEPS * STEP_MB:,}",
            hint="a workload profile of one's own has more; the toolkit deploys to the Consumption plan",
        )
    return found


def resources(what: str, memory_mb: int, cpu: float = 0.0) -> dict[str, object]:
    """`resources` of a container, at least what is asked for. Unsupported."""
    count = steps(what, memory_mb, cpu)
    return {"cpu": count / 4, "memory": f"{count / 2:g}Gi"}


def megabytes(memory: str) -> int:
    """ "0.5Gi" -> 512."""
    return round(float(memory.removesuffix("Gi")) * 1024)
