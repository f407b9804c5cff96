"""Fetch the bundle, then become its server. Standard library and `bundles` only: nothing slow on a cold start."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

from toolkit.adapters.azure.function_app.identity import token
from toolkit.execution import container
from toolkit.execution.host import bundles

OWN = "TOOLKIT_CONTAINER"  # JSON: see `containerapps_body.template`
LIMIT = 1024**3  # bytes unpacked
ATTEMPTS = 4
STORAGE = "https://storage.azure.com"
STORAGE_VERSION = "2023-11-03"


def main() -> None:
    told = json.loads(os.environ[OWN])
    folder = Path(tempfile.mkdtemp(prefix="bundle-"))
    archive = folder / "bundle.zip"
    digest = _fetch(told, archive)
    if digest != told["digest"]:
        sys.exit(f"error: the bundle {told['blob']} is {digest[:12]}, not {told['digest'][:12]}")
    bundles.unpack(archive, folder / "code", LIMIT)
    archive.unlink()
    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    serve = Path(next(iter(container.__path__))) / "serve.py"
    command = [sys.executable, "-I", "-S", "-B", str(serve), str(folder / "code"), _site("uvicorn"), _site("toolkit")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    os.execve(sys.executable, command, environment)  # noqa: S606


def _fetch(told: dict[str, str], archive: Path) -> str:
    """The SHA-256 of what arrived."""
    address = f"{told['storage']}/{told['container']}/{quote(told['blob'])}"
    for left in reversed(range(ATTEMPTS)):
        try:
            headers = {"Authorization": f"Bearer {token(STORAGE, told['identity'])}", "x-ms-version": STORAGE_VERSION}
            digest = hashlib.sha256()
            request = urllib.request.Request(address, headers=headers)  # noqa: S310
            with urllib.request.urlopen(request, timeout=60) as reply, archive.open("wb") as stream:  # noqa: S310
                while data := reply.read(1 << 20):
                    digest.update(data)
                    stream.write(data)
            return digest.hexdigest()
        except (urllib.error.URLError, OSError) as error:
            code = getattr(error, "code", 0)
            if not left or (400 <= code < 500 and code not in {408, 429}):
                sys.exit(f"error: cannot fetch the bundle {address}: {error}")
            time.sleep(0.2 * (ATTEMPTS - left))
    raise AssertionError("unreachable")


def _site(package: str) -> str:
    """The folder that a package is imported from."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        sys.exit(f"error: the image has no {package}: toolkit image build --kind job makes one that has")
    return str(Path(next(iter(found.submodule_search_locations))).parent)


if __name__ == "__main__":
    main()
