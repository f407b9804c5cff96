"""Layers become a folder: over one another as the format says, and never outside it, whatever a layer holds."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.packaging.oci import bases
from tests.packaging.oci.bases import Entry
from toolkit.domain import oci
from toolkit.domain.errors import Corrupt, NotFound, Unsupported
from toolkit.execution.image import unpack as unpacking
from toolkit.execution.image.unpack import unpack
from toolkit.packaging.oci import layout


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def written(tmp_path: Path, *each: Mapping[str, Entry] | bytes) -> Path:
    """A layout folder of these layers: entries, or the bytes of a tar file."""
    folder = tmp_path / "layers"
    folder.mkdir(exist_ok=True)
    made = [bases.packed(one, folder) if isinstance(one, bytes) else bases.layer(one, folder) for one in each]
    layout.write(bases.image(made), tmp_path / "layout", "")
    return tmp_path / "layout"


def unpacked(tmp_path: Path, *each: Mapping[str, Entry] | bytes) -> Path:
    unpack(written(tmp_path, *each), tmp_path / "root", "amd64")
    return tmp_path / "root"


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def test_upper_over_lower(tmp_path: Path) -> None:
    root = unpacked(
        tmp_path,
        {"a/one": b"1", "a/two": b"2", "b": b"", "c/x/y": b"", "d": b"", "e": None},
        {"a/two": b"changed", "b": None, "b/inside": b"", "c": b"a file now", "./d/": None, "e": "-> a"},
    )
    assert names(root) == {"a", "a/one", "a/two", "b", "b/inside", "c", "d", "e"}
    assert (root / "a/two").read_bytes() == b"changed"
    assert (root / "e").readlink() == Path("a")


def test_whiteouts(tmp_path: Path) -> None:
    root = unpacked(
        tmp_path,
        {"a/one": b"", "a/two": b"", "b/one": b"", "b/sub/two": b"", "c/x": b"", "link": "-> a"},
        {"a/.wh.one": b"", "b/new": b"", "b/.wh..wh..opq": b"", "b/sub/new": b"", ".wh.c": b"", ".wh.none": b""},
        {"link/.wh.two": b""},
    )
    assert names(root) == {"a", "b", "b/new", "b/sub", "b/sub/new", "link"}


def test_links_are_those_of_the_image(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = unpacked(
        tmp_path,
        {"bin": "-> usr/bin", "usr/bin/a": b"", "etc/x": b"", "lib": "-> /usr/lib", "up": f"-> ../../../../{outside}"},
        {"bin/b": b"", "lib/c": b"", "up/d": b""},
        hard_link("usr/bin/hard", "bin/a"),
    )
    assert {"usr/bin/a", "usr/bin/b", "usr/lib/c", f"{str(outside)[1:]}/d"} <= names(root)
    assert (root / "usr/bin/hard").samefile(root / "usr/bin/a")
    assert list(outside.iterdir()) == []


def hard_link(name: str, target: str) -> bytes:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = tarfile.LNKTYPE, target
    return tar_of((found, b""))


def tar_of(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return raw.getvalue()


def named(name: str, data: bytes = b"x") -> bytes:
    return tar_of((tarfile.TarInfo(name), data))


OUT: dict[str, Callable[[Path], list[Mapping[str, Entry] | bytes]]] = {
    "dots": lambda out: [named("../stolen")],
    "dots inside": lambda out: [named("a/../../stolen")],
    "absolute": lambda out: [named(str(out / "stolen"))],
    "hard link out": lambda out: [hard_link("a", "../../secret")],
    "hard link absolute": lambda out: [hard_link("a", str(out / "secret"))],
    "hard link to nothing": lambda out: [hard_link("a", "b")],
    "hard link through a link": lambda out: [{"l": f"-> {out}"}, hard_link("a", "l/secret")],
    "circle": lambda out: [{"a": "-> b", "b": "-> a"}, {"a/x": b""}],
    "below a file": lambda out: [{"a": b""}, {"b": "-> a"}, {"b/x": b""}],
    "whiteout of what is above": lambda out: [named(".wh...")],
}


@pytest.mark.parametrize("case", OUT)
def test_nothing_leads_out(case: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "secret").write_text("secret")
    with pytest.raises(Corrupt):
        unpacked(tmp_path, *OUT[case](out))
    assert [path.name for path in out.iterdir()] == ["secret"]
    assert not (tmp_path / "stolen").exists()


def test_a_link_that_is_written_through(tmp_path: Path) -> None:
    """The classic: a link to a file outside, then a file of the same name."""
    (tmp_path / "secret").write_text("secret")
    root = unpacked(tmp_path, {"a": f"-> {tmp_path / 'secret'}"}, {"a": b"mine"}, {".wh.a": b"", "b": b""})
    assert names(root) == {"b"}
    assert (tmp_path / "secret").read_text() == "secret"


def test_modes(tmp_path: Path) -> None:
    program, device = tarfile.TarInfo("su"), tarfile.TarInfo("null")
    program.mode, device.type = 0o6755, tarfile.CHRTYPE
    root = unpacked(tmp_path, tar_of((program, b"#!"), (device, b"")))
    assert stat.S_IMODE((root / "su").stat().st_mode) == 0o755  # setuid would act on this machine
    assert names(root) == {"su"}


def test_owners(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("a")
    entry.uid, entry.gid = 65532, 65532
    found = (unpacked(tmp_path, tar_of((entry, b""))) / "a").stat()
    assert found.st_uid == (65532 if os.geteuid() == 0 else os.geteuid())


def test_only_what_the_digests_say(tmp_path: Path) -> None:
    made = written(tmp_path, {"a": b"1"})
    _, manifest = oci.manifest(made, "amd64")
    blob = oci.blob(made, manifest.layers[0].digest)
    data = blob.read_bytes()
    blob.unlink()
    with pytest.raises(NotFound):
        unpack(made, tmp_path / "none", "amd64")
    blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(Corrupt):
        unpack(made, tmp_path / "changed", "amd64")
    assert not any((tmp_path / "changed").iterdir())
    with pytest.raises(Unsupported):
        unpack(made, tmp_path / "arm", "arm64")


def test_the_digest_of_the_tar_counts_too(tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    path, named_, _ = bases.layer({"a": b"1"}, tmp_path / "layers")
    layout.write(bases.image([(path, named_, f"sha256:{'0' * 64}")]), tmp_path / "layout", "")
    with pytest.raises(Corrupt, match="something else"):
        unpack(tmp_path / "layout", tmp_path / "root", "amd64")


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = written(tmp_path, {"zeros": bytes(50_000_000)})
    with pytest.raises(Corrupt, match="more than it may"):
        unpack(made, tmp_path / "root", "amd64", limit=10_000_000)
    assert sum(path.stat().st_size for path in (tmp_path / "root").rglob("*")) < 12_000_000
    monkeypatch.setattr(unpacking, "MAX_FILES", 5)
    with pytest.raises(Corrupt, match="more files"):
        unpack(written(tmp_path / "layers", {str(n): b"" for n in range(6)}), tmp_path / "many", "amd64")


def test_only_into_a_new_folder(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mine").write_text("")
    with pytest.raises(Corrupt, match="not empty"):
        unpacked(tmp_path, {"a": b""})
