"""The lifecycle on ministack with AUTH, each part as its role in this process; what each called is recorded.

`toolkit ...` is the deployer's, the job's and the functions' entries are their roles'. ministack's Batch takes jobs and
runs none: one that trains runs here, and one that retrains when its turn comes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from tests.adapters.aws import cloud, privilege
from tests.adapters.aws.privilege import Call, Cast
from tests.journeys.least_privilege import DRIFTED, FROM_THE_BUCKET, Stage, write_project
from tests.serving.endpoints import Client
from tests.support import Shell
from toolkit.adapters.aws import policies, transfer
from toolkit.adapters.aws.emulator.ministack import ACCOUNT, COMMAND
from toolkit.adapters.aws.jobs import BatchJobs
from toolkit.adapters.aws.names import ROLES
from toolkit.adapters.aws.policies import Site, Statement
from toolkit.adapters.aws.store import S3Store
from toolkit.bootstrap import open_context
from toolkit.domain.errors import AlreadyExists
from toolkit.domain.newdata import WatchSpec
from toolkit.domain.specs import JobSpec, JobStatus
from toolkit.lifecycle import find, naming
from toolkit.state.blobs import Blobs
from toolkit.testing.servers import Server

CONFIG = """
[serve]
python = "{python}"
replay = true

[targets.prod]
provider = "aws"
[targets.prod.aws]
region = "{region}"
bucket = "churn-bucket"
endpoint = "{address}"
services_endpoint = "{address}"
topics = ["{topic}"]
"""
SITE = Site(
    stem="churn-prod", bucket="churn-bucket", prefix="churn", secrets="churn/prod", namespace="churn/prod",
    account=ACCOUNT, region=cloud.REGION,
)  # fmt: skip


@dataclass
class AwsStage(Stage):
    """The server with its roles, and a project beside it."""

    cast: Cast
    retrains: list[JobSpec] = field(default_factory=list)
    calls: tuple[Call, ...] = ()

    def job(self, role: str, spec: JobSpec) -> None:
        """What Batch would run, in this process as its role."""
        from toolkit.entry import job

        work = self.folder / f"work-{spec.name}"
        work.mkdir()
        said = io.StringIO()
        with self.cast.acting(role), contextlib.chdir(work), contextlib.redirect_stderr(said):
            assert job.main(dict(spec.environment)) == 0, said.getvalue()

    def permit(self, role: str, statements: tuple[Statement, ...]) -> None:
        document = privilege.text(privilege.for_ministack(statements))
        iam = self.cast.client("", "iam")
        iam.put_role_policy(RoleName=SITE.names.role(role), PolicyName="toolkit", PolicyDocument=document)

    def serve(self) -> None:
        over_url = {"FunctionName": f"{SITE.names.functions}inference"}  # signed by us, so nothing else has recorded it
        self.cast.calls.append(Call("deployer", "lambda", privilege.OVER_URL, over_url))
        _serve(self)

    def tick(self) -> None:
        _tick(self)

    def retrain(self) -> None:
        (spec,) = {spec.name: spec for spec in self.retrains}.values()
        self.job("retrain", spec)

    def from_the_bucket(self) -> None:
        from toolkit.entry import inference

        with self.acting("deployer"):
            told = deployed(self.opened(*FROM_THE_BUCKET), "inference")
        with self.acting("inference"), pytest.MonkeyPatch.context() as patch:
            for name, value in told.items():
                patch.setenv(name, value)
            client = Client(inference.application())
            assert client.post("/predict", {"records": [DRIFTED]}).status == 200
            client.app.close()

    def particulars(self) -> None:
        _particulars(self)


@contextlib.contextmanager
def staged(folder: Path, shell: Shell) -> Iterator[AwsStage]:
    """A server of its own with the bucket and the roles, each under its policy; it is stopped in the end."""
    cloud.clean()
    server = Server((*COMMAND, "--auth"))
    patch = pytest.MonkeyPatch()
    try:
        cast = Cast(server.address, cloud.REGION, patch)
        stage = AwsStage(folder, shell, cast.acting, cast)
        write_project(stage, _table(server.address))
        with cast.acting(""):
            shell.ok("bootstrap -t prod --yes", folder)
        for role in ROLES:
            stage.permit(role, policies.roles(SITE)[role])
            _let_us_take_it_on(cast, role)
            cast.admit(role, SITE.role(role))
        _run_jobs_here(stage, patch)
        yield stage
    finally:
        patch.undo()
        server.stop()


def _table(address: str) -> str:
    return CONFIG.format(
        python=f"{sys.version_info.major}.{sys.version_info.minor}", region=cloud.REGION, address=address,
        topic=SITE.arn("sns", SITE.names.topic),
    )  # fmt: skip


def _let_us_take_it_on(cast: Cast, role: str) -> None:
    """ministack has no services that would: the account may, for this proof."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    document = json.dumps({"Version": policies.VERSION, "Statement": [trust]})
    cast.client("", "iam").update_assume_role_policy(RoleName=SITE.names.role(role), PolicyDocument=document)


def _run_jobs_here(stage: AwsStage, patch: pytest.MonkeyPatch) -> None:
    """ministack's Batch takes jobs and runs none: one that trains runs here, one that retrains when its turn comes."""
    submit = BatchJobs.submit

    def here(self: BatchJobs, spec: JobSpec) -> JobStatus:
        status = submit(self, spec)
        if spec.tags.get("step") == "retrain":
            stage.retrains.append(spec)
            return msgspec.structs.replace(status, state="queued")
        elif spec.tags.get("step") == "fit":
            stage.job("job", spec)
        return status

    patch.setattr(BatchJobs, "submit", here)


def _serve(stage: AwsStage) -> None:
    """Drifted traffic to the application, in this process as the inference function."""
    from toolkit.entry import inference

    with stage.cast.acting("deployer"):
        ctx = open_context(stage.folder, target="prod")
        version = find.version(ctx, "champion")
        blobs = Blobs(ctx.store)
        model = stage.folder / "bundle" / "model"
        model.mkdir(parents=True)
        (model / "manifest.json").write_bytes(blobs.get(version.digest))
        for role, digest in find.manifest(ctx, version).files.items():
            (model / role).write_bytes(blobs.get(digest))
        told = deployed(ctx, "inference")
    with stage.cast.acting("inference"), pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        client = Client(inference.application(model.parent))
        answer = client.post("/predict", {"records": [DRIFTED] * 600}, x_toolkit_flush="now")
        assert answer.status == 200, answer.content
        label = {"feedback": [{"id": answer.json()["predictions"][0]["id"], "label": "no"}]}
        assert client.post("/feedback", label).status == 200
        client.app.capture.close()


def deployed(ctx: Any, role: str) -> dict[str, str]:
    """The variables of a deployed function."""
    name = naming.function_name(ctx, role)
    found = ctx.functions._api.function(name)["Configuration"]["Environment"]["Variables"]
    return {key: str(value) for key, value in found.items()}


def _tick(stage: AwsStage) -> None:
    """The schedule's event, in this process as the drift check."""
    from toolkit.entry import drift

    with stage.cast.acting("deployer"):
        ctx = open_context(stage.folder, target="prod")
        told, moment = deployed(ctx, "drift-check"), ctx.clock()
    with stage.cast.acting("drift-check"), pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        answer = drift.on_event({"source": "toolkit.schedule", "time": moment, "endpoint": "churn"})
        assert answer["report"]["verdict"] == "drift", answer["report"]
        assert answer["retrain"]


def _particulars(stage: AwsStage) -> None:
    """What the story above does not come to: a large upload that fails, a job that is stopped."""
    large = stage.folder / "large"
    large.write_bytes(os.urandom(6 * 1024**2))
    where = {"job": ["blobs"], "retrain": ["blobs", "bundles"], "deployer": ["blobs", "bundles"]}
    for role, folders in where.items():
        with stage.cast.acting(role):
            store: Any = open_context(stage.folder, target="prod").store
            for folder in folders:
                _fail_to_upload(store, f"{folder}/large", large)
    for role, larger in (("deployer", 8192), ("retrain", 12_288)):
        with stage.cast.acting(role):
            jobs: Any = open_context(stage.folder, target="prod").jobs
            jobs._streams.last("job/default/1")
            jobs.submit(JobSpec(name=f"larger-{role}", memory_mb=larger, tags={"step": "none"}))
            if role == "deployer":
                _stop_no_job(jobs)
            assert list(open_context(stage.folder, target="prod").watches.list()) == []
    with stage.cast.acting("deployer"):
        ctx = open_context(stage.folder, target="prod")
        ctx.watches.put(WatchSpec(name="probe", prefix="data/", function=naming.function_name(ctx, "drift-check")))
        metrics: Any = open_context(stage.folder, target="prod").metrics
        metrics._make_stream({"logGroupName": SITE.metrics_group, "logStreamName": "of another day"})
    root = stage.cast.client("", "secretsmanager")
    stage.deployer("secrets set restored", stdin="hidden\n")
    root.delete_secret(SecretId="churn/prod/restored")
    stage.deployer("secrets set restored", stdin="hidden\n")
    with stage.cast.acting("deployer"):
        assert open_context(stage.folder, target="prod").secrets.get("restored") == "hidden"


def _stop_no_job(jobs: Any) -> None:
    """ministack's jobs have ended before they could be stopped: that the request was allowed is what matters."""
    with contextlib.suppress(ClientError):
        jobs._batch.terminate_job(jobId="0" * 36, reason="Ctrl-C")


def _fail_to_upload(store: Any, key: str, large: Path) -> None:
    assert isinstance(store, S3Store)
    source = transfer.Source.of(large, 5 * 1024**2)
    parts = transfer.Parts(store._reads, store._at(key), source, {}, lambda: store._translated("write", key))
    with pytest.raises(AlreadyExists), parts:
        raise AlreadyExists("somebody was first")
