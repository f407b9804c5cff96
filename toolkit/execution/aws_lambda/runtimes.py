"""Which runtime client a worker uses, and a folder that holds it and nothing else.

The real client is the one in the bundle, or else a copy of the one installed beside the toolkit, if the worker's
interpreter can load it (its core is compiled for one Python version). Where there is neither, our own. The copy carries
bytecode, as the client does that the service installs: without it every start would compile it, 20 ms of them.
"""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from toolkit.domain.errors import ConfigError
from toolkit.execution.aws_lambda import runtime_client

REAL = "awslambdaric"
_PARTS = (REAL, "simplejson", "snapshot-restore-py")  # the client and what it requires
Choice = Literal["auto", "awslambdaric", "own"]

_ASK = "import sys, sysconfig, json; print(json.dumps([getattr(sys, '_base_executable', sys.executable), \
sysconfig.get_config_var('SOABI') or '', '%d.%d' % sys.version_info[:2]]))"


@dataclass(frozen=True)
class Interpreter:
    """`executable` is the base one behind a virtual environment; `abi` names what compiled modules it loads."""

    executable: str
    abi: str
    version: str


@dataclass(frozen=True)
class Runtime:
    """`client` is what `bootstrap.py` is told: "awslambdaric" or the path of our own."""

    interpreter: Interpreter
    client: str
    folder: Path

    @property
    def title(self) -> str:
        name = REAL if self.client == REAL else "own client"
        return f"python:{self.interpreter.version} ({name})"


@lru_cache
def interpreter(python: str = "") -> Interpreter:
    """Raises ConfigError when `python` ("": the one that runs this) cannot be run."""
    try:
        answer = subprocess.run([python or sys.executable, "-I", "-S", "-c", _ASK], capture_output=True, check=True)
        return Interpreter(*json.loads(answer.stdout))
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise ConfigError(
            f"the Python for functions cannot be run: {python}", hint="set python in the target's table"
        ) from error


def choose(task_root: Path, folder: Path, python: str = "", choice: Choice = "auto") -> Runtime:
    """The runtime for a bundle. Copies of the client are kept under `folder`, one a Python. ConfigError."""
    using = interpreter(python)
    own = Runtime(using, str(Path(runtime_client.__file__)), folder)
    if choice == "own":
        return own
    if (task_root / REAL / "__main__.py").is_file():
        return Runtime(using, REAL, folder)
    if using.abi == interpreter().abi:
        with suppress(metadata.PackageNotFoundError):
            return Runtime(using, REAL, _copy(folder, using.abi))
    if choice == "auto":
        return own
    raise ConfigError(f"{REAL} is not installed for {using.executable}", hint="pip install 'driftloop[local]'")


def _copy(folder: Path, abi: str) -> Path:
    """The client's packages, alone in a folder. PackageNotFoundError when one is not installed."""
    parts = [metadata.distribution(name) for name in _PARTS]
    target = folder / f"{REAL}-{parts[0].version}-{abi}"
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        for file in [file for part in parts for file in part.files or []]:
            if file.parts[0].endswith(".dist-info") or ".." in file.parts:
                continue
            place = Path(made, "copy", file)
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.suffix != ".pyc":
                shutil.copy2(Path(str(file.locate())), place)
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(Path(made, "copy"), quiet=2, invalidation_mode=unchecked)
        with suppress(OSError):  # another process was first
            os.rename(Path(made, "copy"), target)  # noqa: PTH104
    return target
