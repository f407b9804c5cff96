"""What every provider of jobs must do. The job is `toolkit.testing.probe_job`, told by its arguments what to do."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from toolkit.domain import times
from toolkit.domain.errors import ConfigError, Conflict, NotFound, Unsupported
from toolkit.domain.specs import JOB_FINAL, JobSpec, JobStatus
from toolkit.ports.jobs import Jobs
from toolkit.testing.claims import Suite, claims
from toolkit.testing.store import at_once


def probe(*actions: str, **fields: Any) -> JobSpec:
    """A job of a new name that does `actions` (see `probe_job`)."""
    return JobSpec(
        **{"name": f"probe-{uuid4().hex[:12]}", "module": "toolkit.testing.probe_job", "arguments": actions, **fields}
    )


class JobsSuite(Suite):
    """Give the fixtures `jobs` and `second`, another handle on the same jobs; clean up after them.

    `patience` is how many seconds a small job may take from submission to its end.
    """

    patience: ClassVar[float] = 60.0

    def ended(self, jobs: Jobs, spec: JobSpec) -> JobStatus:
        """The job's status once it has ended."""
        return self._until(jobs, spec, JOB_FINAL)

    def runs(self, jobs: Jobs, spec: JobSpec) -> JobStatus:
        """The job's status once it runs."""
        return self._until(jobs, spec, JOB_FINAL | {"running"})

    def _until(self, jobs: Jobs, spec: JobSpec, states: frozenset[str]) -> JobStatus:
        deadline = time.monotonic() + self.patience
        while (status := jobs.status(spec.name)).state not in states:
            assert time.monotonic() < deadline, f"still {status.state} after {self.patience} s"
            time.sleep(0.05)
        return status

    def printed(self, jobs: Jobs, spec: JobSpec) -> list[str]:
        """What the job printed, up to its end."""
        return [line.text for line in jobs.logs(jobs.status(spec.name).id, follow=True)]

    @claims("jobs.run")
    def test_a_job_runs_and_succeeds(self, jobs: Jobs) -> None:
        spec = probe("print=hello", tags={"team": "flights"})
        submitted = jobs.submit(spec)
        assert (submitted.name, submitted.tags) == (spec.name, spec.tags)
        status = self.ended(jobs, spec)
        assert (status.state, status.exit_code, status.reason) == ("succeeded", 0, "")
        assert (status.id, status.name, status.tags) == (submitted.id, spec.name, spec.tags)
        assert times.parse(status.submitted) <= times.parse(status.started) <= times.parse(status.ended)

    @claims("jobs.run")
    def test_a_job_that_fails_says_with_what(self, jobs: Jobs) -> None:
        spec = probe("exit=3")
        jobs.submit(spec)
        status = self.ended(jobs, spec)
        assert (status.state, status.exit_code) == ("failed", 3)
        assert "3" in status.reason

    @claims("jobs.run")
    @pytest.mark.parametrize(
        "spec",
        [
            pytest.param(probe("signal=9"), id="killed"),
            pytest.param(JobSpec(name=f"probe-{uuid4().hex[:12]}", module="toolkit.no_such_module"), id="no module"),
        ],
    )
    def test_a_job_that_dies_or_cannot_start_has_failed(self, jobs: Jobs, spec: JobSpec) -> None:
        jobs.submit(spec)
        status = self.ended(jobs, spec)
        assert status.state == "failed"
        assert status.reason

    @claims("jobs.run")
    def test_output_is_kept_in_order(self, jobs: Jobs) -> None:
        spec = probe("print=one", "error=two", "print=three", "error=four", "raw=66697665")  # "five", no line end
        jobs.submit(spec)
        assert self.printed(jobs, spec) == ["one", "two", "three", "four", "five"]
        lines = list(jobs.logs(spec.name))
        assert [line.text for line in lines] == ["one", "two", "three", "four", "five"]
        assert [line.time for line in lines] == sorted(line.time for line in lines)
        assert all(line.cursor and times.parse(line.time) for line in lines)

    @claims("jobs.run")
    def test_output_that_is_not_text_harms_nothing(self, jobs: Jobs) -> None:
        spec = probe("print=before", "raw=fffe80410a", "print=after")
        jobs.submit(spec)
        before, between, after = self.printed(jobs, spec)
        assert (before, after) == ("before", "after")
        assert between.endswith("A")

    @claims("jobs.run")
    def test_logs_go_on_after_a_cursor(self, jobs: Jobs) -> None:
        spec = probe("lines=2000")
        jobs.submit(spec)
        lines = list(jobs.logs(spec.name, follow=True))
        assert [line.text for line in lines] == [f"line {n}" for n in range(2000)]
        rest = list(jobs.logs(spec.name, after=lines[1499].cursor))
        assert rest == lines[1500:]
        assert list(jobs.logs(spec.name, after=lines[-1].cursor)) == []

    @claims("jobs.run")
    def test_only_declared_variables_arrive(self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PROBE_UNDECLARED", "leaked")
        monkeypatch.setenv("PYTHONPATH", "/leaked")
        spec = probe(
            "variable=PROBE_DECLARED", "variable=PROBE_UNDECLARED", "path", environment={"PROBE_DECLARED": "ä = 1 "}
        )
        jobs.submit(spec)
        declared, undeclared, path = self.printed(jobs, spec)
        assert (declared, undeclared) == ("ä = 1 ", "(not set)")
        assert "/leaked" not in json.loads(path)

    @claims("jobs.run")
    def test_a_job_starts_in_an_empty_folder_and_not_in_the_callers(
        self, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "json.py").write_text("raise SystemExit('the checkout of the caller is on sys.path')")
        monkeypatch.chdir(tmp_path)
        spec = probe("files", "path")
        jobs.submit(spec)
        names, path = self.printed(jobs, spec)
        assert json.loads(names) == []
        assert not {"", ".", str(tmp_path)} & set(json.loads(path))

    @claims("jobs.run")
    def test_a_second_submission_is_the_same_job(self, jobs: Jobs, second: Jobs) -> None:
        spec = probe("print=once", "sleep=0.5")
        first = jobs.submit(spec)
        again = second.submit(spec)
        assert (again.id, again.submitted) == (first.id, first.submitted)
        assert self.ended(jobs, spec).state == "succeeded"
        late = second.submit(spec)
        assert (late.id, late.state) == (first.id, "succeeded")
        assert self.printed(jobs, spec) == ["once"]

    @claims("jobs.run")
    def test_of_many_submissions_at_once_one_job_comes(self, jobs: Jobs, second: Jobs) -> None:
        spec = probe("print=once", "sleep=0.2")
        results = at_once(*[lambda port=port: port.submit(spec) for port in (jobs, second) * 4])
        ids = {result.id if isinstance(result, JobStatus) else result for result in results}
        if any(isinstance(result, Unsupported) for result in results):
            raise Unsupported("no jobs")
        assert ids == {jobs.status(spec.name).id}
        assert self.ended(second, spec).state == "succeeded"
        assert self.printed(second, spec) == ["once"]
        assert len([status for status in jobs.list() if status.name == spec.name]) == 1

    @claims("jobs.run")
    def test_jobs_are_listed_newest_first_and_by_tags(self, jobs: Jobs) -> None:
        tags = {"suite": uuid4().hex[:12]}
        specs = [probe(tags={**tags, "number": str(n)}) for n in range(3)]
        for spec in specs:
            jobs.submit(spec)
            time.sleep(0.01)  # a provider's clock may count in milliseconds
        assert [status.name for status in jobs.list(tags)] == [spec.name for spec in reversed(specs)]
        assert [status.name for status in jobs.list({**tags, "number": "1"})] == [specs[1].name]
        assert list(jobs.list({**tags, "number": "9"})) == []
        for spec in specs:
            self.ended(jobs, spec)

    @claims("jobs.run")
    def test_a_job_is_deleted_only_after_its_end(self, jobs: Jobs) -> None:
        spec = probe("sleep=1.5", tags={"suite": uuid4().hex[:12]})
        job_id = jobs.submit(spec).id
        with pytest.raises(Conflict):
            jobs.delete(job_id)
        self.ended(jobs, spec)
        jobs.delete(job_id)
        jobs.delete(job_id)
        assert list(jobs.list(spec.tags)) == []
        with pytest.raises(NotFound):
            jobs.status(job_id)

    @claims("jobs.run")
    def test_what_is_not_there(self, jobs: Jobs) -> None:
        with pytest.raises(NotFound):
            jobs.status("no-such-job")
        with pytest.raises(NotFound):
            list(jobs.logs("no-such-job"))
        jobs.delete("no-such-job")

    @claims("jobs.run")
    @pytest.mark.parametrize("name", ["", "-a", "a-", "../a", "A", "a b", "a/b", "a" * 64, "a\n", "ä"])
    def test_a_bad_name_is_refused(self, jobs: Jobs, name: str) -> None:
        with pytest.raises(ConfigError):
            jobs.submit(probe(name=name))

    @claims("jobs.run")
    def test_more_memory_than_there_is_is_refused(self, jobs: Jobs) -> None:
        spec = probe(memory_mb=1 << 40)
        with pytest.raises(Unsupported):
            jobs.submit(spec)
        with pytest.raises(NotFound):
            jobs.status(spec.name)

    @claims("jobs.cancel")
    def test_a_cancelled_job_and_its_children_are_gone(self, jobs: Jobs, second: Jobs) -> None:
        spec = probe("child=60", "sleep=60")
        job_id = jobs.submit(spec).id
        self._ticks(jobs, spec)
        status = second.cancel(job_id)
        assert status.state == "cancelled"
        assert status.reason
        self._stays_silent(jobs, spec)
        assert jobs.cancel(job_id) == jobs.status(job_id) == status

    @claims("jobs.cancel")
    def test_cancelling_an_ended_job_changes_nothing(self, jobs: Jobs) -> None:
        spec = probe("exit=4")
        job_id = jobs.submit(spec).id
        before = self.ended(jobs, spec)
        assert jobs.cancel(job_id) == before
        assert jobs.status(job_id) == before
        with pytest.raises(NotFound):
            jobs.cancel("no-such-job")

    @claims("jobs.timeout")
    def test_a_job_past_its_time_is_stopped_with_its_children(self, jobs: Jobs) -> None:
        spec = probe("child=60", "sleep=60", timeout_seconds=2)
        jobs.submit(spec)
        status = self.ended(jobs, spec)
        assert status.state == "timeout"
        assert "2 s" in status.reason
        self._stays_silent(jobs, spec)

    @claims("jobs.memory")
    def test_a_job_past_its_memory_is_stopped(self, jobs: Jobs) -> None:
        # A quarter of a CPU: providers sell memory by it.
        spec = probe("print=growing", "allocate=2048", "sleep=60", memory_mb=512, cpu=0.25)
        jobs.submit(spec)
        status = self.ended(jobs, spec)
        assert status.state == "out-of-memory"
        assert "512 MiB" in status.reason
        assert self.printed(jobs, spec) == ["growing"]

    @claims("jobs.retry")
    def test_a_failing_job_is_run_again(self, jobs: Jobs) -> None:
        spec = probe("print=attempt", "exit=7", retries=2)
        jobs.submit(spec)
        status = self.ended(jobs, spec)
        assert (status.state, status.exit_code) == ("failed", 7)
        assert self.printed(jobs, spec) == ["attempt"] * 3

    @claims("jobs.retry")
    def test_a_job_that_succeeds_is_not_run_again(self, jobs: Jobs) -> None:
        spec = probe("print=attempt", retries=2)
        jobs.submit(spec)
        assert self.ended(jobs, spec).state == "succeeded"
        assert self.printed(jobs, spec) == ["attempt"]

    @claims("jobs.array")
    def test_an_array_job_runs_once_for_every_index_and_is_one_job(self, jobs: Jobs) -> None:
        spec = probe("index", array=3, tags={"suite": uuid4().hex[:12]})
        jobs.submit(spec)
        assert self.ended(jobs, spec).state == "succeeded"
        assert sorted(self.printed(jobs, spec)) == ["0", "1", "2"]
        assert [status.name for status in jobs.list(spec.tags)] == [spec.name]

    @claims("jobs.array")
    def test_an_array_job_fails_with_one_of_its_processes(self, jobs: Jobs) -> None:
        spec = probe("index", "only=1", "exit=5", array=2)
        jobs.submit(spec)
        status = self.ended(jobs, spec)
        assert status.state == "failed"
        assert "1 of 2" in status.reason
        assert sorted(self.printed(jobs, spec)) == ["0", "1"]

    @claims("jobs.run")
    def test_a_process_alone_has_no_index(self, jobs: Jobs) -> None:
        spec = probe("index")
        jobs.submit(spec)
        assert self.printed(jobs, spec) == ["None"]

    def _ticks(self, jobs: Jobs, spec: JobSpec) -> None:
        """Return when the job's child has begun to print."""
        for _ in jobs.logs(spec.name, follow=True):
            return
        raise AssertionError("the child printed nothing")

    def _stays_silent(self, jobs: Jobs, spec: JobSpec) -> None:
        before = len(list(jobs.logs(spec.name)))
        time.sleep(0.5)  # a living child prints every 0.1 s
        assert len(list(jobs.logs(spec.name))) == before
