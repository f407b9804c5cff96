"""A function's code: a zip, checked and unpacked once; and the Python that runs it."""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.operations import Refused
from toolkit.domain.errors import ConfigError, Corrupt, Unsupported
from toolkit.execution.aws_lambda import runtimes
from toolkit.execution.host import bundles

UNPACKED_BYTES = 262_144_000
DIRECT_BYTES = 52_428_800  # a zip that travels in the request itself
_RUNTIME = re.compile(r"python(3\.\d+)")


class Code:
    """Zips of this emulator, unpacked in a folder, each under its digest."""

    def __init__(self, moto: Moto, folder: Path) -> None:
        self._moto = moto
        self._folder = folder

    def take(self, given: dict[str, Any]) -> tuple[Path, str, int]:
        """The folder with the unpacked zip, its CodeSha256 and its size. Refused."""
        data = self._zip(given)
        digest = hashlib.sha256(data)
        archive = self._folder / f"{digest.hexdigest()}.zip"
        target = self._folder / digest.hexdigest()
        if not target.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            archive.write_bytes(data)
            try:
                bundles.unpack(archive, target, UNPACKED_BYTES)
            except Unsupported as error:
                raise invalid(f"Unzipped size must be smaller than {UNPACKED_BYTES} bytes") from error
            except Corrupt as error:
                message = "Could not unzip uploaded file. Please check your file, then try to upload again."
                raise invalid(message) from error
            finally:
                archive.unlink(missing_ok=True)
        return target, base64.b64encode(digest.digest()).decode(), len(data)

    def _zip(self, given: dict[str, Any]) -> bytes:
        if direct := given.get("ZipFile"):
            if len(direct) > DIRECT_BYTES:
                raise Refused(413, "RequestEntityTooLargeException", "Request must be smaller than 70167211 bytes")
            return bytes(direct)
        if not (given.get("S3Bucket") and given.get("S3Key")):
            raise invalid("Please provide a source for function code.")
        with self._moto.lock:
            backend = self._moto.state("s3", "aws")
            if given["S3Bucket"] not in backend.buckets:
                raise _no_object("NoSuchBucket", "The specified bucket does not exist")
            found = backend.get_object(given["S3Bucket"], given["S3Key"], given.get("S3ObjectVersion"))
            if found is None:
                raise _no_object("NoSuchKey", "The specified key does not exist.")
            return bytes(found.value)


def invalid(message: str) -> Refused:
    return Refused(400, "InvalidParameterValueException", message)


def _no_object(code: str, message: str) -> Refused:
    return invalid(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")


@cache
def interpreter(runtime: str) -> str:
    """The Python of this machine that runs a runtime. Refused: it runs no such runtime (words of this emulator)."""
    match = _RUNTIME.fullmatch(runtime)
    wanted = match[1] if match else runtime
    for path in (sys.executable, *_candidates(wanted)):
        try:
            if runtimes.interpreter(path).version == wanted:
                return path
        except ConfigError:
            continue
    here = platform.python_version()
    raise invalid(
        f"the emulator runs functions by this machine's own Pythons, and there is no {runtime} (this is {here}); "
        f'install it (uv python install {wanted}) or set serve.python = "{here.rpartition(".")[0]}"'
    )


def _candidates(version: str) -> list[str]:
    named = shutil.which(f"python{version}")
    home = Path.home()
    managed = [
        *(home / ".pyenv/versions").glob(f"{version}*/bin/python{version}"),
        *(home / ".local/share/uv/python").glob(f"cpython-{version}*/bin/python{version}"),
    ]
    return [*([named] if named else []), *map(str, sorted(managed, reverse=True))]
