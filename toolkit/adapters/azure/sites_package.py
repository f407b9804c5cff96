"""A bundle as Azure Functions takes it: the same files, and beside them

    function_app.py     what the worker imports (`function_app.served`)
    toolkit_serve.py    the server of containers, as an ASGI application
    toolkit_timers.py   what the timer triggers of its schedules are told
    host.json           no prefix before the bundle's own paths
    version.json        what this version is told, and its variables

with of the toolkit what these import, where the bundle has it not. Nothing of the bundle is changed or left out.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from toolkit.adapters.azure import sites_body as described
from toolkit.adapters.azure.containerapps_body import ADMITTED, OPEN, PAYLOAD
from toolkit.domain import digest
from toolkit.domain.errors import Corrupt, Unsupported
from toolkit.domain.specs import FunctionSpec

OURS = {
    "function_app.py": "toolkit.adapters.azure.function_app.served",
    "toolkit_serve.py": "toolkit.execution.container.serve",
    "toolkit_timers.py": "toolkit.adapters.azure.function_app.timers",
}
BESIDE = {
    "toolkit/__init__.py": "toolkit",
    "toolkit/execution/__init__.py": "toolkit.execution",
    "toolkit/execution/http_events.py": "toolkit.execution.http_events",
    "toolkit/execution/http_messages.py": "toolkit.execution.http_messages",
}
HOST = {
    "version": "2.0",
    "functionTimeout": "00:04:00",
    "extensions": {"http": {"routePrefix": ""}},
    "logging": {"logLevel": {"default": "Information"}},
}
_TIME = (1980, 1, 1, 0, 0, 0)


def write(bundle: Path, package: Path, spec: FunctionSpec, version: str) -> None:
    """Corrupt (the bundle is no zip), Unsupported (it has a file of one of our names)."""
    try:
        with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as made:
            there = set(source.namelist())
            if taken := sorted(there & {*OURS, "host.json", "version.json"}):
                raise Unsupported(f"the bundle of function {spec.name!r} has a {taken[0]}, which is the package's own")
            for entry in source.infolist():
                with source.open(entry) as read, made.open(entry, "w") as sink:
                    while data := read.read(1 << 20):
                        sink.write(data)
            for name, module in {**OURS, **{k: v for k, v in BESIDE.items() if k not in there}}.items():
                _put(made, name, _source(module))
            _put(made, "host.json", json.dumps(HOST, indent=2).encode())
            _put(made, "version.json", json.dumps(about(spec, version), indent=2, sort_keys=True).encode())
    except zipfile.BadZipFile as error:
        raise Corrupt(f"the bundle of function {spec.name!r} is no zip: {error}", hint="toolkit deploy") from error


def about(spec: FunctionSpec, version: str) -> dict[str, Any]:
    """`version.json`."""
    told: Mapping[str, Any] = {
        "handler": spec.handler, "name": spec.name, "concurrency": described.at_once(spec),
        "seconds": spec.timeout_seconds, "events": spec.auth not in OPEN, "payload": PAYLOAD,
        "memory": spec.memory_mb if spec.memory_mb < described.size(spec) else 0,
        "admitted": "" if spec.auth in OPEN else ADMITTED,
    }  # fmt: skip
    configuration = digest.of_value(dict(spec.configuration()))
    return {"version": version, "configuration": configuration, "told": told, "environment": spec.environment}


def _put(made: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    made.writestr(entry, data)


def _source(module: str) -> bytes:
    found = find_spec(module)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_bytes()
