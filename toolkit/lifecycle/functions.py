"""The functions of an endpoint as their provider is told of them, and what has them called when data comes."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.domain import times
from toolkit.domain.errors import PlanError
from toolkit.domain.newdata import WatchSpec, prefixes
from toolkit.domain.plan import Desired
from toolkit.domain.records import ModelVersion
from toolkit.domain.specs import FunctionSpec
from toolkit.lifecycle import access, bundling, trust
from toolkit.lifecycle.naming import endpoint, function_name
from toolkit.lifecycle.place import from_bucket
from toolkit.lifecycle.runtime import runtime
from toolkit.packaging.bundle import Bundle
from toolkit.ports.context import Context
from toolkit.resources import bundle as bundles
from toolkit.resources import watch
from toolkit.state.blobs import Blobs

CAPTURE_WAIT_SECONDS = 2.0


def inference(ctx: Context, version: ModelVersion, built: Bundle, split: dict[str, Any] | None = None) -> FunctionSpec:
    """With the version pinned, or with the keys that a model from the bucket has to be signed with. Untrusted."""
    serve = ctx.project.serve
    values: dict[str, Any] = {
        "limits": {"max_rows": serve.max_rows, "max_body": times.megabytes(serve.max_body) * 1024**2},
        # a function is frozen once it has answered: a flush has to be done by then
        "capture": {
            "features": serve.capture.features,
            "wait": CAPTURE_WAIT_SECONDS,
            **_unusual("seconds", times.seconds(serve.capture.flush), 60.0),
            **_unusual("stretch", int(times.seconds(ctx.project.rollout.stretch)) or 1, 60),
        },
        "replay": serve.replay,
        "auth": access.auth(ctx),
        **({"split": split} if split else {}),
    }
    pinned: dict[str, Any] = {"model_version": version.version, "model_digest": version.digest}
    if from_bucket(ctx):  # then no version is part of the configuration: a promotion changes nothing here
        values["bucket"] = {"trust": msgspec.to_builtins(trust.for_function(ctx)), "seconds": serve.swap_seconds}
        pinned = {}
    environment = runtime(
        ctx, ports=("store",), endpoint=endpoint(ctx), model=ctx.project.model_name, values=values, **pinned
    )
    return _function(ctx, "inference", built, environment, concurrency=serve.concurrency)


def _unusual(name: str, value: float, default: float) -> dict[str, float]:
    """What is as always need not be said: a function's environment is short."""
    return {} if value == default else {name: value}


def drift_check(ctx: Context, built: Bundle) -> FunctionSpec:
    """Told the whole project, by the digest of its configuration."""
    values = {"code": _code(ctx)}
    # every port: the retrain that it may ask for deploys what it promotes
    environment = runtime(ctx, endpoint=endpoint(ctx), model=ctx.project.model_name, config=True, values=values)
    return _function(ctx, "drift-check", built, environment, concurrency=1)


def watches(ctx: Context, name: str) -> list[Desired]:
    """One for each folder of the store that data comes from. PlanError where none does, or nobody can watch it."""
    if not ctx.project.retrain.on_new_data:
        return []
    data = ctx.project.data
    sources = [data.source] if isinstance(data.source, str) else list(data.source)
    folders = prefixes([*sources, *data.tables.values()])
    if not folders or "" in folders:
        raise PlanError(
            "retrain.on_new_data needs data in a folder of the store", hint='data.source = "store:data/*.csv"'
        )
    if not watch.offered(ctx):
        raise PlanError(f"{ctx.provider('store').name} cannot tell of new data", hint="retrain.on_new_data = false")
    names = [f"{name}-{number}" if number else name for number in range(len(folders))]
    return [
        watch.desired(WatchSpec(name=one, prefix=folder, function=name))
        for one, folder in zip(names, folders, strict=True)
    ]


def _code(ctx: Context) -> str:
    """The project's code, kept as a blob so that a retrain can start from inside the cloud."""
    from toolkit.packaging import code

    beside = [name for name in (ctx.project.data.schema_file, ctx.project.train.requirements) if name]
    return Blobs(ctx.store).put(code.package(ctx.directory, [*ctx.project.train.include, *beside]).data)


def _function(ctx: Context, role: str, built: Bundle, environment: dict[str, str], *, concurrency: int) -> FunctionSpec:
    serve = ctx.project.serve
    return FunctionSpec(
        name=function_name(ctx, role),
        bundle=built.digest,
        bundle_key=bundles.key(ctx.target, built.digest),
        runtime=f"python{bundling.python(ctx)}",
        architecture=serve.architecture,
        memory_mb=times.megabytes(serve.memory),
        timeout_seconds=int(times.seconds(serve.timeout)),
        environment=environment,
        auth=access.at_the_provider(ctx) if role == "inference" else ctx.provider("functions").function_auth,
        concurrency=concurrency,
        snapstart=serve.snapstart,
        tags=ctx.tags(model=ctx.project.model_name, role=role, **_watching(ctx, role)),
    )


def _watching(ctx: Context, role: str) -> dict[str, str]:
    return {watch.TAG: "on"} if ctx.project.retrain.on_new_data and role == "drift-check" else {}
