"""Who answers for a job, decided by its lock. No process is started here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolkit.domain.errors import Corrupt
from toolkit.domain.specs import JobSpec
from toolkit.execution.job_folder import LOST, JobFolder
from toolkit.execution.process import Outcome


def create(jobs: Path, name: str = "a") -> tuple[JobFolder, int | None]:
    return JobFolder.create(jobs, JobSpec(name=name, tags={"k": "v"}), "python")


def test_the_first_gets_the_lock_and_the_second_the_job(tmp_path: Path) -> None:
    folder, lock = create(tmp_path)
    again, none = create(tmp_path)
    assert lock is not None
    assert none is None
    assert again.status() == folder.status()
    assert folder.status().state == "queued"
    os.close(lock)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_job_whose_submitter_died_is_started_by_the_next(tmp_path: Path) -> None:
    folder, lock = create(tmp_path)
    assert lock is not None
    os.close(lock)
    _, taken = create(tmp_path)
    assert taken is not None
    assert folder.status().state == "queued"
    os.close(taken)


def test_a_job_that_nobody_answers_for_is_lost_for_good(tmp_path: Path) -> None:
    folder, lock = create(tmp_path)
    assert lock is not None
    folder.running(0)
    assert folder.status().state == "running"
    os.close(lock)
    status = folder.status()
    assert (status.state, status.reason) == ("failed", LOST)
    folder.end(Outcome("succeeded", exit_code=0))  # a supervisor that comes too late changes nothing
    assert folder.status() == status
    assert create(tmp_path)[1] is None


def test_one_that_was_to_be_stopped_is_cancelled_not_lost(tmp_path: Path) -> None:
    folder, lock = create(tmp_path)
    assert lock is not None
    folder.running(0)
    folder.ask_to_stop("by hand")
    folder.ask_to_stop("again")
    os.close(lock)
    assert (folder.status().state, folder.status().reason) == ("cancelled", "by hand")


def test_an_end_is_recorded_once(tmp_path: Path) -> None:
    folder, lock = create(tmp_path)
    assert lock is not None
    folder.end(Outcome("failed", "exit code 3", 3))
    folder.end(Outcome("succeeded", exit_code=0))
    assert (folder.status().state, folder.status().exit_code) == ("failed", 3)
    os.close(lock)


def test_a_stranger_with_the_same_number_is_not_killed(tmp_path: Path) -> None:
    folder, lock = create(tmp_path)
    assert lock is not None
    folder.running(os.getpid())
    status = (tmp_path / "a" / "status.json").read_text()
    (tmp_path / "a" / "status.json").write_text(status.replace('"identity":"', '"identity":"another boot '))
    os.close(lock)
    assert folder.status().reason == LOST  # and this test goes on


def test_removed_is_gone(tmp_path: Path) -> None:
    folder, lock = create(tmp_path)
    assert lock is not None
    os.close(lock)
    folder.remove()
    folder.remove()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        folder.status()


def test_what_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file is in the way")
    with pytest.raises(OSError):
        create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_spoiled_folder_is_named(tmp_path: Path) -> None:
    folder, lock = create(tmp_path)
    assert lock is not None
    os.close(lock)
    (folder.path / "request.json").write_bytes(b"{")
    with pytest.raises(Corrupt, match=r"job a: .*request\.json is not readable"):
        folder.status()
