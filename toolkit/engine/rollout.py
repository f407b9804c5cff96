"""A rollout: how a challenger gets the traffic, stage by stage, or loses it. One pure function over its events.

    idle -> retraining -> idle                 a run was asked for; whatever came of it
    idle -> shadow -> canary -> baking -> promoted
                 \\         \\         \\-> rolled back
    any of shadow, canary, baking <-> held     a person says wait; traffic stays as it is

`promoted` and `rolled back` rest like `idle`, and remember how it ended. The state says everything that should hold in
the world (`weights`, `serving`): who carries it out compares, calls, and may die between any two calls, since the next
one compares again. Nothing is remembered outside the journal that the events are entries of.

`step` is total: an event that does not fit raises Conflict and changes nothing, so that of two deployments, of a tick
and a person, whoever appends first has won and the other is told so.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from toolkit.domain.errors import ConfigError, Conflict

Phase = Literal["idle", "retraining", "shadow", "canary", "baking", "promoted", "rolled back", "held"]
RESTING: frozenset[Phase] = frozenset({"idle", "promoted", "rolled back"})
MOVING: frozenset[Phase] = frozenset({"shadow", "canary", "baking"})


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """`champion` and `challenger` are model versions, 0 for none. `shares` are the challenger's, stage after stage;
    the last is 1.0. `since` is when the stage began, `began` when the rollout did. `held` is the phase that waits."""

    phase: Phase = "idle"
    champion: int = 0
    challenger: int = 0
    shares: tuple[float, ...] = ()
    stage: int = 0
    began: str = ""
    since: str = ""
    held: Literal["", "shadow", "canary", "baking"] = ""
    why: str = ""

    @property
    def share(self) -> float:
        """The challenger's part of the traffic, now."""
        phase = self.held or self.phase
        return self.shares[self.stage] if phase in ("canary", "baking") else 0.0

    @property
    def weights(self) -> dict[int, float]:
        """Who should answer: model version -> share; empty while nothing serves."""
        parts = {self.champion: 1.0 - self.share, self.challenger: self.share}
        return {version: share for version, share in parts.items() if version and share > 0}

    @property
    def shadowed(self) -> int:
        """The version that sees a copy of the traffic and answers nobody, 0 for none."""
        return self.challenger if (self.held or self.phase) == "shadow" else 0


class Retrain(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A training run was accepted; `key` names what asked for it."""

    key: str
    time: str


class Trained(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It has ended, with whatever result."""

    key: str
    why: str = ""


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Send `challenger` out beside `champion`. `shares` as in Rollout; with `shadow` it first only listens."""

    champion: int
    challenger: int
    shares: tuple[float, ...]
    time: str
    shadow: bool = False


class Ruled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the judge said of stage `stage` of `challenger`: a late ruling of another stage does not count."""

    challenger: int
    stage: int
    phase: Literal["shadow", "canary", "baking"]
    ruling: Literal["advance", "back"]
    why: str
    time: str


class Hold(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    why: str


class Resume(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The stage begins anew: what was seen while it was held counts, its time does not."""

    time: str


class Abort(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person wants the champion back."""

    why: str


class Settle(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """All traffic goes to `version` without a rollout: a plain deploy, or a rollback between releases."""

    version: int
    why: str = ""


Event = Retrain | Trained | Begin | Ruled | Hold | Resume | Abort | Settle


def shares(text: str) -> tuple[float, ...]:
    """'5%,25%,100%' -> (0.05, 0.25, 1.0); the last stage is always everything. ConfigError."""
    try:
        found = [float(part.strip().removesuffix("%")) / 100 for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"{text!r} are not shares of traffic", hint="--canary 5%,25%,100%") from error
    if any(not 0 < share <= 1 for share in found) or sorted(set(found)) != found:
        raise ConfigError(
            f"{text!r}: shares grow from stage to stage and lie between 0 and 100 %", hint="--canary 5%,25%,100%"
        )
    return (*found, 1.0) if found[-1] < 1 else tuple(found)


def step(state: Rollout, event: Event) -> Rollout:
    """The state after `event`. Raises Conflict where it does not fit the phase."""
    replace = msgspec.structs.replace
    match event:
        case Begin():
            return _begun(_resting(state, f"version {event.challenger} cannot go out"), event)
        case Settle():
            _resting(state, f"version {event.version} cannot take over")
            return Rollout(champion=event.version, why=event.why)
        case Retrain():
            return replace(_resting(state, "no training can begin"), phase="retraining", why=event.key)
        case Trained() if state.phase == "retraining" and state.why == event.key:
            return replace(state, phase="idle", why=event.why)
        case Ruled() if _is_of(state, event):
            return _back(state, event.why) if event.ruling == "back" else _advanced(state, event)
        case Hold() if state.phase in MOVING:
            return replace(state, phase="held", held=state.phase, why=event.why)
        case Resume() if state.phase == "held":
            return replace(state, phase=state.held, held="", since=event.time, why="resumed")
        case Abort() if state.phase in MOVING or state.phase == "held":
            return _back(state, event.why)
    raise Conflict(f"{type(event).__name__.lower()} does not fit: the rollout is {state.phase}", hint="toolkit status")


def _resting(state: Rollout, what: str) -> Rollout:
    if state.phase in RESTING:
        return state
    now = f"version {state.challenger} is {state.phase}" if state.challenger else f"it is {state.phase}"
    raise Conflict(f"{what}: {now}", hint="toolkit status; toolkit rollback ends a rollout")


def _begun(state: Rollout, event: Begin) -> Rollout:
    if event.champion == event.challenger or not event.challenger:
        raise Conflict(f"version {event.challenger} serves already", hint="toolkit status")
    if not event.champion:
        raise Conflict("nothing serves yet that it could be compared with", hint="toolkit deploy")
    if state.champion not in (0, event.champion):
        raise Conflict(f"version {state.champion} serves, not {event.champion}", hint="run the same command again")
    first: Phase = "shadow" if event.shadow else _phase(event.shares, 0)
    return Rollout(
        phase=first,
        champion=event.champion,
        challenger=event.challenger,
        shares=event.shares,
        began=event.time,
        since=event.time,
    )


def _is_of(state: Rollout, event: Ruled) -> bool:
    return (state.phase, state.challenger, state.stage) == (event.phase, event.challenger, event.stage)


def _advanced(state: Rollout, event: Ruled) -> Rollout:
    replace = msgspec.structs.replace
    if state.phase == "shadow":
        return replace(state, phase=_phase(state.shares, 0), since=event.time, why=event.why)
    following = state.stage + 1
    if following < len(state.shares):
        return replace(state, phase=_phase(state.shares, following), stage=following, since=event.time, why=event.why)
    return Rollout(
        phase="promoted", champion=state.challenger, challenger=state.champion, began=state.began, why=event.why
    )


def _back(state: Rollout, why: str) -> Rollout:
    """`challenger` stays named: it is what was sent back."""
    return Rollout(
        phase="rolled back", champion=state.champion, challenger=state.challenger, began=state.began, why=why
    )


def _phase(stages: tuple[float, ...], stage: int) -> Phase:
    return "baking" if stages[stage] >= 1 else "canary"
