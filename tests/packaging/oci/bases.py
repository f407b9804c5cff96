"""Base images for tests, since no registry of the internet is there: one that runs, made of this machine's own Python
and the libraries it loads, and small ones that only look like a base."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolkit.domain import oci
from toolkit.domain.oci import Descriptor, Image, Process, RootFs
from toolkit.packaging.oci import layout
from toolkit.packaging.oci.layout import Built

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PATH = "/usr/local/bin:/usr/bin:/bin"
GLIBC = b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36."
_LEFT_OUT = {
    "__pycache__", "test", "tests", "idlelib", "tkinter", "lib2to3", "ensurepip", "site-packages", "dist-packages",
    "turtledemo", "pydoc_data",
}  # fmt: skip
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")

Entry = bytes | str | Path | None  # a file's content, "-> target" of a link, a file of this machine, a folder


def layer(entries: Mapping[str, Entry], folder: Path, modes: Mapping[str, int] | None = None) -> tuple[Path, str, str]:
    """(file, digest, diff_id) of a tar.gz of these entries, written below `folder`."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in entries.items():
            found = tarfile.TarInfo(name)
            found.mode = (modes or {}).get(name, 0o755)
            if content is None:
                found.type = tarfile.DIRTYPE
                tar.addfile(found)
            elif isinstance(content, str):
                found.type, found.linkname = tarfile.SYMTYPE, content.removeprefix("-> ")
                tar.addfile(found)
            else:
                data = content if isinstance(content, bytes) else content.read_bytes()
                found.size = len(data)
                tar.addfile(found, io.BytesIO(data))
    return packed(raw.getvalue(), folder)


def packed(tar: bytes, folder: Path) -> tuple[Path, str, str]:
    data = gzip.compress(tar, 1, mtime=0)
    named = hashlib.sha256(data).hexdigest()
    path = folder / named
    path.write_bytes(data)
    return path, f"sha256:{named}", f"sha256:{hashlib.sha256(tar).hexdigest()}"


def image(
    layers: Sequence[tuple[Path, str, str]], process: Process | None = None, architecture: str = "amd64"
) -> Built:
    made = Image(
        architecture=architecture,
        os="linux",
        config=process or Process(env=[f"PATH={PATH}", "LANG=C.UTF-8"]),
        rootfs=RootFs([diff for *_, diff in layers]),
    )
    described = [Descriptor(oci.LAYER_GZIP, named, path.stat().st_size) for path, named, _ in layers]
    return layout.assemble(made, described, {named: path for path, named, _ in layers}, {})


def looks_like_one(folder: Path, architecture: str = "amd64", **other: Entry) -> Built:
    """A base that is only read: names and the C library's words. `other` replaces files by name ('/' as '__')."""
    folder.mkdir(parents=True, exist_ok=True)
    entries: dict[str, Entry] = {
        "usr/local/bin/python3.11": b"#!",
        "usr/local/bin/python3": "-> python3.11",
        "usr/lib/libc.so.6": GLIBC,
        "usr/lib/libstdc++.so.6": b"",
        "usr/lib/libgcc_s.so.1": b"",
        "lib": "-> usr/lib",
    }
    entries |= {name.replace("__", "/"): content for name, content in other.items()}
    return image([layer(entries, folder)], architecture=architecture)


def running(folder: Path) -> Built:
    """A base that really runs: the executing interpreter, its standard library, and the shared libraries they load."""
    folder.mkdir(parents=True, exist_ok=True)
    program = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    standard = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    files = [path for path in standard.rglob("*") if path.is_file() and _is_needed(path.relative_to(standard))]
    entries: dict[str, Entry] = {
        **dict.fromkeys(("proc", "dev", "sys", "usr", "usr/local", "usr/local/bin", "etc"), None),
        "tmp": None,
        f"usr/local/bin/python{VERSION}": program,
        "usr/local/bin/python3": f"-> python{VERSION}",
        "etc/passwd": b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    }
    entries |= {f"usr/local/lib/python{VERSION}/{path.relative_to(standard).as_posix()}": path for path in files}
    loaded = _libraries([program, *(path for path in files if ".so" in path.suffixes)])
    entries |= {str(path).lstrip("/"): path for path in loaded}
    process = Process(env=[f"PATH={PATH}", "LANG=C.UTF-8", f"PYTHON_VERSION={VERSION}"])
    return image([layer(entries, folder, {"tmp": 0o1777})], process)


def _is_needed(name: Path) -> bool:
    return _LEFT_OUT.isdisjoint(name.parts) and not name.parts[0].startswith("config-") and "_tkinter" not in name.name


def _libraries(programs: Sequence[Path]) -> list[Path]:
    """What the loader would load, the loader too, and what compiled wheels ask for beside."""
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    asked = ("libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1")
    beside = [match[1] for name in asked if (match := re.search(rf"{re.escape(name)} .*=> (\S+)", known))]
    return sorted({Path(path) for path in [*_LIBRARY.findall(said), *beside]})
