from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from toolkit.domain.errors import NotFound, PermissionDenied, StorageFull, ToolkitError, Unavailable
from toolkit.execution import files


def test_replace_swaps_the_whole_file_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    files.replace(path, b"first", mode=0o600)
    files.replace(path, b"second", mode=0o600)
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_of_many_creators_one_wins(tmp_path: Path) -> None:
    wins: list[int] = []
    gate = threading.Barrier(8)

    def create(number: int) -> None:
        gate.wait()
        if files.create(tmp_path / "end", str(number).encode()):
            wins.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert (tmp_path / "end").read_bytes() == str(wins[0]).encode()
    assert [found.name for found in tmp_path.iterdir()] == ["end"]


def test_a_torn_line_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    files.append(path, b"one\n")
    with path.open("ab") as stream:
        stream.write(b"torn by a cra")
    files.append(path, b"two\n")
    assert [line for line in path.read_bytes().split(b"\n") if line] == [b"one", b"torn by a cra", b"two"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    files.replace(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="could not write the file"), files.translated("write the file"):
        files.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.EDQUOT, "quota"), StorageFull),
        (OSError(errno.EROFS, "read-only", "/x"), PermissionDenied),
        (PermissionError(errno.EACCES, "no"), PermissionDenied),
        (OSError(errno.EIO, "bad disk"), Unavailable),
        (NotFound("it is not there"), NotFound),
    ],
)
def test_what_the_system_refuses_comes_out_as_ours(raised: Exception, expected: type[ToolkitError]) -> None:
    with pytest.raises(expected), files.translated("do it"):
        raise raised
