"""New data in the store: at most one retrain for each content of an object, however often and in whatever order it is
told. A function does not train: it asks the journal of triggers, and submits a job for what that accepted."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from toolkit.bootstrap import providers
from toolkit.bootstrap.context import from_runtime, runtime
from toolkit.domain.newdata import NewData
from toolkit.domain.specs import Runtime
from toolkit.entry.drift import retrain
from toolkit.ports.context import Context


def on_event(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """{"new_data": [{"uri", "version", "retrain": job or "", "why": why there is none}]}; None for any other event."""
    told = runtime()
    found = _read(event, told)
    if found is None:
        return None
    ctx, told = from_runtime()
    return {"new_data": [_trigger(ctx, told, data) for data in found]}


def _read(event: Mapping[str, Any], told: Runtime) -> tuple[NewData, ...] | None:
    """By whichever of the target's providers knows the event."""
    for name in sorted({binding.provider for binding in told.ports.values()}):
        if declared := providers.provider(name).events:
            module, _, attribute = declared.partition(":")
            try:
                found: tuple[NewData, ...] | None = getattr(import_module(module), attribute)(event)
            except (LookupError, TypeError, AttributeError, ValueError):
                continue  # it looks like one and is none: put aside with all that nobody can read
            if found is not None:
                return found
    return None


def _trigger(ctx: Context, told: Runtime, data: NewData) -> dict[str, str]:
    about = {"uri": data.uri, "version": data.version}
    if not ctx.project.retrain.on_new_data:
        return {**about, "retrain": "", "why": "retrain.on_new_data is off"}
    return {**about, **retrain(ctx, told, reason=data.reason, window="")}
