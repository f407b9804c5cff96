"""Container images of a project: made without Docker, pushed to any registry.

`serve` has the model inside, checked against the trust root first, and answers every platform's contract. `job` has the
toolkit and the packages to train with, and fetches a project's code when it starts, so that a change of code needs no
new image.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from toolkit.domain import digest, times
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.records import ModelVersion
from toolkit.lifecycle import access, compiled, find, trust
from toolkit.lifecycle.naming import endpoint
from toolkit.lifecycle.runtime import carried, runtime
from toolkit.packaging.bundle import BundleSpec
from toolkit.packaging.oci import base as bases
from toolkit.packaging.oci import build as images
from toolkit.packaging.oci import contents, dockerfile, layout, reference, transfer
from toolkit.packaging.oci.build import ImageSpec, Kind
from toolkit.packaging.oci.layout import Built
from toolkit.packaging.oci.reference import Reference
from toolkit.packaging.oci.registry import Registry
from toolkit.packaging.oci.transfer import Pushed
from toolkit.ports.context import Context
from toolkit.ports.registry import Logins
from toolkit.state.blobs import Blobs

LAYOUT = "oci:"  # a base that is a layout folder or archive of this machine
MACHINES = {"x86_64": "amd64", "arm64": "arm64"}  # our word -> OCI's
CLOSED = (
    "the image answers nobody until it is told who asks: start it with TOOLKIT_AUTH=platform where the platform checks "
    'callers, or set auth = "token" under [serve]'
)
REQUIREMENTS = "TOOLKIT_IMAGE_REQUIREMENTS"  # digest of the locked requirements that the image has already


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to build. `base`: a reference, "oci:PATH", or "" for python:X.Y-slim; `version`: of the model, for `serve`;
    `extras`: of the toolkit, for `job`."""

    kind: Kind = "serve"
    base: str = ""
    architecture: Literal["", "x86_64", "arm64"] = ""
    version: int | None = None
    extras: tuple[str, ...] = ()


class LayerInfo(msgspec.Struct, frozen=True):
    name: str
    digest: str
    size: int


class ImageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A built image; sizes in bytes, as a registry holds them."""

    kind: str
    name: str
    path: str
    digest: str
    size: int
    base: str
    base_digest: str
    python: str
    architecture: str
    layers: tuple[LayerInfo, ...]
    warnings: tuple[str, ...] = ()


def place(ctx: Context, kind: str) -> Path:
    """Where an image lies unless another place is named."""
    return ctx.directory / ".toolkit" / "images" / kind


def build(ctx: Context, wanted: Wanted, output: Path | None = None, *, logins: Logins = lambda host: None) -> ImageInfo:
    """Write the image to `output`: a layout folder, or one tar file where it ends in .tar.

    Raises ConfigError (a base without Python or with musl, packages that do not fit), NotFound (no such version, no
    such base), Unauthenticated, Unavailable, PlanError (a key or a pickle among the files).
    """
    with _spec(ctx, wanted, logins) as (spec, base, warnings):
        with ctx.report.track(f"layers of the {wanted.kind} image", len(spec.content.groups)) as advance:
            built = images.build(spec, advance)
        name = _name(ctx, spec)
        path = output or place(ctx, wanted.kind)
        with ctx.report.track("bytes written", built.size) as advance:
            layout.write(built, path, name, advance)
    names = [group.name for group in spec.content.groups]
    own = built.manifest.layers[-len(names) :]
    return ImageInfo(
        kind=wanted.kind,
        name=name,
        path=str(path),
        digest=built.digest,
        size=built.size,
        base=base,
        base_digest=spec.base.digest,
        python=spec.offers.version,
        architecture=_machine(ctx, wanted),
        layers=tuple(LayerInfo(n, found.digest, found.size) for n, found in zip(names, own, strict=True)),
        warnings=warnings,
    )


def push(
    ctx: Context, to: str, kind: str = "serve", source: Path | None = None, *, logins: Logins = lambda host: None,
    plain_http: bool = False,
) -> Pushed:  # fmt: skip
    """Push what `build` wrote. Raises NotFound (nothing was built), Unauthenticated, PermissionDenied, Unavailable."""
    where = reference.parse(to)
    if where.digest:
        raise ConfigError(f"{to!r} names a digest: an image is pushed to a tag", hint="write registry/team/name:tag")
    path = source or place(ctx, kind)
    if not path.exists():
        raise NotFound(f"no {kind} image at {path}", hint=f"toolkit image build --kind {kind}")
    with layout.opened(path) as folder, Registry(where.host, logins, plain_http=plain_http) as registry:
        built = layout.read(folder, _architecture_of(folder))
        with ctx.report.track(f"bytes to {where}", built.size) as advance:
            return transfer.push(built, where, registry, advance, source=_mountable(built, where))


def export(
    ctx: Context, wanted: Wanted, output: Path, *, logins: Logins = lambda host: None
) -> tuple[list[str], tuple[str, ...]]:
    """A folder for `docker build` with the same content: (names at its top, warnings)."""
    with _spec(ctx, wanted, logins) as (spec, base, warnings):
        named = f"{spec.base_name.partition('@')[0]}@{spec.base.digest}" if spec.base_name else base
        return dockerfile.export(spec, named, output), warnings


def _mountable(built: Built, where: Reference) -> str:
    """The repository that has the base's layers already, where it is on the registry we push to."""
    named = (built.image.config.labels or {}).get("org.opencontainers.image.base.name", "")
    if not named:
        return ""
    base = reference.parse(named)
    return base.repository if base.host == where.host else ""


def _architecture_of(folder: Path) -> str:
    from toolkit.domain import oci

    entries = [entry.platform.architecture for entry in oci.index(folder).manifests if entry.platform]
    return entries[0] if entries else MACHINES["x86_64"]


def _machine(ctx: Context, wanted: Wanted) -> str:
    return wanted.architecture or ctx.project.serve.architecture


@contextmanager
def _spec(ctx: Context, wanted: Wanted, logins: Logins) -> Iterator[tuple[ImageSpec, str, tuple[str, ...]]]:
    """(spec, name of the base, warnings), while the base's files are there."""
    version = _version(ctx, wanted)
    named = wanted.base or f"python:{_python(ctx, wanted.kind)}-slim"
    with _base(ctx, named, MACHINES[_machine(ctx, wanted)], logins) as under:
        offers = bases.inspect(under, named)
        spec = _serve(ctx, wanted, under, offers, version) if version else _job(ctx, wanted, under, offers)
        at = "" if named.startswith(LAYOUT) else str(reference.parse(named))
        yield replace(spec, base_name=at), named, _warnings(ctx, wanted, named, spec)


def _version(ctx: Context, wanted: Wanted) -> ModelVersion | None:
    if wanted.kind == "job":
        return None
    chosen = find.version(ctx, wanted.version if wanted.version is not None else "champion")
    trust.check(ctx, chosen)
    return chosen


def _warnings(ctx: Context, wanted: Wanted, named: str, spec: ImageSpec) -> tuple[str, ...]:
    found = [f"the base {named} lacks {name}, which compiled packages ask for" for name in spec.offers.missing]
    if wanted.kind == "serve":
        found += [*access.warnings(ctx), *trust.warnings(ctx)]
        found += [CLOSED] if ctx.project.serve.auth == "default" else []
    return (*found, *spec.content.warnings)


def _python(ctx: Context, kind: str) -> str:
    """What the default base has: a job's Python is the one that locked its requirements."""
    here = ".".join(platform.python_version_tuple()[:2])
    told = ctx.provider("functions").function_python
    return here if kind == "job" or told == "host" else ctx.project.serve.python or told


@contextmanager
def _base(ctx: Context, named: str, architecture: str, logins: Logins) -> Iterator[Built]:
    if named.startswith(LAYOUT):
        path, _, tag = named.removeprefix(LAYOUT).partition("#")
        with layout.opened(ctx.directory / path) as folder:
            yield layout.read(folder, architecture, tag)
        return
    wanted = reference.parse(named)
    with Registry(wanted.host, logins) as registry:
        loading = _Loading(ctx, str(wanted))
        try:
            built = transfer.pull(wanted, registry, architecture, loading.begin)
        finally:
            loading.end()
    yield built


class _Loading:
    """A progress bar that begins when it turns out that there is something to load."""

    def __init__(self, ctx: Context, what: str) -> None:
        self._ctx, self._what = ctx, what
        self._bar: Any = None

    def begin(self, total: int) -> Any:
        bar: Any = self._ctx.report.track(f"bytes of {self._what}", total)
        self._bar = bar
        return bar.__enter__()

    def end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)


def _serve(ctx: Context, wanted: Wanted, under: Built, offers: bases.Base, version: ModelVersion) -> ImageSpec:
    blobs, serve = Blobs(ctx.store), ctx.project.serve
    manifest = find.manifest(ctx, version)
    choice = compiled.choose(ctx, manifest)
    model_files = {role: blobs.get(held) for role, held in compiled.files(manifest, choice).items()}
    bundle = BundleSpec(
        function="inference",
        python=offers.version,
        platform=_machine(ctx, wanted),
        **carried(ctx, "inference"),
        requirements=(*serve.requirements, *access.requirements(ctx)),
        model_files={"manifest.json": blobs.get(version.digest), **model_files},
        compiled=choice.compiled,
    )
    values: dict[str, Any] = {
        "limits": {"max_rows": serve.max_rows, "max_body": times.megabytes(serve.max_body) * 1024**2},
        "capture": {"features": serve.capture.features},
        "batching": serve.batching.model_dump(),
        "replay": serve.replay,
        **({} if serve.auth == "default" else {"auth": access.auth(ctx)}),
    }
    # a store on this machine is none inside a container
    ports = () if ctx.provider("store").function_python == "host" else ("store",)
    environment = runtime(
        ctx, ports=ports, endpoint=endpoint(ctx), model=ctx.project.model_name, model_version=version.version,
        model_digest=version.digest, values=values,
    )  # fmt: skip
    labels = {
        "driftloop.model": ctx.project.model_name,
        "driftloop.model-version": str(version.version),
        "driftloop.model-digest": version.digest,
        "org.opencontainers.image.version": str(version.version),
    }
    with ctx.report.track("packages of the serving image"):
        content = contents.serve(bundle)
    return ImageSpec("serve", ctx.project.name, under, offers, content, environment=environment, labels=labels)


def _job(ctx: Context, wanted: Wanted, under: Built, offers: bases.Base) -> ImageSpec:
    locked = _locked(ctx, offers.version)
    with ctx.report.track("packages of the job image"):
        content = contents.job(offers.version, _machine(ctx, wanted), extras=_extras(ctx, wanted), locked=locked)
    known = digest.of_bytes(locked.encode()) if locked else ""
    return ImageSpec(
        "job",
        ctx.project.name,
        under,
        offers,
        content,
        environment={REQUIREMENTS: known} if known else {},
        labels={"driftloop.requirements": known} if known else {},
    )


def _extras(ctx: Context, wanted: Wanted) -> list[str]:
    """What the target's providers need, and what was asked for."""
    return sorted({*wanted.extras, *(ctx.provider(port).extra for port in ctx.bindings)} - {"", "local"})


def _locked(ctx: Context, python: str) -> str:
    """The project's requirements, pinned as `train` pins them; "" where there are none."""
    from toolkit.packaging import lock

    named = ctx.project.train.requirements
    return lock.lock(ctx.directory / named, python) if named else ""


def _name(ctx: Context, spec: ImageSpec) -> str:
    version = spec.labels.get("org.opencontainers.image.version", "latest")
    name = ctx.project.model_name if spec.kind == "serve" else f"{ctx.project.name}-job"
    return f"{re.sub(r'[^a-z0-9-]+', '-', name)}:{version}"
