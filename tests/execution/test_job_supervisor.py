"""The supervisor as a process: it outlives its caller, is killed, is frozen beside it, cannot be started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import until
from toolkit.adapters.local.jobs import LocalJobs
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.specs import JOB_FINAL, JobSpec, JobStatus
from toolkit.execution import tree
from toolkit.execution.job_folder import LOST, JobFolder
from toolkit.execution.tree import Tree

pytestmark = pytest.mark.slow

_SUBMIT = """
import sys, time
from pathlib import Path
from toolkit.adapters.local.jobs import LocalJobs
from toolkit.domain.specs import JobSpec
spec = JobSpec(name="a", module="toolkit.testing.probe_job", arguments=("print=begun", "sleep=1.0", "print=done"))
print(LocalJobs(Path(sys.argv[1]), sys.executable).submit(spec).state, flush=True)
time.sleep(60)
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[LocalJobs]:
    found = LocalJobs(tmp_path / "jobs", sys.executable)
    yield found
    for status in found.list():
        found.cancel(status.id)


def probe(*actions: str) -> JobSpec:
    return JobSpec(name="a", module="toolkit.testing.probe_job", arguments=actions)


def ended(jobs: LocalJobs) -> JobStatus:
    until(lambda: jobs.status("a").state in JOB_FINAL)
    return jobs.status("a")


def supervisor(folder: Path) -> int:
    """Its process number: the one whose arguments name the job's folder."""
    for pid in tree.table():
        try:
            words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"toolkit.execution.job_supervisor" in words and str(folder).encode() in words:
            return pid
    return 0


def printed(jobs: LocalJobs) -> list[str]:
    return [line.text for line in jobs.logs("a")]


def test_killed_it_loses_no_line_and_the_job_ends_as_lost(jobs: LocalJobs, tmp_path: Path) -> None:
    jobs.submit(probe("child=60", "lines=5000", "sleep=60"))
    until(lambda: "line 4999" in printed(jobs))
    mark = JobFolder(tmp_path / "jobs" / "a").request().mark
    until(lambda: len(tree.marked(mark)) == 2)
    os.kill(supervisor(tmp_path / "jobs" / "a"), signal.SIGKILL)
    status = ended(jobs)
    assert (status.state, status.reason, status.exit_code) == ("failed", LOST, None)
    assert tree.marked(mark) == set()
    assert [line for line in printed(jobs) if line.startswith("line")] == [f"line {n}" for n in range(5000)]
    assert jobs.cancel("a") == jobs.submit(probe()) == jobs.status("a") == status


def test_killed_while_lines_are_written_it_loses_none(jobs: LocalJobs, tmp_path: Path) -> None:
    jobs.submit(probe("print=begun", "lines=100000", "sleep=60"))
    until(lambda: printed(jobs))
    os.kill(supervisor(tmp_path / "jobs" / "a"), signal.SIGKILL)
    until(lambda: "line 99999" in printed(jobs) or jobs.status("a").state in JOB_FINAL)
    lines = printed(jobs)
    assert lines == ["begun", *[f"line {n}" for n in range(len(lines) - 1)]]


def test_it_outlives_a_caller_that_is_killed_with_all_its_descendants(jobs: LocalJobs, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SUBMIT, str(tmp_path / "jobs")], start_new_session=True, stdout=subprocess.PIPE
    ) as caller:
        assert caller.stdout
        assert caller.stdout.readline().strip() in {b"queued", b"running"}
        callers = Tree(caller.pid)
        os.killpg(caller.pid, signal.SIGSTOP)  # a frozen worker: its job goes on
        until(lambda: "begun" in printed(jobs))
        assert [process.pid for process in callers.scan()] == [caller.pid]
        assert callers.end()
    assert ended(jobs).state == "succeeded"
    assert printed(jobs) == ["begun", "done"]


def test_a_job_that_a_job_submitted_goes_on_when_the_first_has_ended(jobs: LocalJobs, tmp_path: Path) -> None:
    (tmp_path / "submits.py").write_text(_SUBMIT.replace("time.sleep(60)", ""))
    outer = JobSpec(
        name="outer",
        module="submits",
        arguments=(str(tmp_path / "jobs"),),
        environment={"PYTHONPATH": str(tmp_path)},
    )
    jobs.submit(outer)
    until(lambda: jobs.status("outer").state in JOB_FINAL)
    assert jobs.status("outer").state == "succeeded"
    assert ended(jobs).state == "succeeded"
    assert printed(jobs) == ["begun", "done"]


def test_it_belongs_to_no_terminal_and_no_one(jobs: LocalJobs, tmp_path: Path) -> None:
    jobs.submit(probe("sleep=60"))
    pid = supervisor(tmp_path / "jobs" / "a")
    until(lambda: jobs.status("a").state == "running")
    found = tree.table()[pid]
    assert found.session == pid
    assert found.parent not in {os.getpid(), os.getsid(0)}
    assert jobs.cancel("a").state == "cancelled"
    until(lambda: not supervisor(tmp_path / "jobs" / "a"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop_it_ends_the_job_properly(jobs: LocalJobs, tmp_path: Path, number: signal.Signals) -> None:
    jobs.submit(probe("print=begun", "sleep=60"))
    until(lambda: printed(jobs))
    os.kill(supervisor(tmp_path / "jobs" / "a"), number)
    status = ended(jobs)
    assert (status.state, status.reason) == ("cancelled", f"its supervisor got {number.name}")


def test_a_job_sees_no_variable_of_the_callers(
    jobs: LocalJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leaked")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    (tmp_path / "probe_variables.py").write_text(code)
    jobs.submit(JobSpec(name="a", module="probe_variables", environment={"PYTHONPATH": str(tmp_path)}))
    assert ended(jobs).state == "succeeded"
    seen = json.loads(printed(jobs)[-1])
    assert "leaked" not in seen.values()
    assert {"PATH", "HOME", "PYTHONPATH", "PYTHONUNBUFFERED"} <= seen.keys()


@pytest.mark.parametrize("what", ["missing", "without the toolkit"])
def test_an_interpreter_that_cannot_run_jobs_is_refused(tmp_path: Path, what: str) -> None:
    python = tmp_path / "python"
    if what != "missing":
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
        python.chmod(0o755)
    jobs = LocalJobs(tmp_path / "jobs", str(python))
    with pytest.raises(ConfigError, match=r"cannot run jobs: .*(No such file|No module named)") as refused:
        jobs.submit(probe())
    assert "pip install driftloop" in refused.value.hint
    with pytest.raises(NotFound):  # so that a corrected submission can be made
        jobs.status("a")
