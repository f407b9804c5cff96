from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from toolkit.domain.errors import ConfigError, StorageFull
from toolkit.packaging import cache


def test_placed_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with pytest.raises(FileNotFoundError), cache.placing(target) as part:
        part.write_bytes(b"half" + (tmp_path / "gone").read_bytes())
    assert list(tmp_path.iterdir()) == []
    with cache.placing(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EROFS, ConfigError)]
)
def test_disk_errors_say_where(number: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"writing x: .*here\.zip") as caught, cache.disk("writing x"):
        raise OSError(number, os.strerror(number), "here.zip")
    assert isinstance(caught.value.__cause__, OSError)


def test_other_errors_pass() -> None:
    with pytest.raises(FileNotFoundError), cache.disk("reading"):
        Path("/nowhere/at/all").read_bytes()


def test_keeps_what_was_used_last(tmp_path: Path) -> None:
    for age, name in enumerate("abcde"):
        (tmp_path / f"{name}.zip").write_text(name)
        os.utime(tmp_path / f"{name}.zip", (1000 - age, 1000 - age))
    (tmp_path / "z.txt").touch()
    cache.keep_newest(tmp_path, "*.zip", 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip", "z.txt"]


def test_what_another_process_is_about_to_read_stays(tmp_path: Path) -> None:
    now = time.time()
    for age, name in ((0, "a"), (60, "b"), (cache.IN_USE + 60, "c")):
        (tmp_path / f"{name}.zip").write_text(name)
        os.utime(tmp_path / f"{name}.zip", (now - age, now - age))
    cache.keep_newest(tmp_path, "*.zip", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]


def test_work_goes_and_so_does_what_was_left_long_ago(own_cache: Path) -> None:
    for name, age in (("left", 100_000), ("busy", 10)):
        (own_cache / "work" / name).mkdir(parents=True)
        os.utime(own_cache / "work" / name, (time.time() - age, time.time() - age))
    with cache.work() as folder:
        (folder / "a").touch()
    assert [path.name for path in (own_cache / "work").iterdir()] == ["busy"]


def test_lies_under_the_users_cache(own_cache: Path) -> None:
    assert cache.folder("locks") == own_cache / "locks"
