"""A bucket with signed model versions in it, an endpoint's journal, and the keys of those who sign."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.serving.endpoints import Files
from toolkit.domain import codec, trust
from toolkit.domain.records import ModelManifest, Release
from toolkit.domain.trust import MODEL, Expected, Predicate, PublicKey, TrustRoot
from toolkit.ports.store import Store
from toolkit.serving.source import Source
from toolkit.state.blobs import Blobs
from toolkit.state.keys import model_file
from toolkit.state.releases import Releases
from toolkit.state.signatures import Signatures

NOW = "2026-11-23T12:00:00.000000Z"
BEFORE, AFTER = "2026-11-01T00:00:00.000000Z", "2027-11-01T00:00:00.000000Z"


class Key:
    """Someone's key pair, always the same one of a seed."""

    def __init__(self, seed: int, **fields: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(random.Random(seed).randbytes(32))
        self.public: PublicKey = trust.public_key(self.private.public_key().public_bytes_raw(), **fields)

    @property
    def id(self) -> str:
        return self.public.id

    def envelope(self, body: bytes, *, payload_type: str = trust.PAYLOAD_TYPE) -> bytes:
        return trust.envelope(body, self.id, self.private.sign(trust.signed_bytes(body, payload_type)))


def predicate(key: Key, version: int, *, model: str = "flights", **more: Any) -> Predicate:
    return Predicate(**{"model": model, "version": version, "created": BEFORE, "key": key.id, **more})


def expected(files: Files, version: int, *, model: str = "flights", kind: str = MODEL) -> Expected:
    manifest = codec.decode(files.files["manifest.json"], ModelManifest)
    return Expected(kind=kind, model=model, version=version, digests={"manifest.json": files.digest, **manifest.files})


def signed(key: Key, files: Files, version: int, *, model: str = "flights", kind: str = MODEL, **more: Any) -> bytes:
    said = predicate(key, version, model=model, **more)
    digests = expected(files, version, model=model, kind=kind).digests
    return key.envelope(trust.payload(trust.statement(kind, digests, said)))


def release(files: Files, version: int, **more: Any) -> Release:
    fields: dict[str, Any] = {
        "endpoint": "flights", "target": "test", "model": "flights", "model_version": version,
        "model_digest": files.digest, "bundle": "", "function": "f", "function_version": "1", "source": "bucket",
    }  # fmt: skip
    return Release(**{**fields, **more})


@dataclass
class Bucket:
    """`key` signs and is trusted."""

    store: Store
    key: Key = field(default_factory=lambda: Key(1, owner="ada"))

    def keep(self, files: Mapping[str, bytes]) -> None:
        for data in files.values():
            Blobs(self.store, model_file).put(data)

    def register(self, files: Files, version: int, *, key: Key | None = None, **more: Any) -> Release:
        """A version in the bucket and its signature beside it."""
        key = key or self.key
        self.keep(files.files)
        Signatures(self.store, files.digest).put(key.id, signed(key, files, version, **more))
        return release(files, version)

    def announce(self, made: Release) -> None:
        Releases(self.store, "test", "flights", actor="ada").record(made, op=f"{random.random()}")

    def source(self, root: TrustRoot | None = None, **more: Any) -> Source:
        root = root or TrustRoot(keys=(self.key.public,), **more)
        return Source(self.store, model="flights", target="test", endpoint="flights", root=root, clock=lambda: NOW)
