from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.adapters.local.schedules import open_schedules
from toolkit.domain.errors import Corrupt, StorageFull
from toolkit.domain.specs import ScheduleSpec
from toolkit.execution import files

SPEC = ScheduleSpec(name="drift", expression="rate(1 hour)", function="check")


def test_before_the_first_there_is_nothing(tmp_path: Path) -> None:
    schedules = open_schedules({"host": str(tmp_path / "host")})
    assert list(schedules.list()) == []
    schedules.delete("drift")
    assert not (tmp_path / "host").exists()


def test_a_spoiled_file_is_named(tmp_path: Path) -> None:
    schedules = open_schedules({"host": str(tmp_path)})
    schedules.put(SPEC)
    (tmp_path / "schedules" / "drift.json").write_bytes(b"{")
    with pytest.raises(Corrupt, match="drift"):
        schedules.get("drift")
    with pytest.raises(Corrupt, match="drift"):
        list(schedules.list())
    schedules.put(SPEC)
    assert schedules.get("drift") == SPEC


def test_a_full_disk_keeps_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schedules = open_schedules({"host": str(tmp_path)})
    schedules.put(SPEC)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "replace", full)
    with pytest.raises(StorageFull):
        schedules.put(ScheduleSpec(name="drift", expression="rate(2 hours)", function="check"))
    assert schedules.get("drift") == SPEC
