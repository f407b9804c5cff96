from __future__ import annotations

import subprocess
import sys
import zipfile
import zipimport
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.domain.errors import Corrupt, PlanError
from toolkit.packaging import archive
from toolkit.packaging.archive import pack, pack_all, read, to_bytes, write

FILES: dict[str, bytes] = {
    "app.py": b"VALUE = 41 + 1\n" * 50,
    "pkg/__init__.py": b"",
    "pkg/inner.py": b"NAME = __name__\n",
    "data/zeros": bytes(100_000),
    "data/noise": bytes((i * 7919 + i // 3) % 256 for i in range(3000)),
    "größe.txt": "ä".encode(),
}


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    write(path, pack_all(FILES))
    return path


def test_other_readers_read_it(zipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(zipped) as opened:
        assert opened.testzip() is None
        assert {entry.filename: opened.read(entry) for entry in opened.infolist()} == FILES
        assert opened.namelist() == sorted(FILES, key=str.encode)
        assert {entry.external_attr >> 16 for entry in opened.infolist()} == {0o100644}
        assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    importer = zipimport.zipimporter(str(zipped))
    namespace: dict[str, object] = {}
    exec(importer.get_code("app"), namespace)
    assert namespace["VALUE"] == 42


@pytest.mark.slow
def test_command_line_testers_pass_it(zipped: Path) -> None:
    subprocess.run([sys.executable, "-m", "zipfile", "-t", str(zipped)], check=True, capture_output=True)
    unzip = Path("/usr/bin/unzip")
    if unzip.exists():
        done = subprocess.run([unzip, "-t", str(zipped)], check=False, capture_output=True, text=True)
        assert "No errors detected" in done.stdout


def test_members_survive_a_copy_without_being_compressed_again(zipped: Path) -> None:
    members = read(zipped)
    assert {name: member.data() for name, member in members.items()} == FILES
    assert to_bytes(members.values()) == zipped.read_bytes()


def test_reads_what_zipfile_wrote(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as other:
        for name, data in FILES.items():
            other.writestr(name, data)
    assert {name: member.data() for name, member in read(path).items()} == FILES


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-zé]{1,4}(/[a-z]{1,4}){0,2}", fullmatch=True), st.binary(max_size=300)))
def test_order_of_arrival_does_not_matter(files: dict[str, bytes]) -> None:
    forward = to_bytes(pack_all(files))
    backward = to_bytes(reversed(pack_all(files)))
    assert forward == backward
    assert archive.measure(pack_all(files)) == archive.Written(_sha(forward), len(forward))


def test_what_does_not_shrink_is_stored() -> None:
    assert pack("n", FILES["data/noise"][:20]).method == archive.STORED
    assert pack("z", FILES["data/zeros"]).method == archive.DEFLATED
    assert pack("z", FILES["data/zeros"], level=0).method == archive.STORED


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        to_bytes([pack("a", b"1"), pack("a", b"2")])


def test_more_than_a_plain_zip_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    with pytest.raises(PlanError, match="more than a zip file holds"):
        to_bytes([pack(str(n), b"") for n in range(4)])


@pytest.mark.parametrize("cut", [1, 10, 400, -30])
def test_a_cut_file_is_noticed(zipped: Path, cut: int) -> None:
    zipped.write_bytes(zipped.read_bytes()[:cut])
    with pytest.raises(Corrupt, match=r"a\.zip"):
        read(zipped)


def test_flipped_content_is_noticed_when_it_is_read(zipped: Path) -> None:
    data = bytearray(zipped.read_bytes())
    at = data.find(b"NAME = __name__")
    data[at] ^= 1
    zipped.write_bytes(bytes(data))
    with pytest.raises(Corrupt, match=r"pkg/inner\.py"):
        read(zipped)["pkg/inner.py"].data()
    with pytest.raises(Corrupt, match="does not decompress"):
        archive.Member("x", archive.DEFLATED, 0, 3, b"\xff\xff").data()


def _sha(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
