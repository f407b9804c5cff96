"""Answer "which one": versions by number or alias, datasets by prefix, and where a thing came from."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.domain import codec
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.records import Dataset, ModelManifest, ModelVersion
from toolkit.ports.context import Context
from toolkit.state.blobs import Blobs
from toolkit.state.datasets import Datasets
from toolkit.state.lineage import Trace, trace
from toolkit.state.registry import Registry


def version(ctx: Context, which: str | int = "latest") -> ModelVersion:
    """By number, `latest`, or alias. NotFound says what there is and what to type."""
    registry = Registry(ctx.store, ctx.project.model_name)
    versions = registry.versions()
    if not versions:
        raise NotFound(f"model {ctx.project.model_name!r} has no version yet", hint="toolkit train")
    if which == "latest":
        return versions[-1]
    if isinstance(which, int) or which.isdigit():
        return registry.version(int(which))
    holder = registry.aliases().get(which)
    if holder is None:
        raise NotFound(f"model {ctx.project.model_name!r} has no {which}", hint=f"toolkit promote --alias {which}")
    return registry.version(holder)


def manifest(ctx: Context, found: ModelVersion) -> ModelManifest:
    return codec.decode(Blobs(ctx.store).get(found.digest), ModelManifest, where=f"blob {found.digest[:12]}")


def dataset(ctx: Context, which: str = "latest") -> Dataset:
    """The latest version, or the one whose digest starts with `which`."""
    datasets = Datasets(ctx.store)
    for found in datasets.list(ctx.project.name):
        if which == "latest" or found.version.startswith(which):
            return found
    wanted = "any version yet" if which == "latest" else f"version {which!r}"
    raise NotFound(f"dataset {ctx.project.name!r} has not {wanted}", hint="toolkit data ingest, toolkit data ls")


def models(ctx: Context) -> list[dict[str, Any]]:
    """Every model of the bucket: [{name, versions: [{version, digest, aliases, run_id, metrics, created}]}]."""
    return [{"name": name, "versions": _versions(Registry(ctx.store, name))} for name in Registry.models(ctx.store)]


def _versions(registry: Registry) -> list[dict[str, Any]]:
    aliases = registry.aliases()
    return [
        {**msgspec.to_builtins(v), "aliases": sorted(a for a, holder in aliases.items() if holder == v.version)}
        for v in registry.versions()
    ]


def model(ctx: Context, which: str | int = "latest") -> dict[str, Any]:
    """One version with its whole manifest and its card."""
    found = version(ctx, which)
    whole = manifest(ctx, found)
    aliases = Registry(ctx.store, ctx.project.model_name).aliases()
    card = Blobs(ctx.store).get(whole.files["card"]).decode() if "card" in whole.files else ""
    return {
        "name": whole.model,
        **msgspec.to_builtins(found),
        "aliases": sorted(alias for alias, holder in aliases.items() if holder == found.version),
        "manifest": msgspec.to_builtins(whole),
        "card": card,
    }


def lineage(ctx: Context, what: str) -> Trace:
    """What a thing came from and what came of it. `what`: an alias or version number of this project's model, a run or
    prediction id, a dataset's digest, or a full reference such as "model:flights@3"."""
    name = ctx.project.model_name
    if what.isdigit() or what in {"latest", "champion", "challenger"}:
        return trace(ctx.store, f"model:{name}@{version(ctx, what).version}")
    try:
        return trace(ctx.store, what)
    except (NotFound, ConfigError):
        for found in Datasets(ctx.store).list(ctx.project.name):
            if len(what) >= 6 and found.version.startswith(what):
                return trace(ctx.store, f"dataset:{found.name}@{found.version}")
    raise NotFound(
        f"{what!r} is no version, alias, run, dataset or prediction here",
        hint="toolkit models ls, toolkit runs ls, toolkit data ls",
    )
