from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.adapters.local.jobs import LocalJobs, open_jobs
from toolkit.domain.errors import NotFound, PermissionDenied, StorageFull
from toolkit.domain.specs import JobSpec
from toolkit.execution import files


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[LocalJobs]:
    found = open_jobs({"host": str(tmp_path / "host"), "python": ""})
    yield found
    for status in found.list():
        found.cancel(status.id)


def probe(*actions: str) -> JobSpec:
    return JobSpec(name="a", module="toolkit.testing.probe_job", arguments=actions)


@pytest.mark.slow
def test_a_hundred_thousand_lines(jobs: LocalJobs) -> None:
    jobs.submit(probe("lines=100000", "raw=ff0a", "print=end"))
    lines = [line.text for line in jobs.logs("a", follow=True)]
    assert len(lines) == 100_002
    assert lines[99_999:] == ["line 99999", "\ufffd", "end"]


@pytest.mark.slow
def test_following_sees_lines_while_the_job_runs(jobs: LocalJobs) -> None:
    jobs.submit(probe("print=first", "sleep=2", "print=second"))
    lines = jobs.logs("a", follow=True)
    begin = time.monotonic()
    assert next(lines).text == "first"
    assert jobs.status("a").state == "running"
    assert [line.text for line in lines] == ["second"]
    assert time.monotonic() - begin < 10


@pytest.mark.slow
def test_a_deleted_job_leaves_nothing_and_can_be_submitted_anew(jobs: LocalJobs, tmp_path: Path) -> None:
    first = jobs.submit(probe("print=one"))
    list(jobs.logs("a", follow=True))
    jobs.delete("a")
    assert list((tmp_path / "host" / "jobs").iterdir()) == []
    again = jobs.submit(probe("print=two"))
    assert again.submitted > first.submitted
    assert [line.text for line in jobs.logs("a", follow=True)] == ["two"]


def test_before_the_first_job_there_is_nothing(jobs: LocalJobs, tmp_path: Path) -> None:
    assert list(jobs.list()) == []
    with pytest.raises(NotFound):
        jobs.logs("a")  # at once, not at the first line
    assert not (tmp_path / "host").exists()


def test_a_full_disk_leaves_no_job(jobs: LocalJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes, *, mode: int = 0o644) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "replace", full)
    with pytest.raises(StorageFull, match="could not submit job a"):
        jobs.submit(probe())
    assert list(jobs.list()) == []


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((PermissionDenied, OSError), match="could not submit job a"):
        LocalJobs(tmp_path / "file" / "jobs", sys.executable).submit(probe())
