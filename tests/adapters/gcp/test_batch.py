"""Batch: what goes there, what is asked of it, what is made of its words, and who may."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.adapters.gcp import google
from toolkit.adapters.gcp import batch_request, batch_task, batch_words
from toolkit.adapters.gcp.batch_jobs import HOST, BatchJobs
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.doctor import check
from toolkit.adapters.gcp.grants import BATCH_POWERS, POWERS, Site, powers, roles
from toolkit.adapters.gcp.jobs import RunJobs, open_jobs
from toolkit.adapters.gcp.names import Names
from toolkit.adapters.gcp.operator import terraform
from toolkit.adapters.gcp.run_api import Run
from toolkit.adapters.gcp.settings import GcpSettings
from toolkit.domain.errors import ConfigError, NotFound, PermissionDenied, Unsupported
from toolkit.domain.specs import JOB_FINAL, JobSpec, JobStatus
from toolkit.ports import Settings
from toolkit.ports.checks import Asked
from toolkit.ports.jobs import Jobs
from toolkit.testing.jobs import probe

ACCOUNT = "a-job@emulated-project.iam.gserviceaccount.com"
WAYS: dict[str, Any] = {"image": "a.b/c:1", "account": ACCOUNT, "token": "abc123"}
DAY = 86_400


def settings(**more: Any) -> Settings:
    context = {"project": "proj", "target": "dev"}
    return GcpSettings.model_validate({"accelerator": "nvidia-l4", **more}, context=context).model_dump(mode="json")


def body(given: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return batch_request.body(JobSpec(**{"name": "one", **fields}), settings(**(given or {})), **WAYS)


def task(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["taskGroups"][0]["taskSpec"]
    return found


@pytest.mark.parametrize(
    ("fields", "there"),
    [
        ({}, False),
        ({"timeout_seconds": 7 * DAY, "cpu": 8.0, "memory_mb": 32_768, "array": 10_000, "retries": 10}, False),
        ({"gpus": 1}, True),
        ({"spot": True}, True),
        ({"timeout_seconds": 7 * DAY + 1}, True),
        ({"memory_mb": 32_769}, True),
        ({"cpu": 8.5}, True),
    ],
)
def test_what_cloud_run_has_not_goes_to_batch(fields: dict[str, Any], there: bool) -> None:
    assert batch_request.needed(JobSpec(name="one", **fields)) is there


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"timeout_seconds": 14 * DAY + 1}, "14 days"),
        ({"timeout_seconds": 0}, "Batch takes 1"),
        ({"retries": 11}, "takes 10"),
        ({"array": 10_001}, "10,000"),
        ({"memory_mb": 1 << 40}, "12,058,624"),
        ({"cpu": 417.0}, "416"),
        ({"gpus": 17}, "and 16"),
        ({"requirements": "polars==1.0"}, "digest"),
    ],
)
def test_what_not_even_batch_has_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        body(**fields)


def test_gpus_need_a_kind() -> None:
    with pytest.raises(Unsupported, match="which kind") as refused:
        body({"accelerator": ""}, gpus=1)
    assert "accelerator =" in refused.value.hint
    with pytest.raises(ValueError, match="nvidia-l4"):
        settings(accelerator="NVIDIA L4")


def test_a_machine_with_gpus() -> None:
    made = body({"machine_type": "g2-standard-24"}, gpus=2, spot=True, cpu=3.5, memory_mb=50_000, array=3)
    (machine,) = made["allocationPolicy"]["instances"]
    assert machine == {
        "installGpuDrivers": True,
        "policy": {
            "provisioningModel": "SPOT",
            "machineType": "g2-standard-24",
            "accelerators": [{"type": "nvidia-l4", "count": "2"}],
        },
    }
    assert task(made)["computeResource"] == {"cpuMilli": "3500", "memoryMib": "50000"}
    assert made["taskGroups"][0]["taskCount"] == "3"
    container = task(made)["runnables"][0]["container"]
    assert container["options"] == "--privileged"
    assert container["volumes"][0].endswith(task(made)["environment"]["variables"]["LD_LIBRARY_PATH"])


NETWORK = "projects/my-project/global/networks/n"
SUBNETWORK = "projects/my-project/regions/europe-west1/subnetworks/s"


def test_a_network_of_ones_own() -> None:
    def interface(**given: Any) -> dict[str, Any]:
        found: dict[str, Any] = body(given)["allocationPolicy"]["network"]["networkInterfaces"][0]
        return found

    assert interface(network=NETWORK) == {"network": NETWORK}
    assert interface(network=NETWORK, subnetwork=SUBNETWORK) == {
        "network": NETWORK, "subnetwork": SUBNETWORK, "noExternalIpAddress": True,
    }  # fmt: skip
    for wrong in ({"network": "n"}, {"subnetwork": SUBNETWORK}, {"network": NETWORK, "subnetwork": "s"}):
        with pytest.raises(ValueError, match="network"):
            settings(**wrong)


def test_a_job_as_batch_is_told_it() -> None:
    made = body(tags={"Step": "x y"}, packages="d" * 64, environment={"A": "b"}, arguments=("x",), timeout_seconds=9)
    assert made["allocationPolicy"] == {
        "instances": [{"policy": {"provisioningModel": "STANDARD"}}],
        "serviceAccount": {"email": ACCOUNT},
        "labels": {"step": "x-y", "managed-by": "toolkit"},
    }
    assert made["logsPolicy"] == {"destination": "CLOUD_LOGGING"}
    assert task(made)["maxRunDuration"] == "9s"
    assert task(made)["runnables"][0]["container"] == {
        "imageUri": "a.b/c:1", "commands": [batch_task.MODULE, "2048", "toolkit.entry.job", "x"],
    }  # fmt: skip
    variables = task(made)["environment"]["variables"]
    assert json.loads(variables.pop(batch_request.TAGS)) == {"Step": "x y"}
    assert variables == {
        "A": "b", "TOOLKIT_REQUIREMENTS": "d" * 64, "TOOLKIT_EXECUTION": "proj-dev-one-abc123",
        batch_request.NAME: "one", batch_request.STEM: "proj-dev",
    }  # fmt: skip
    assert body(array=1)["taskGroups"][0]["taskSpec"]["environment"]["variables"]["TOOLKIT_INDEX_FROM"]


@pytest.mark.parametrize(
    ("fields", "count", "rule"),
    [
        ({}, 0, None),
        ({"retries": 2}, 2, ("FAIL_TASK", [50005, batch_task.OUT_OF_MEMORY])),
        ({"spot": True}, 3, ("RETRY_TASK", [50001])),
        ({"spot": True, "retries": 1}, 3, ("FAIL_TASK", [50005, batch_task.OUT_OF_MEMORY])),
    ],
)
def test_what_is_run_again(fields: dict[str, Any], count: int, rule: tuple[str, list[int]] | None) -> None:
    spec = task(body(**fields))
    found = [(one["action"], one["actionCondition"]["exitCodes"]) for one in spec.get("lifecyclePolicies", [])]
    assert (spec["maxRetryCount"], found) == (count, [rule] if rule else [])


def said(state: str, *codes: int | None, count: int = 1) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A job in this state and its tasks, with their exit codes."""
    made = body(tags={"a": "b"}, timeout_seconds=5, memory_mb=2048)
    made["taskGroups"][0]["taskCount"] = str(count)
    event = {"description": f"Job state is set from RUNNING to {state} for job x.", "eventTime": "2026-01-01T00:00:02Z"}
    status = {"state": state, "statusEvents": [event]}
    times = {"createTime": "2026-01-01T00:00:00.123456789Z", "updateTime": "2026-01-01T00:00:03Z"}
    tasks = [
        {"status": {"state": "FAILED", "statusEvents": [{"taskExecution": {"exitCode": code}}, {}]}}
        if code
        else {"status": {"state": "SUCCEEDED"}}
        for code in codes
    ]
    return {**made, **times, "uid": "u", "status": status}, tasks


@pytest.mark.parametrize(
    ("state", "codes", "expected"),
    [
        ("QUEUED", (), ("queued", "", None)),
        ("SCHEDULED", (), ("queued", "", None)),
        ("RUNNING", (), ("running", "", None)),
        ("SUCCEEDED", (None,), ("succeeded", "", 0)),
        ("CANCELLATION_IN_PROGRESS", (), ("running", "", None)),
        ("DELETION_IN_PROGRESS", (), ("running", "", None)),
        ("CANCELLED", (), ("cancelled", "stopped by the toolkit", None)),
        ("FAILED", (3,), ("failed", "exit code 3: last words", 3)),
        ("FAILED", (137,), ("failed", "killed by SIGKILL", None)),
        ("FAILED", (50005,), ("timeout", "ran longer than 5 s", None)),
        ("FAILED", (batch_task.OUT_OF_MEMORY,), ("out-of-memory", "used more than its 2048 MiB", None)),
        ("FAILED", (50001,), ("failed", "its spot machine was taken back once too often", None)),
        ("FAILED", (50002,), ("failed", "Job state is set from RUNNING to FAILED for job x.", None)),
        ("FAILED", (), ("failed", "Job state is set from RUNNING to FAILED for job x.", None)),
        ("FAILED", (None, 5, None), ("failed", "1 of 3 did not succeed", 5)),
    ],
)
def test_words_of_batch(state: str, codes: tuple[int, ...], expected: tuple[str, str, int | None]) -> None:
    job, tasks = said(state, *codes, count=max(1, len(codes)))
    found = batch_words.status(job, tasks, "last words")
    assert (found.state, found.reason, found.exit_code) == expected
    assert (found.name, found.tags, found.submitted) == ("one", {"a": "b"}, "2026-01-01T00:00:00.123456Z")
    assert found.ended == ("2026-01-01T00:00:02.000000Z" if state in batch_words.ENDED else "")


def test_an_image_that_docker_does_not_find() -> None:
    found = batch_words.status(*said("FAILED", 125), "docker: not found")
    assert found.exit_code is None
    assert "toolkit image push" in found.reason


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
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (code, "a\n")


# Which way


def ended(jobs: Jobs, name: str) -> JobStatus:
    deadline = time.monotonic() + 60
    while (status := jobs.status(name)).state not in JOB_FINAL:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return status


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
    spec = probe("print=attempt", "sleep=60", timeout_seconds=1, retries=3)
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


# What the emulator refuses


def change(made: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    place: Any = made
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return made


TASK = "taskGroups.0.taskSpec"


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


# Who may


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
