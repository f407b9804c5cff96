"""What only this machine has: the background processes of a target (the host behind local URLs, the emulators that play
a cloud), the token of local URLs, and a bucket copied into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from toolkit.bootstrap import emulators
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
    """Start what plays the target on this machine, or find it: {"pid", "port", "started", ...}, of an emulator also
    "address" and "emulator". Unsupported where all of it is in a cloud."""
    from toolkit.adapters.local import functions

    played = [_plain(emulators.start(ctx, name, *one)) for name, one in emulators.emulated(ctx).items()]
    if played and ctx.bindings["functions"].provider != PROVIDER:
        return played[0]
    found: dict[str, Any] = msgspec.to_builtins(functions.start_host(_settings(ctx)))
    return found


def stop(ctx: Context) -> None:
    from toolkit.adapters.local import functions

    places = [place for _, place in emulators.emulated(ctx).values()]
    if not places or ctx.bindings["functions"].provider == PROVIDER:
        functions.stop_host(_settings(ctx))
    for place in places:
        emulators.stop(place)


def status(ctx: Context) -> dict[str, Any] | None:
    """{"pid", "port", ...} of what runs, as `start` gives it; None when nothing does or functions are in a cloud."""
    from toolkit.adapters.local import functions

    if ctx.bindings["functions"].provider != PROVIDER:
        running = [place.running() for _, place in emulators.emulated(ctx).values()]
        return next((_plain(found) for found in running if found), None)
    found = functions.host_status(_settings(ctx))
    return msgspec.to_builtins(found) if found else None


def emulated(ctx: Context) -> bool:
    """Whether a cloud is played here: then everything goes on in the background, and ends with it."""
    return bool(emulators.emulated(ctx))


def _plain(found: emulators.Running) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(found)
    return {**told, "port": int(found.address.rpartition(":")[2])}


def _settings(ctx: Context) -> dict[str, Any]:
    binding = ctx.bindings["functions"]
    if binding.provider != PROVIDER:
        raise Unsupported(
            f"target {ctx.target!r} has its functions on {binding.provider}, not on this machine",
            hint="its cloud's own identity is what its endpoints ask for",
        )
    return binding.settings
