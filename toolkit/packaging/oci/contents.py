"""What goes into an image, as groups of files by how often they change; each becomes a layer.

serve   the function bundle's parts, with uvicorn beside: what Lambda runs, a container runs
job     the whole toolkit, what it trains with, and the project's own packages; a project's code is fetched at start
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import PurePosixPath

from toolkit.domain import digest
from toolkit.domain.errors import missing_extra
from toolkit.packaging import archive, bundle, bytecode, cache, contents, layers, ours, shipped, wheels
from toolkit.packaging.archive import Member
from toolkit.packaging.bundle import BundleSpec
from toolkit.packaging.bytecode import Interpreter

APP = "/app"
WORK = "/work"
DISTRIBUTION = "driftloop"
SERVER = ("uvicorn", "httptools", "uvloop")
TRAINING = ("data", "onnx", "build")  # extras that every job needs
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.M)
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[([^\]]*)\])?")


@dataclass(frozen=True)
class Group:
    """Files of one layer, below the folder `under`."""

    name: str
    members: Mapping[str, Member]
    under: str = APP


@dataclass(frozen=True)
class Content:
    """Lowest layer first. `packages` are name -> version."""

    groups: tuple[Group, ...]
    packages: dict[str, str]
    warnings: tuple[str, ...] = ()


def serve(spec: BundleSpec) -> Content:
    """The bundle's parts and a server. Raises what `bundle.parts` raises."""
    given = {contents.name_of(requirement) for requirement in spec.requirements}
    server = [f"{name}=={_version(name, 'serve')}" for name in SERVER if name not in given]
    made = bundle.parts(replace(spec, requirements=(*spec.requirements, *server), container=True))
    groups = (Group("dependencies", made.site), Group("toolkit", made.own), Group("model", made.fresh))
    return Content(groups, made.packages, made.warnings)


def job(python: str, platform: str, *, extras: Iterable[str] = (), locked: str = "") -> Content:
    """The whole toolkit with its training packages in this environment's versions; `locked` (the project's own
    requirements, pinned) wins over them. Raises ConfigError (nothing fits together), MissingExtra, Unavailable.
    """
    by = bytecode.interpreter(python)
    pins = {name: f"{name}=={_version(name, 'local')}" for name in needs({*TRAINING, *extras})}
    pins |= {contents.normal(name): f"{name}=={version}" for name, version in _PINNED.findall(locked)}
    wanted, around = contents.requirements("job", {}, sorted(pins.values()))
    site = wheels.layer(wheels.resolved(wanted, around, python, platform), python, platform, by, whole=True)
    found = dict(_installed(site))
    warnings = () if by else (f"no Python {python} on this machine to precompile with: jobs start slower",)
    return Content((Group("dependencies", site), Group("toolkit", _whole(by))), found, warnings)


def needs(extras: Iterable[str]) -> list[str]:
    """Names of the packages that the core and these extras of the toolkit ask for, extras of extras too."""
    found, pending, seen = set[str](), ["", *extras], set[str]()
    while pending:
        extra = pending.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for text in metadata.requires(DISTRIBUTION) or ():
            requirement, _, marker = text.partition(";")
            asked = _EXTRA.search(marker)
            match = _REQUIREMENT.match(requirement)
            if match is None or (asked[1] if asked else "") != extra:
                continue
            if contents.normal(match[1]) == DISTRIBUTION:
                pending += [name.strip() for name in (match[2] or "").split(",")]
            else:
                found.add(contents.normal(match[1]))
    return sorted(found)


def _version(name: str, extra: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise missing_extra(name, extra) from error


def _whole(by: Interpreter | None) -> dict[str, Member]:
    """Every module of ours, and the functions, which a retrain inside the cloud deploys."""
    prefix = f"{ours.PACKAGE.name}/_shipped/functions/"
    files = {**ours.read(ours.PACKAGE, f"{ours.PACKAGE.name}/"), **ours.read(shipped.folder("functions"), prefix)}
    key = [{name: digest.of_bytes(data) for name, data in files.items()}, bytecode.identity(by)]
    return layers.layer("ours", ["whole", *key], lambda: _compiled(files, by))


def _compiled(files: Mapping[str, bytes], by: Interpreter | None) -> Iterator[Member]:
    with cache.disk("cannot stage the toolkit"), cache.work() as root:
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        if by:
            bytecode.compile_tree(root, by)
        yield from archive.pack_all({path.relative_to(root).as_posix(): path for path in wheels.files_below(root)})


def _installed(site: Mapping[str, Member]) -> Iterator[tuple[str, str]]:
    for name in site:
        folder, _, last = name.partition("/")
        if last == "METADATA" and folder.endswith(".dist-info"):
            package, _, version = PurePosixPath(folder).stem.rpartition("-")
            yield contents.normal(package), version
