"""Adding profiles: ten thousand of 40 columns in under half a second with numpy, and without it where there are few.

Adding is associative and commutative: counts, rows, minima and maxima come out exactly the same in any order and
grouping; sums are floats and agree within rounding (about 1e-15 of the summed magnitudes a step).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import chain, islice

from toolkit.quality.baseline import Baseline
from toolkit.quality.profile import MOMENTS, Moments, Profile, decode, sections

FEW = 200  # profiles; importing numpy for fewer would cost more than it saves
_BATCH = 256


def merge(profiles: Iterable[bytes], baseline: Baseline) -> Profile:
    """The sum of `profiles`; of none, an empty profile. Memory does not grow with their number.

    Raises ConfigError for a profile of another baseline, NewerFormat, Corrupt.
    """
    source = iter(profiles)
    first = list(islice(source, FEW))
    everything = chain(first, source)
    if "numpy" in sys.modules or (len(first) == FEW and find_spec("numpy")):
        return merge_many(everything, baseline)
    return add((decode(data, baseline) for data in everything), baseline)


def add(profiles: Iterable[Profile], baseline: Baseline) -> Profile:
    """The sum, in plain Python."""
    rows = 0
    counts = [0] * baseline.size
    moments = [Moments()] * baseline.moments
    for profile in profiles:
        rows += profile.rows
        counts = [a + b for a, b in zip(counts, profile.counts, strict=True)]
        moments = [a.plus(b) for a, b in zip(moments, profile.moments, strict=True)]
    return Profile(baseline.name, rows, counts, moments)


def merge_many(profiles: Iterable[bytes], baseline: Baseline) -> Profile:
    """The sum, with numpy."""
    import numpy as np

    rows = 0
    planes = np.zeros((8, baseline.size), dtype=np.int64)  # each byte of the counts is summed by itself
    sums = np.array([Moments()] * baseline.moments, dtype=np.float64).reshape(-1, MOMENTS)
    for batch in _batches(profiles):
        floats = []
        for data in batch:
            part = sections(data, baseline)
            rows += part.rows
            floats.append(part.floats)
            planes[: part.width] += np.frombuffer(part.planes, dtype=np.uint8).reshape(part.width, baseline.size)
        read = np.frombuffer(b"".join(floats), dtype="<f8").reshape(len(batch), baseline.moments, MOMENTS)
        together = np.concatenate((sums[None], read))
        with np.errstate(over="ignore", invalid="ignore"):
            sums = together.sum(axis=0)
        sums[:, 2] = together[:, :, 2].min(axis=0)
        sums[:, 3] = together[:, :, 3].max(axis=0)
    counts = (planes << np.arange(0, 64, 8)[:, None]).sum(axis=0)
    return Profile(baseline.name, rows, counts.tolist(), [Moments(*row) for row in sums.tolist()])


def _batches(profiles: Iterable[bytes]) -> Iterator[list[bytes]]:
    source = iter(profiles)
    while batch := list(islice(source, _BATCH)):
        yield batch
