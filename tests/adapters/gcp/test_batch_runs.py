"""Jobs of Batch as they run, over the wire: where each goes, how it ends, what is refused, and who may."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.adapters.gcp import google
from tests.adapters.gcp.batch_bodies import DAY, body, settings
from tests.support import until
from toolkit.adapters.gcp import batch_task
from toolkit.adapters.gcp.batch_jobs import HOST, BatchJobs
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.doctor import check
from toolkit.adapters.gcp.grants import BATCH_POWERS, POWERS, Site, powers, roles
from toolkit.adapters.gcp.jobs import RunJobs, open_jobs
from toolkit.adapters.gcp.names import Names
from toolkit.adapters.gcp.operator import terraform
from toolkit.adapters.gcp.run_api import Run
from toolkit.domain.errors import ConfigError, NotFound, PermissionDenied, Unsupported
from toolkit.domain.specs import JOB_FINAL, JobSpec, JobStatus
from toolkit.ports.checks import Asked
from toolkit.ports.jobs import Jobs
from toolkit.testing.jobs import probe

TASK = "taskGroups.0.taskSpec"


def ended(jobs: Jobs, name: str) -> JobStatus:
    until(lambda: jobs.status(name).state in JOB_FINAL, 120)
    return jobs.status(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("memory_mb", "actions", "code"),
    [
        (512, ("print=a",), 0),
        (512, ("print=a", "exit=3"), 3),
        (512, ("print=a", "signal=9"), 137),
        (128, ("print=a", "allocate=1024", "sleep=60"), batch_task.OUT_OF_MEMORY),
    ],
)
def test_a_module_with_a_memory_limit(memory_mb: int, actions: tuple[str, ...], code: int) -> None:
    argv = [sys.executable, "-m", *batch_task.command(memory_mb, "toolkit.testing.probe_job", actions)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (code, "a\n")


@pytest.mark.slow
def test_each_job_goes_where_there_is_a_machine_for_it() -> None:
    given = google.settings(batch="needed", accelerator="nvidia-l4")
    jobs, run, batch = open_jobs(given), RunJobs(Run(given)), BatchJobs(Run(given))
    tags = {"t": uuid4().hex[:8]}
    small = probe("print=small", tags=tags)
    wanting = [
        probe("variable=LD_LIBRARY_PATH", gpus=1, tags=tags), probe(spot=True, tags=tags),
        probe(timeout_seconds=8 * DAY, tags=tags), probe(memory_mb=40_000, tags=tags),
    ]  # fmt: skip
    for spec in (small, *wanting):
        jobs.submit(spec)
    assert [status.name for status in run.list(tags)] == [small.name]
    assert {status.name for status in batch.list(tags)} == {spec.name for spec in wanting}
    listed = [status.name for status in jobs.list(tags)]
    assert sorted(listed) == sorted(spec.name for spec in (small, *wanting))
    assert [line.text for line in jobs.logs(wanting[0].name, follow=True)] == ["/usr/local/nvidia/lib64"]
    for spec in (small, *wanting):
        assert ended(jobs, spec.name).state == "succeeded"
        jobs.delete(spec.name)
    assert list(jobs.list(tags)) == []


@pytest.mark.slow
def test_a_name_is_one_job_wherever_it_runs() -> None:
    given = google.settings()
    spec = probe("print=once")
    first = open_jobs(given).submit(spec)
    moved = open_jobs({**given, "batch": "always"})
    assert (moved.submit(spec).id, moved.submit(spec).submitted) == (first.id, first.submitted)
    assert [line.text for line in moved.logs(spec.name, follow=True)] == ["once"]
    assert len(list(moved.list())) == 1
    with pytest.raises(NotFound):
        BatchJobs(Run(given)).status(spec.name)


def test_without_batch_the_hint_says_how_to_have_it() -> None:
    for fields in ({"gpus": 1}, {"spot": True}, {"timeout_seconds": 8 * DAY}):
        with pytest.raises(Unsupported) as refused:
            open_jobs(settings(project="my-project", region="europe-west1")).submit(JobSpec(name="one", **fields))
        assert refused.value.hint == 'batch = "needed" in [targets.<t>.gcp]'


@pytest.mark.slow
def test_what_ran_out_of_time_is_not_run_again() -> None:
    jobs = open_jobs(google.settings(batch="always"))
    spec = probe("print=attempt", "sleep=60", timeout_seconds=6, retries=3)  # time enough to print
    jobs.submit(spec)
    assert ended(jobs, spec.name).state == "timeout"
    assert [line.text for line in jobs.logs(spec.name)] == ["attempt"]


@pytest.mark.slow
def test_an_image_that_is_not_there() -> None:
    jobs = open_jobs(google.settings(batch="always", image="europe-west1-docker.pkg.dev/p/i/job:1-py3.1"))
    spec = probe()
    jobs.submit(spec)
    status = ended(jobs, spec.name)
    assert status.state == "failed"
    assert "toolkit image push" in status.reason


def change(made: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    place: Any = made
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("taskGroups", []),
        ("taskGroups.0.taskCount", "10001"),
        ("logsPolicy.destination", "PATH"),
        ("labels", {"goog-mine": "x"}),
        ("labels", {"a": "B"}),
        ("uid", "mine"),
        (f"{TASK}.maxRetryCount", 11),
        (f"{TASK}.maxRunDuration", "1209601s"),
        (f"{TASK}.maxRunDuration", "a day"),
        (f"{TASK}.runnables", []),
        (f"{TASK}.runnables", [{"script": {"text": "true"}}]),
        (f"{TASK}.runnables.0.container.imageUri", "no image"),
        (f"{TASK}.computeResource", {"cpuMilli": "0"}),
        (f"{TASK}.environment.variables", {"BATCH_TASK_INDEX": "1"}),
        (f"{TASK}.lifecyclePolicies", [{"action": "RETRY_TASK"}]),
        (f"{TASK}.unknown", 1),
        ("allocationPolicy.serviceAccount.email", "nobody"),
        ("allocationPolicy.network", {"networkInterfaces": [{"subnetwork": "s"}]}),
        ("allocationPolicy.instances", []),
        ("allocationPolicy.instances.0.policy.provisioningModel", "CHEAP"),
        ("allocationPolicy.instances.0.policy.accelerators", [{"type": "nvidia-l4"}]),
        ("allocationPolicy.instances.0.installGpuDrivers", True),
    ],
)
def test_the_emulator_refuses_what_batch_refuses(path: str, value: Any) -> None:
    api, where = Api(HOST, "v1", google.address()), "projects/emulated-project/locations/europe-west1/jobs"
    with pytest.raises(ConfigError):
        api.call("make", "POST", where, change(body(), path, value), {"jobId": f"j-{uuid4().hex[:8]}"})


def site(batch: bool) -> Site:
    return Site("s-t", "my-project", "1", "europe-west1", "bucket", "s", batch=batch)


def test_only_a_target_with_batch_grants_anything_for_it() -> None:
    without, with_batch = roles(site(False)), roles(site(True))
    assert powers(site(False)) == POWERS
    more = {role: [one for one in with_batch[role] if one not in without[role]] for role in with_batch}
    assert {role: [one.power for one in grants] for role, grants in more.items() if grants} == {
        "drift-check": ["batch"], "job": ["report", "pull"], "retrain": ["batch", "report", "pull"],
        "deployer": ["batch"],
    }  # fmt: skip
    filled = {"stem": "flights-prod", "prefix": "flights"}  # without any, the module has a variable for it
    plain, module = terraform.module(filled)["main.tf"], terraform.module(filled, batch=True)["main.tf"]
    for word in ("batch.googleapis.com", "compute.googleapis.com", "batch.jobs.create", "batch.states.report"):
        assert (word in plain, word in module) == (False, True)


@pytest.mark.slow
def test_everybody_does_by_batch_what_they_have_to_and_no_grant_is_spare() -> None:
    found = google.prepared(batch="always")
    own = Names(found["stem"])

    def acting(role: str) -> Any:
        return google.acting(own.account(role, "emulated-project"))

    with acting("deployer"):
        jobs = open_jobs(found)
        name = jobs.submit(probe("sleep=30", tags={"a": "b"})).name
        jobs.cancel(name)
        assert [status.name for status in jobs.list({"a": "b"})] == [name]
        failing = jobs.submit(probe("exit=3")).name
        list(jobs.logs(failing, follow=True))
        assert ended(jobs, failing).exit_code == 3
        jobs.delete(failing)
        assert [one for one in check(Asked(found, "prod", frozenset({"jobs"}))) if not one.ok] == []
    with acting("drift-check"):
        assert open_jobs(found).submit(probe("exit=0", tags={"step": "retrain"})).name
        with pytest.raises(PermissionDenied, match="actAs"):
            open_jobs(found).submit(probe("exit=0"))
    with acting("retrain"):
        assert open_jobs(found).submit(probe("exit=0")).name
    for role in ("job", "inference"):
        with acting(role), pytest.raises(PermissionDenied):
            BatchJobs(Run(found)).submit(probe("exit=0"))
    used = requests.get(f"{google.address()}/emulator/permissions", timeout=10).json()
    seen = {permission for account, permission in used if account.startswith(own.stem[:20])}
    assert set(BATCH_POWERS["batch"].permissions) <= seen
    # The machine's own: what it tells Batch and the log is not asked for here.
    assert set(BATCH_POWERS["report"].permissions) == {"batch.states.report", "logging.logEntries.create"}


@pytest.mark.slow
def test_doctor_says_what_is_missing_where_batch_was_asked_for_later() -> None:
    found = google.prepared()
    with google.acting(Names(found["stem"]).account("deployer", "emulated-project")):
        checks = {one.name: one for one in check(Asked({**found, "batch": "needed"}, "prod", frozenset({"jobs"})))}
    assert not checks["gcp permissions"].ok
    for permission in BATCH_POWERS["batch"].permissions:
        assert permission in checks["gcp permissions"].said
