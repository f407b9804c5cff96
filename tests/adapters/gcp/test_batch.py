"""What goes to Batch, what is asked of it, and what is made of its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.adapters.gcp.batch_bodies import ACCOUNT, DAY, body, settings
from toolkit.adapters.gcp import batch_request, batch_task, batch_words
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import JobSpec

NETWORK = "projects/my-project/global/networks/n"
SUBNETWORK = "projects/my-project/regions/europe-west1/subnetworks/s"


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
