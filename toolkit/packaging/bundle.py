"""Build what a provider runs: one zip with the function, its packages, our own floors and the model.

The order of the work: resolve (cached by what was asked), wheels layer and our layer (cached by what they hold), the
few files that are new, the bill of materials, the fit to the provider's limit, one write. Only the first build of a
wheel set is slow.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.domain.errors import ConfigError, NotFound, PlanError
from toolkit.packaging import archive, budget, bytecode, cache, contents, ours, sbom, scan, shipped, wheels
from toolkit.packaging.archive import Content, Member
from toolkit.packaging.budget import Row, describe

__all__ = ["Bundle", "BundleSpec", "build", "describe"]

MODEL = "model"
KEPT = 8  # bundles that stay in the user's cache


def _executing() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class BundleSpec:
    """What to build.

    `platform`: "host" (the executing one), "x86_64", "arm64", or uv's own name of a platform. `providers`: whose
    adapters go in; `needs`: the packages that these import inside the function -> the extra that brings each.
    `requirements`: packages beyond both and the function's own set (`contents.NEEDS`). `model_files`: name under model/
    -> content. `extra_files`: name at the root -> content. `folder`: where app.py lies, by default the shipped
    function. `compiled`: the model needs neither numpy nor onnxruntime (`contents.COMPILED`). Limits in bytes, 0 for
    none. `container`: the parts are those of an image, whose server starts them.
    """

    function: str
    python: str = field(default_factory=_executing)
    platform: str = wheels.HOST
    providers: tuple[str, ...] = ("local",)
    needs: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    model_files: Mapping[str, Content] = field(default_factory=dict)
    extra_files: Mapping[str, Content] = field(default_factory=dict)
    folder: Path | None = None
    compiled: bool = False
    container: bool = False
    limit_unpacked: int = 0
    limit_packed: int = 0


@dataclass(frozen=True)
class Bundle:
    """A built zip. `digest` is the SHA-256 of its bytes; sizes in bytes; `packages` are name -> version inside."""

    path: Path
    digest: str
    size: int
    unpacked: int
    files: int
    tree: tuple[Row, ...]
    packages: dict[str, str]
    warnings: tuple[str, ...] = ()


def build(spec: BundleSpec, into: Path | None = None) -> Bundle:
    """Write `<into>/<function>-<digest>.zip`; the same spec gives the same bytes. By default into the user's cache,
    where the newest few stay.

    Raises ConfigError (packages that do not resolve, no app.py, a bad name), PlanError (does not fit, a pickle or a key
    among the files), MissingExtra, Unavailable (index), StorageFull.
    """
    made = parts(spec)
    members = _merged(made.site, made.own, made.fresh)
    budget.fit(members, unpacked=spec.limit_unpacked, packed=spec.limit_packed)
    written, path = _write(spec.function, members, into or cache.folder("bundles"))
    if into is None:
        cache.keep_newest(path.parent, "*.zip", KEPT)
    return Bundle(
        path=path,
        digest=written.digest,
        size=written.size,
        unpacked=sum(member.size for member in members),
        files=len(members),
        tree=tuple(budget.rows(members)),
        packages=made.packages,
        warnings=made.warnings,
    )


@dataclass(frozen=True)
class Parts:
    """What a bundle is merged from, by how often it changes: packages, our own source, model and bill of materials.

    A container image has the same parts as layers. `packages` are name -> version.
    """

    site: Mapping[str, Member]
    own: Mapping[str, Member]
    fresh: Mapping[str, Member]
    packages: dict[str, str]
    warnings: tuple[str, ...] = ()


def parts(spec: BundleSpec) -> Parts:
    """The members of a bundle before they are merged. Raises what `build` raises, but for the limits."""
    by = bytecode.interpreter(spec.python)
    wanted, around = contents.requirements(spec.function, spec.needs, spec.requirements, compiled=spec.compiled)
    text = wheels.resolved(wanted, around, spec.python, spec.platform)
    site = wheels.layer(text, spec.python, spec.platform, by)
    own = ours.layer(spec.folder or _shipped(spec.function), spec.providers, by, container=spec.container)
    fresh = _fresh(spec)
    distributions = sbom.packages(site)
    model = {name.partition("/")[2]: data for name, data in fresh.items() if name.startswith(f"{MODEL}/")}
    target = wheels.identity(spec.platform)
    fresh[sbom.NAME] = sbom.document(spec.function, distributions, model, python=spec.python, platform=target)
    return Parts(
        site=site,
        own=own,
        fresh={member.name: member for member in archive.pack_all(fresh)},
        packages={message["Name"]: message["Version"] for message in distributions},
        warnings=() if by else (_no_bytecode(spec.python),),
    )


def _no_bytecode(python: str) -> str:
    return (
        f"no Python {python} on this machine to precompile for the function: each cold start compiles what it imports, "
        f"about twice the time; install Python {python} here, or set python under [serve] to {_executing()}"
    )


def _shipped(function: str) -> Path:
    folder = shipped.folder("functions") / function
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in folder.parent.iterdir() if (path / "app.py").is_file()))
        raise NotFound(f"no function {function!r} in {folder.parent}; there are: {known}")
    return folder


def _fresh(spec: BundleSpec) -> dict[str, bytes]:
    """The files that are new with every build, read and looked through."""
    found: dict[str, bytes] = {}
    named = {**{f"{MODEL}/{name}": content for name, content in spec.model_files.items()}, **spec.extra_files}
    for name, content in named.items():
        if name.startswith("/") or "\\" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
            raise ConfigError(f"{name!r} cannot be a file of a bundle: use a relative path with / and no ..")
        try:
            data = content if isinstance(content, bytes) else content.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot read {content!s} for the bundle: {error.strerror}") from error
        bad = scan.pickled(name, data) or scan.secret(name, data)
        if bad:
            raise PlanError(f"the bundle would carry {bad}", hint="export the model as ONNX; keep keys in secrets")
        found[name] = data
    return found


def _merged(*parts: Mapping[str, Member]) -> list[Member]:
    merged: dict[str, Member] = {}
    for part in parts:
        twice = sorted(merged.keys() & part.keys())
        if twice:
            raise PlanError(
                f"two sources bring {twice[0]} into the bundle" + (f" ({len(twice)} such)" * (len(twice) > 1))
            )
        merged |= part
    return list(merged.values())


def _write(function: str, members: list[Member], into: Path) -> tuple[archive.Written, Path]:
    """Named by its digest, so a bundle that is there already is the same one."""
    written = archive.measure(members)
    path = into / f"{function}-{written.digest[:16]}.zip"
    with cache.disk(f"cannot write the bundle to {into}"):
        into.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)  # used last: `keep_newest` goes by it
        if not path.is_file() or path.stat().st_size != written.size:
            with cache.placing(path) as part:
                archive.write(part, members)
    return written, path
