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

from toolkit.execution import container
from toolkit.execution.host import bundles

OWN = "TOOLKIT_CONTAINER"  # JSON: see `function_service.told`
LIMIT = 1024**3  # bytes unpacked, which are memory on Cloud Run
ATTEMPTS = 4
SERVE = Path(next(iter(container.__path__))) / "serve.py"


def main() -> None:
    told = json.loads(os.environ[OWN])
    folder = Path(tempfile.mkdtemp(prefix="bundle-"))
    archive = folder / "bundle.zip"
    digest = _fetch(told, archive)
    if digest != told["digest"]:
        sys.exit(f"error: the bundle {told['object']} is {digest[:12]}, not {told['digest'][:12]}")
    bundles.unpack(archive, folder / "code", LIMIT)
    archive.unlink()
    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    command = [sys.executable, "-I", "-S", "-B", str(SERVE), str(folder / "code"), _site("uvicorn"), _site("toolkit")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    os.execve(sys.executable, command, environment)  # noqa: S606


def _fetch(told: dict[str, str], archive: Path) -> str:
    """The SHA-256 of what arrived."""
    address = f"{told['storage']}/storage/v1/b/{told['bucket']}/o/{quote(told['object'], safe='')}?alt=media"
    for left in reversed(range(ATTEMPTS)):
        try:
            request = urllib.request.Request(address, headers={"Authorization": f"Bearer {_token()}"})  # noqa: S310
            digest = hashlib.sha256()
            with urllib.request.urlopen(request, timeout=60) as reply, archive.open("wb") as stream:  # noqa: S310
                while data := reply.read(1 << 20):
                    digest.update(data)
                    stream.write(data)
            return digest.hexdigest()
        except (urllib.error.URLError, OSError) as error:
            code = getattr(error, "code", 0)
            if not left or (400 <= code < 500 and code != 429):
                sys.exit(f"error: cannot fetch the bundle gs://{told['bucket']}/{told['object']}: {error}")
            time.sleep(0.2 * (ATTEMPTS - left))
    raise AssertionError("unreachable")


def _token() -> str:
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    address = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    request = urllib.request.Request(address, headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        return str(json.load(reply)["access_token"])


def _site(package: str) -> str:
    """The folder that a package is imported from."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        sys.exit(f"error: the image has no {package}: toolkit image build --kind job makes one that has")
    return str(Path(next(iter(found.submodule_search_locations))).parent)


if __name__ == "__main__":
    main()
