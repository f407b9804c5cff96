"""A cache folder of one's own, and an index of tiny wheels on disk: uv is real, the network is not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.packaging import archive

Wheel = Callable[..., Path]


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder; returns the one that packaging will use."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "driftloop"


@pytest.fixture
def index(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """`index("alpha", "1.0", {"alpha/__init__.py": b""}, needs=["beta"], tag="py3-none-any")` adds a wheel."""
    folder = tmp_path / "index"
    folder.mkdir()
    settings = tmp_path / "uv.toml"
    settings.write_text(f'[pip]\nno-index = true\nfind-links = ["{folder}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))

    def add(name: str, version: str, files: dict[str, bytes], *, needs: tuple[str, ...] = (), tag: str = "") -> Path:
        tag = tag or "py3-none-any"
        info = f"{name}-{version}.dist-info"
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT"]
        lines += [f"Requires-Dist: {need}" for need in needs]
        content = {
            **files,
            f"{info}/METADATA": ("\n".join(lines) + "\n\nA description\n").encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        }
        record = [f"{path},sha256={_hash(data)},{len(data)}" for path, data in content.items()]
        content[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,\n"]).encode()
        wheel = folder / f"{name}-{version}-{tag}.whl"
        archive.write(wheel, [archive.pack(path, data) for path, data in content.items()])
        return wheel

    return add


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
