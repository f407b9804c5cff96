"""Jobs on Batch: what the suite does not say. One submission is one job whatever happens to its reply."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.aws import cloud, operator_site
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.job_words import NAME
from toolkit.adapters.aws.jobs import BatchJobs, image, image_tag, open_jobs
from toolkit.adapters.aws.logs import Streams
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.store import open_store
from toolkit.domain.errors import ConfigError, NotFound, PermissionDenied, Unavailable, Unsupported
from toolkit.domain.specs import JOB_FINAL, JobSpec, JobStatus
from toolkit.execution.tickets import Tickets
from toolkit.ports import Settings
from toolkit.ports.jobs import Jobs
from toolkit.testing.faultproxy import Applied, Fault, Proxy, Refused
from toolkit.testing.jobs import probe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings() -> Settings:
    return operator_site.make()


@pytest.fixture(scope="module")
def jobs(settings: Settings) -> Jobs:
    return open_jobs(settings)


def ended(jobs: Jobs, spec: JobSpec) -> JobStatus:
    deadline = time.monotonic() + 60
    while (status := jobs.status(spec.name)).state not in JOB_FINAL:
        assert time.monotonic() < deadline, status
        time.sleep(0.05)
    return status


def through(proxy: Proxy, settings: Settings, *, reads: str = "") -> BatchJobs:
    """The jobs of `settings`, submitted through a proxy; `reads` is where all else of Batch is."""
    return BatchJobs(
        settings,
        batch=client("batch", cloud.REGION, reads or settings["services_endpoint"]),
        submits=client("batch", cloud.REGION, proxy.address, retries=False),
        streams=Streams(Names(settings["stem"]).job_group, client("logs", cloud.REGION, settings["services_endpoint"])),
        tickets=Tickets(open_store(settings), settings["stem"]),
        poll=0.05,
        looks=(0.0, 0.05, 0.1),
    )


def of_name(settings: Settings, spec: JobSpec) -> list[dict[str, Any]]:
    batch = client("batch", cloud.REGION, settings["services_endpoint"])
    named = [{"name": "JOB_NAME", "values": [f"{settings['stem']}-{spec.name}"]}]
    found = batch.list_jobs(jobQueue=Names(settings["stem"]).queue, filters=named)["jobSummaryList"]
    return [dict(one) for one in found]


# One submission, one job


@pytest.mark.parametrize(
    "fault",
    [Applied(), Applied(503), Refused(503, "ServiceUnavailable"), Refused(429, "TooManyRequestsException")],
    ids=["reply lost", "applied, then 503", "503", "throttled"],
)
def test_a_submission_whose_answer_is_lost_or_refused_is_one_job(settings: Settings, fault: Fault) -> None:
    spec = probe("print=once")
    with Proxy(settings["services_endpoint"], lambda number, *_: fault if number == 1 else None) as proxy:
        jobs = through(proxy, settings)
        assert jobs.submit(spec).name == spec.name
        assert ended(jobs, spec).state == "succeeded"
        assert len(proxy.seen) == (1 if isinstance(fault, Applied) else 2)
    assert len(of_name(settings, spec)) == 1
    assert open_jobs(settings).submit(spec).state == "succeeded"
    assert [line.text for line in jobs.logs(spec.name)] == ["once"]


def test_the_sdk_repeats_no_submission_by_itself(settings: Settings) -> None:
    def plan(number: int, method: str, target: str) -> Fault | None:
        return Applied() if target.endswith("/submitjob") else None

    spec = probe("print=once")
    with Proxy(settings["services_endpoint"], plan) as proxy:
        jobs = open_jobs({**settings, "services_endpoint": proxy.address})
        jobs.submit(spec)
        assert ended(jobs, spec).state == "succeeded"
        assert [line.rpartition("/")[2] for line in proxy.seen].count("submitjob") == 1
    assert len(of_name(settings, spec)) == 1


def test_the_same_command_again_converges_when_nothing_was_known(settings: Settings) -> None:
    """The reply lost, and then the network: the command fails, and the next one finds the job."""
    spec = probe("print=once")
    lost: list[int] = []

    def plan(number: int, method: str, target: str) -> Fault | None:
        if target.endswith("/submitjob"):
            lost.append(number)
            return Applied()
        return Refused(503, "ServerException") if lost and "jobs" in target else None

    with Proxy(settings["services_endpoint"], plan) as proxy:
        with pytest.raises(Unavailable):
            through(proxy, settings, reads=proxy.address).submit(spec)
        assert len(lost) == 1
    again = open_jobs(settings)
    assert again.submit(spec).name == spec.name
    assert ended(again, spec).state == "succeeded"
    assert len(of_name(settings, spec)) == 1


def test_a_submission_that_was_refused_leaves_the_name_free_at_once(settings: Settings) -> None:
    spec = probe("print=once")
    denied = Proxy(settings["services_endpoint"], lambda *_: Refused(403, "AccessDeniedException"))
    with denied as proxy, pytest.raises(PermissionDenied, match="submit job"):
        through(proxy, settings).submit(spec)
    begin = time.monotonic()
    assert open_jobs(settings).submit(spec).name == spec.name
    assert time.monotonic() - begin < 10, "no wait for the ticket of the one who was refused"


def test_of_two_jobs_of_one_name_the_older_is_the_job(settings: Settings, jobs: Jobs) -> None:
    spec = probe("print=once")
    jobs.submit(spec)
    first = of_name(settings, spec)[0]
    batch = client("batch", cloud.REGION, settings["services_endpoint"])
    time.sleep(0.01)
    batch.submit_job(
        jobName=first["jobName"], jobQueue=Names(settings["stem"]).queue, jobDefinition=first["jobDefinition"],
        tags={NAME: spec.name},
    )  # fmt: skip
    assert len(of_name(settings, spec)) == 2
    other = open_jobs(settings)
    assert other.status(spec.name).submitted == jobs.status(spec.name).submitted


def test_targets_that_share_a_queue_do_not_meet(settings: Settings, jobs: Jobs) -> None:
    """Run ids are digests: the same code and data on two targets are jobs of the same name."""
    other = {**settings, "stem": f"{settings['stem']}-b", "queue": Names(settings["stem"]).queue}
    own = Names(other["stem"])
    for role in ("job", "start"):
        operator_site.make_role(settings, own.role(role), "ecs-tasks.amazonaws.com")
    operator_site.service(settings, "logs").create_log_group(logGroupName=own.job_group)
    other["image"] = "registry.example/image:1"
    spec = probe("print=once")
    jobs.submit(spec)
    theirs = open_jobs(other)
    with pytest.raises(NotFound):
        theirs.status(spec.name)
    assert [status.name for status in theirs.list()] == []
    theirs.submit(spec)
    assert len(of_name(settings, spec)) == 1
    assert [status.name for status in jobs.list()].count(spec.name) == 1
    assert ended(theirs, spec).state == "succeeded"


# Definitions


def test_a_definition_is_registered_once_for_an_image_and_a_size(settings: Settings) -> None:
    batch = client("batch", cloud.REGION, settings["services_endpoint"])

    def definitions() -> list[str]:
        found = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
        return [one["jobDefinitionName"] for one in found if one["jobDefinitionName"].startswith(settings["stem"])]

    jobs, fields = open_jobs(settings), {"cpu": 4.0, "memory_mb": 9000}
    before = definitions()
    for _ in range(2):
        ended(jobs, submitted(jobs, probe("print=a", **fields)))
    (new,) = [name for name in definitions() if name not in before]
    assert new.startswith(Names(settings["stem"]).job_definition)
    ended(open_jobs({**settings, "image": "registry.example/image:2"}), submitted(open_jobs(settings), probe(**fields)))
    (found,) = batch.describe_job_definitions(jobDefinitionName=new)["jobDefinitions"]
    needs = {one["type"]: one["value"] for one in found["containerProperties"]["resourceRequirements"]}
    assert needs == {"VCPU": "4", "MEMORY": "9216"}
    assert found["revision"] == 1


def submitted(jobs: Jobs, spec: JobSpec) -> JobSpec:
    jobs.submit(spec)
    return spec


# What cannot be


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (probe(gpus=1), "no GPU"),
        (probe(memory_mb=200_000), "122,880 MiB"),
        (probe(spot=True), "no queue of them"),
        (probe(requirements="polars==1.0"), "no packages"),
        (probe(environment={"A": "x" * 9000}), "8,192"),
    ],
    ids=["gpu", "memory", "spot", "packages", "variables"],
)
def test_what_batch_has_not_is_refused_before_anything_is_asked(settings: Settings, spec: JobSpec, says: str) -> None:
    with Proxy(settings["services_endpoint"], lambda *_: Refused(500, "ServerException")) as proxy:
        with pytest.raises(Unsupported, match=says):
            open_jobs({**settings, "services_endpoint": proxy.address, "endpoint": proxy.address}).submit(spec)
        assert proxy.seen == []


def test_a_queue_that_nobody_made_says_what_makes_it(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="not found") as failed:
        open_jobs({**settings, "queue": "nobodys"}).submit(probe())
    assert "toolkit bootstrap" in failed.value.hint


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda given: {"image": f"{_registry()}/none:1"}, "cannot be pulled"),
        (lambda given: {"image": f"{_registry()}/{Names(given['stem']).repository}:none"}, "cannot be pulled"),
    ],
    ids=["no repository", "no tag"],
)
def test_an_image_that_is_not_there(settings: Settings, change: Callable[[Settings], Any], says: str) -> None:
    jobs = open_jobs({**settings, **change(settings)})
    status = ended(jobs, submitted(jobs, probe("print=a")))
    assert status.state == "failed"
    assert says in status.reason
    assert "toolkit image push" in status.reason
    assert status.exit_code is None


def _registry() -> str:
    return f"123456789012.dkr.ecr.{cloud.REGION}.amazonaws.com"


def test_a_role_that_is_not_there_or_does_not_trust_ecs() -> None:
    settings = operator_site.make()
    iam, own = operator_site.service(settings, "iam"), Names(settings["stem"])
    iam.delete_role(RoleName=own.role("job"))
    jobs = open_jobs(settings)
    assert "unable to assume the role" in ended(jobs, submitted(jobs, probe())).reason
    operator_site.make_role(settings, own.role("job"), "lambda.amazonaws.com")
    assert "unable to assume the role" in ended(jobs, submitted(jobs, probe())).reason


# Waiting, stopping, retrying


def test_a_job_that_has_not_started_is_cancelled(settings: Settings) -> None:
    queue = f"q-{uuid4().hex[:8]}"
    operator_site.make_queue(settings, queue, state="DISABLED")
    jobs = open_jobs({**settings, "queue": queue})
    spec = submitted(jobs, probe("print=never"))
    time.sleep(0.2)
    assert jobs.status(spec.name).state == "queued"
    status = jobs.cancel(spec.name)
    assert (status.state, status.started) == ("cancelled", "")
    assert list(jobs.logs(spec.name, follow=True)) == []


def test_a_full_queue_lets_jobs_wait_their_turn(settings: Settings) -> None:
    queue = f"q-{uuid4().hex[:8]}"
    operator_site.make_queue(settings, queue, cpus=1)
    jobs = open_jobs({**settings, "queue": queue})
    first, second = submitted(jobs, probe("sleep=1")), submitted(jobs, probe("print=b"))
    assert ended(jobs, second).started >= ended(jobs, first).ended


def test_gpus_and_spot_go_to_their_queues(settings: Settings) -> None:
    ec2, spot = (f"q-{uuid4().hex[:8]}" for _ in "ab")
    operator_site.make_queue(settings, ec2, kind="EC2")
    operator_site.make_queue(settings, spot, kind="FARGATE_SPOT")
    jobs = open_jobs({**settings, "ec2_queue": ec2, "spot_queue": spot})
    for spec in (probe("print=g", gpus=1), probe("print=s", spot=True), probe("print=f")):
        assert ended(jobs, submitted(jobs, spec)).state == "succeeded"
    batch = client("batch", cloud.REGION, settings["services_endpoint"])
    counts = [len(batch.list_jobs(jobQueue=q, jobStatus="SUCCEEDED")["jobSummaryList"]) for q in (ec2, spot)]
    assert counts == [1, 1]


def test_attempts_are_one_execution_and_their_logs_follow_each_other(settings: Settings, jobs: Jobs) -> None:
    said = ("variable=AWS_BATCH_JOB_ID", "variable=AWS_BATCH_JOB_ATTEMPT", "variable=TOOLKIT_EXECUTION_FROM", "exit=1")
    spec = submitted(jobs, probe(*said, retries=1))
    lines = list(jobs.logs(spec.name, follow=True))
    one, two = lines[:3], lines[3:]
    assert [line.text for line in one][1:] == ["1", "AWS_BATCH_JOB_ID"]
    assert [line.text for line in two] == [one[0].text, "2", "AWS_BATCH_JOB_ID"]
    assert list(jobs.logs(spec.name, after=lines[3].cursor)) == lines[4:]
    assert list(jobs.logs(spec.name, after=lines[1].cursor)) == lines[2:]


def test_what_ran_out_of_time_or_memory_is_not_run_again(jobs: Jobs) -> None:
    slow = submitted(jobs, probe("print=slow", "sleep=60", timeout_seconds=3, retries=3))
    large = submitted(jobs, probe("print=large", "allocate=1024", "sleep=60", memory_mb=512, cpu=0.25, retries=3))
    assert [line.text for line in jobs.logs(slow.name, follow=True)] == ["slow"]
    assert [line.text for line in jobs.logs(large.name, follow=True)] == ["large"]
    assert (ended(jobs, slow).state, ended(jobs, large).state) == ("timeout", "out-of-memory")


def test_an_array_is_cancelled_whole_and_read_from_any_line(jobs: Jobs) -> None:
    spec = submitted(jobs, probe("index", "print=x", array=3))
    lines = list(jobs.logs(spec.name, follow=True))
    assert [line.text for line in lines] == ["0", "x", "1", "x", "2", "x"]
    assert list(jobs.logs(spec.name, after=lines[2].cursor)) == lines[3:]
    long = submitted(jobs, probe("sleep=60", array=2))
    assert jobs.cancel(long.name).state == "cancelled"
    alone = submitted(jobs, probe("index", array=1))
    assert [line.text for line in jobs.logs(alone.name, follow=True)] == ["0"]


def test_a_job_that_is_deleted_can_be_submitted_anew(jobs: Jobs) -> None:
    spec = submitted(jobs, probe("print=a"))
    first = ended(jobs, spec)
    jobs.delete(spec.name)
    with pytest.raises(NotFound):
        jobs.status(spec.name)
    assert jobs.submit(spec).submitted > first.submitted


def test_a_failed_job_says_its_last_line(jobs: Jobs) -> None:
    spec = submitted(jobs, probe("print=about to fail", "error=the reason", "exit=7"))
    assert ended(jobs, spec).reason == "exit code 7: the reason"


def test_the_image_is_this_versions_in_the_targets_repository_unless_the_settings_name_one(settings: Settings) -> None:
    assert image(settings).endswith(f"/{Names(settings['stem']).repository}:{image_tag()}")
    assert image({**settings, "image": "registry.example/team/jobs:1"}) == "registry.example/team/jobs:1"
