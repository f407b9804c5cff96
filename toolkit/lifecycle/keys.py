"""The keys of a project: a private one on this machine, its public part as a file in `trust/`, to be committed.

Rotating is adding: the new key signs from then on, the old one stays trusted until it expires or is revoked, so what it
signed goes on being served meanwhile. Revoking is for good, and takes effect at the next deployment; a function that
reads its model from the bucket has its keys in its configuration, so it too learns of it then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from toolkit.domain import times, trust
from toolkit.domain.errors import ConfigError, NotFound, Unsupported
from toolkit.domain.trust import PublicKey
from toolkit.lifecycle import trust as policy
from toolkit.ports.context import Context
from toolkit.ports.signer import Signer

DAYS = 730  # that a key is good for unless told otherwise


@dataclass(frozen=True)
class Listed:
    """`here`: its private part is on this machine; `state`: in force, or why not."""

    key: PublicKey
    here: bool
    state: str


def create(ctx: Context, *, owner: str = "", days: int = DAYS) -> PublicKey:
    """Make a key and trust it. `days` 0: it never expires. MissingExtra without `cryptography`."""
    now = ctx.clock()
    expires = times.text(times.parse(now) + timedelta(days=days)) if days else ""
    key = trust.public_key(
        _signer(ctx).create(), owner=owner or ctx.actor, created=now, not_before=now, expires=expires
    )
    _write(ctx, key)
    return key


def listed(ctx: Context) -> list[Listed]:
    """Every trusted key, oldest first."""
    here = set(ctx.signer.keys()) if ctx.signer else set()
    return [
        Listed(key, key.id in here, trust.standing(key, ctx.clock()) or "in force") for key in policy.root(ctx).keys
    ]


def find(ctx: Context, which: str) -> PublicKey:
    """By the beginning of its id (at least four digits). NotFound names those that there are."""
    keys = policy.root(ctx).keys
    found = [key for key in keys if len(which) >= 4 and key.id.startswith(which)]
    if len(found) != 1:
        known = ", ".join(key.id for key in keys) or "none yet"
        raise NotFound(f"no trusted key begins with {which!r}; there are: {known}", hint="toolkit keys list")
    return found[0]


def rotate(ctx: Context, *, days: int = DAYS, overlap_days: int = 90) -> tuple[PublicKey, list[PublicKey]]:
    """A new key, and the older ones in force, which now expire in `overlap_days` at the latest."""
    older = [entry.key for entry in listed(ctx) if entry.state == "in force"]
    new = create(ctx, days=days)
    last = times.text(times.parse(ctx.clock()) + timedelta(days=overlap_days))
    ending = [msgspec.structs.replace(key, expires=min(key.expires or last, last, key=times.parse)) for key in older]
    for key in ending:
        _write(ctx, key)
    return new, ending


def revoke(ctx: Context, which: str, why: str) -> PublicKey:
    """Nothing that it signed holds any more. ConfigError without a reason."""
    if not why:
        raise ConfigError("revoking a key needs a reason, which is kept with it", hint="--reason WHY")
    key = find(ctx, which)
    if key.revoked:
        return key
    revoked = msgspec.structs.replace(key, revoked=ctx.clock(), why=why)
    _write(ctx, revoked)
    return revoked


def shown(key: PublicKey) -> dict[str, Any]:
    """The key as a document."""
    return {name: getattr(key, name) for name in key.__struct_fields__}


def _signer(ctx: Context) -> Signer:
    if ctx.signer is None:
        raise Unsupported("this is not a place where keys are made", hint="toolkit keys create on your machine")
    return ctx.signer


def _write(ctx: Context, key: PublicKey) -> None:
    if any(written.id == key.id for written in ctx.project.trust.keys):
        raise ConfigError(f"key {key.id} stands in the configuration under [trust]: change it there")
    folder = policy.folder(ctx)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".{key.id}.part"
        beside.write_bytes(trust.written(key))
        beside.replace(folder / f"{key.id}{policy.SUFFIX}")
    except OSError as error:
        raise ConfigError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
