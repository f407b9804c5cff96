"""The emulated Batch refuses what the real one refuses, executes, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.aws import cloud, operator_site
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.emulator import COMMAND
from toolkit.adapters.aws.emulator.batch import rules
from toolkit.adapters.aws.emulator.batch import running as running_module
from toolkit.adapters.aws.emulator.batch.records import Job
from toolkit.adapters.aws.emulator.batch.running import ENDS, Running
from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.simulator import decision
from toolkit.adapters.aws.jobs import open_jobs
from toolkit.adapters.aws.names import Names
from toolkit.bootstrap.emulators import STOP_SECONDS
from toolkit.ports import Settings
from toolkit.testing.jobs import probe

pytestmark = pytest.mark.slow
DEFINITION: dict[str, Any] = {
    "jobDefinitionName": "d",
    "type": "container",
    "platformCapabilities": ["FARGATE"],
    "containerProperties": {
        "image": "registry.example/image:1",
        "executionRoleArn": "arn:aws:iam::123456789012:role/r",
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
    },
}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return operator_site.make()


@pytest.fixture(scope="module")
def batch(settings: Settings) -> Any:
    return client("batch", cloud.REGION, settings["services_endpoint"], retries=False)


@pytest.fixture(scope="module")
def submission(settings: Settings, batch: Any) -> dict[str, Any]:
    """What Batch takes; each case spoils one thing."""
    spec = probe("print=a")
    jobs = open_jobs(settings)
    jobs.submit(spec)
    list(jobs.logs(spec.name, follow=True))
    found = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    arn = next(one["jobDefinitionArn"] for one in found if settings["stem"] in one["jobDefinitionName"])
    return {"jobName": "a", "jobQueue": Names(settings["stem"]).queue, "jobDefinition": arn}


def container(**changes: Any) -> dict[str, Any]:
    return {"containerProperties": {**DEFINITION["containerProperties"], **changes}}


def sizes(cpu: str, memory: str) -> dict[str, Any]:
    return container(resourceRequirements=[{"type": "VCPU", "value": cpu}, {"type": "MEMORY", "value": memory}])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (sizes("1", "1024"), "Fargate resource requirements (1.00 vCPU, 1024 MiB) not valid."),
        (sizes("0.25", "1536"), "Fargate resource requirements (0.25 vCPU, 1536 MiB) not valid."),
        (sizes("3", "8192"), "Fargate resource requirements (3.00 vCPU, 8192 MiB) not valid."),
        (container(executionRoleArn=""), "executionRoleArn"),
        (container(vcpus=1), "vcpus is not applicable for Fargate. Use resource requirements instead."),
        (container(image=""), "image"),
        ({"jobDefinitionName": "a b"}, "jobDefinitionName"),
        ({"jobDefinitionName": "a" * 129}, "jobDefinitionName"),
        ({"timeout": {"attemptDurationSeconds": 59}}, "60 seconds"),
        ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
        ({"platformCapabilities": ["EC2"], **sizes("1.0", "512")}, "numeric value"),
    ],
)
def test_a_definition_that_batch_refuses(batch: Any, change: dict[str, Any], says: str) -> None:
    with pytest.raises(batch.exceptions.ClientException) as refused:
        batch.register_job_definition(**{**DEFINITION, **change})
    assert says in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"jobQueue": "nobodys"}, "JobQueue nobodys not found."),
        ({"jobDefinition": "nobodys"}, "JobDefinition nobodys not found."),
        ({"jobName": "-a"}, "jobName"),
        ({"jobName": "a/b"}, "jobName"),
        ({"jobName": "a" * 129}, "jobName"),
        ({"timeout": {"attemptDurationSeconds": 2}}, "60 seconds"),
        ({"arrayProperties": {"size": 1}}, "Array size"),
        ({"containerOverrides": {"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}}, "AWS_BATCH"),
        ({"tags": {str(n): "x" for n in range(51)}}, "50"),
        ({"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}] * 6}}, "at most 5"),
    ],
)
def test_a_submission_that_batch_refuses(
    batch: Any, submission: dict[str, Any], change: dict[str, Any], says: str
) -> None:
    with pytest.raises(batch.exceptions.ClientException) as refused:
        batch.submit_job(**{**submission, **change})
    assert says in refused.value.response["Error"]["Message"]


def test_without_a_filter_only_running_jobs_are_listed(batch: Any, submission: dict[str, Any]) -> None:
    queue = submission["jobQueue"]
    assert batch.list_jobs(jobQueue=queue)["jobSummaryList"] == []
    assert len(batch.list_jobs(jobQueue=queue, jobStatus="SUCCEEDED")["jobSummaryList"]) >= 1
    after = [{"name": "AFTER_CREATED_AT", "values": ["0"]}]
    first = batch.list_jobs(jobQueue=queue, filters=after, maxResults=1)
    assert len(first["jobSummaryList"]) == 1
    with pytest.raises(batch.exceptions.ClientException, match="not found"):
        batch.list_jobs(jobQueue="nobodys")
    with pytest.raises(batch.exceptions.ClientException, match="Exactly one"):
        batch.list_jobs()


def test_states_come_in_order_and_a_job_waits_for_what_it_depends_on(batch: Any, submission: dict[str, Any]) -> None:
    sleep = {"command": ["toolkit.testing.probe_job", "sleep=0.6"]}
    first = batch.submit_job(**submission, containerOverrides=sleep)["jobId"]
    second = batch.submit_job(**submission, containerOverrides=sleep, dependsOn=[{"jobId": first}])["jobId"]
    order = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    seen: dict[str, list[str]] = {first: [], second: []}
    while "SUCCEEDED" not in seen[second]:
        for job in batch.describe_jobs(jobs=[first, second])["jobs"]:
            if job["status"] not in seen[job["jobId"]]:
                seen[job["jobId"]].append(job["status"])
                assert job["jobId"] == first or job["status"] != "RUNNING" or "SUCCEEDED" in seen[first]
        time.sleep(0.01)
    for states in seen.values():
        assert states == sorted(states, key=order.index)
    assert "PENDING" in seen[second]


def test_cancel_leaves_alone_what_has_started(batch: Any, submission: dict[str, Any]) -> None:
    sleep = {"command": ["toolkit.testing.probe_job", "sleep=0.5"]}
    job = batch.submit_job(**submission, containerOverrides=sleep)["jobId"]
    while batch.describe_jobs(jobs=[job])["jobs"][0]["status"] != "RUNNING":
        time.sleep(0.02)
    batch.cancel_job(jobId=job, reason="too late")
    while (found := batch.describe_jobs(jobs=[job])["jobs"][0])["status"] not in {"SUCCEEDED", "FAILED"}:
        time.sleep(0.02)
    assert (found["status"], found["isCancelled"]) == ("SUCCEEDED", False)


def test_a_container_without_a_job_role_has_no_credentials(batch: Any, submission: dict[str, Any]) -> None:
    (whole,) = batch.describe_job_definitions(jobDefinitions=[submission["jobDefinition"]])["jobDefinitions"]
    bare = {key: value for key, value in whole["containerProperties"].items() if key != "jobRoleArn" and value}
    made = batch.register_job_definition(
        jobDefinitionName=f"d-{uuid4().hex}",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties=bare,
    )
    say = {"command": ["toolkit.testing.probe_job", "variable=AWS_ACCESS_KEY_ID", "variable=AWS_BATCH_JQ_NAME"]}
    asked = {**submission, "jobDefinition": made["jobDefinitionArn"], "containerOverrides": say}
    job = batch.submit_job(**asked)["jobId"]
    while (found := batch.describe_jobs(jobs=[job])["jobs"][0])["status"] not in {"SUCCEEDED", "FAILED"}:
        time.sleep(0.02)
    options = bare["logConfiguration"]["options"]
    logs = client("logs", cloud.REGION, batch.meta.endpoint_url)
    stream = found["container"]["logStreamName"]
    events = logs.get_log_events(logGroupName=options["awslogs-group"], logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["(not set)", submission["jobQueue"]]


@pytest.mark.parametrize(
    ("rules_", "facts", "expected"),
    [
        ([], {"code": 1}, True),
        ([{"onExitCode": "1", "action": "EXIT"}], {"code": 1}, False),
        ([{"onExitCode": "1*", "action": "EXIT"}], {"code": 137}, False),
        ([{"onExitCode": "2", "action": "EXIT"}], {"code": 1}, True),
        ([{"onReason": "OutOfMemory*", "action": "EXIT"}, {"onReason": "*", "action": "RETRY"}], {"reason": "x"}, True),
        ([{"onReason": "*", "onExitCode": "3", "action": "EXIT"}], {"code": 4}, True),
        ([{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}], {"code": 1}, False),
    ],
)
def test_the_first_rule_that_fits_decides(rules_: list[dict[str, str]], facts: dict[str, Any], expected: bool) -> None:
    whole = {"code": None, "reason": "", "status_reason": "", **facts}
    assert rules.again({"attempts": 3, "evaluateOnExit": rules_}, **whole) is expected


def test_a_deny_beats_an_allow_and_a_condition_that_is_not_met_says_nothing() -> None:
    allow = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"}
    met = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert decision([allow], "s3:GetObject", "arn:aws:s3:::b/a", {}) == "allowed"
    assert decision([allow], "s3:PutObject", "arn:aws:s3:::b/a", {}) == "implicitDeny"
    assert decision([allow, {**allow, "Effect": "Deny"}], "s3:GetObject", "arn:aws:s3:::b/a", {}) == "explicitDeny"
    assert decision([{**allow, "Condition": met}], "s3:GetObject", "arn:aws:s3:::b/a", {}) == "implicitDeny"


# Jobs die with the emulator


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["told to end", "killed"])
def test_no_job_outlives_the_emulator(how: signal.Signals, tmp_path: Path) -> None:
    cloud.address()  # sets the environment
    errors = (tmp_path / "stderr").open("w")
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    try:
        settings = cloud.settings(endpoint=address, services_endpoint=address, bucket=f"b-{uuid4().hex[:8]}")
        cloud.make_bucket(settings)
        operator_site.prepare(settings)
        jobs, marker = open_jobs(settings), f"sleeper-{uuid4().hex}"
        spec = probe("child=120", "sleep=120", environment={"MARKER": marker})
        jobs.submit(spec)
        next(jobs.logs(spec.name, follow=True))
        assert len(living(marker)) == 2
        begin = time.monotonic()
        while process.poll() is None and time.monotonic() - begin < STOP_SECONDS:
            process.send_signal(how)  # again and again, as `dev --stop` does
            time.sleep(0.002)
        assert process.poll() == (0 if how == signal.SIGTERM else -how)
        deadline = time.monotonic() + 20
        while living(marker) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert living(marker) == []
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        for stream in (process.stdin, process.stdout, errors):
            stream.close()
    if how == signal.SIGTERM:
        assert spec.name in (tmp_path / "stderr").read_text()


def test_a_job_that_comes_while_the_emulator_ends_ends_with_it(tmp_path: Path) -> None:
    running = Running(Moto(), Home("http://127.0.0.1:9", tmp_path, "123456789012"), list)
    running.close()
    late = Job({"jobName": "late"}, DEFINITION, queue="q", region=cloud.REGION, account="123456789012")
    running.start(late)
    running.close()
    assert (late.status, late.status_reason) == ("FAILED", ENDS)


def test_no_job_holds_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hang: the time is for all together."""
    monkeypatch.setattr(running_module, "CLOSE_SECONDS", 0.2)
    held = threading.Event()
    running = Running(Moto(), Home("http://127.0.0.1:9", tmp_path, "123456789012"), list)
    running._threads = [threading.Thread(target=held.wait, daemon=True) for _ in range(20)]
    for thread in running._threads:
        thread.start()
    begin = time.monotonic()
    running.close()
    held.set()
    assert time.monotonic() - begin < 2.0


def living(marker: str) -> list[int]:
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                environment = Path(entry.path, "environ").read_bytes()
            except OSError:
                continue
            if f"MARKER={marker}".encode() in environment:
                found.append(int(entry.name))
    return found
