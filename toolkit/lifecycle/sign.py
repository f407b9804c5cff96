"""Sign a registered version, or a bundle: say in a statement what it is, and put the signature beside it.

What is signed is read first: the manifest by its digest, and every file that it names must be there. A version is
signed where it is registered, if a trusted key is at hand; `toolkit keys sign` does it afterwards. Nothing is signed in
passing: a deployment does not vouch for a model that it merely found in the bucket.
"""

from __future__ import annotations

from datetime import timedelta

from toolkit.domain import times, trust
from toolkit.domain.errors import Corrupt, NotFound, Untrusted
from toolkit.domain.records import ModelVersion
from toolkit.domain.trust import BUNDLE, MODEL, Expected, Predicate, PublicKey
from toolkit.lifecycle import find
from toolkit.lifecycle import trust as policy
from toolkit.ports.context import Context
from toolkit.state.blobs import Blobs
from toolkit.state.signatures import Signatures


def model(ctx: Context, version: ModelVersion) -> str:
    """Id of the key that signed `version`: now, or before if that still holds. NotFound: no key is at hand here."""
    key = policy.signing(ctx)
    if key is None:
        raise NotFound(
            "no private key of a trusted, unexpired key is on this machine",
            hint="toolkit keys list, toolkit keys create",
        )
    expected, kept = policy.expected(ctx, version), Signatures(ctx.store, version.digest)
    try:
        return kept.verified(policy.root(ctx), expected, now=ctx.clock()).predicate.key
    except Untrusted:
        pass
    blobs, manifest = Blobs(ctx.store), find.manifest(ctx, version)
    missing = sorted(role for role, name in manifest.files.items() if not blobs.has(name))
    if missing or manifest.model != ctx.project.model_name:
        what = f"has no {', '.join(missing)}" if missing else f"is of model {manifest.model!r}"
        raise Corrupt(f"version {version.version} {what}: it was not signed", hint="toolkit models verify")
    said = _predicate(ctx, key, version, run=version.run_id, dataset=manifest.dataset,
                      dataset_version=manifest.dataset_version)  # fmt: skip
    kept.put(key.id, _signed(ctx, key, expected, MODEL, said))
    return key.id


def registered(ctx: Context, version: ModelVersion) -> None:
    """Sign a version that was just registered, where a key is at hand; else say what is to be done."""
    if policy.signing(ctx) is not None:
        model(ctx, version)
    elif policy.root(ctx).keys:
        ctx.report.warn(f"version {version.version} is not signed: toolkit keys sign {version.version}")


def bundle(ctx: Context, version: ModelVersion | None, function: str, digest: str, model_digest: str) -> str:
    """Id of the key that signed the bundle `digest` of `function`: before, if that still holds, or now; "" where no
    signature holds and no key is at hand."""
    root, key = policy.root(ctx), policy.signing(ctx)
    expected = of_bundle(ctx, version, digest, model_digest)
    kept = Signatures(ctx.store, digest)
    try:
        return kept.verified(root, expected, now=ctx.clock()).predicate.key
    except Untrusted:
        if key is None:
            return ""
        said = _predicate(ctx, key, version, project=ctx.project.name, target=ctx.target, function=function,
                          manifest=model_digest)  # fmt: skip
        kept.put(key.id, _signed(ctx, key, expected, BUNDLE, said))
    return key.id


def of_bundle(ctx: Context, version: ModelVersion | None, digest: str, model_digest: str) -> Expected:
    """What a bundle's signature has to say. `version` None, `model_digest` "": it carries no model."""
    inside = {"manifest.json": model_digest} if model_digest else {}
    number = version.version if version else 0
    return Expected(kind=BUNDLE, model=ctx.project.model_name, version=number, digests={"bundle.zip": digest, **inside})


def _predicate(ctx: Context, key: PublicKey, version: ModelVersion | None, **more: str) -> Predicate:
    number = version.version if version else 0
    return Predicate(
        model=ctx.project.model_name,
        version=number,
        created=ctx.clock(),
        expires=_expires(ctx, key),
        key=key.id,
        **more,
    )


def _expires(ctx: Context, key: PublicKey) -> str:
    """When the signature ends: with `trust.valid`, and never after its key."""
    ends = [key.expires] if key.expires else []
    if valid := ctx.project.trust.valid:
        ends.append(times.text(times.parse(ctx.clock()) + timedelta(seconds=times.seconds(valid))))
    return min(ends, key=times.parse, default="")


def _signed(ctx: Context, key: PublicKey, expected: Expected, kind: str, said: Predicate) -> bytes:
    assert ctx.signer is not None  # `policy.signing` found the key there
    body = trust.payload(trust.statement(kind, expected.digests, said))
    signed = trust.envelope(body, key.id, ctx.signer.sign(key.id, trust.signed_bytes(body)))
    trust.verify(signed, policy.root(ctx), expected, now=ctx.clock())  # a signer that answers nonsense is not believed
    return signed
