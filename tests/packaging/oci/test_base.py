from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.oci import bases
from tests.packaging.oci.bases import GLIBC
from toolkit.domain.errors import ConfigError
from toolkit.domain.oci import Process
from toolkit.packaging.oci.base import Base, inspect


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    pass


def layers(folder: Path, *each: dict[str, bases.Entry], path: str = bases.PATH) -> Base:
    folder.mkdir(parents=True, exist_ok=True)
    libc: dict[str, bases.Entry] = {"lib/libc.so.6": GLIBC}
    made = [bases.layer(entries, folder) for entries in (libc, *each)]
    return inspect(bases.image(made, Process(env=[f"PATH={path}"])), "registry.example/base:1")


def test_python_is_found(tmp_path: Path) -> None:
    found = inspect(bases.looks_like_one(tmp_path / "a"), "base")
    assert found == Base("/usr/local/bin/python3", "3.11")
    links: dict[str, bases.Entry] = {
        "usr/bin/python3.13": b"",
        "bin": "-> usr/bin",
        "usr/bin/python": "-> /etc/alternatives/python",
        "etc/alternatives/python": "-> ../../bin/python3.13",
    }
    assert layers(tmp_path / "b", links, path="/opt:/bin") == Base(
        "/bin/python", "3.13", ("libstdc++.so.6", "libgcc_s.so.1")
    )
    assert layers(tmp_path / "c", {"usr/bin/python3.9": b"", "usr/bin/python3.12": b""}).python == "/usr/bin/python3.12"


def test_upper_layers_count(tmp_path: Path) -> None:
    old: dict[str, bases.Entry] = {"usr/bin/python3.11": b"", "usr/bin/python3": "-> python3.11"}
    new: dict[str, bases.Entry] = {"usr/bin/python3.12": b"", "usr/bin/python3": "-> python3.12"}
    assert layers(tmp_path / "a", old, new).version == "3.12"
    assert (
        layers(tmp_path / "b", new, {"usr/bin/.wh.python3": b"", "usr/bin/python": "-> python3.12"}).version == "3.12"
    )
    with pytest.raises(ConfigError, match="has no Python"):
        layers(tmp_path / "c", old, {"usr/.wh.bin": b""})
    with pytest.raises(ConfigError, match="has no Python"):
        layers(tmp_path / "d", old, {"usr/bin/.wh..wh..opq": b""})


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"usr/bin/perl": b""}, "has no Python"),
        ({"usr/bin/python3": "-> python3"}, "has no Python"),
        ({"usr/bin/python3.12": b"", "lib/libc.so.6": GLIBC.replace(b"2.36.", b"2.17.")}, "glibc 2.17"),
    ],
)
def test_what_is_no_base(entries: dict[str, bases.Entry], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        layers(tmp_path / "base", entries)
    assert "registry.example/base:1" in caught.value.message
    assert "--base" in caught.value.hint


def test_musl_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("base").mkdir()
    alpine = bases.layer({"usr/bin/python3.12": b"", "lib/ld-musl-x86_64.so.1": b""}, tmp_path / "base")
    with pytest.raises(ConfigError, match="musl"):
        inspect(bases.image([alpine], Process(env=["PATH=/usr/bin"])), "alpine")


@pytest.mark.slow
def test_this_machines_own(tmp_path: Path) -> None:
    found = inspect(bases.running(tmp_path / "base"), "base")
    assert found == Base("/usr/local/bin/python3", bases.VERSION)
