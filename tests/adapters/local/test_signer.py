"""Private keys of this machine: readable by their owner alone, and signing what the checker accepts."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from toolkit.adapters.local.signer import KeyFiles, open_signer
from toolkit.domain import ed25519, trust
from toolkit.domain.errors import MissingExtra, NotFound, PermissionDenied
from toolkit.ports.signer import Signer


def signer(folder: Path) -> KeyFiles:
    return open_signer({"keys": str(folder / "keys")})


def test_it_is_a_signer(tmp_path: Path) -> None:
    held: Signer = signer(tmp_path)
    assert held.keys() == []


def test_a_key_signs_and_the_files_are_the_owners_alone(tmp_path: Path) -> None:
    held = signer(tmp_path)
    public = held.create()
    assert held.keys() == [trust.key_id(public)]
    assert ed25519.verify(public, b"message", held.sign(trust.key_id(public), b"message"))
    (file,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    held = signer(tmp_path)
    name = trust.key_id(held.create())
    (tmp_path / "keys" / f"{name}.key").chmod(0o640)
    with pytest.raises(PermissionDenied, match="can be read by others") as caught:
        held.sign(name, b"message")
    assert caught.value.hint.startswith("chmod 600 ")


def test_a_missing_or_wrong_key_is_named_and_its_text_is_not(tmp_path: Path) -> None:
    held = signer(tmp_path)
    with pytest.raises(NotFound, match="is not on this machine"):
        held.sign("0" * 16, b"message")
    one, two = trust.key_id(held.create()), trust.key_id(held.create())
    folder = tmp_path / "keys"
    (folder / f"{one}.key").write_bytes((folder / f"{two}.key").read_bytes())
    with pytest.raises(NotFound, match="another key than its name"):
        held.sign(one, b"message")
    (folder / f"{one}.key").write_bytes(b"SECRET-BUT-BROKEN")
    with pytest.raises(NotFound, match="holds no private key") as caught:
        held.sign(one, b"message")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_cryptography_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(MissingExtra) as caught:
        signer(tmp_path).create()
    assert "driftloop[sign]" in caught.value.hint
