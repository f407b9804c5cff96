"""The lifecycle under the generated policies, on a server that enforces them; and no grant that it could do without.

How each part is played as its role is told in `least_privilege_aws`. What ministack does not ask for (iam:PassRole,
conditions, calls that AWS makes itself) is held against the recorded calls here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.adapters.aws import privilege
from tests.adapters.aws.privilege import Call
from tests.journeys.least_privilege import play, require_no_training_data
from tests.journeys.least_privilege_aws import SITE, AwsStage, staged
from tests.support import Shell
from toolkit.adapters.aws import policies
from toolkit.adapters.aws.names import ROLES
from toolkit.bootstrap import open_context
from toolkit.domain.errors import PermissionDenied

DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, module_shell: Shell) -> Iterator[AwsStage]:
    with staged(tmp_path_factory.mktemp("proof"), module_shell) as stage:
        yield stage


@pytest.fixture(scope="module")
def played(stage: AwsStage) -> AwsStage:
    """The whole lifecycle, each part as its role."""
    play(stage, stage)
    stage.calls = tuple(stage.cast.calls)
    return stage


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
        assert store.head(entry.key).etag == entry.etag


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
