from __future__ import annotations

import sys
from pathlib import Path

import pytest

from toolkit.domain.specs import JobSpec
from toolkit.execution.jobs import carry_out
from toolkit.execution.output import Reader

pytestmark = pytest.mark.slow


def probe(*actions: str, **fields: int) -> JobSpec:
    return JobSpec(name="probe", module="toolkit.testing.probe_job", arguments=actions, **fields)  # type: ignore[arg-type]


def _printed(folder: Path) -> list[str]:
    return [line.text for line in Reader(folder).read(whole=True)]


def test_attempts_are_counted_and_each_starts_in_an_empty_folder(tmp_path: Path) -> None:
    code = "import pathlib, sys; print(list(pathlib.Path().iterdir())); pathlib.Path('left').touch(); sys.exit('no')"
    (tmp_path / "probe_attempt.py").write_text(code)
    spec = JobSpec(
        name="probe", module="probe_attempt", retries=2, environment={"PYTHONPATH": str(tmp_path), "HOME": "/"}
    )
    outcome = carry_out(spec, python=sys.executable, folder=tmp_path)
    assert (outcome.state, outcome.exit_code) == ("failed", 1)
    assert outcome.reason == "exit code 1: no (in 3 attempts)"
    assert _printed(tmp_path) == ["[]", "no"] * 3
    assert not (tmp_path / "work").exists()


def test_what_ran_out_of_time_is_not_tried_again(tmp_path: Path) -> None:
    outcome = carry_out(
        probe("print=once", "sleep=60", retries=3, timeout_seconds=4), python=sys.executable, folder=tmp_path
    )
    assert outcome.state == "timeout"
    assert _printed(tmp_path) == ["once"]


def test_what_was_stopped_is_not_tried_again(tmp_path: Path) -> None:
    outcome = carry_out(
        probe("print=once", "exit=1", retries=3), python=sys.executable, folder=tmp_path, stop=lambda: "by hand"
    )
    assert outcome.state in {"failed", "cancelled"}
    assert _printed(tmp_path) in ([], ["once"])


def test_requirements_that_cannot_be_met_fail_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    spec = JobSpec(name="probe", requirements="no-such-package==1.0\n")
    outcome = carry_out(spec, python=sys.executable, folder=tmp_path)
    assert outcome.state == "failed"
    assert "requirements could not be installed" in outcome.reason
