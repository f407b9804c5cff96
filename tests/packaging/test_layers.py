from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.packaging import archive, cache, layers


def test_made_once_for_equal_keys(own_cache: Path) -> None:
    made: list[int] = []

    def make() -> Iterator[archive.Member]:
        made.append(1)
        yield archive.pack("a.txt", b"hello" * 100)

    first = layers.layer("kind", ["x", {"b": 1}], make)
    again = layers.layer("kind", ["x", {"b": 1}], make)
    layers.layer("kind", ["x", {"b": 2}], make)
    assert (len(made), first["a.txt"].data()) == (2, again["a.txt"].data())


def test_a_damaged_layer_is_made_again(own_cache: Path) -> None:
    def make() -> list[archive.Member]:
        return [archive.pack("a.txt", b"hello" * 100)]

    layers.layer("kind", 1, make)
    (kept,) = (own_cache / "layers").iterdir()
    kept.write_bytes(kept.read_bytes()[:-9])
    assert layers.layer("kind", 1, make)["a.txt"].data() == b"hello" * 100
    assert archive.read(kept).keys() == {"a.txt"}


def test_old_layers_go(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "KEPT", 2)
    monkeypatch.setattr(cache, "IN_USE", -1)  # nobody else reads them
    for number in range(5):
        layers.layer("kind", number, lambda: [archive.pack("a", b"")])
    assert len(list((own_cache / "layers").iterdir())) == 2


def test_a_failed_layer_leaves_nothing(own_cache: Path) -> None:
    def fail() -> Iterator[archive.Member]:
        yield archive.pack("a", b"")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        layers.layer("kind", 1, fail)
    assert list((own_cache / "layers").iterdir()) == []
