"""The counts that endpoints flush into the bins of a model's baseline: one prefix a model version behind an endpoint.

How they are laid out, read while others compact them, and compacted: `compaction`.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.ports.store import Store
from toolkit.quality.baseline import Baseline
from toolkit.quality.merge import merge
from toolkit.state import compaction, keys


def between(store: Store, target: str, endpoint: str, model_digest: str, start: str, end: str) -> Iterator[bytes]:
    """Every profile whose hour begins in [start, end), each flush in exactly one of them: one listing, one small read
    each. Days that were compacted are whole: they are in where their midnight is."""
    prefix = keys.profiles(target, endpoint, model_digest)
    return compaction.between(store, prefix, keys.stamp(start), keys.stamp(end))


def compact(
    store: Store, target: str, endpoint: str, baseline: Baseline, model_digest: str, *, now: str, hours: int = 2,
    days: int = 9, most: int = 48,
) -> int:  # fmt: skip
    """Compact hours and days that began so long ago, at most `most`; returned: how many of them had something to do."""
    prefix = keys.profiles(target, endpoint, model_digest)
    return compaction.compact(
        store, prefix, lambda profiles: merge(profiles, baseline).to_bytes(), now=now, hours=hours, days=days, most=most
    )
