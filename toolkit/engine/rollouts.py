"""The rollouts of an endpoint, as a journal whose entries are the events of `rollout`.

What does not fit is refused before it is written, on exactly the state it would be written on top of; so two who act at
once have one winner, and the loser is told by whom.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from toolkit.domain import times
from toolkit.domain.records import Release
from toolkit.engine import rollout
from toolkit.engine.rollout import Begin, Event, Rollout
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.journal import Entry, Journal


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`release` is how the challenger is provisioned: which function, which version of it. `how` are the words of who
    began it (stages, bake, sticky ...), kept for the ticks. `number` counts the rollouts, `last` is the last entry."""

    rollout: Rollout = Rollout()
    release: Release | None = None
    how: dict[str, Any] = {}
    number: int = 0
    last: int = 0


class RolloutsFold:
    name = "rollouts-1"
    type: Any = Standing

    def empty(self) -> Standing:
        return Standing()

    def apply(self, state: Standing, entry: Entry) -> Standing:
        if "event" not in entry.body:
            return state
        event = msgspec.convert(entry.body["event"], Event)
        after = msgspec.structs.replace(state, rollout=rollout.step(state.rollout, event), last=entry.index)
        if not isinstance(event, Begin):
            return after
        release = msgspec.convert(entry.body["release"], Release)
        return msgspec.structs.replace(after, release=release, how=entry.body["how"], number=state.number + 1)


class Rollouts:
    """`actor` and `clock` go into the entries."""

    def __init__(
        self, store: Store, target: str, endpoint: str, *, actor: str = "", clock: Callable[[], str] = times.now
    ) -> None:
        self._actor, self._clock = actor, clock
        self._journal = Journal(store, keys.rollouts(target, endpoint), RolloutsFold())

    def standing(self) -> Standing:
        return self._journal.state()

    def begin(self, event: Begin, release: Release, how: dict[str, Any], *, op: str) -> Standing:
        """Raises Conflict where another rollout is on its way."""
        return self._append(event, {"release": msgspec.to_builtins(release), "how": how}, op)

    def happened(self, event: Event, *, op: str, detail: dict[str, Any] | None = None) -> Standing:
        """Write down what happened. `op` is the same whenever it is the same happening: then it is written once.
        `detail` is for people (the evidence of a ruling). Raises Conflict where it does not fit."""
        return self._append(event, {"detail": detail or {}}, op)

    def story(self) -> tuple[Entry, ...]:
        """Everything that happened, oldest first."""
        return tuple(self._journal.entries())

    def _append(self, event: Event, more: dict[str, Any], op: str) -> Standing:
        def decide(state: Standing) -> dict[str, Any]:
            rollout.step(state.rollout, event)
            return {"event": msgspec.to_builtins(event), **more}

        self._journal.append(op, decide, actor=self._actor, time=self._clock())
        return self._journal.state()
