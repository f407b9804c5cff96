from __future__ import annotations

import os
import sys
from pathlib import Path

from toolkit.domain.specs import JobSpec
from toolkit.execution.here import run_here
from toolkit.execution.output import Reader


def test_a_module_runs_as_a_job_and_leaves_this_process_as_it_was(tmp_path: Path) -> None:
    before = (dict(os.environ), list(sys.argv), Path.cwd())
    spec = JobSpec(
        name="here",
        module="toolkit.testing.probe_job",
        arguments=("variable=DECLARED", "error=to stderr", "files", "exit=5"),
        environment={"DECLARED": "1"},
        retries=1,
    )
    outcome = run_here(spec, tmp_path)
    assert (outcome.state, outcome.exit_code) == ("failed", 5)
    assert [line.text for line in Reader(tmp_path).read(whole=True)] == ["1", "to stderr", "[]"] * 2
    assert (dict(os.environ), list(sys.argv), Path.cwd()) == before


def test_success_and_exceptions(tmp_path: Path) -> None:
    good = JobSpec(name="here", module="toolkit.testing.probe_job", arguments=("print=hello",))
    assert run_here(good, tmp_path).state == "succeeded"
    bad = JobSpec(name="here", module="toolkit.testing.probe_job", arguments=("sleep=soon",))
    assert run_here(bad, tmp_path).reason == "exit code 1: ValueError: could not convert string to float: 'soon'"
    words = JobSpec(name="here", module="toolkit.testing.probe_job", arguments=("dance",))
    assert run_here(words, tmp_path).reason == "exit code 1: unknown action 'dance'"
