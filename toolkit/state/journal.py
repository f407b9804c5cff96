"""Numbered, create-only, hash-chained entries: the one primitive that decides anything.

Entry N holds the operation id, the actor, the time, the body and the SHA-256 of entry N-1's bytes. Whoever creates
entry N has won it. A loser reads it; if the operation id is its own (a lost reply), it has won after all; otherwise it
decides again against the new head. So a decision is always taken on exactly the state it is written on top of.

State is a fold over entries. A checkpoint keeps the fold, the head's digest and eight bytes of every operation id, so
that a read costs a checkpoint, one entry to anchor it, and a probe forward; and a re-run of an operation id of any age
finds its first outcome without a scan. A checkpoint that is stale, corrupt, or not of this chain is passed over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar, overload

import msgspec

from toolkit.domain import codec, digest
from toolkit.domain.errors import BrokenChain, NotFound, ProviderError, StateError, Throttled
from toolkit.ports.store import Store
from toolkit.state import commit, keys
from toolkit.state.patience import patiently

LOST_RACES = 100  # appends that one call may lose to others before it gives up
_MARK = 8  # bytes kept of an operation id's hash


class Entry(codec.Record, frozen=True, kw_only=True):
    """`journal` is its journal's name, so that no entry can stand in another's place."""

    KIND: ClassVar[str] = "journal-entry"

    journal: str
    index: int
    op: str
    actor: str
    time: str
    prev: str  # SHA-256 of the bytes of entry index - 1, "" for the first
    body: dict[str, Any]


class Head(msgspec.Struct, frozen=True):
    """The last entry: its index (0: an empty journal) and the SHA-256 of its bytes."""

    index: int
    digest: str


EMPTY = Head(0, "")
S = TypeVar("S")


class Fold(Protocol[S]):
    """How entries become state. `name` changes when `apply` does: a checkpoint of another fold is not used."""

    name: str
    type: Any  # the state as msgspec reads it back

    def empty(self) -> S: ...

    def apply(self, state: S, entry: Entry) -> S:
        """The state after `entry`. Never changes `state` itself. Ignores what it does not know."""
        ...


class Checkpoint(codec.Record, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "journal-checkpoint"

    journal: str
    fold: str
    index: int
    digest: str
    marks: bytes
    state: Any
    check: str  # digest of the five above: bit rot must not become state


@dataclass(frozen=True)
class Position(Generic[S]):
    """A journal read up to `head`: what it says, and who has already acted."""

    head: Head
    state: S
    marks: bytes = field(repr=False)

    def find(self, op: str) -> list[int]:
        """Indexes of entries that may be this operation's (nearly always none or one)."""
        mark, found, at = _mark(op), [], -1
        while (at := self.marks.find(mark, at + 1)) >= 0:
            if at % _MARK == 0:
                found.append(at // _MARK + 1)
        return found


class Journal(Generic[S]):
    """One journal, read and appended to. Keeps what it has read, so that the next read is one probe."""

    CHECKPOINT_EVERY: ClassVar[int] = 16

    @overload
    def __init__(self: Journal[tuple[Entry, ...]], store: Store, name: str) -> None: ...

    @overload
    def __init__(self, store: Store, name: str, fold: Fold[S]) -> None: ...

    def __init__(self, store: Store, name: str, fold: Any = None) -> None:
        """Without a fold, the state is the tuple of all entries."""
        self.store = store
        self.name = name
        self._fold: Fold[S] = Entries() if fold is None else fold  # type: ignore[assignment]  # see the overloads
        self._position: Position[S] | None = None
        self._saved = 0  # index of the last checkpoint that we know of

    def head(self) -> Head:
        return self.read().head

    def state(self) -> S:
        return self.read().state

    def read(self) -> Position[S]:
        """The journal up to its present head. BrokenChain, NewerFormat."""
        position = self._position or self._restore()
        while (found := self._entry_bytes(position.head.index + 1)) is not None:
            position = self._advance(position, found)
        self._position = position
        return position

    def entry(self, index: int) -> Entry:
        """NotFound, Corrupt."""
        data = self._entry_bytes(index)
        if data is None:
            raise NotFound(f"journal {self.name} has no entry {index}")
        return codec.decode(data, Entry, where=keys.entry(self.name, index))

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Entries after index `after`, oldest first, each checked against the one before. BrokenChain."""
        head = EMPTY
        if after:
            before = self._entry_bytes(after)
            if before is None:
                return
            head = Head(after, digest.of_bytes(before))
        while (data := self._entry_bytes(head.index + 1)) is not None:
            entry = self._linked(head, data)
            yield entry
            head = Head(entry.index, digest.of_bytes(data))

    def append(self, op: str, decide: Callable[[S], dict[str, Any] | Entry], *, actor: str, time: str) -> Entry:
        """The entry that operation `op` made: now, or when it ran before.

        `decide` is given the state at the head and returns the body to write; it is called again after a lost race. It
        may raise (Conflict, say), and it may return an existing Entry: nothing is left to do, that is the outcome.
        Raises CommitUnknown when it cannot be told whether the entry was written; run the same `op` again.
        """
        for _ in range(LOST_RACES):
            position = self.read()
            done = self._outcome(position, op)
            if done is not None:
                return done
            body = decide(position.state)
            if isinstance(body, Entry):
                return body
            index = position.head.index + 1
            mine = Entry(
                journal=self.name, index=index, op=op, actor=actor, time=time, prev=position.head.digest, body=body
            )
            found = commit.create(self.store, keys.entry(self.name, index), codec.encode(mine)).data
            self._position = self._advance(position, found)
            entry = self._linked(position.head, found)
            if entry.op == op:
                self._save()
                return entry
        raise Throttled(f"journal {self.name} is too busy: {LOST_RACES} races lost; nothing was written")

    def _outcome(self, position: Position[S], op: str) -> Entry | None:
        for index in position.find(op):
            entry = self.entry(index)
            if entry.op == op:
                return entry
        return None

    def _entry_bytes(self, index: int) -> bytes | None:
        try:
            return patiently(lambda: self.store.get(keys.entry(self.name, index))).data
        except NotFound:
            return None

    def _linked(self, head: Head, data: bytes) -> Entry:
        index = head.index + 1
        entry = codec.decode(data, Entry, where=keys.entry(self.name, index))
        if (entry.journal, entry.index, entry.prev) != (self.name, index, head.digest):
            raise BrokenChain(
                f"journal {self.name}: entry {index} does not follow entry {head.index}", hint="toolkit audit verify"
            )
        return entry

    def _advance(self, position: Position[S], data: bytes) -> Position[S]:
        entry = self._linked(position.head, data)
        return Position(
            head=Head(entry.index, digest.of_bytes(data)),
            state=self._fold.apply(position.state, entry),
            marks=position.marks + _mark(entry.op),
        )

    def _fresh(self) -> Position[S]:
        return Position(head=EMPTY, state=self._fold.empty(), marks=b"")

    def _restore(self) -> Position[S]:
        """The checkpoint's position if it is sound and of this chain, else the very beginning."""
        fresh = self._fresh()
        try:
            data = patiently(lambda: self.store.get(keys.checkpoint(self.name))).data
            saved = codec.decode(data, Checkpoint)
            if saved.check != _check(saved) or (saved.journal, saved.fold) != (self.name, self._fold.name):
                return fresh
            state = msgspec.convert(saved.state, self._fold.type)
        except (NotFound, StateError, msgspec.ValidationError):
            return fresh
        anchor = self._entry_bytes(saved.index)
        if anchor is None or digest.of_bytes(anchor) != saved.digest or len(saved.marks) != saved.index * _MARK:
            return fresh
        self._saved = saved.index
        return Position(head=Head(saved.index, saved.digest), state=state, marks=saved.marks)

    def _save(self) -> None:
        """Write a checkpoint now and then. It is a cache: failing to is no failure."""
        position = self._position
        if position is None or position.head.index - self._saved < self.CHECKPOINT_EVERY:
            return
        with suppress(ProviderError):
            self.store.put(keys.checkpoint(self.name), codec.encode(self.checkpoint(position)))
        self._saved = position.head.index

    def checkpoint_holds(self) -> bool:
        """Whether the checkpoint that a reader would use says what the entries say (none: it does)."""
        used = self._restore()
        rebuilt = self._fresh()
        while rebuilt.head.index < used.head.index:
            found = self._entry_bytes(rebuilt.head.index + 1)
            if found is None:
                return False
            rebuilt = self._advance(rebuilt, found)
        return used == rebuilt

    def checkpoint(self, position: Position[S]) -> Checkpoint:
        """What a checkpoint at `position` holds."""
        bare = Checkpoint(
            journal=self.name,
            fold=self._fold.name,
            index=position.head.index,
            digest=position.head.digest,
            marks=position.marks,
            state=msgspec.to_builtins(position.state),
            check="",
        )
        return msgspec.structs.replace(bare, check=_check(bare))


class Entries:
    """The fold that keeps everything: for short journals, and for reading one whose kind does not matter."""

    name = "entries-1"
    type: Any = tuple[Entry, ...]

    def empty(self) -> tuple[Entry, ...]:
        return ()

    def apply(self, state: tuple[Entry, ...], entry: Entry) -> tuple[Entry, ...]:
        return (*state, entry)


def names(store: Store, prefix: str) -> Iterator[str]:
    """The next segment of every journal name under `prefix`: "registry/" gives the models. One short listing each."""
    start = f"{keys.JOURNALS}{prefix}"
    after = ""
    while (first := next(iter(store.list(start, after=after)), None)) is not None:
        name = first.key.removeprefix(start).partition("/")[0]
        yield name
        after = f"{start}{name}0"  # "0" comes right after "/": past everything under that name


def _mark(op: str) -> bytes:
    return hashlib.sha256(op.encode()).digest()[:_MARK]


def _check(saved: Checkpoint) -> str:
    return digest.of_value([saved.journal, saved.fold, saved.index, saved.digest, saved.marks, saved.state])
