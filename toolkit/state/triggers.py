"""Requests to retrain, decided once: one journal a model.

A request is keyed by (reason, window). However often, late or at once the same event arrives, it has one answer: the
one that was written first. Cooldown and budget are decided on the journal's head, so that of two events that arrive at
once the second is judged with the first one known.

Accepted is not yet started: whoever starts the run attaches its id, and what was accepted but never got a run (its
starter died) stays in `pending` for the next tick.
"""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.domain import digest, times
from toolkit.domain.errors import NotFound
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.journal import Entry, Journal

KEPT = 200  # answered requests in the state; older ones are found by their operation id


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request. `why` says why it was refused; `run_id` is "" until a run was started for it."""

    key: str
    reason: str
    window: str
    accepted: bool
    why: str = ""
    actor: str = ""
    time: str = ""
    entry: int = 0
    run_id: str = ""
    decision: str = ""  # what became of it: promoted, stayed, challenger ...
    decided: str = ""  # and why
    hours: float = 0.0  # of compute: what it may take, and once it is decided, what it took


class TriggersState(msgspec.Struct, frozen=True, kw_only=True):
    """`recent` answers by key; `pending` as in `Triggers.pending`; `months` counts the accepted, `hours` what they took
    or may yet take."""

    recent: dict[str, Trigger] = {}
    pending: dict[str, Trigger] = {}
    months: dict[str, int] = {}
    hours: dict[str, float] = {}


class TriggersFold:
    name = "triggers-3"
    type: Any = TriggersState

    def empty(self) -> TriggersState:
        return TriggersState()

    def apply(self, state: TriggersState, entry: Entry) -> TriggersState:
        if entry.body.get("do") == "request":
            return self._requested(state, _trigger(entry))
        if entry.body.get("do") == "attach":
            return self._attached(state, entry.body["key"], entry.body["run_id"])
        if entry.body.get("do") == "conclude":
            return self._concluded(state, entry.body)
        return state

    def _requested(self, state: TriggersState, trigger: Trigger) -> TriggersState:
        known = sorted(state.recent.values(), key=lambda other: other.entry)[-KEPT + 1 :]
        recent = {other.key: other for other in (*known, trigger)}
        if not trigger.accepted:
            return msgspec.structs.replace(state, recent=recent)
        month = trigger.time[:7]
        return TriggersState(
            recent=recent,
            pending={**state.pending, trigger.key: trigger},
            months={**state.months, month: state.months.get(month, 0) + 1},
            hours={**state.hours, month: state.hours.get(month, 0.0) + trigger.hours},
        )

    def _attached(self, state: TriggersState, key: str, run_id: str) -> TriggersState:
        pending = {k: v for k, v in state.pending.items() if k != key}
        recent = dict(state.recent)
        if key in recent:
            recent[key] = msgspec.structs.replace(recent[key], run_id=run_id)
        return msgspec.structs.replace(state, pending=pending, recent=recent)

    def _concluded(self, state: TriggersState, body: dict[str, Any]) -> TriggersState:
        known = state.recent.get(body["key"])
        if known is None:
            return state
        took = body.get("hours", known.hours)
        concluded = msgspec.structs.replace(known, decision=body["decision"], decided=body["why"], hours=took)
        month = known.time[:7]
        return msgspec.structs.replace(
            state,
            pending={k: v for k, v in state.pending.items() if k != body["key"]},
            recent={**state.recent, body["key"]: concluded},
            hours={**state.hours, month: state.hours.get(month, 0.0) + took - known.hours},
        )


class Triggers:
    def __init__(self, store: Store, model: str) -> None:
        self.model = model
        self._journal = Journal(store, keys.triggers(model), TriggersFold())

    def request(
        self,
        reason: str,
        window: str,
        *,
        actor: str,
        time: str,
        cooldown_seconds: float = 0.0,
        max_per_month: int | None = None,
        hours: float = 0.0,
        max_hours: float | None = None,
        detail: dict[str, Any] | None = None,
    ) -> Trigger:
        """May a run start for (reason, window)? The first answer, for ever.

        Refused within `cooldown_seconds` of another accepted one (before or after, since events may arrive shuffled)
        and beyond `max_per_month` in the month of `time`, or where its `hours` (the most it may take) would pass
        `max_hours` of that month. Start a run when `accepted` and no `run_id`.
        """
        times.parse(time)
        key = trigger_key(reason, window)

        def decide(state: TriggersState) -> dict[str, Any]:
            why = _refusal(state, time, cooldown_seconds, max_per_month) or _too_long(state, time, hours, max_hours)
            return {
                "do": "request", "key": key, "reason": reason, "window": window, "hours": hours,
                "accepted": not why, "why": why, "detail": detail or {},
            }  # fmt: skip

        answer = _trigger(self._journal.append(key, decide, actor=actor, time=time))
        return self._journal.state().recent.get(key, answer)

    def attach(self, trigger: Trigger, run_id: str, *, actor: str, time: str) -> str:
        """Write down the run that was started for it. The run that is attached: the first one wins."""
        if not trigger.accepted:
            raise NotFound(f"no run can belong to the refused request {trigger.reason} {trigger.window}")
        body = {"do": "attach", "key": trigger.key, "run_id": run_id}
        entry = self._journal.append(f"attach/{trigger.key}", lambda state: body, actor=actor, time=time)
        attached: str = entry.body["run_id"]
        return attached

    def conclude(
        self, trigger: Trigger, decision: str, why: str, *, actor: str, time: str, hours: float | None = None
    ) -> None:
        """Write down what became of it, for people, and what it took; it is pending no more. The first word stays."""
        took = trigger.hours if hours is None else hours
        body = {"do": "conclude", "key": trigger.key, "decision": decision, "why": why, "hours": took}
        self._journal.append(f"conclude/{trigger.key}", lambda state: body, actor=actor, time=time)

    def pending(self) -> tuple[Trigger, ...]:
        """Accepted, and no run attached yet; oldest first."""
        return tuple(sorted(self._journal.state().pending.values(), key=lambda trigger: trigger.entry))

    def recent(self) -> tuple[Trigger, ...]:
        """The last answers, newest first."""
        return tuple(sorted(self._journal.state().recent.values(), key=lambda trigger: -trigger.entry))


def trigger_key(reason: str, window: str) -> str:
    return digest.of_value([reason, window])[:32]


def _refusal(state: TriggersState, time: str, cooldown_seconds: float, max_per_month: int | None) -> str:
    moment = times.parse(time)
    for other in state.recent.values():
        apart = abs((moment - times.parse(other.time)).total_seconds())
        if other.accepted and apart < cooldown_seconds:
            return f"cooldown: {apart:.0f} s from the one at {other.time}, {cooldown_seconds:.0f} s are asked for"
    month = times.text(moment)[:7]
    spent = state.months.get(month, 0)
    if max_per_month is not None and spent >= max_per_month:
        return f"budget: {spent} of {max_per_month} runs are spent in {month}"
    return ""


def _too_long(state: TriggersState, time: str, hours: float, most: float | None) -> str:
    month = times.text(times.parse(time))[:7]
    spent = state.hours.get(month, 0.0)
    if most is None or spent + hours <= most:
        return ""
    return f"budget: {spent:.1f} of {most:g} hours are spent in {month}, and a run may take {hours:g}"


def _trigger(entry: Entry) -> Trigger:
    body = entry.body
    return Trigger(
        key=body["key"],
        reason=body["reason"],
        window=body["window"],
        accepted=body["accepted"],
        why=body["why"],
        actor=entry.actor,
        time=times.text(times.parse(entry.time)),
        entry=entry.index,
        hours=body.get("hours", 0.0),
    )
