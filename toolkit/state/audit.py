"""Is what is written still what was written? The journals prove it by themselves, in place or in a copied bucket.

Every entry names its journal, its number and the SHA-256 of the entry before, so that an edit, a gap, a swap or an
entry from elsewhere shows. What a chain cannot know is how long it was: cutting off its end, or writing all of it anew,
shows only against a head that was kept somewhere else (`heads`, saved or signed).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from toolkit.domain import codec, digest
from toolkit.domain.errors import NotFound, ToolkitError
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.datasets import DatasetsFold
from toolkit.state.incidents import IncidentsFold
from toolkit.state.journal import Entries, Entry, Fold, Journal
from toolkit.state.patience import patiently
from toolkit.state.registry import RegistryFold
from toolkit.state.releases import ReleasesFold
from toolkit.state.triggers import TriggersFold

FOLDS: dict[str, Fold[Any]] = {
    "datasets": DatasetsFold(),
    "incidents": IncidentsFold(),
    "registry": RegistryFold(),
    "releases": ReleasesFold(),
    "triggers": TriggersFold(),
}
_ENTRY = re.compile(r"(.+)/([0-9]{16})\.json")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it was written. `index` is the entry's number, 0 where it is about none."""

    journal: str
    index: int
    what: str


def heads(store: Store) -> dict[str, tuple[int, str]]:
    """Every journal's last entry: (its number, the SHA-256 of its bytes). Keep it elsewhere; `verify` takes it back.

    Reads one entry a journal and checks nothing, so that it also answers for a bucket that is not sound.
    """
    journals, _ = _listed(store)
    return {
        name: (found[-1], digest.of_bytes(_read(store, name, found[-1]) or b"")) for name, found in journals.items()
    }


def verify(store: Store, saved_heads: Mapping[str, tuple[int, str]] | None = None) -> list[Finding]:
    """Everything that was edited, deleted, swapped, put in from elsewhere or, against `saved_heads`, cut off or
    written anew; by journal. Empty: all is as it was written. Also finds a checkpoint that says what no entry says."""
    journals, findings = _listed(store)
    for name in sorted({*journals, *(saved_heads or {})}):
        broken = list(_chain(store, name, journals.get(name, [])))
        findings += broken
        if saved_heads and name in saved_heads:
            findings += _against(store, name, journals.get(name, []), saved_heads[name])
        if not broken:
            findings += _checkpoint(store, name)
    return sorted(findings, key=lambda finding: (finding.journal, finding.index))


def _listed(store: Store) -> tuple[dict[str, list[int]], list[Finding]]:
    """Entry numbers of every journal, and what lies among them without being an entry."""
    journals: dict[str, list[int]] = {}
    foreign = []
    for meta in store.list(keys.JOURNALS):
        place = meta.key.removeprefix(keys.JOURNALS)
        match = _ENTRY.fullmatch(place)
        if match is None or int(match[2]) == 0:
            name = place.rpartition("/")[0]
            foreign.append(Finding(journal=name, index=0, what=f"{meta.key} is not an entry of any journal"))
        else:
            journals.setdefault(match[1], []).append(int(match[2]))
    return journals, foreign


def _chain(store: Store, name: str, present: list[int]) -> Iterator[Finding]:
    expected, before = 1, ""  # `before`: digest of the entry before, "" where it is missing
    for index in present:
        if index > expected:
            gone = (
                f"entry {expected} is missing"
                if index == expected + 1
                else f"entries {expected}-{index - 1} are missing"
            )
            yield Finding(journal=name, index=expected, what=gone)
            before = ""
        data = _read(store, name, index)
        if data is None:
            yield Finding(journal=name, index=index, what=f"entry {index} is listed and cannot be read")
            expected, before = index + 1, ""
            continue
        yield from _entry(name, index, data, before)
        expected, before = index + 1, digest.of_bytes(data)


def _entry(name: str, index: int, data: bytes, before: str) -> Iterator[Finding]:
    try:
        entry = codec.decode(data, Entry, where=keys.entry(name, index))
    except ToolkitError as error:
        yield Finding(journal=name, index=index, what=f"entry {index} cannot be read: {error}")
        return
    if (entry.journal, entry.index) != (name, index):
        what = f"entry {index} is a copy of entry {entry.index} of {entry.journal}"
        yield Finding(journal=name, index=index, what=what)
    if index == 1 and entry.prev:
        yield Finding(journal=name, index=1, what="entry 1 says that another came before it")
    if before and entry.prev != before:
        what = f"entry {index - 1} is not what entry {index} was written after: one of the two was changed"
        yield Finding(journal=name, index=index - 1, what=what)


def _against(store: Store, name: str, present: list[int], saved: tuple[int, str]) -> Iterator[Finding]:
    index, expected = saved
    last = present[-1] if present else 0
    if last < index:
        what = f"cut off: it reached entry {index} when its head was saved and ends at {last} now"
        yield Finding(journal=name, index=last, what=what)
    elif index and digest.of_bytes(_read(store, name, index) or b"") != expected:
        yield Finding(journal=name, index=index, what=f"entry {index} is not the one whose digest was saved")


def _checkpoint(store: Store, name: str) -> Iterator[Finding]:
    journal = Journal(store, name, FOLDS.get(name.partition("/")[0], Entries()))
    if not journal.checkpoint_holds():
        what = f"its checkpoint says what no entry says: delete {keys.checkpoint(name)}, it is made anew"
        yield Finding(journal=name, index=0, what=what)


def _read(store: Store, name: str, index: int) -> bytes | None:
    try:
        return patiently(lambda: store.get(keys.entry(name, index))).data
    except NotFound:
        return None
