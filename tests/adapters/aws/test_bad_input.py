"""What can be wrong with a target on AWS, as the command line says it: one message, what to type, the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.aws import cloud, operator_site
from tests.support import Done, Shell, small_csv
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Fault, Proxy, Refused

pytestmark = pytest.mark.slow


class Project:
    """A project in a folder, whose target `cloud` is where `told` says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        name = f"p{abs(hash(folder)) % 10**8}"
        where = {"region": cloud.REGION, "endpoint": cloud.address(), "services_endpoint": cloud.address()}
        self.told: dict[str, Any] = {**where, "bucket": f"bucket-{name}"}
        (folder / "churn.csv").write_text(small_csv())
        Shell().ok(f"init --from churn.csv --label churned --name {name}", folder)
        self._base = (folder / "toolkit.toml").read_text()
        self.settings: Settings = AwsSettings.model_validate(
            self.told, context={"project": name, "target": "cloud"}
        ).model_dump(mode="json")
        cloud.make_bucket(self.settings)
        operator_site.prepare(self.settings)

    def run(self, line: str = "train -t cloud --json", *, train: str = "", **changes: Any) -> Done:
        table = "".join(f"{key} = {json.dumps(value)}\n" for key, value in {**self.told, **changes}.items())
        target = f'\n[targets.cloud]\nprovider = "aws"\n\n[targets.cloud.aws]\n{table}'
        (self.folder / "toolkit.toml").write_text(self._base + target)
        return Shell().run(f"{line} {train}".strip(), self.folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("bad-input"))


def refused(done: Done) -> dict[str, str]:
    found: dict[str, str] = json.loads(done.out.splitlines()[-1])["error"]
    assert found["message"].count("cannot ") <= 1, "one message, not a chain of them"
    assert "Traceback" not in done.out + done.err
    return found


@pytest.mark.parametrize(
    ("changes", "code", "says", "hint"),
    [
        ({"bucket": "nobodys-bucket-of-all"}, 2, "NoSuchBucket", "aws s3 mb s3://nobodys-bucket-of-all"),
        ({"bucket": ""}, 2, "no bucket is set", "bucket ="),
        ({"region": "Ireland"}, 2, "is not a region", "settings of provider"),
        ({"queue": "nobodys"}, 2, "JobQueue nobodys not found", "toolkit bootstrap"),
        ({"services_endpoint": "http://127.0.0.1:9"}, 7, "127.0.0.1:9", "check the network"),
        ({"endpoint": "http://127.0.0.1:9"}, 7, "127.0.0.1:9", "check the network"),
    ],
)
def test_a_target_that_points_to_nothing(
    project: Project, changes: dict[str, str], code: int, says: str, hint: str
) -> None:
    done = project.run(**changes)
    assert done.code == code, done.out + done.err
    error = refused(done)
    assert says in error["message"]
    assert hint in error["hint"]


@pytest.mark.parametrize(
    ("settings", "says", "hint"),
    [
        ("--set train.memory=200Gi", "122,880 MiB", "ec2_queue"),
        ("--set train.cpu=32", "16 CPUs", "ec2_queue"),
    ],
)
def test_a_job_larger_than_fargate(project: Project, settings: str, says: str, hint: str) -> None:
    done = project.run(train=settings)
    assert done.code == 2
    assert says in refused(done)["message"]
    assert hint in refused(done)["hint"]
    again = project.run("train -t cloud --json --detach")
    assert again.code == 0, "the same run with limits that fit"
    assert project.run("destroy -t cloud --yes").code == 0


def at(part: str, status: int, code: str) -> Callable[[int, str, str], Fault | None]:
    return lambda number, method, target: Refused(status, code) if part in target else None


@pytest.mark.parametrize(
    ("part", "status", "code", "exit_code", "hint"),
    [
        ("", 403, "InvalidAccessKeyId", 6, "aws sts get-caller-identity"),
        ("", 403, "ExpiredToken", 6, "aws sso login"),
        ("", 403, "RequestTimeTooSkewed", 6, "timedatectl"),
        ("", 403, "AccessDenied", 6, "s3:"),
        ("", 400, "IllegalLocationConstraintException", 2, "aws s3api get-bucket-location --bucket bucket-p"),
    ],
)
def test_a_bucket_that_refuses(project: Project, part: str, status: int, code: str, exit_code: int, hint: str) -> None:
    with Proxy(cloud.address(), at(part, status, code)) as proxy:
        done = project.run(endpoint=proxy.address)
    assert done.code == exit_code, done.out + done.err
    error = refused(done)
    assert hint in error["hint"]
    assert error["message"].startswith("cannot ")


@pytest.mark.parametrize(
    ("part", "status", "code", "exit_code", "hint"),
    [
        ("/submitjob", 403, "AccessDeniedException", 6, "toolkit export iam"),
        ("/listjobs", 403, "AccessDeniedException", 6, "toolkit export iam"),
        ("/registerjobdefinition", 403, "AccessDeniedException", 6, "toolkit export iam"),
        ("/submitjob", 400, "ServiceQuotaExceededException", 7, "aws service-quotas"),
        ("/listjobs", 403, "UnrecognizedClientException", 6, "aws sts get-caller-identity"),
    ],
)
def test_a_batch_that_refuses(project: Project, part: str, status: int, code: str, exit_code: int, hint: str) -> None:
    with Proxy(cloud.address(), at(part, status, code)) as proxy:
        # A size of its own: the definition is not there yet.
        done = project.run(services_endpoint=proxy.address, train=f"--set train.memory={len(part + code)}Gi --again")
    assert done.code == exit_code, done.out + done.err
    assert hint in refused(done)["hint"]


@pytest.mark.parametrize(
    ("part", "status", "code", "exit_code", "hint"),
    [
        ("/anothers-bucket", 409, "BucketAlreadyExists", 2, "set bucket ="),
        ("/anothers-bucket", 400, "TooManyBuckets", 7, "aws service-quotas"),
        ("/anothers-bucket", 403, "AccessDenied", 6, "s3:CreateBucket"),
    ],
)
def test_a_bucket_that_cannot_be_made(
    project: Project, part: str, status: int, code: str, exit_code: int, hint: str
) -> None:
    """A HEAD is let through: there is none of ours."""

    def making(number: int, method: str, target: str) -> Fault | None:
        return Refused(status, code) if method == "PUT" and target.startswith(part) else None

    with Proxy(cloud.address(), making) as proxy:
        told = {"endpoint": proxy.address, "bucket": "anothers-bucket", "stem": "p-bucket"}
        done = project.run("bootstrap -t cloud --yes --json", **told)
    assert done.code == exit_code, done.out + done.err
    assert hint in refused(done)["hint"]


def test_somebody_without_credentials(project: Project) -> None:
    """In a process of its own: this one has found some, and keeps them."""
    project.run("version")  # the target's table as it should be
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nothing = {name: value for name, value in cloud.ENVIRONMENT.items() if "KEY" not in name}
    command = [sys.executable, "-m", "toolkit", "status", "-t", "cloud", "--json"]
    told = subprocess.run(
        command, cwd=project.folder, env={**environment, **nothing}, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 6, told.stdout + told.stderr
    assert "aws configure sso" in json.loads(told.stdout)["error"]["hint"]


@pytest.fixture
def broken(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_role_that_is_not_ready_and_an_image_that_is_not_there_are_the_runs_reason(broken: Project) -> None:
    own = Names(broken.settings["stem"])
    operator_site.service(broken.settings, "iam").delete_role(RoleName=own.role("job"))
    done = broken.run()
    assert done.code == 1
    assert "a role that is new takes AWS some seconds" in refused(done)["message"]
    operator_site.make_role(broken.settings, own.role("job"), "ecs-tasks.amazonaws.com")
    done = broken.run(image=f"123456789012.dkr.ecr.{cloud.REGION}.amazonaws.com/none:1")
    assert done.code == 1
    assert "cannot be pulled" in refused(done)["message"]
    assert broken.run().code == 0, "and then it trains"
