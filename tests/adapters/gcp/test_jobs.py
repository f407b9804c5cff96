"""Jobs: what is asked of Cloud Run, what is made of its words, and what the suites cannot show."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.gcp import google
from tests.support import until
from toolkit.adapters.gcp import batch_words, job_request, job_words
from toolkit.adapters.gcp import jobs as module
from toolkit.adapters.gcp.jobs import open_jobs
from toolkit.adapters.gcp.run_api import Run
from toolkit.domain.errors import ConfigError, Unsupported
from toolkit.domain.specs import JOB_FINAL, JobSpec
from toolkit.testing.jobs import probe

WAYS: dict[str, Any] = {"image": "i", "account": "a", "token": "abc123"}


def body(**fields: Any) -> dict[str, Any]:
    return job_request.body(JobSpec(**{"name": "one", **fields}), "proj-dev", **WAYS)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gpus": 1}, "GPU"),
        ({"spot": True}, "spot"),
        ({"timeout_seconds": 8 * 86_400}, "7 days"),
        ({"timeout_seconds": 0}, "Cloud Run takes 1"),
        ({"retries": 11}, "takes 10"),
        ({"array": 10_001}, "10,000"),
        ({"memory_mb": 40_000}, "32,768"),
        ({"cpu": 9.0}, "at most 8"),
        ({"requirements": "polars==1.0"}, "digest"),
        ({"environment": {"A": "x" * 40_000}}, "32 KiB"),
    ],
)
def test_what_cloud_run_does_not_have_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        body(**fields)


def test_a_job_is_made_and_started_by_one_request() -> None:
    made = body(array=3, tags={"Step": "x y"}, packages="d" * 64, environment={"A": "b"}, memory_mb=5000, cpu=0.5)
    assert made["startExecutionToken"] == "abc123"
    assert made["template"]["taskCount"] == 3
    (container,) = made["template"]["template"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "5000Mi"}
    told = {one["name"]: one["value"] for one in container["env"]}
    assert told == {
        "A": "b", "TOOLKIT_EXECUTION_FROM": "CLOUD_RUN_EXECUTION", "TOOLKIT_INDEX_FROM": "CLOUD_RUN_TASK_INDEX",
        "TOOLKIT_REQUIREMENTS": "d" * 64,
    }  # fmt: skip
    assert made["labels"] == {"step": "x-y", "managed-by": "toolkit"}
    assert json.loads(made["annotations"][job_request.TAGS]) == {"Step": "x y"}


@pytest.mark.parametrize("name", ["a", "9-lives", "n" * 63])
def test_an_execution_fits_behind_the_name_of_its_job(name: str) -> None:
    found = job_request.job_id("p" * 30 + "-" + "t" * 20, name)
    assert len(found) < 50
    assert len(found) + 6 < 63
    assert found[0].isalpha()


JOB = {
    "annotations": {job_request.NAME: "one", job_request.TAGS: '{"a": "b"}'},
    "createTime": "2026-01-01T00:00:00.123456789Z",
    "template": {"template": {"containers": [{"image": "host/image:1"}]}},
}
ENDED = {
    "startTime": "2026-01-01T00:00:01Z",
    "completionTime": "2026-01-01T00:00:02Z",
    "taskCount": 1,
    "template": {"timeout": "5s", "containers": [{"resources": {"limits": {"memory": "2Gi"}}}]},
}
Words = tuple[str, str, int | None]


@pytest.mark.parametrize(
    ("result", "said", "expected"),
    [
        ({"status": {"code": 2, "message": "The container exited"}, "exitCode": 3}, "", ("failed", "exit code 3", 3)),
        ({"status": {"code": 2}, "exitCode": 3}, "no!", ("failed", "exit code 3: no!", 3)),
        ({"status": {"code": 2}, "termSignal": 9}, "", ("failed", "killed by SIGKILL", None)),
        ({"status": {"code": 2}, "exitCode": 137}, "", ("failed", "killed by SIGKILL", 137)),
        ({"status": {"code": 2}, "termSignal": 9}, "Memory limit of 2048 MiB exceeded",
         ("out-of-memory", "used more than its 2048 MiB", None)),
        ({"status": {"code": 10, "message": "The configured timeout was reached."}}, "",
         ("timeout", "ran longer than 5 s", None)),
        ({"status": {"code": 5, "message": "Image 'x' not found."}}, "",
         ("failed", "its image host/image:1 cannot be pulled: Image 'x' not found.; "
                    "toolkit image push --kind job puts one there", None)),
        ({"status": {"code": 13, "message": "Internal error"}}, "", ("failed", "Internal error", None)),
    ],
)  # fmt: skip
def test_words_of_an_end(result: dict[str, Any], said: str, expected: Words) -> None:
    tasks = [{"lastAttemptResult": result}]
    execution = {**ENDED, "conditions": [{"type": "Completed", "state": "CONDITION_FAILED"}]}
    found = job_words.status(JOB, execution, tasks, said)
    assert (found.state, found.reason, found.exit_code) == expected
    assert (found.submitted, found.ended) == ("2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:02.000000Z")


def test_a_job_that_was_never_started_has_failed_with_googles_words() -> None:
    found = job_words.status({**JOB, "terminalCondition": {"state": "CONDITION_FAILED", "message": "no right"}}, None)
    assert (found.state, found.reason) == ("failed", "no right")
    assert job_words.status(JOB, None).state == "queued"


@pytest.mark.slow
def test_an_image_that_is_not_there() -> None:
    jobs = open_jobs(google.settings(image="europe-west1-docker.pkg.dev/p/i/job:1-py3.1"))
    status = jobs.submit(probe())
    assert status.state == "failed"
    assert "toolkit image push" in status.reason
    assert list(jobs.logs(status.id, follow=True)) == []
    assert jobs.cancel(status.id) == jobs.status(status.id)


@pytest.mark.slow
def test_targets_of_one_project_see_their_own_jobs_only() -> None:
    one, other = (open_jobs(google.settings()) for _ in range(2))
    spec = probe("print=x")
    one.submit(spec)
    assert list(other.list()) == []
    assert other.submit(spec).id == spec.name
    assert len(list(one.list())) == len(list(other.list())) == 1


@pytest.mark.slow
def test_a_name_that_was_deleted_starts_anew_with_an_empty_log() -> None:
    jobs = open_jobs(google.settings())
    spec = probe("print=x")
    for _ in range(2):
        jobs.submit(spec)
        assert [line.text for line in jobs.logs(spec.name, follow=True)] == ["x"]
        jobs.delete(spec.name)


@pytest.mark.slow
@pytest.mark.parametrize("batch", ["never", "always"])
def test_a_job_that_ends_while_it_is_asked_to_stop(monkeypatch: pytest.MonkeyPatch, batch: str) -> None:
    jobs, words = open_jobs(google.settings(batch=batch)), batch_words if batch == "always" else job_words
    spec = probe("print=x")
    jobs.submit(spec)
    until(lambda: jobs.status(spec.name).state in JOB_FINAL)
    looks, ended = iter([False]), words.ended  # the first look is from before
    monkeypatch.setattr(words, "ended", lambda *seen: next(looks, True) and ended(*seen))
    assert jobs.cancel(spec.name).state == "succeeded"


@pytest.mark.slow
def test_what_ended_long_ago_is_removed_by_later_submissions(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = open_jobs(google.settings())
    old = probe()
    jobs.submit(old)
    until(lambda: jobs.status(old.name).state in JOB_FINAL)
    jobs.submit(probe())
    assert old.name in {status.name for status in jobs.list()}
    monkeypatch.setattr(module, "KEPT", module.KEPT * 0)
    jobs.submit(probe())
    assert old.name not in {status.name for status in jobs.list()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("maxRetries", 11),
        ("timeout", "604801s"),
        ("serviceAccount", "nobody"),
        ("containers", []),
        ("containers", [{"image": "a.b/c:1", "resources": {"limits": {"memory": "256Mi", "cpu": "1"}}}]),
        ("containers", [{"image": "a.b/c:1", "env": [{"name": "CLOUD_RUN_JOB", "value": "x"}]}]),
    ],
)
def test_the_emulator_refuses_what_cloud_run_refuses(change: str, value: Any) -> None:
    run = Run(google.settings())
    made = body()
    task = made["template"]["template"]
    task["containers"][0]["image"] = "a.b/c:1"
    task["serviceAccount"] = "a-job@emulated-project.iam.gserviceaccount.com"
    task[change] = value
    with pytest.raises(ConfigError):
        run.api.call("make", "POST", f"{run.parent}/jobs", made, {"jobId": f"j-{uuid4().hex[:8]}"})
