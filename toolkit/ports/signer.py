"""Who holds a private key and signs with it: a file of this machine, or a key service that never gives it out.

Not one of a target's ports: what is deployed to a cloud may well be signed on the laptop of the person who deploys it.
A provider names its opener as `Provider.signer`.
"""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    """Ed25519 keys, called by their ids (the first 16 digits of the SHA-256 of the public key)."""

    def keys(self) -> list[str]:
        """Ids of the keys that can sign here, sorted. Empty where there is none; never an error for that."""
        ...

    def create(self) -> bytes:
        """Make a key; its public part, 32 bytes. Raises MissingExtra, Unsupported (keys are made elsewhere)."""
        ...

    def sign(self, key: str, message: bytes) -> bytes:
        """The signature (64 bytes) of `message` by `key`. NotFound, PermissionDenied, Unavailable, MissingExtra."""
        ...
