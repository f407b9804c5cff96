"""Checks of this machine and of a target, each with the command that mends it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module, metadata

from toolkit.domain.errors import NotFound, ToolkitError
from toolkit.domain.specs import PORTS
from toolkit.ports.checks import Asked, Check, Checks
from toolkit.ports.context import Context
from toolkit.ports.store import CREATE

FREE_BYTES = 2 * 1024**3
MODULES = {
    "polars": "data",
    "sklearn": "onnx",
    "onnxruntime": "onnx",
    "skl2onnx": "onnx",
    "uv": "build",
    "uvicorn": "serve",
}


def run(opened: Callable[[], Context]) -> list[Check]:
    """Every check, in order; a broken configuration is one failed check, not the end."""
    checks = [_python(), _package(), *(_module(name, extra) for name, extra in MODULES.items())]
    try:
        ctx = opened()
    except ToolkitError as error:
        return [*checks, Check("configuration", False, error.message.splitlines()[0], error.hint)]
    checks += [Check("configuration", True, f"project {ctx.project.name}, target {ctx.target}"), _disk(ctx)]
    opens = [_opens(ctx, port) for port in PORTS]
    return [*checks, *opens, *_providers(ctx, {check.name for check in opens if check.ok}), _store(ctx)]


def _python() -> Check:
    said = sys.version.split()[0]
    return Check("python", sys.version_info >= (3, 11), said, "" if sys.version_info >= (3, 11) else "install 3.11+")


def _package() -> Check:
    """Another distribution also imports as `toolkit`: two of them in one environment overwrite each other."""
    owners = {name for name in metadata.packages_distributions().get("toolkit", []) if name != "driftloop"}
    if owners:
        return Check("package", False, f"{', '.join(owners)} also installs `toolkit`", f"pip uninstall {owners.pop()}")
    return Check("package", True, f"driftloop {metadata.version('driftloop')}")


def _module(name: str, extra: str) -> Check:
    found = importlib.util.find_spec(name) is not None
    return Check(name, found, "installed" if found else "missing", "" if found else f"pip install 'driftloop[{extra}]'")


def _disk(ctx: Context) -> Check:
    free = shutil.disk_usage(ctx.directory).free
    return Check("disk", free > FREE_BYTES, f"{free / 1e9:.1f} GB free", "" if free > FREE_BYTES else "free some space")


def _opens(ctx: Context, port: str) -> Check:
    who = ctx.bindings[port].provider
    try:
        getattr(ctx, port)
    except ToolkitError as error:
        return Check(port, False, f"{who}: {error.message}", error.hint)
    return Check(port, True, who)


def _providers(ctx: Context, opened: set[str]) -> Iterator[Check]:
    """What each provider of the target has to say of itself, for the ports that it gave."""
    for name in sorted({binding.provider for binding in ctx.bindings.values()}):
        ports = frozenset(port for port in opened if ctx.bindings[port].provider == name)
        declared = ctx.providers[name].checks
        if not declared or not ports:
            continue
        module, _, attribute = declared.partition(":")
        check: Checks = getattr(import_module(module), attribute)
        settings = next(ctx.bindings[port].settings for port in sorted(ports))
        try:
            yield from check(Asked(settings, ctx.target, ports))
        except ToolkitError as error:
            yield Check(name, False, error.message, error.hint)


def _store(ctx: Context) -> Check:
    """Write, read and delete one small object, create-only: what state needs."""
    key = f"doctor/{time.time_ns()}"
    try:
        ctx.store.put(key, b"ok", CREATE)
        read = ctx.store.get(key).data
        ctx.store.delete(key)
        try:
            ctx.store.head(key)
        except NotFound:
            return Check("store works", read == b"ok", ctx.store.uri())
        return Check("store works", False, "a deleted object is still there")
    except ToolkitError as error:
        return Check("store works", False, error.message, error.hint)
