"""What an endpoint serves, and every step that led there: one journal per (target, endpoint).

Around each action of an apply stand two entries: the intent before the call, the result after it. An intent without a
result is an apply that died there; the next one sees it (`pending`) and finishes or undoes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from toolkit.domain import times
from toolkit.domain.plan import Action
from toolkit.domain.records import Release
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.journal import Entry, Journal, names

KEPT = 100  # releases in the state; `history` reads the journal and so goes back to the first


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An action that was begun; `op` is the apply that began it."""

    op: str
    action: Action
    actor: str
    time: str
    entry: int


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A release as its journal knows it."""

    release: Release
    actor: str
    time: str
    entry: int


class ReleasesState(msgspec.Struct, frozen=True, kw_only=True):
    """`trail` is the way back: the last one is current, a rollback takes it off, a removal ends it."""

    trail: tuple[Recorded, ...] = ()
    pending: dict[str, Intent] = {}


class ReleasesFold:
    name = "releases-1"
    type: Any = ReleasesState

    def empty(self) -> ReleasesState:
        return ReleasesState()

    def apply(self, state: ReleasesState, entry: Entry) -> ReleasesState:
        body, replace = entry.body, msgspec.structs.replace
        match body.get("do"):
            case "intent":
                intent = _intent(entry)
                return replace(state, pending={**state.pending, intent.action.id: intent})
            case "result":
                return replace(state, pending={k: v for k, v in state.pending.items() if k != body["action"]})
            case "release":
                trail = state.trail[:-2] if body["rollback"] else state.trail
                return replace(state, trail=(*trail, _recorded(entry))[-KEPT:])
            case "removed":
                return replace(state, trail=())
            case _:
                return state


class Releases:
    """`actor` and `clock` go into the entries."""

    def __init__(
        self, store: Store, target: str, endpoint: str, *, actor: str = "", clock: Callable[[], str] = times.now
    ) -> None:
        self.target = target
        self.endpoint = endpoint
        self._actor = actor
        self._clock = clock
        self._journal = Journal(store, keys.releases(target, endpoint), ReleasesFold())

    @staticmethod
    def endpoints(store: Store) -> tuple[tuple[str, str], ...]:
        """Every (target, endpoint) that ever had a release, in order."""
        targets = names(store, "releases/")
        return tuple((target, endpoint) for target in targets for endpoint in names(store, f"releases/{target}/"))

    def intent(self, op: str, action: Action) -> Intent:
        """Write down that apply `op` is about to do `action`. The same again: the first one."""
        body = {"do": "intent", "op": op, "action": msgspec.to_builtins(action)}
        return _intent(self._append(f"{op}/intent/{action.id}", body))

    def result(self, op: str, action: Action, *, error: str = "", detail: dict[str, Any] | None = None) -> Entry:
        """Write down that `action` is done, or failed for good (`error`): it is pending no more."""
        body = {"do": "result", "op": op, "action": action.id, "error": error, "detail": detail or {}}
        return self._append(f"{op}/result/{action.id}", body)

    def pending(self) -> tuple[Intent, ...]:
        """Actions begun and not ended, oldest first."""
        return tuple(sorted(self._journal.state().pending.values(), key=lambda intent: intent.entry))

    def record(self, release: Release, *, op: str = "", rollback: bool = False) -> Recorded:
        """Make `release` the current one. Without `op`, recording what is current already changes nothing.

        `rollback`: it is the previous one again, so that the next rollback goes one further back.
        """
        body = {"do": "release", "release": msgspec.to_builtins(release), "rollback": rollback}

        def decide(state: ReleasesState) -> dict[str, Any] | Entry:
            if not op and state.trail and state.trail[-1].release == release:
                return self._journal.entry(state.trail[-1].entry)
            return body

        entry = self._journal.append(op or uuid.uuid4().hex, decide, actor=self._actor, time=self._clock())
        return _recorded(entry)

    def removed(self, op: str, reason: str = "") -> Entry:
        """The endpoint is gone (destroy): nothing is current and no way leads back. The history stays."""
        return self._append(op, {"do": "removed", "reason": reason})

    def current(self) -> Release | None:
        trail = self._journal.state().trail
        return trail[-1].release if trail else None

    def previous(self) -> Release | None:
        """What a rollback would bring back."""
        trail = self._journal.state().trail
        return trail[-2].release if len(trail) > 1 else None

    def history(self) -> tuple[Recorded, ...]:
        """Every release, oldest first, those rolled back from included."""
        return tuple(_recorded(entry) for entry in self._journal.entries() if entry.body.get("do") == "release")

    def entries(self) -> tuple[Entry, ...]:
        """Everything that was done, oldest first."""
        return tuple(self._journal.entries())

    def _append(self, op: str, body: dict[str, Any]) -> Entry:
        return self._journal.append(op, lambda state: body, actor=self._actor, time=self._clock())


def _intent(entry: Entry) -> Intent:
    action = msgspec.convert(entry.body["action"], Action)
    return Intent(op=entry.body["op"], action=action, actor=entry.actor, time=entry.time, entry=entry.index)


def _recorded(entry: Entry) -> Recorded:
    release = msgspec.convert(entry.body["release"], Release)
    return Recorded(release=release, actor=entry.actor, time=entry.time, entry=entry.index)
