from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.oci import bases, server
from tests.packaging.oci.server import Server
from toolkit.packaging import archive
from toolkit.packaging.oci import base, build
from toolkit.packaging.oci.contents import Content, Group
from toolkit.packaging.oci.layout import Built


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no Docker configuration; returns the one that packaging will use."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path / "cache" / "driftloop"


@pytest.fixture
def small(tmp_path: Path, own_cache: Path) -> Built:
    """An image of three small layers of ours on a base of one."""
    return made(bases.looks_like_one(tmp_path / "base"))


def made(under: Built, *, model: bytes = b"model", name: str = "shop") -> Built:
    groups = [
        Group("dependencies", members({"numpy/__init__.py": b"x = 1\n" * 50_000, "bin/uv": b"#!"})),
        Group("toolkit", members({"toolkit/__init__.py": b"", "serve.py": b"print('serve')\n"})),
        Group("model", members({"model/model.onnx": model})),
    ]
    content = Content(tuple(groups), {"numpy": "2.4.1"})
    return build.build(
        build.ImageSpec("serve", name, under, base.inspect(under, "base"), content, environment={"B": "2", "A": "1"})
    )


def members(files: dict[str, bytes]) -> dict[str, archive.Member]:
    return {name: archive.pack(name, data) for name, data in files.items()}


@pytest.fixture(scope="module")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server.serving(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def nobody() -> Iterator[str]:
    """A host that takes no connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"
