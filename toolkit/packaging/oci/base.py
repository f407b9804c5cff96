"""What a base image offers, read from its layers without running it: its Python, its C library.

An image stands on a Python of its base: ours brings packages, never an interpreter. Where several are there, the one
that PATH finds first counts.
"""

from __future__ import annotations

import gzip
import posixpath
import re
import tarfile
import zlib
from pathlib import Path

import msgspec

from toolkit.domain import digest, oci
from toolkit.domain.errors import ConfigError, Corrupt, Unsupported
from toolkit.packaging import cache
from toolkit.packaging.oci.layout import Built

FORMAT = 1  # raise it when the same base would now be read otherwise
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GLIBC = (2, 28)  # what the wheels of a bundle are made for (manylinux_2_28)
_PYTHON = re.compile(r"python3\.(\d+)")
_LIBC = re.compile(rb"GNU C Library .{0,60}? version (\d+)\.(\d+)")
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


class Base(msgspec.Struct, frozen=True):
    """`python` is the interpreter's path in the image, `version` its "3.13"; `missing` are libraries wheels ask for."""

    python: str
    version: str
    missing: tuple[str, ...] = ()


def inspect(built: Built, named: str) -> Base:
    """What an image has to be a base of ours. `named` is how messages call it.

    Raises ConfigError: no Python, musl instead of glibc, a glibc too old; Unsupported: layers packed in another way.
    """
    kept = cache.folder("oci-bases") / f"{digest.of_value([FORMAT, built.digest])}.json"
    if kept.is_file():
        return msgspec.json.decode(kept.read_bytes(), type=Base)
    files, glibc = _listed(built)
    found = _python(files, built.image.config.variables().get("PATH") or DEFAULT_PATH)
    if found is None:
        raise ConfigError(
            f"the base image {named} has no Python: the toolkit brings packages, not an interpreter",
            hint="choose a base with one, for example --base python:3.13-slim",
        )
    _check_library(files, glibc, named)
    libraries = {posixpath.basename(name) for name in files}
    base = Base(*found, tuple(name for name in ("libstdc++.so.6", "libgcc_s.so.1") if name not in libraries))
    with cache.placing(kept) as part:
        part.write_bytes(msgspec.json.encode(base))
    return base


def _check_library(files: dict[str, str], glibc: tuple[int, int] | None, named: str) -> None:
    if glibc is None and any(posixpath.basename(name).startswith("ld-musl-") for name in files):
        raise ConfigError(
            f"the base image {named} has musl (Alpine), and wheels with compiled parts are made for glibc",
            hint="choose a base on Debian, Ubuntu or Red Hat, for example --base python:3.13-slim",
        )
    if glibc is not None and glibc < GLIBC:
        raise ConfigError(
            f"the base image {named} has glibc {glibc[0]}.{glibc[1]}; the packages need {GLIBC[0]}.{GLIBC[1]}",
            hint="choose a newer base, for example --base python:3.13-slim",
        )


def _listed(built: Built) -> tuple[dict[str, str], tuple[int, int] | None]:
    """(path -> target of its link or "", version of glibc) of all layers, the upper ones over the lower."""
    files: dict[str, str] = {}
    glibc = None
    for entry in built.manifest.layers:
        if entry.kind not in {oci.LAYER, oci.LAYER_GZIP}:
            raise Unsupported(f"a layer of the base is {entry.media_type}: only tar and gzip can be read here")
        path = built.open(entry)
        assert isinstance(path, Path)
        try:
            with tarfile.open(path, "r:*") as tar:
                for member in tar:
                    _note(files, member)
                    if posixpath.basename(member.name) in {"libc.so.6"} or re.search(r"/libc-2\.\d+\.so$", member.name):
                        stream = tar.extractfile(member) if member.isreg() else None
                        match = _LIBC.search(stream.read()) if stream else None
                        glibc = (int(match[1]), int(match[2])) if match else glibc
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Corrupt(f"layer {entry.digest} of the base cannot be read: {error}") from error
    return files, glibc


def _note(files: dict[str, str], member: tarfile.TarInfo) -> None:
    name = "/" + posixpath.normpath(member.name).lstrip("./")
    folder, last = posixpath.split(name)
    if last == _OPAQUE:
        _remove(files, folder, itself=False)
    elif last.startswith(_WHITEOUT):
        _remove(files, posixpath.join(folder, last.removeprefix(_WHITEOUT)))
    elif member.issym():
        files[name] = member.linkname
    elif member.islnk():
        files[name] = posixpath.join("/", member.linkname)
    elif member.isreg():
        files[name] = ""


def _remove(files: dict[str, str], name: str, *, itself: bool = True) -> None:
    for known in [known for known in files if known.startswith(f"{name}/") or (itself and known == name)]:
        del files[known]


def _python(files: dict[str, str], path: str) -> tuple[str, str] | None:
    """(path, "3.13") of the first interpreter on PATH whose version its name tells."""
    for folder in path.split(":"):
        for name in ("python3", "python"):
            found = _real(files, posixpath.join(folder, name))
            match = _PYTHON.fullmatch(posixpath.basename(found))
            if found in files and match:
                return posixpath.join(folder, name), f"3.{match[1]}"
        minors = sorted(int(m[1]) for name in files if (m := _PYTHON.fullmatch(_inside(name, folder))))
        if minors:
            return posixpath.join(folder, f"python3.{minors[-1]}"), f"3.{minors[-1]}"
    return None


def _inside(name: str, folder: str) -> str:
    head, last = posixpath.split(name)
    return last if head == folder else ""


def _real(files: dict[str, str], name: str) -> str:
    """Follow links, those of folders above too."""
    for _ in range(40):
        for place in _prefixes(name):
            if files.get(place):
                name = posixpath.normpath(posixpath.join(posixpath.dirname(place), files[place]) + name[len(place) :])
                break
        else:
            return name
    return ""


def _prefixes(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(2, len(parts) + 1)]
