"""What only this machine has: the host process behind local URLs, its token, and a bucket copied into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from toolkit.bootstrap.opening import open_port
from toolkit.domain.errors import NotFound, Unsupported
from toolkit.domain.specs import Binding
from toolkit.ports.context import Context
from toolkit.ports.store import Store

PROVIDER = "local"


def bucket_copy(folder: str) -> Store:
    """A copy of any provider's bucket in a folder, opened as a store."""
    if not Path(folder).is_dir():
        raise NotFound(f"no such folder: {folder}", hint="copy the bucket there first")
    store: Store = open_port("store", Binding(provider=PROVIDER, settings={"store": str(Path(folder).absolute())}))
    return store


def token(ctx: Context) -> str:
    """The bearer token of this target's local endpoints."""
    from toolkit.adapters.local import functions

    return functions.token(_settings(ctx))


def start(ctx: Context) -> dict[str, Any]:
    """Start the host, or find the one that runs: {"pid", "port", "started", ...}."""
    from toolkit.adapters.local import functions

    found: dict[str, Any] = msgspec.to_builtins(functions.start_host(_settings(ctx)))
    return found


def stop(ctx: Context) -> None:
    from toolkit.adapters.local import functions

    functions.stop_host(_settings(ctx))


def status(ctx: Context) -> dict[str, Any] | None:
    """{"pid", "port", ...} of the running host; None when there is none or functions are not local."""
    from toolkit.adapters.local import functions

    if ctx.bindings["functions"].provider != PROVIDER:
        return None
    found = functions.host_status(_settings(ctx))
    return msgspec.to_builtins(found) if found else None


def _settings(ctx: Context) -> dict[str, Any]:
    binding = ctx.bindings["functions"]
    if binding.provider != PROVIDER:
        raise Unsupported(
            f"target {ctx.target!r} has its functions on {binding.provider}, not on this machine",
            hint="its cloud's own identity is what its endpoints ask for",
        )
    return binding.settings
