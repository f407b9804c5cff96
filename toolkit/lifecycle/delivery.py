"""Send a challenger out stage by stage, judge it on every tick, take it back or make it champion. No controller runs.

A person (or a retrain) begins a rollout; the drift check's tick does the rest: compare what should serve with what does
and mend it, weigh both versions (`stretches`, `quality.judge`), write the ruling into the endpoint's rollout journal,
mend again. Each step can be repeated, so a tick may die anywhere, be delivered twice, or run beside another.

    launch    the challenger is published beside the champion, then one entry, then the route (`launch`)
    expected  how its answers may differ: as they did on the rows on which its gates compared it
    tick      wait, go on to the next stage, or back
    back      one entry and one call that moves the traffic: nothing else has to work for that
    promoted  the release and the registry's alias follow the journal

Traffic is split by the provider, at random for each call, or by our own function (`launch` says when). Shadow traffic
is replayed from captured rows by the tick, so that it cannot touch an answer.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from toolkit.domain import times
from toolkit.domain.errors import Conflict, NotFound, ProviderError, ToolkitError
from toolkit.domain.records import Release
from toolkit.domain.specs import ScheduleSpec
from toolkit.engine.rollout import MOVING, Abort, Hold, Resume, Ruled
from toolkit.engine.rollouts import Standing
from toolkit.lifecycle import naming, scores, shadow, stretches
from toolkit.lifecycle.standing import append, rollouts, unfinished
from toolkit.ports.context import Context
from toolkit.quality import judge
from toolkit.quality.judge import Policy, Verdict
from toolkit.state.incidents import Incidents
from toolkit.state.registry import CHAMPION, Registry

EVERY = "rate(1 minute)"


@dataclass(frozen=True)
class Stepped:
    """What a tick found and did; `verdict` is None where nothing was to be judged."""

    standing: Standing
    verdict: Verdict | None = None


def tick(ctx: Context) -> Stepped:
    """Bring what serves in line with the journal, and judge the challenger if there is one."""
    journal = rollouts(ctx)
    standing = reconcile(ctx, journal.standing())
    if standing.rollout.phase not in MOVING:
        return Stepped(standing)
    if standing.rollout.shadowed:
        shadow.replay(ctx, standing)
    verdict = judged(ctx, standing)
    if verdict.ruling == "wait":
        return Stepped(standing, verdict)
    rollout = standing.rollout
    event = Ruled(
        challenger=rollout.challenger,
        stage=rollout.stage,
        phase=rollout.phase,  # type: ignore[arg-type]  # one of MOVING
        ruling=verdict.ruling,
        why=verdict.why,
        time=ctx.clock(),
    )
    op = f"{standing.number}/{rollout.phase}/{rollout.stage}/{rollout.since}/{verdict.ruling}"
    with suppress(Conflict):  # another tick or a person was first: what they wrote holds
        journal.happened(event, op=op, detail=msgspec.to_builtins(verdict))
    return Stepped(reconcile(ctx, journal.standing()), verdict)


def judged(ctx: Context, standing: Standing) -> Verdict:
    """What the judge says now. Pure of what is in the bucket: the same again says the same."""
    rollout, config = standing.rollout, ctx.project.rollout
    policy = Policy(
        alpha=config.alpha,
        seconds=times.seconds(str(standing.how.get("bake") or config.bake)),
        timeout=times.seconds(config.timeout),
        requests=config.requests,
    )
    cuts, positive = scores.cuts_and_class(ctx, rollout.champion)
    seen = stretches.Stretches(ctx, standing)
    found = judge.weigh(seen.judged(cuts, positive), standing.how.get("expected", ()))
    elapsed = (times.parse(ctx.clock()) - times.parse(rollout.since)).total_seconds()
    return judge.rule(found, policy, elapsed, stage_requests=seen.requests(rollout.since))


def hold(ctx: Context, why: str = "by hand") -> Standing:
    """Keep the traffic where it is. Conflict: there is no rollout on its way."""
    return _by_hand(ctx, Hold(why=why))


def resume(ctx: Context) -> Standing:
    return _by_hand(ctx, Resume(time=ctx.clock()))


def abort(ctx: Context, why: str) -> Standing:
    """Back to the champion now."""
    return _by_hand(ctx, Abort(why=why))


def story(ctx: Context) -> list[dict[str, Any]]:
    """What happened to the latest rollout, oldest first: {"time", "actor", "what", "why", "evidence"}."""
    told: list[dict[str, Any]] = []
    for entry in rollouts(ctx).story():
        event = dict(entry.body.get("event", {}))
        if event.get("type") == "Begin":
            told = []
        told.append(
            {
                "time": entry.time,
                "actor": entry.actor,
                "what": _said(event),
                "why": event.get("why", ""),
                "evidence": entry.body.get("detail", {}).get("evidence", {}),
            }
        )
    return told


def reconcile(ctx: Context, standing: Standing) -> Standing:
    """Make what serves what the journal says. Every call is one that may be made again."""
    rollout, release = standing.rollout, standing.release
    current = naming.releases(ctx).current()
    if release is None or current is None or not rollout.champion:
        return standing
    if rollout.phase == "promoted":
        if unfinished(rollout, current):
            _promote(ctx, standing, release)
    elif current.model_version == rollout.champion and rollout.phase in (*MOVING, "held", "rolled back"):
        _route(ctx, release.function, _weights(standing, current, release))
        if rollout.phase == "rolled back":
            _tell(ctx, standing, firing=True)
    _watch(ctx, moving=rollout.phase in MOVING)
    return standing


def finish(ctx: Context) -> None:
    """What a tick has ruled and not carried out, because it died or is at it, before a person moves on from there: else
    a rollback would go back from the champion before, and the next tick undo a promotion by hand."""
    standing = rollouts(ctx).standing()
    if unfinished(standing.rollout, naming.releases(ctx).current()):
        reconcile(ctx, standing)


def _watch(ctx: Context, *, moving: bool) -> None:
    """A schedule of its own while there is something to judge: the drift check's comes by once an hour."""
    with suppress(ProviderError):  # the next tick, which comes with the drift check at the latest, does it
        _scheduled(ctx, naming.function_name(ctx, "rollout"), moving=moving)


def _scheduled(ctx: Context, name: str, *, moving: bool) -> None:
    if not moving:
        ctx.schedules.delete(name)
        return
    function = naming.function_name(ctx, "drift-check")
    event = {"endpoint": naming.endpoint(ctx), "do": "rollout"}
    spec = ScheduleSpec(name=name, expression=EVERY, function=function, event=event, tags=ctx.tags())
    with suppress(NotFound):
        if ctx.schedules.get(name) == spec:
            return
    ctx.schedules.put(spec)


def _weights(standing: Standing, champion: Release, challenger: Release) -> dict[str, float]:
    rollout = standing.rollout
    router = standing.how.get("routers", {}).get(str(rollout.stage))
    if router and 0 < rollout.share < 1:
        return {str(router): 1.0}
    names = {rollout.champion: champion.function_version, rollout.challenger: challenger.function_version}
    return {names[version]: share for version, share in rollout.weights.items()}


def _route(ctx: Context, function: str, weights: dict[str, float]) -> str:
    """The URL. What serves is looked at first where that works; where it does not, the call is made all the same."""
    try:
        state = ctx.functions.observe(function)
        if {v: round(s, 4) for v, s in state.weights.items() if s} == {v: round(s, 4) for v, s in weights.items()}:
            return state.url
    except ProviderError:
        pass
    return ctx.functions.route(function, weights).url


def _promote(ctx: Context, standing: Standing, release: Release) -> None:
    version, op = standing.rollout.champion, f"rollout/{standing.number}"
    url = _route(ctx, release.function, {release.function_version: 1.0})
    registry = Registry(ctx.store, ctx.project.model_name)
    why = f"rollout: {standing.rollout.why}"
    registry.move(CHAMPION, to=version, actor=ctx.actor, reason=why, op=f"{op}/champion", time=ctx.clock())
    released = msgspec.structs.replace(release, reason=why, url=url)
    naming.releases(ctx).record(released, op=f"{op}/release")
    _tell(ctx, standing, firing=False)


def _tell(ctx: Context, standing: Standing, *, firing: bool) -> None:
    """People, once. Whatever fails here is told by the next check."""
    endpoint, rollout = naming.endpoint(ctx), standing.rollout
    title = f"{endpoint} on {ctx.target}: version {rollout.challenger} was sent back" if firing else (
        f"{endpoint} on {ctx.target}: version {rollout.champion} is champion")  # fmt: skip
    with suppress(ToolkitError):
        Incidents(ctx.store, ctx.target, endpoint).observe(
            f"rollout-{endpoint}",
            firing,
            title=title,
            text=rollout.why,
            severity="critical",
            labels={"endpoint": endpoint, "target": ctx.target, "model": ctx.project.model_name},
            actor=ctx.actor,
            time=ctx.clock(),
            remind_seconds=float("inf"),
        )


def _by_hand(ctx: Context, event: Hold | Resume | Abort) -> Standing:
    return reconcile(ctx, append(ctx, event))


def _said(event: dict[str, Any]) -> str:
    match event.get("type"):
        case "Begin":
            stages = ", ".join(f"{share:.0%}" for share in event["shares"])
            first = "shadow, " if event.get("shadow") else ""
            return f"version {event['challenger']} goes out beside version {event['champion']}: {first}{stages}"
        case "Ruled":
            return f"{event['phase']}: {'on' if event['ruling'] == 'advance' else 'back to the champion'}"
        case "Abort":
            return "back to the champion by hand"
        case "Settle":
            return f"all traffic to version {event['version']}"
        case other:
            return str(other).lower()
