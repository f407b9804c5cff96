"""Small objects that many workers flush, read window by window, and old ones added up into one an hour, then a day.

    <prefix><stamp in the hour>-<unique>        a flush
    <prefix><stamp of the hour>-hour-<n>        generation n of everything that was flushed for that hour
    <prefix><stamp of the day>-day-<n>          the same for a day

A generation names all that is in it (`sources`) and is created, never overwritten: of two compactors one wins and only
it deletes what it took in. Whoever reads takes the newest generation and leaves out what that names, so a compactor may
die anywhere: before the write nothing has changed, after it nothing is counted twice. A flush that comes late, or comes
back because the reply to its first writing was lost, is counted once all the same.

What is in a flush is its owner's business (`profiles`, `service`): here it is bytes, and a function that adds them up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from typing import ClassVar, Literal

from toolkit.domain import codec, times
from toolkit.domain.codec import Record
from toolkit.domain.errors import NotFound
from toolkit.ports.store import Store
from toolkit.state import commit, keys
from toolkit.state.patience import patiently

Period = Literal["hour", "day"]
Merge = Callable[[Sequence[bytes]], bytes]
_PART: dict[Period, int] = {"hour": len("20130701T00"), "day": len("20130701T")}
_TRIES = 5


class Compacted(Record, frozen=True, kw_only=True):
    """`sources` are the names below the prefix that `profile` holds the sum of, those of earlier generations too."""

    KIND: ClassVar[str] = "compacted-profiles"

    period: Period
    generation: int
    sources: tuple[str, ...]
    profile: bytes


def between(store: Store, prefix: str, first: str, last: str) -> Iterator[bytes]:
    """Everything flushed from the stamp `first` on and before `last`, each flush in exactly one of them: one listing,
    one small read each. Days that were compacted are whole: they are in where their midnight is."""
    for day, _ in groupby(_names(store, prefix, first, last), lambda name: name[: _PART["day"]]):
        yield from _whole(store, prefix, max(first, day), min(last, f"{day}~"))


def compact(store: Store, prefix: str, merge: Merge, *, now: str, hours: int = 2, days: int = 9, most: int = 48) -> int:
    """Compact hours and days that began so long ago, at most `most`; returned: how many of them had something to do."""
    done, begin = 0, ""
    limits: tuple[tuple[Period, timedelta], ...] = (("day", timedelta(days=days)), ("hour", timedelta(hours=hours)))
    for period, age in limits:
        stop = keys.stamp(times.text(times.parse(now) - age))[: _PART[period]]
        starts = {name[: _PART[period]]: None for name in _names(store, prefix, begin, stop)}
        for start in list(starts)[: most - done]:
            with suppress(NotFound):  # another compactor is at work there
                done += _compact(store, prefix, start, period, merge)
        begin = stop  # what comes late to a compacted day goes into the day: its hours are named there already
    return done


def _compact(store: Store, prefix: str, start: str, period: Period, merge: Merge) -> int:
    names = list(_names(store, prefix, start, f"{start}~"))
    read = {name: _compacted(store, prefix + name) for name in names if _generation(name)}
    own = [name for name in read if _kind(name) == period]
    newest = max(own, key=_generation, default="")
    covered = {source for found in read.values() for source in found.sources} | (set(own) - {newest})
    fresh = [name for name in names if name not in covered and name not in own]
    if len(fresh) + bool(newest) > 1:
        flushed = [read[name].profile if name in read else store.get(prefix + name).data for name in fresh]
        former = [read[newest].profile] if newest else []
        generation = _generation(newest) + 1 if newest else 1
        data = codec.encode(
            Compacted(
                period=period,
                generation=generation,
                sources=tuple(sorted({*covered, *fresh})),
                profile=merge([*former, *flushed]),
            )
        )
        midnight = keys.stamp(_time(start))
        key = f"{prefix}{midnight}-{period}-{generation:04d}"
        if commit.create(store, key, data).data != data:
            return 0  # another one was first, and will delete what it took
        covered |= {*fresh, *([newest] if newest else [])}
    gone = [name for name in names if name in covered]
    for name in gone:
        store.delete(prefix + name)
    return int(bool(gone))


def _whole(store: Store, prefix: str, first: str, last: str) -> list[bytes]:
    """All of a stretch at once: what is compacted while it is read is read again."""
    for attempt in range(_TRIES):
        try:
            return list(_once(store, prefix, first, last))
        except NotFound:
            if attempt == _TRIES - 1:
                raise
    return []


def _once(store: Store, prefix: str, first: str, last: str) -> Iterator[bytes]:
    names = list(_names(store, prefix, first, last))
    read = {name: _compacted(store, prefix + name) for name in names if _generation(name)}
    newest = {(name[:-4]): name for name in sorted(read)}  # by what stands before the generation
    covered = {source for name in newest.values() for source in read[name].sources}
    for name in names:
        if name in covered or (name in read and newest[name[:-4]] != name):
            continue
        if name in read:
            yield read[name].profile
        else:
            yield patiently(lambda key=prefix + name: store.get(key)).data  # type: ignore[misc]  # bound now, called now


def _names(store: Store, prefix: str, first: str, last: str) -> Iterator[str]:
    """What follows the prefix, from `first` on and before `last`."""
    for meta in store.list(prefix, after=prefix + first):
        name = meta.key.removeprefix(prefix)
        if name >= last:
            return
        yield name


def _compacted(store: Store, key: str) -> Compacted:
    return codec.decode(patiently(lambda: store.get(key)).data, Compacted, where=key)


def _kind(name: str) -> str:
    parts = name.split("-")
    return parts[-2] if len(parts) == 3 else ""


def _generation(name: str) -> int:
    """0 for a flush."""
    return int(name.rpartition("-")[2]) if _kind(name) in _PART else 0


def _time(start: str) -> str:
    """'20130701T05' or '20130701T' -> RFC 3339."""
    day, _, hour = start.partition("T")
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{hour or '00'}:00:00Z"
