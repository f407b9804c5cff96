from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from toolkit.adapters.local.secrets import open_secrets
from toolkit.domain.errors import Corrupt


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_read_them_whatever_the_umask(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o777)
    before = os.umask(0)
    try:
        secrets = open_secrets({"host": str(tmp_path)})
        secrets.put("hook", "value")
        secrets.put("hook", "another")
    finally:
        os.umask(before)
    assert _mode(tmp_path / "secrets") == 0o700
    assert _mode(tmp_path / "secrets" / "hook") == 0o600
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["hook"]


def test_a_file_that_is_no_text_is_not_shown(tmp_path: Path) -> None:
    secrets = open_secrets({"host": str(tmp_path)})
    secrets.put("hook", "value")
    (tmp_path / "secrets" / "hook").write_bytes(b"hidden\xff")
    with pytest.raises(Corrupt, match="not UTF-8 text") as refused:
        secrets.get("hook")
    assert refused.value.__context__ is None  # Python's own error would hold the bytes


def test_before_the_first_there_is_nothing(tmp_path: Path) -> None:
    secrets = open_secrets({"host": str(tmp_path / "host")})
    assert list(secrets.list()) == []
    secrets.delete("hook")
    assert not (tmp_path / "host").exists()
