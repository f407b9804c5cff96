"""Memory and CPU as Cloud Run sells them. Pure.

Memory needs CPU: 4 GiB one, 8 two, 16 four, 24 six, 32 eight; and CPU needs memory: four 2 GiB, more 4 GiB. A job has
a CPU and 512 MiB at least, a service may have 128 MiB in the first execution environment and 512 MiB in the second.
"""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.domain.errors import Unsupported

MOST: tuple[tuple[int, int], ...] = ((1, 4096), (2, 8192), (4, 16384), (6, 24576), (8, 32768))  # CPU, MiB
LEAST: Mapping[int, int] = {4: 2048, 6: 4096, 8: 4096}  # CPU -> MiB
LEAST_SERVICE, LEAST_JOB = 128, 512  # MiB
SECOND = 512  # MiB that the second execution environment needs


def limits(what: str, memory_mb: int, cpu: float = 1.0, *, least: int) -> Mapping[str, str]:
    """`resources.limits` of a container. Unsupported names what there is."""
    if memory_mb < 1:
        raise Unsupported(f"{what}: memory must be at least 1 MiB")
    for count, most in MOST:
        if cpu <= count and memory_mb <= most:
            return {"cpu": str(count), "memory": f"{max(memory_mb, least, LEAST.get(count, 0))}Mi"}
    count, most = MOST[-1]
    raise Unsupported(f"{what} asks for {cpu:g} CPU and {memory_mb:,} MiB; Cloud Run has at most {count} and {most:,}")


def environment(memory_mb: int) -> str:
    """The execution environment of a service."""
    first, second = "EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"
    return second if memory_mb >= SECOND else first
