"""The versions of a model and who holds its aliases: one journal a model.

A move of an alias is one entry. Of two that race, one is written first; the other is decided again on top of it, sees
that the holder is not who it was, and is told who won.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from toolkit.domain.errors import Conflict, NotFound
from toolkit.domain.names import check
from toolkit.domain.records import ModelVersion
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.journal import Entry, Journal, names
from toolkit.state.numbers import finite

CHAMPION = "champion"
CHALLENGER = "challenger"


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One move of an alias. `version` and `previous` are 0 for nobody; `entry` is its number in the journal."""

    alias: str
    version: int
    previous: int
    actor: str
    time: str
    reason: str
    entry: int
    rollback: bool = False


class Alias(msgspec.Struct, frozen=True):
    """`trail` is the way back: earlier holders, the last one last. A rollback takes one off, a move adds one."""

    last: Promotion
    trail: tuple[int, ...] = ()


class RegistryState(msgspec.Struct, frozen=True, kw_only=True):
    """`entries` holds, for each version, the number of the entry that registered it."""

    versions: tuple[ModelVersion, ...] = ()
    entries: tuple[int, ...] = ()
    aliases: dict[str, Alias] = {}

    def holder(self, alias: str) -> int:
        return self.aliases[alias].last.version if alias in self.aliases else 0


class RegistryFold:
    name = "registry-1"
    type: Any = RegistryState

    def empty(self) -> RegistryState:
        return RegistryState()

    def apply(self, state: RegistryState, entry: Entry) -> RegistryState:
        if entry.body.get("do") == "register":
            versions = (*state.versions, _version(entry))
            return msgspec.structs.replace(state, versions=versions, entries=(*state.entries, entry.index))
        if entry.body.get("do") == "move":
            move = _promotion(entry)
            trail = state.aliases[move.alias].trail if move.alias in state.aliases else ()
            if move.previous and not move.rollback:
                trail = (*trail, move.previous)
            while trail and trail[-1] == move.version:
                trail = trail[:-1]
            return msgspec.structs.replace(state, aliases={**state.aliases, move.alias: Alias(move, trail)})
        return state


class Registry:
    """Keeps what it has read: a second look costs one probe."""

    def __init__(self, store: Store, model: str) -> None:
        self.model = model
        self._journal = Journal(store, keys.registry(model), RegistryFold())

    @staticmethod
    def models(store: Store) -> tuple[str, ...]:
        """Names of all models with a registry, in order; one short listing each."""
        return tuple(names(store, "registry/"))

    def register(
        self, digest: str, run_id: str, metrics: dict[str, float], *, actor: str, op: str, time: str
    ) -> ModelVersion:
        """The version of this model: a new one, or that which `op`, or the same digest and run, made before."""

        def decide(state: RegistryState) -> dict[str, Any] | Entry:
            for known in state.versions:
                if (known.digest, known.run_id) == (digest, run_id):
                    return self._journal.entry(state.entries[known.version - 1])
            return {
                "do": "register",
                "version": len(state.versions) + 1,
                "digest": digest,
                "run_id": run_id,
                "metrics": finite(metrics),
            }

        return _version(self._journal.append(op, decide, actor=actor, time=time))

    def versions(self) -> tuple[ModelVersion, ...]:
        return self._journal.state().versions

    def version(self, number: int) -> ModelVersion:
        """NotFound."""
        return _require(self._journal.state(), self.model, number)

    def aliases(self) -> dict[str, int]:
        """Who holds what; an alias that nobody holds is left out."""
        return {name: alias.last.version for name, alias in self._journal.state().aliases.items() if alias.last.version}

    def holder(self, alias: str) -> ModelVersion | None:
        state = self._journal.state()
        number = state.holder(alias)
        return _require(state, self.model, number) if number else None

    def promotion(self, alias: str) -> Promotion | None:
        """The last move of `alias`."""
        known = self._journal.state().aliases.get(alias)
        return known.last if known else None

    def previous(self, alias: str) -> int | None:
        """Whom a rollback would bring back."""
        known = self._journal.state().aliases.get(alias)
        return known.trail[-1] if known and known.trail else None

    def move(
        self, alias: str, to: int, *, expect: int | None = None, actor: str, reason: str = "", op: str, time: str
    ) -> Promotion:
        """Give `alias` to version `to` (0: to nobody). Where `to` holds it already, that move is the outcome.

        `expect` is who has to hold it now (0: nobody). Without it, a move still loses to another that came between its
        first look and its entry. Raises Conflict (naming the winner) and NotFound (no such version).
        """
        return self._move(alias, lambda state: to, expect, actor, reason, op, time, rollback=False)

    def rollback(
        self, alias: str, *, expect: int | None = None, actor: str, reason: str = "", op: str, time: str
    ) -> Promotion:
        """Give `alias` back to its holder before; again, to the one before that. Conflict; NotFound: nobody was."""

        def before(state: RegistryState) -> int:
            known = state.aliases.get(alias)
            if known is None or not known.trail:
                raise NotFound(f"{alias} of {self.model} has no holder before this one", hint="toolkit models show")
            return known.trail[-1]

        return self._move(alias, before, expect, actor, reason, op, time, rollback=True)

    def history(self) -> tuple[Entry, ...]:
        """Every entry, oldest first: what was registered and moved, by whom, when and why."""
        return tuple(self._journal.entries())

    def _move(
        self,
        alias: str,
        target: Callable[[RegistryState], int],
        expect: int | None,
        actor: str,
        reason: str,
        op: str,
        time: str,
        *,
        rollback: bool,
    ) -> Promotion:
        check("alias", alias)
        seen = expect

        def decide(state: RegistryState) -> dict[str, Any] | Entry:
            nonlocal seen
            holder = state.holder(alias)
            if seen is not None and holder != seen and (rollback or holder != target(state)):
                raise self._lost(state, alias, seen)
            seen = holder
            to = target(state)
            if to:
                _require(state, self.model, to)
            if holder == to and alias in state.aliases:
                return self._journal.entry(state.aliases[alias].last.entry)
            return {
                "do": "move",
                "alias": alias,
                "version": to,
                "previous": holder,
                "reason": reason,
                "rollback": rollback,
            }

        return _promotion(self._journal.append(op, decide, actor=actor, time=time))

    def _lost(self, state: RegistryState, alias: str, seen: int) -> Conflict:
        known = state.aliases.get(alias)
        now = "nobody holds it"
        if known:
            last = known.last
            now = f"{last.actor or 'someone'} gave it to version {last.version} at {last.time} (entry {last.entry})"
        expected = f"version {seen}" if seen else "nobody"
        message = f"{alias} of {self.model} is not held by {expected} any more: {now}"
        return Conflict(message, hint=f"toolkit models show {self.model}")


def _require(state: RegistryState, model: str, number: int) -> ModelVersion:
    if not 1 <= number <= len(state.versions):
        raise NotFound(f"{model} has no version {number}", hint=f"toolkit models show {model}")
    return state.versions[number - 1]


def _version(entry: Entry) -> ModelVersion:
    body = entry.body
    return ModelVersion(
        version=body["version"],
        digest=body["digest"],
        run_id=body["run_id"],
        metrics=body["metrics"],
        created=entry.time,
        actor=entry.actor,
    )


def _promotion(entry: Entry) -> Promotion:
    body = entry.body
    return Promotion(
        alias=body["alias"],
        version=body["version"],
        previous=body["previous"],
        actor=entry.actor,
        time=entry.time,
        reason=body["reason"],
        entry=entry.index,
        rollback=body["rollback"],
    )
