"""Private keys as files of this machine: one PEM each, readable by its owner alone, in no project and no bucket.

`cryptography` (extra `sign`) makes and uses them, and is imported when it does.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from toolkit.domain.errors import NotFound, PermissionDenied, missing_extra
from toolkit.domain.trust import key_id
from toolkit.execution import files
from toolkit.ports import Settings


def open_signer(settings: Settings) -> KeyFiles:
    """`settings`: {"keys": folder}, absolute."""
    return KeyFiles(Path(settings["keys"]))


class KeyFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keys(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.key"))

    def create(self) -> bytes:
        ed25519, serialization = _cryptography()
        private = ed25519.Ed25519PrivateKey.generate()
        public: bytes = private.public_key().public_bytes_raw()
        text = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with files.translated("keep the private key"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(self._path(key_id(public)), flags, 0o600), "wb") as file:
                file.write(text)
                os.fsync(file.fileno())
        return public

    def sign(self, key: str, message: bytes) -> bytes:
        _, serialization = _cryptography()
        path = self._path(key)
        if not path.is_file():
            raise NotFound(f"the private key {key} is not on this machine ({path})", hint="toolkit keys create")
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise PermissionDenied(f"{path} can be read by others than its owner", hint=f"chmod 600 {path}")
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            why = type(error).__name__  # its text may quote the file
            raise NotFound(f"{path} holds no private key ({why})", hint="toolkit keys create") from None
        if key_id(private.public_key().public_bytes_raw()) != key:
            raise NotFound(f"{path} holds another key than its name says", hint="toolkit keys create")
        signature: bytes = private.sign(message)
        return signature

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.key"


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError as error:
        raise missing_extra("cryptography", "sign") from error
    return ed25519, serialization
