import io
import stat
import zipfile
from pathlib import Path

import pytest

from toolkit.domain.errors import Corrupt, Unsupported
from toolkit.execution.host import bundles

_LIMIT = 1_000_000


def archive(tmp_path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in entries:
            bundle.writestr(name, data)
    return path


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def test_it_is_unpacked_read_only_and_once(tmp_path: Path) -> None:
    path = archive(tmp_path, ("app.py", b"x = 1"), (entry("bin/tool", stat.S_IFREG | 0o755), b"#!"), ("empty/", b""))
    folder = tmp_path / "bundles" / "a"
    bundles.unpack(path, folder, _LIMIT)
    assert (folder / "app.py").read_bytes() == b"x = 1"
    assert stat.S_IMODE((folder / "app.py").stat().st_mode) == 0o444
    assert stat.S_IMODE((folder / "bin" / "tool").stat().st_mode) == 0o555
    assert all(stat.S_IMODE(place.stat().st_mode) == 0o555 for place in (folder, folder / "bin", folder / "empty"))
    before = folder.stat().st_ino
    bundles.unpack(path, folder, _LIMIT)
    assert folder.stat().st_ino == before
    assert [place.name for place in folder.parent.iterdir()] == ["a"]
    bundles.remove(folder)
    bundles.remove(folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    "bad",
    [
        "/etc/passwd",
        "../outside",
        "a/../../outside",
        "a\\..\\..\\outside",
        "C:/windows",
        entry("link", stat.S_IFLNK | 0o777),
        entry("device", stat.S_IFCHR | 0o666),
        entry("pipe", stat.S_IFIFO | 0o666),
    ],
)
def test_what_leads_out_of_the_bundle_is_refused(tmp_path: Path, bad: str | zipfile.ZipInfo) -> None:
    inside = tmp_path / "deep"
    inside.mkdir()
    with pytest.raises(Corrupt, match=r"leads out of it|no plain file"):
        bundles.unpack(archive(tmp_path, ("app.py", b""), (bad, b"/etc/passwd")), inside / "a", _LIMIT)
    assert list(inside.iterdir()) == []
    assert sorted(place.name for place in tmp_path.iterdir()) == ["bundle.zip", "deep"]


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path, ("app.py", b"1"), ("app.py", b"2"))
    with pytest.raises(Corrupt):
        bundles.unpack(path, tmp_path / "a", _LIMIT)


def test_bytes_are_counted_and_not_believed(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="unpacked"):
        bundles.unpack(archive(tmp_path, ("a", b"0" * 600_000), ("b", b"0" * 600_000)), tmp_path / "a", _LIMIT)
    lying = io.BytesIO(archive(tmp_path, ("a", b"0" * 2_000_000)).read_bytes())
    data = lying.getvalue().replace((2_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "bundle.zip").write_bytes(data)
    with pytest.raises((Corrupt, Unsupported)):
        bundles.unpack(tmp_path / "bundle.zip", tmp_path / "a", _LIMIT)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_what_is_no_zip(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bundle.zip").write_bytes(data)
    with pytest.raises(Corrupt):
        bundles.unpack(tmp_path / "bundle.zip", tmp_path / "a", _LIMIT)
    assert [place.name for place in tmp_path.iterdir()] == ["bundle.zip"]
