"""A succeeded run becomes a version of its model: one journal entry, the same one however often it is asked for.

It is signed where it is made: by the job where the keys are at hand, else by who waited for the job.
"""

from __future__ import annotations

from toolkit.domain.errors import Conflict
from toolkit.domain.records import ModelVersion
from toolkit.lifecycle import sign
from toolkit.ports.context import Context
from toolkit.state.registry import Registry
from toolkit.state.runindex import RunView


def run(ctx: Context, view: RunView, *, reused: bool = False) -> ModelVersion:
    """The version that this run made; one that was `reused` from before is not signed in passing.

    Conflict for a run that has not succeeded.
    """
    if view.end is None or view.end.status != "succeeded":
        raise Conflict(f"run {view.id} is {view.status}: only a succeeded run has a model", hint="toolkit runs show")
    version = Registry(ctx.store, view.spec.model).register(
        view.end.model_digest, view.id, view.end.metrics, actor=view.spec.actor or ctx.actor, op=view.id,
        time=ctx.clock(),
    )  # fmt: skip
    if not reused:
        sign.registered(ctx, version)
    return version
