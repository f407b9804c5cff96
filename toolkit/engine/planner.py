"""Desired and observed in, Plan out. Pure: equal inputs give equal plans, and after applying one the next is empty."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from toolkit.domain import digest
from toolkit.domain.errors import PlanError
from toolkit.domain.plan import Action, Desired, Observed, Plan
from toolkit.ports.provider import Provider


def plan(
    target: str,
    desired: Sequence[Desired],
    observed: Sequence[Observed],
    provider: Callable[[str], Provider],
    warnings: Sequence[str] = (),
) -> Plan:
    """Actions in the order of `desired` (its dependencies first), then deletions in the reverse order of kinds.

    `provider(port)` declares claims and limits. Raises PlanError listing everything that the target cannot do.
    """
    _refuse_impossible(target, desired, provider)
    here = {(thing.kind, thing.name): thing for thing in observed}
    wanted = {(thing.kind, thing.name) for thing in desired}
    actions = [_towards(thing, here.get((thing.kind, thing.name))) for thing in desired]
    kinds = list(dict.fromkeys(thing.kind for thing in desired))
    gone = [thing for key, thing in here.items() if key not in wanted and thing.removable]
    gone.sort(key=lambda thing: (-kinds.index(thing.kind) if thing.kind in kinds else 1, thing.name))
    actions.extend(_away(thing) for thing in gone)
    ports = {thing.kind: thing.port for thing in desired}
    allowed = [_permitted(action, provider, ports.get(action.kind, "")) for action in actions]
    return Plan(target=target, actions=tuple(allowed), warnings=tuple(warnings))


def removal(target: str, observed: Sequence[Observed], order: Sequence[str]) -> Plan:
    """Delete everything observed, last kind of `order` first."""
    ranked = sorted(observed, key=lambda thing: (-order.index(thing.kind), thing.name))
    return Plan(target=target, actions=tuple(_away(thing, "destroy removes what was deployed") for thing in ranked))


def _towards(want: Desired, have: Observed | None) -> Action:
    if have is None:
        verb, why = "create", f"there is none yet: {want.summary}" if want.summary else "there is none yet"
    elif want.digest in have.digests:
        verb, why = "keep", want.summary or "as wanted"
    else:
        verb, why = "update", f"{have.summary or 'differs'} -> {want.summary}"
    return Action(
        id=digest.of_value([want.kind, want.name, verb, want.digest])[:16],
        kind=want.kind,
        name=want.name,
        action=verb,  # type: ignore[arg-type]  # one of the four words above
        why=why,
        payload=want.payload,
        permissions=want.permissions,
        cost=want.cost,
    )


def _away(have: Observed, why: str = "no longer wanted") -> Action:
    identity = digest.of_value([have.kind, have.name, "delete", list(have.digests)])[:16]
    return Action(id=identity, kind=have.kind, name=have.name, action="delete", why=why)


def _permitted(action: Action, provider: Callable[[str], Provider], port: str) -> Action:
    """With what it needs to be allowed, as the provider of `port` names it."""
    if action.permissions or action.action == "keep" or not port:
        return action
    return msgspec.structs.replace(action, permissions=provider(port).permits(action.kind, action.action))


def _refuse_impossible(target: str, desired: Sequence[Desired], provider: Callable[[str], Provider]) -> None:
    problems: list[str] = []
    for thing in desired:
        if not thing.port:
            continue
        who = provider(thing.port)
        problems += [
            f"{thing.kind} {thing.name}: {who.name} does not offer {n}" for n in thing.needs if not who.offers(n)
        ]
        for name, amount in thing.limits:
            most = who.limits.get(name)
            if most is not None and amount > most:
                problems.append(f"{thing.kind} {thing.name}: {name} {amount:,} is over {who.name}'s limit of {most:,}")
    if problems:
        raise PlanError(
            f"target {target!r} cannot do this:\n" + "\n".join(problems), hint="toolkit doctor -t " + target
        )
