"""Which packages a function carries, in which versions: the one table, and the versions of this environment.

A function whose model is compiled carries what answers a request and nothing else: no numpy, no onnxruntime, and no
FastAPI, which only draws the pages of /docs (/openapi.json is ours and stays).

Training and serving run the same numpy and onnxruntime because a bundle is pinned to what is installed where it is
built. A package named by the user replaces ours of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata

from toolkit.domain.errors import ConfigError, missing_extra

# function -> what it imports; what those need follows by resolution
NEEDS: dict[str, tuple[str, ...]] = {
    "inference": ("onnxruntime", "numpy", "msgspec", "mangum", "fastapi", "pydantic"),
    "drift_check": ("numpy", "msgspec", "mangum", "fastapi", "pydantic"),
}
# the same for a compiled model
COMPILED: dict[str, tuple[str, ...]] = {"inference": ("msgspec", "mangum")}
# package -> what it asks for and never imports when it only predicts; left out where nothing else asks for it
UNUSED: dict[str, frozenset[str]] = {"onnxruntime": frozenset({"flatbuffers", "protobuf", "packaging"})}

# what is not in the core, and the extra that brings it
_EXTRA = {"onnxruntime": "onnx", "numpy": "onnx"}
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*([<>=!~;@].*)?")


def name_of(requirement: str) -> str:
    """The package's normal name ('Pydantic_Core>=2' -> 'pydantic-core'). ConfigError for a path or an option."""
    match = _REQUIREMENT.fullmatch(requirement)
    if not match or "file:" in requirement:
        raise ConfigError(
            f"{requirement!r} is not a package by name", hint='requirements under [serve] look like "pandas>=2.2"'
        )
    return normal(match[1])


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(
    function: str, needs: Mapping[str, str], extra: Iterable[str], *, compiled: bool = False
) -> tuple[list[str], list[str]]:
    """(requirements, constraints), both sorted: the function's own set and `needs` (package -> the extra that brings
    it) pinned to this environment, with what the user adds, and pins for all that they bring along. Raises MissingExtra
    where our own set is not installed."""
    given = {name_of(requirement): requirement.strip() for requirement in extra}
    own = {*(COMPILED if compiled else NEEDS).get(function, ()), *needs}
    pins = {name: f"{name}=={_version(name, {**_EXTRA, **needs})}" for name in sorted(own - given.keys())}
    around = {name: version for name, version in _closure([*pins, *given]) if name not in given and name not in pins}
    return sorted([*pins.values(), *given.values()]), sorted(f"{name}=={version}" for name, version in around.items())


def _version(name: str, extras: Mapping[str, str]) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise missing_extra(name, extras.get(name, "local")) from error


def _closure(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Everything installed that these need, optional parts aside: a superset is fine, these become constraints."""
    pending, seen = list(names), set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # not here: the resolver chooses
        if "+" not in found.version:  # a local build is on no index
            yield name, found.version
        for text in found.requires or ():
            match = re.match(r"[A-Za-z0-9._-]+", text)
            if match and "extra ==" not in text:
                pending.append(normal(match[0]))
