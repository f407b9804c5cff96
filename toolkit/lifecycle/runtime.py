"""What a deployed thing is told: the ports of its target and what it is for, as one environment variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from toolkit.domain.errors import PlanError
from toolkit.domain.specs import PORTS, Runtime
from toolkit.lifecycle import trust
from toolkit.ports.context import Context
from toolkit.state.blobs import Blobs

if TYPE_CHECKING:
    from toolkit.domain.config import Project, TrustConfig

VARIABLE = "TOOLKIT_RUNTIME"
MAX_BYTES = 3_500  # of the 4 KiB that a function's whole environment may have


def runtime(
    ctx: Context,
    *,
    ports: Sequence[str] = PORTS,
    endpoint: str = "",
    model: str = "",
    model_version: int = 0,
    model_digest: str = "",
    config: bool = False,
    values: dict[str, Any] | None = None,
) -> dict[str, str]:
    """{"TOOLKIT_RUNTIME": JSON of `specs.Runtime`} for something that is started on ctx's target.

    With `config` the project's configuration is stored as a blob and named by its digest. PlanError where it is too
    long for a function's environment.
    """
    bindings = {port: ctx.bindings[port] for port in (*ports, *_beside(ctx, ports))}
    signer = ctx.signer_binding
    if config and signer and signer.provider == ctx.bindings["jobs"].provider and trust.root(ctx).keys:
        bindings["signer"] = signer  # what runs where the keys are signs what it makes
    told = Runtime(
        project=ctx.project.name,
        target=ctx.target,
        endpoint=endpoint,
        model=model,
        model_version=model_version,
        model_digest=model_digest,
        config=Blobs(ctx.store).put(portable(ctx).model_dump_json().encode()) if config else "",
        ports=bindings,
        values=values or {},
    )
    text = told.encode()
    if len(text.encode()) > MAX_BYTES:
        raise PlanError(
            f"what the job or function has to be told has {len(text.encode()):,} bytes, over {MAX_BYTES:,}",
            hint="shorten the settings of the target's providers",
        )
    return {VARIABLE: text}


class Carried(TypedDict):
    """What of the adapters a bundle has inside (`packaging.bundle.BundleSpec`)."""

    providers: tuple[str, ...]
    needs: dict[str, str]


def carried(ctx: Context, function: str) -> Carried:
    """Every provider of the target, but that of artifacts which this function never reads, and what they import."""
    left_out = {"artifacts"} - set(_beside(ctx, ("store",) if function == "inference" else PORTS))
    names = sorted({binding.provider for port, binding in ctx.bindings.items() if port not in left_out})
    inside = [ctx.providers[name] for name in names]
    needs = {package: provider.extra for provider in inside for package in provider.needs.get(function, ())}
    return {"providers": tuple(names), "needs": needs}


def _beside(ctx: Context, ports: Sequence[str]) -> list[str]:
    """The port of the artifacts, where what has these `ports` reads any: not a function that only predicts."""
    return ["artifacts"] if tuple(ports) != ("store",) and "artifacts" in ctx.bindings else []


def portable(ctx: Context) -> Project:
    """The project as it reads from anywhere: sources that are paths of this machine made absolute.

    A job has another working folder, so a relative path would be of nothing there.
    """
    data = ctx.project.data

    def absolute(source: str) -> str:
        return source if ":" in source.partition("/")[0] else str(ctx.directory / source)

    source = absolute(data.source) if isinstance(data.source, str) else [absolute(one) for one in data.source]
    tables = {name: absolute(table) for name, table in data.tables.items()}
    return ctx.project.model_copy(
        update={"data": data.model_copy(update={"source": source, "tables": tables}), "trust": _trust(ctx)}
    )


def _trust(ctx: Context) -> TrustConfig:
    """The trust root written out: its files are on this machine only."""
    from toolkit.domain.config import TrustedKey

    keys = [TrustedKey(**msgspec.to_builtins(key)) for key in trust.root(ctx).keys]
    return ctx.project.trust.model_copy(update={"keys": keys})
