"""Is a registered model still what it was? Its bytes, signature, graph and certificate, and the metrics once more; and
where the endpoint serves it, the bundle that does."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

from toolkit.domain import codec, digest
from toolkit.domain.errors import ToolkitError
from toolkit.domain.records import ModelManifest, ModelVersion
from toolkit.lifecycle import evaluate, find, naming, place, sign, trust
from toolkit.ports.context import Context
from toolkit.resources import bundle as bundles
from toolkit.state.blobs import Blobs
from toolkit.state.signatures import Signatures

CLOSE = 1e-6  # metrics of another machine's arithmetic


def run(ctx: Context, version: str | int = "latest") -> list[str]:
    """What is wrong with it, one line each; empty if nothing is. NotFound: no such version."""
    found = find.version(ctx, version)
    findings = list(_bytes(ctx, found))
    if findings:
        return findings  # nothing further can be read
    manifest = find.manifest(ctx, found)
    return [
        *_signed(ctx, found),
        *_deployed(ctx, found),
        *_contents(manifest, found, ctx),
        *_certificate(manifest),
        *_answers(ctx, found, manifest),
    ]


def _bytes(ctx: Context, version: ModelVersion) -> Iterator[str]:
    """The manifest and every file of it: there, and with the digest that names it."""
    blobs = Blobs(ctx.store)
    try:
        manifest = codec.decode(blobs.get(version.digest), ModelManifest, where="the manifest")
    except ToolkitError as error:
        yield f"manifest: {error.message}"
        return
    for role, name in sorted(manifest.files.items()):
        try:
            size = len(blobs.get(name))
        except ToolkitError as error:
            yield f"{role}: {error.message}"
            continue
        if size != manifest.sizes.get(role):
            yield f"{role}: has {size} bytes, the manifest says {manifest.sizes.get(role)}"


def _signed(ctx: Context, version: ModelVersion) -> Iterator[str]:
    try:
        trust.check(ctx, version, back=False)
    except ToolkitError as error:
        yield f"signature: {error.message}"


def _deployed(ctx: Context, version: ModelVersion) -> Iterator[str]:
    """What serves this version, if the endpoint does: the zip's bytes, who vouches for them, and the model's copy."""
    release = naming.releases(ctx).current()
    if release is None or (release.model_version, release.model_digest) != (version.version, version.digest):
        return
    if release.source == "bucket":
        yield from place.wrong(ctx, version)
    with tempfile.TemporaryDirectory(prefix="toolkit-bundle-") as folder:
        archive = Path(folder) / "bundle.zip"
        try:
            ctx.store.download(bundles.key(ctx.target, release.bundle), archive)
        except ToolkitError as error:
            yield f"bundle: {error.message}"
            return
        if (held := digest.of_file(archive)) != release.bundle:
            yield f"bundle: it has the digest {held[:12]}, and {release.bundle[:12]} was deployed"
    if trust.required(ctx):
        inside = None if release.source == "bucket" else version
        expected = sign.of_bundle(ctx, inside, release.bundle, version.digest if inside else "")
        try:
            Signatures(ctx.store, release.bundle).verified(trust.root(ctx), expected, now=ctx.clock())
        except ToolkitError as error:
            yield f"bundle: {error.message}"


def _contents(manifest: ModelManifest, version: ModelVersion, ctx: Context) -> Iterator[str]:
    """The baseline is of this signature; the registry tells the same of it as the manifest."""
    from toolkit.quality.baseline import from_bytes, signature_digest

    signature = manifest.signature
    if manifest.model != ctx.project.model_name:
        yield f"manifest: it is of model {manifest.model!r}"
    try:
        baseline = from_bytes(Blobs(ctx.store).get(manifest.files["profile"]))
    except (ToolkitError, KeyError) as error:
        yield f"profile: {error}"
        return
    if baseline.signature != signature_digest(signature.features, signature.task, signature.classes):
        yield "profile: it was made for another signature"


def _certificate(manifest: ModelManifest) -> Iterator[str]:
    parity = manifest.parity
    if parity is None:
        yield "parity: there is no certificate that it answers as the native model"
    elif parity.max_difference > parity.tolerance or parity.label_mismatches or not parity.rows:
        yield (
            f"parity: the certificate shows a difference of {parity.max_difference:g} (allowed {parity.tolerance:g}) "
            f"and {parity.label_mismatches} other labels on {parity.rows} rows"
        )


def _answers(ctx: Context, version: ModelVersion, manifest: ModelManifest) -> Iterator[str]:
    """It loads as an endpoint loads it (graph walk included) and is as good as it was on its test rows."""
    try:
        model = evaluate.loaded(ctx, version)
        rows, label = evaluate.test_rows(ctx, manifest)
        measured = evaluate.measured(model, rows, label)
    except ToolkitError as error:
        yield f"{error.code}: {error.message}"
        return
    for name, value in manifest.metrics.items():
        now = measured.get(name)
        if now is None or not math.isclose(now, value, rel_tol=CLOSE, abs_tol=CLOSE):
            yield f"metric {name}: recorded {value:.6g}, measured now {'nothing' if now is None else f'{now:.6g}'}"
