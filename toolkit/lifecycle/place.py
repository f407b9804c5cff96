"""Models that endpoints read from the bucket: whether they do, and where they may: `models/`, beside the blobs.

Blobs hold training data too, so who answers requests may not read them. What an endpoint with `model = "bucket"` is to
serve is copied before the release is written down: an entry of its journal never names what is not there. The names are
the same digests, so a model is copied once, and what signs it holds for the copy.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.domain.errors import Corrupt, NotFound
from toolkit.domain.records import ModelVersion
from toolkit.lifecycle import find, trust
from toolkit.ports.context import Context
from toolkit.state import keys
from toolkit.state.blobs import Blobs


def from_bucket(ctx: Context) -> bool:
    """Whether the endpoint reads its model: as `serve.model` says, else where the platform has one deploy at a time,
    so that the journal's entry is the quicker switch, and a trusted key vouches for what is read."""
    if ctx.project.serve.model:
        return ctx.project.serve.model == "bucket"
    return not ctx.provider("functions").offers("functions.beside") and bool(trust.root(ctx).keys)


def model(ctx: Context, version: ModelVersion) -> None:
    """NotFound, Corrupt: a file of it is gone, or holds other bytes; then nothing names the copy yet."""
    kept, offered = Blobs(ctx.store), Blobs(ctx.store, keys.model_file)
    for digest in _read(ctx, version):
        if not offered.has(digest):
            offered.put(kept.get(digest))


def wrong(ctx: Context, version: ModelVersion) -> Iterator[str]:
    """What of the copy is gone or other than it was: the endpoint would refuse it."""
    for digest in _read(ctx, version):
        try:
            Blobs(ctx.store, keys.model_file).get(digest)
        except (NotFound, Corrupt) as error:
            yield f"{keys.model_file(digest)}: {error.message}"


def _read(ctx: Context, version: ModelVersion) -> tuple[str, ...]:
    """The digests of what an endpoint reads; the manifest last, which names the others."""
    from toolkit.serving.source import loaded

    return (*loaded(find.manifest(ctx, version)).values(), version.digest)
