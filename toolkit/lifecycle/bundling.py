"""The bundles of an endpoint's functions: what goes into each, for which Python and which machine."""

from __future__ import annotations

import platform

from toolkit.domain.records import ModelVersion
from toolkit.lifecycle import access, compiled, find
from toolkit.lifecycle.compiled import Choice
from toolkit.lifecycle.place import from_bucket
from toolkit.lifecycle.runtime import carried
from toolkit.packaging import bundle
from toolkit.packaging.bundle import Bundle, BundleSpec
from toolkit.ports.context import Context
from toolkit.state.blobs import Blobs


def inference(ctx: Context, version: ModelVersion, choice: Choice) -> Bundle:
    """With the model inside, unless it is read from the bucket. Raises what `bundle.build` does."""
    if from_bucket(ctx):
        return build(ctx, "inference", {}, choice)
    return build(ctx, "inference", model_files(ctx, version, choice), choice)


def model_files(ctx: Context, version: ModelVersion, choice: Choice) -> dict[str, bytes]:
    """Name under model/ -> content of what a function with this model inside loads. NotFound, Corrupt."""
    blobs = Blobs(ctx.store)
    files = compiled.files(find.manifest(ctx, version), choice)
    return {"manifest.json": blobs.get(version.digest), **{role: blobs.get(d) for role, d in files.items()}}


def build(ctx: Context, name: str, files: dict[str, bytes], choice: Choice | None = None) -> Bundle:
    """The bundle of the shipped function `name`, with `files` under model/."""
    with ctx.report.track(f"bundle {name}"):
        return bundle.build(_spec(ctx, name, files, choice))


def python(ctx: Context) -> str:
    """Of the target's functions: "3.13"."""
    if _on_host(ctx):
        return ".".join(platform.python_version_tuple()[:2])
    return ctx.project.serve.python or ctx.provider("functions").function_python


def _spec(ctx: Context, name: str, files: dict[str, bytes], choice: Choice | None) -> BundleSpec:
    return BundleSpec(
        function=name,
        python=python(ctx),
        platform="host" if _on_host(ctx) else ctx.project.serve.architecture,
        **carried(ctx, name),
        requirements=_requirements(ctx, name),
        model_files=files,
        compiled=choice is not None and choice.compiled,
        limit_unpacked=ctx.provider("functions").limits.get("bundle_unpacked_bytes", 0),
    )


def _requirements(ctx: Context, name: str) -> tuple[str, ...]:
    """What a function needs beyond its own set."""
    if name == "inference":
        return (*ctx.project.serve.requirements, *access.requirements(ctx))
    alerts = ctx.project.alerts
    return ("apprise",) if alerts.channels or alerts.critical else ()


def _on_host(ctx: Context) -> bool:
    return ctx.provider("functions").function_python == "host"
