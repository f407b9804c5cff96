"""Fetch a bundle, then become its server. Standard library and `bundles` only: nothing slow on a cold start."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from toolkit.execution.host import bundles

OWN = "TOOLKIT_CONTAINER"  # JSON: see `serve`, and what the adapter's own entry needs
LIMIT = 1024**3  # bytes unpacked, which are memory on Cloud Run
ATTEMPTS = 4
SERVE = Path(__file__).with_name("serve.py")


def become(place: str, digest: str, asked: Callable[[], urllib.request.Request]) -> NoReturn:
    """`place` is where the bundle of that SHA-256 is, for messages; `asked` makes the request for it, each time anew:
    tokens end. Exits with a message where it is not there, or is another."""
    folder = Path(tempfile.mkdtemp(prefix="bundle-"))
    archive = folder / "bundle.zip"
    found = _fetch(place, asked, archive)
    if found != digest:
        sys.exit(f"error: the bundle {place} is {found[:12]}, not {digest[:12]}")
    bundles.unpack(archive, folder / "code", LIMIT)
    archive.unlink()
    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    command = [sys.executable, "-I", "-S", "-B", str(SERVE), str(folder / "code"), _site("uvicorn"), _site("toolkit")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    os.execve(sys.executable, command, environment)  # noqa: S606


def _fetch(place: str, asked: Callable[[], urllib.request.Request], archive: Path) -> str:
    """The SHA-256 of what arrived."""
    for left in reversed(range(ATTEMPTS)):
        try:
            digest = hashlib.sha256()
            with urllib.request.urlopen(asked(), timeout=60) as reply, archive.open("wb") as stream:  # noqa: S310
                while data := reply.read(1 << 20):
                    digest.update(data)
                    stream.write(data)
            return digest.hexdigest()
        except (urllib.error.URLError, OSError) as error:
            code = getattr(error, "code", 0)
            if not left or (400 <= code < 500 and code not in {408, 429}):
                sys.exit(f"error: cannot fetch the bundle {place}: {error}")
            time.sleep(0.2 * (ATTEMPTS - left))
    raise AssertionError("unreachable")


def _site(package: str) -> str:
    """The folder that a package is imported from."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        sys.exit(f"error: the image has no {package}: toolkit image build --kind job makes one that has")
    return str(Path(next(iter(found.submodule_search_locations))).parent)
