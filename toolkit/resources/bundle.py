"""A bundle: the zip of a function, uploaded once, named by its digest. Older ones stay for rollback until `destroy`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from toolkit.domain import digest
from toolkit.domain.errors import AlreadyExists, Corrupt
from toolkit.domain.plan import Action, Desired, Observed
from toolkit.ports.context import Context
from toolkit.ports.store import CREATE

KIND = "bundle"


def key(target: str, sha256: str) -> str:
    return f"bundles/{target}/{sha256}.zip"


def desired(ctx: Context, *, path: Path, sha256: str, size: int, unpacked: int, what: str) -> Desired:
    return Desired(
        kind=KIND,
        name=sha256[:16],
        digest=sha256,
        summary=f"{what}, {size / 1e6:.1f} MB",
        port="functions",
        payload={"path": str(path), "key": key(ctx.target, sha256), "digest": sha256},
        limits=(("bundle_unpacked_bytes", unpacked),),
    )


def observe(ctx: Context) -> list[Observed]:
    found = ctx.shelf.list(f"bundles/{ctx.target}/")
    digests = [meta.key.rpartition("/")[2].removesuffix(".zip") for meta in found]
    return [Observed(kind=KIND, name=d[:16], digests=(d,), summary=d[:12], removable=False) for d in digests]


def apply(ctx: Context, action: Action) -> dict[str, Any]:
    if action.action == "delete":
        for meta in ctx.shelf.list(f"bundles/{ctx.target}/{action.name}"):
            ctx.shelf.delete(meta.key)
        return {}
    path, where = Path(action.payload["path"]), action.payload["key"]
    if not path.is_file() or digest.of_file(path) != action.payload["digest"]:
        raise Corrupt(f"the bundle at {path} changed since it was planned", hint="toolkit deploy builds it again")
    try:
        ctx.shelf.upload(where, path, CREATE)
    except AlreadyExists:  # an earlier run of this deployment got this far, or somebody put something else there
        _require_same(ctx, where, action.payload["digest"])
    return {"key": where}


def _require_same(ctx: Context, key: str, sha256: str) -> None:
    with tempfile.TemporaryDirectory(prefix="toolkit-bundle-") as folder:
        ctx.shelf.download(key, Path(folder) / "bundle.zip")
        found = digest.of_file(Path(folder) / "bundle.zip")
    if found != sha256:
        raise Corrupt(
            f"{key} in the bucket is not the bundle of that name (its digest is {found[:12]})",
            hint="find out who wrote it, delete it, and deploy again",
        )
