"""The trust root of a project, and whether a version may be served by it.

Who is trusted stands in the project (`trust/*.pub`, or `[trust] keys`), which is reviewed and committed, and never in
the bucket, which is what signatures guard against. With no key there is nothing to check against: digests are pinned
all the same, and a deployment says that it is unsigned. The first key (`toolkit keys create`) turns signing and
checking on; `[trust] require` says otherwise either way.

What it costs: a model trained where no key is at hand (a job in a cloud) waits for `toolkit keys sign`.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.domain import trust
from toolkit.domain.errors import ConfigError, Untrusted
from toolkit.domain.records import ModelVersion
from toolkit.domain.trust import MODEL, Expected, PublicKey, TrustRoot
from toolkit.lifecycle import find, naming
from toolkit.ports.context import Context
from toolkit.state.signatures import Signatures

SUFFIX = ".pub"


def folder(ctx: Context) -> Path:
    return ctx.directory / ctx.project.trust.folder


def root(ctx: Context, *, least: int = 0) -> TrustRoot:
    """Every key of the project, oldest first. ConfigError names a file that is no key."""
    written = [PublicKey(**key.model_dump()) for key in ctx.project.trust.keys]
    for key in written:
        trust.read_key(trust.written(key), where="[trust] keys")
    files = sorted(folder(ctx).glob(f"*{SUFFIX}")) if folder(ctx).is_dir() else []
    read = [trust.read_key(path.read_bytes(), where=str(path)) for path in files]
    keys = {key.id: key for key in [*written, *read]}
    ordered = sorted(keys.values(), key=lambda key: (key.created, key.id))
    return TrustRoot(keys=tuple(ordered), rollback=ctx.project.trust.rollback, least=least)


def required(ctx: Context) -> bool:
    """Whether what is not signed is refused. ConfigError: it is required and there is no key to check against."""
    asked, keys = ctx.project.trust.require, root(ctx).keys
    if asked and not keys:
        raise ConfigError("trust.require is true and the project trusts no key", hint="toolkit keys create")
    return bool(keys) if asked is None else asked


def signing(ctx: Context) -> PublicKey | None:
    """The newest trusted key in force that this machine can sign with; None: there is none."""
    if ctx.signer is None or not (keys := root(ctx).keys):
        return None
    here = set(ctx.signer.keys())
    able = [key for key in keys if key.id in here and not trust.standing(key, ctx.clock())]
    return able[-1] if able else None


def served(ctx: Context) -> int:
    """The version that the endpoint serves now, 0 for none: what `rollback = "forbid"` counts from."""
    current = naming.releases(ctx).current()
    return current.model_version if current else 0


def expected(ctx: Context, version: ModelVersion) -> Expected:
    """What a signature of this version has to say: its number, and the digest of every file that it has."""
    files = find.manifest(ctx, version).files
    return Expected(
        kind=MODEL, model=ctx.project.model_name, version=version.version,
        digests={"manifest.json": version.digest, **files},
    )  # fmt: skip


def check(ctx: Context, version: ModelVersion, *, back: bool = True) -> None:
    """Untrusted unless this version may be served: signed where that is required, and (`back`) none older than what
    is served where the policy forbids it."""
    if back:
        trust.allowed(root(ctx), ctx.project.model_name, version.version, least=served(ctx))
    if required(ctx):
        Signatures(ctx.store, version.digest).verified(root(ctx), expected(ctx, version), now=ctx.clock())


def warnings(ctx: Context) -> list[str]:
    """What a person should know before deploying: nothing is signed, or a key runs out within thirty days."""
    from datetime import timedelta

    from toolkit.domain import times

    keys = root(ctx).keys
    if not keys and ctx.provider("functions").function_python != "host":
        return ["models are not signed: whoever can write to the bucket can replace them (toolkit keys create)"]
    soon = times.parse(ctx.clock()) + timedelta(days=30)
    ending = [key for key in keys if key.expires and not key.revoked and times.parse(key.expires) < soon]
    return [f"key {key.id} expires at {key.expires}: toolkit keys rotate" for key in ending]


def for_function(ctx: Context) -> TrustRoot | None:
    """What a function that reads its model from the bucket goes by, pinned in its configuration. None: it checks
    digests only, because `trust.require = false` says so.

    Raises Untrusted where nothing was said and there is no key: with no digest pinned, anybody who can write to the
    bucket would decide what is served.
    """
    if ctx.project.trust.require is False:
        return None
    least = served(ctx) if ctx.project.trust.rollback == "forbid" else 0
    found = root(ctx, least=least)
    if not found.keys:
        raise Untrusted(
            'serve.model = "bucket" needs a trusted key: without one, who can write to the bucket decides what runs',
            hint="toolkit keys create",
        )
    lean = [PublicKey(id=k.id, public=k.public, not_before=k.not_before, expires=k.expires, revoked=k.revoked)
            for k in found.keys]  # fmt: skip
    return TrustRoot(keys=tuple(lean), rollback=found.rollback, least=found.least)
