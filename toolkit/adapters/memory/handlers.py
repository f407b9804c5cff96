"""Loads the handler of a bundle into this process, under a module name of its own."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from toolkit.domain.specs import FunctionSpec
from toolkit.execution.host import bundles

Handler = Callable[[Any, Any], Any]
_ONE_LOADS = threading.Lock()  # variables and the path belong to the whole process
_FOLDER: list[Path] = []


def load(folder: Path, spec: FunctionSpec, say: Callable[[str], None]) -> Handler:
    """The handler, from a module under a name of its own, whose `print` is the function's log."""
    file, _, attribute = spec.handler.rpartition(".")
    name = f"_memory_function_{folder.name}"
    found = importlib.util.spec_from_file_location(name, folder / f"{file}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    vars(module)["print"] = lambda *words, sep=" ", **_: say(sep.join(map(str, words)))
    with _ONE_LOADS, _as_loaded(folder, spec.environment):
        found.loader.exec_module(module)
    handler: Handler = getattr(module, attribute)
    return handler


@contextmanager
def _as_loaded(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """The function's variables and its folder at the end of the path; its own modules are forgotten afterwards, so
    that two bundles may each have a module of one name."""
    variables, modules, no_bytecode = dict(os.environ), set(sys.modules), sys.dont_write_bytecode
    os.environ.update({**environment, "LAMBDA_TASK_ROOT": str(folder)})
    sys.path.append(str(folder))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = no_bytecode
        sys.path.remove(str(folder))
        os.environ.clear()
        os.environ.update(variables)
        for name in set(sys.modules) - modules:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


def unpack(data: bytes, limit_bytes: int) -> Path:
    """A new folder with what the zip holds, gone with this process at the latest. Raises Corrupt, Unsupported."""
    folder = _folder() / uuid4().hex
    archive = folder.with_suffix(".zip")
    archive.write_bytes(data)
    try:
        bundles.unpack(archive, folder, limit_bytes)
    finally:
        archive.unlink()
    return folder


def _folder() -> Path:
    """Where bundles of this process are unpacked; gone with it."""
    with _ONE_LOADS:
        if not _FOLDER:
            _FOLDER.append(Path(tempfile.mkdtemp(prefix="toolkit-memory-functions-")))
            atexit.register(_clear)
        return _FOLDER[0]


def _clear() -> None:
    for path in _FOLDER[0].iterdir():
        bundles.remove(path)
    shutil.rmtree(_FOLDER[0], ignore_errors=True)
