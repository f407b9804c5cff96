"""The lifecycle under the generated policies, on a server that enforces them; and no grant that it could do without.

Every role takes its calls on itself (`least_privilege`): `toolkit ...` as the deployer, the job's and the functions'
entries as theirs, all in this process, on ministack with AUTH. What ministack does not ask for (iam:PassRole,
conditions, calls that AWS makes itself) is held against the recorded calls here.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.adapters.aws import cloud, privilege
from tests.adapters.aws.privilege import Call, Cast
from tests.journeys.least_privilege import (
    DRIFTED,
    FROM_THE_BUCKET,
    Stage,
    play,
    require_no_training_data,
    write_project,
)
from tests.serving.endpoints import Client
from tests.support import Shell
from toolkit.adapters.aws import policies, transfer
from toolkit.adapters.aws.emulator.ministack import ACCOUNT, COMMAND
from toolkit.adapters.aws.jobs import BatchJobs
from toolkit.adapters.aws.names import ROLES
from toolkit.adapters.aws.policies import Site, Statement
from toolkit.adapters.aws.store import S3Store
from toolkit.bootstrap import open_context
from toolkit.domain.errors import AlreadyExists, PermissionDenied
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
DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
}


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


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, module_shell: Shell) -> Iterator[AwsStage]:
    cloud.clean()
    server = Server((*COMMAND, "--auth"))
    folder = tmp_path_factory.mktemp("proof")
    patch = pytest.MonkeyPatch()
    try:
        cast = Cast(server.address, cloud.REGION, patch)
        stage = AwsStage(folder, module_shell, cast.acting, cast)
        write_project(stage, _table(server.address))
        with cast.acting(""):
            module_shell.ok("bootstrap -t prod --yes", folder)
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


@pytest.fixture(scope="module")
def played(stage: AwsStage) -> AwsStage:
    """The whole lifecycle, each part as its role."""
    play(stage, stage)
    stage.calls = tuple(stage.cast.calls)
    return stage


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


def needed(stage: AwsStage, role: str) -> list[tuple[Call | None, privilege.Need]]:
    """(call, what it needs), once each; without a call: what AWS does itself."""
    found: dict[tuple[str, str, str], tuple[Call | None, privilege.Need]] = {}
    for call in stage.calls:
        if call.role == role:
            for need in privilege.needs(call, SITE):
                found.setdefault((need[0], need[1], str(sorted(need[2].items()))), (call, need))
    for need in privilege.made_by_aws(role, SITE):
        found.setdefault((need[0], need[1], ""), (None, need))
    return list(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_the_policies_allow_every_call_that_was_made(played: AwsStage, role: str) -> None:
    statements = policies.roles(SITE)[role]
    refused = [need for _, need in needed(played, role) if not any(privilege.allows(s, need) for s in statements)]
    assert not refused, "\n".join(map(str, refused))


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_no_grant_is_spare(played: AwsStage, role: str) -> None:
    """Every action and every resource of every statement was needed, and no statement says what another says."""
    needs = [need for _, need in needed(played, role)]
    spare = []
    for index, statement in enumerate(policies.roles(SITE)[role]):
        others = privilege.without(policies.roles(SITE)[role], index)
        if all(any(privilege.allows(other, need) for other in others) for need in needs):
            spare.append(f"{statement.sid}: all of it")
        for action in statement.actions:
            if not any(privilege.allows(replace(statement, actions=(action,)), need) for need in needs):
                spare.append(f"{statement.sid}: {action}")
        for resource in statement.resources:
            if not any(privilege.allows(replace(statement, resources=(resource,)), need) for need in needs):
                spare.append(f"{statement.sid}: {resource}")
    assert not spare, "\n".join(spare)


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_without_any_one_statement_something_is_refused(played: AwsStage, role: str) -> None:
    """The recorded calls again, on the server, with the statement gone."""
    statements = policies.roles(SITE)[role]
    unnoticed = []
    try:
        for index, statement in enumerate(statements):
            calls = _only_by(played, role, index)
            if not calls:
                continue  # only AWS itself, or iam:PassRole: the static tests are about those
            played.permit(role, privilege.without(statements, index))
            if not any(_denied(played, call) for call in calls):
                unnoticed.append(statement.sid)
    finally:
        played.permit(role, statements)
    assert not unnoticed, unnoticed


def _only_by(stage: AwsStage, role: str, index: int) -> list[Call]:
    """Recorded calls that the server asks about and that no other statement of the role allows."""
    others = privilege.without(policies.roles(SITE)[role], index)
    statement = policies.roles(SITE)[role][index]
    return [
        call
        for call, need in needed(stage, role)
        if call is not None
        and call.operation not in {privilege.MISSING, privilege.OVER_URL}
        and need[0] != "iam:PassRole"
        and privilege.allows(statement, need)
        and not any(privilege.allows(other, need) for other in others)
    ]


def _denied(stage: AwsStage, call: Call) -> bool:
    """Whether the server refuses the very same call now."""
    service = stage.cast.client(call.role, call.service)
    operation = next(name for name, api in service.meta.method_to_api_mapping.items() if api == call.operation)
    try:
        getattr(service, operation)(**call.params)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        return found in DENIED or (found == "403" and error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    except BotoCoreError:
        return False
    return False


@pytest.mark.slow
@pytest.mark.parametrize("role", ["deployer", "retrain", "job", "drift-check"])
def test_nobody_deletes_from_the_journal(played: AwsStage, role: str) -> None:
    with played.cast.acting(role):
        store = open_context(played.folder, target="prod").store
        entry = next(iter(store.list("journal/")))
        with pytest.raises(PermissionDenied):
            store.delete(entry.key)
        assert store.head(entry.key) == store.head(entry.key)


@pytest.mark.slow
def test_every_write_to_the_journal_was_create_only(played: AwsStage) -> None:
    """What the bucket's policy asks for (s3:if-none-match), which no server here does."""
    writes = [
        call for call in played.calls
        if call.operation in {"PutObject", "CompleteMultipartUpload"} and "/journal/" in f"/{call.params['Key']}"
        and "/cache/" not in f"/{call.params['Key']}"
    ]  # fmt: skip
    assert len(writes) > 5
    assert {call.params.get("IfNoneMatch") for call in writes} == {"*"}
    assert not [
        call
        for call in played.calls
        if call.operation == "DeleteObject"
        and "/journal/" in call.params["Key"]
        and "/cache/" not in call.params["Key"]
    ]


@pytest.mark.slow
def test_who_answers_requests_reads_no_training_data(played: AwsStage) -> None:
    require_no_training_data(played)


@pytest.mark.slow
def test_a_stranger_to_the_bucket_is_refused(played: AwsStage) -> None:
    with played.cast.acting("scheduler"):
        store = open_context(played.folder, target="prod").store
        with pytest.raises(PermissionDenied):
            store.get("journal/registry/churn/0000000000000001.json")
