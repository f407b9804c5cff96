"""A route: which published configuration of a function gets which share of traffic. Moving it is one call."""

from __future__ import annotations

from typing import Any

from toolkit.domain import digest
from toolkit.domain.errors import NotFound
from toolkit.domain.plan import Action, Desired, Observed
from toolkit.domain.specs import FunctionState
from toolkit.ports.context import Context

KIND = "route"


def desired(function: str, spec_digest: str, summary: str) -> Desired:
    shares = {spec_digest: 1.0}
    return Desired(
        kind=KIND,
        name=function,
        digest=digest.of_value(shares),
        summary=summary,
        port="functions",
        payload={"function": function, "shares": shares},
        needs=("functions.versions",),
    )


def observe(ctx: Context) -> list[Observed]:
    states = [state for state in ctx.functions.list(ctx.tags()) if state.weights]
    return [
        Observed(kind=KIND, name=state.name, digests=(digest.of_value(_shares(state)),), summary=_said(state))
        for state in states
    ]


def apply(ctx: Context, action: Action) -> dict[str, Any]:
    if action.action == "delete":
        return {}  # goes with its function
    name, shares = action.payload["function"], action.payload["shares"]
    state = ctx.functions.observe(name)
    versions = {spec: version for version, spec in state.spec_digests.items()}
    missing = [spec[:12] for spec in shares if spec not in versions]
    if missing:
        raise NotFound(f"function {name} has no version of configuration {missing[0]}", hint="toolkit deploy")
    state = ctx.functions.route(name, {versions[spec]: share for spec, share in shares.items()})
    return {"function": name, "weights": state.weights, "url": state.url}


def _shares(state: FunctionState) -> dict[str, float]:
    return {state.spec_digests.get(version, version): share for version, share in state.weights.items() if share}


def _said(state: FunctionState) -> str:
    return ", ".join(f"version {v} {share:.0%}" for v, share in state.weights.items() if share)
