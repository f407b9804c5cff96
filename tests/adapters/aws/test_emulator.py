"""The emulator refuses what AWS refuses, in AWS's words, and does by itself what AWS does by itself."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.adapters.aws import cloud
from tests.support import HERE
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.emulator.bucket_policies import _holds
from toolkit.adapters.aws.emulator.schedules import CLOCK
from toolkit.adapters.aws.names import Names
from toolkit.ports import Settings
from toolkit.testing.functions import visit

CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("as told")
    return {"statusCode": 200, "body": "fine"}
"""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return cloud.prepared()


@pytest.fixture(scope="module")
def service(settings: Settings) -> Any:
    return client("lambda", cloud.REGION, settings["services_endpoint"], retries=False)


@pytest.fixture
def given(settings: Settings, service: Any) -> Iterator[dict[str, Any]]:
    """The input of a CreateFunction that is right."""
    name = f"f-{uuid4().hex[:8]}"
    role = f"arn:aws:iam::123456789012:role/{Names(settings['stem']).role('inference')}"
    yield {"FunctionName": name, "Runtime": HERE, "Role": role, "Handler": "app.handler", "Code": {"ZipFile": zipped()}}
    with suppress(ClientError):  # it was refused
        service.delete_function(FunctionName=name)


@pytest.fixture
def made(service: Any, given: dict[str, Any]) -> str:
    """A function with version 1 behind the alias `live`."""
    service.create_function(**given)
    publish(service, given["FunctionName"])
    service.create_alias(FunctionName=given["FunctionName"], Name="live", FunctionVersion="1")
    return str(given["FunctionName"])


def zipped(code: str = CODE) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("app.py", code)
    return archive.getvalue()


def publish(service: Any, name: str) -> str:
    ready(service, name)
    number = str(service.publish_version(FunctionName=name)["Version"])
    ready(service, f"{name}:{number}")
    return number


def ready(service: Any, name: str) -> None:
    while service.get_function(FunctionName=name)["Configuration"]["LastUpdateStatus"] != "Successful":
        time.sleep(0.01)


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ({"Runtime": "python2.5"}, "ValidationException", "enum value set"),
        ({"Runtime": "nodejs22.x"}, "InvalidParameterValueException", "Python only"),
        ({"Handler": "a b"}, "ValidationException", "regular expression"),
        ({"FunctionName": "a/b"}, "ValidationException", "functionName"),
        ({"FunctionName": "f" * 65}, "ValidationException", "64"),
        ({"MemorySize": 10241}, "ValidationException", "10240"),
        ({"Timeout": 901}, "ValidationException", "900"),
        ({"Role": "arn:aws:iam::123456789012:role/nobody"}, "InvalidParameterValueException", "cannot be assumed"),
        ({"Role": "somebody"}, "ValidationException", "role"),
        ({"Environment": {"Variables": {"KEY": "x" * 4096}}}, "InvalidParameterValueException", "4KB"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "reserved keys"),
        ({"Architectures": ["mips"]}, "ValidationException", "architectures"),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "unzip"),
        ({"Code": {"S3Bucket": "no-such-bucket-1", "S3Key": "a"}}, "InvalidParameterValueException", "NoSuchBucket"),
        ({"Code": {}}, "InvalidParameterValueException", "source"),
    ],
)
def test_what_no_function_can_be(
    service: Any, given: dict[str, Any], wrong: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        service.create_function(**{**given, **wrong})
    assert code_of(refused.value) == code


def test_a_runtime_that_this_machine_has_not_is_refused_with_what_to_do(service: Any, given: dict[str, Any]) -> None:
    try:
        service.create_function(**{**given, "Runtime": "python3.14"})
    except ClientError as error:
        assert "serve.python" in str(error)  # noqa: PT017  # where there is one, it is simply made


def test_a_change_has_to_wait_for_the_one_before(service: Any, given: dict[str, Any]) -> None:
    assert service.create_function(**given)["State"] == "Pending"
    with pytest.raises(ClientError, match="in progress") as refused:
        service.update_function_configuration(FunctionName=given["FunctionName"], Timeout=5)
    assert code_of(refused.value) == "ResourceConflictException"
    ready(service, given["FunctionName"])
    with pytest.raises(ClientError) as stale:
        service.publish_version(FunctionName=given["FunctionName"], RevisionId="another")
    assert code_of(stale.value) == "PreconditionFailedException"


def test_versions_are_immutable_numbered_once_and_kept_while_an_alias_needs_them(service: Any, made: str) -> None:
    assert publish(service, made) == "1"  # nothing changed
    service.update_function_configuration(FunctionName=made, Timeout=7, MemorySize=256)
    assert publish(service, made) == "2"
    service.delete_function(FunctionName=made, Qualifier="2")
    assert publish(service, made) == "3"
    assert service.get_function(FunctionName=made, Qualifier="1")["Configuration"]["Timeout"] == 3
    with pytest.raises(ClientError, match="live") as refused:
        service.delete_function(FunctionName=made, Qualifier="1")
    assert code_of(refused.value) == "ResourceConflictException"


def test_an_alias_splits_between_two_published_versions_at_most(service: Any, made: str) -> None:
    def route(weights: dict[str, float], version: str = "1") -> None:
        routing = {"AdditionalVersionWeights": weights}
        service.update_alias(FunctionName=made, Name="live", FunctionVersion=version, RoutingConfig=routing)

    for timeout in (5, 6):
        service.update_function_configuration(FunctionName=made, Timeout=timeout)
        publish(service, made)
    route({"2": 0.1})
    for weights in ({"2": 0.1, "3": 0.1}, {"2": 1.1}, {"1": 0.5}, {"9": 0.5}):
        with pytest.raises(ClientError):
            route(weights)
    with pytest.raises(ClientError):
        route({"1": 0.5}, "$LATEST")


def test_invocations_in_lambdas_words(service: Any, made: str) -> None:
    def invoke(payload: bytes = b"{}", qualifier: str = "live", kind: str = "RequestResponse") -> Any:
        reply = service.invoke(FunctionName=made, Qualifier=qualifier, InvocationType=kind, Payload=payload)
        return {**reply, "Payload": reply["Payload"].read()}

    assert invoke(kind="DryRun")["StatusCode"] == 204
    answered = invoke()
    assert (answered["StatusCode"], answered["ExecutedVersion"]) == (200, "1")
    failed = invoke(b'{"fail": true}')
    assert (failed["StatusCode"], failed["FunctionError"]) == (200, "Unhandled")
    assert json.loads(failed["Payload"])["errorType"] == "ValueError"
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: invoke(b"{"), "InvalidRequestContentException"),
        (lambda: invoke(qualifier="other"), "ResourceNotFoundException"),
        (lambda: invoke(qualifier="9"), "ResourceNotFoundException"),
        (lambda: invoke(b'"' + b"x" * 6 * 1024**2 + b'"'), "RequestTooLargeException"),
        (lambda: invoke(b'"' + b"x" * 1024**2 + b'"', kind="Event"), "RequestTooLargeException"),
    ]
    for call, code in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert code_of(refused.value) == code
    service.put_function_concurrency(FunctionName=made, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as throttled:
        invoke()
    assert code_of(throttled.value) == "TooManyRequestsException"
    with pytest.raises(ClientError, match="UnreservedConcurrentExecution"):
        service.put_function_concurrency(FunctionName=made, ReservedConcurrentExecutions=901)


def test_an_event_that_keeps_failing_goes_to_its_destination(settings: Settings, service: Any, made: str) -> None:
    queue, arn = new_queue(settings)
    where = {"FunctionName": made, "Qualifier": "live"}
    destination = {"OnFailure": {"Destination": arn}}
    service.put_function_event_invoke_config(**where, MaximumRetryAttempts=1, DestinationConfig=destination)
    service.invoke(**where, InvocationType="Event", Payload=b'{"fail": true}')["Payload"].read()
    told = json.loads(received(settings, queue)["Body"])
    assert told["requestContext"]["approximateInvokeCount"] == 2
    assert told["requestPayload"] == {"fail": True}
    assert told["responsePayload"]["errorMessage"] == "as told"


@pytest.mark.parametrize(
    ("key", "secret", "body", "ago", "words"),
    [
        ("test", "test", b"x", 0, ""),
        ("test", "guessed", b"x", 0, "signature we calculated"),
        ("AKIASTRANGER", "test", b"x", 0, "security token"),
        ("test", "test", b"another", 0, "signature we calculated"),
        ("test", "test", b"x", 3600, "expired"),
    ],
)
def test_a_url_takes_a_right_signature_only(
    service: Any, made: str, key: str, secret: str, body: bytes, ago: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"FunctionName": made, "Qualifier": "live"}
    url = service.create_function_url_config(**where, AuthType="AWS_IAM")["FunctionUrl"]
    assert visit(url, {}) == 403
    request = AWSRequest("POST", f"{url}a%20b?q=1&p=%2F", {}, b"x")
    if ago:
        early = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - ago))
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: _at(early))
    SigV4Auth(Credentials(key, secret), "lambda", cloud.REGION).add_auth(request)
    sent = urllib.request.Request(f"{url}a%20b?q=1&p=%2F", body, dict(request.headers.items()), method="POST")
    if not words:
        with urllib.request.urlopen(sent) as answer:
            assert answer.read() == b"fine"
        return
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(sent)
    with refused.value as answer:
        assert answer.status == 403
        assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
        assert words in json.loads(answer.read())["Message"]


def test_an_open_url_needs_both_permissions(service: Any, made: str) -> None:
    where = {"FunctionName": made, "Qualifier": "live"}
    url = service.create_function_url_config(**where, AuthType="NONE")["FunctionUrl"]
    one = {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}
    two = {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True}
    assert visit(url, {}) == 403
    service.add_permission(**where, StatementId="one", Principal="*", **one)
    assert visit(url, {}) == 403
    service.add_permission(**where, StatementId="two", Principal="*", **two)
    assert visit(url, {}) == 200


def test_a_schedule_that_no_function_takes_ends_in_its_queue(settings: Settings) -> None:
    queue, arn = new_queue(settings)
    scheduler = client("scheduler", cloud.REGION, settings["services_endpoint"])
    group = Names(settings["stem"]).schedule_group
    role = f"arn:aws:iam::123456789012:role/{Names(settings['stem']).role('scheduler')}"
    target = {"Arn": f"arn:aws:lambda:{cloud.REGION}:123456789012:function:nobody:live", "RoleArn": role,
              "Input": '{"at": "<aws.scheduler.scheduled-time>"}', "DeadLetterConfig": {"Arn": arn}}  # fmt: skip
    right = {"Name": "lost", "GroupName": group, "ScheduleExpression": "cron(* * * * ? *)", "Target": target,
             "FlexibleTimeWindow": {"Mode": "OFF"}}  # fmt: skip
    for wrong in ({"ScheduleExpression": "cron(* * * * *)"}, {"GroupName": "nobodys"}, {"Name": "a b"},
                  {"Target": {**target, "RoleArn": role + "x"}}, {"Target": {**target, "Input": "{"}}):  # fmt: skip
        with pytest.raises(ClientError):
            scheduler.create_schedule(**{**right, **wrong})
    scheduler.create_schedule(**right)
    try:
        turn_clock(settings, 61)
        message = received(settings, queue)
        assert json.loads(message["Body"])["at"].endswith(":00Z")
        assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "ResourceNotFoundException"
    finally:
        scheduler.delete_schedule(Name="lost", GroupName=group)
        turn_clock(settings, 0)


def test_s3_tells_only_functions_that_let_it(settings: Settings, service: Any, made: str) -> None:
    arn = service.get_alias(FunctionName=made, Name="live")["AliasArn"]
    s3 = client("s3", cloud.REGION, settings["endpoint"])
    wanted = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    with pytest.raises(ClientError, match="Unable to validate") as refused:
        s3.put_bucket_notification_configuration(Bucket=settings["bucket"], NotificationConfiguration=wanted)
    assert code_of(refused.value) == "InvalidArgument"


@pytest.mark.parametrize(
    ("condition", "known", "holds"),
    [
        ({}, {}, True),
        ({"Null": {"s3:if-none-match": "true"}}, {}, True),
        ({"Null": {"s3:if-none-match": "true"}}, {"s3:if-none-match": "*"}, False),
        ({"Bool": {"s3:ObjectCreationOperation": "true"}}, {"s3:objectcreationoperation": "false"}, False),
        ({"StringLikeIfExists": {"s3:prefix": "p/*"}}, {}, True),
        ({"StringLikeIfExists": {"s3:prefix": "p/*"}}, {"s3:prefix": "q/"}, False),
        ({"StringEquals": {"s3:prefix": ["a", "b"]}}, {"s3:prefix": "b"}, True),
        ({"NumericLessThan": {"s3:max-keys": "1"}}, {}, True),
    ],
)
def test_conditions(condition: dict[str, Any], known: dict[str, str], holds: bool) -> None:
    assert _holds(condition, known) is holds


def test_the_journal_of_a_prepared_bucket_is_create_only(settings: Settings) -> None:
    s3 = client("s3", cloud.REGION, settings["endpoint"], retries=False)
    at = {"Bucket": settings["bucket"], "Key": f"{settings['prefix']}/journal/a"}
    s3.put_object(**at, Body=b"1", IfNoneMatch="*")
    for operation, more in (("put_object", {"Body": b"2"}), ("delete_object", {})):
        with pytest.raises(ClientError) as refused:
            getattr(s3, operation)(**at, **more)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert s3.get_object(**at)["Body"].read() == b"1"


def turn_clock(settings: Settings, ahead: float) -> None:
    body = json.dumps({"ahead": ahead}).encode()
    request = urllib.request.Request(f"{settings['services_endpoint']}{CLOCK}", body, method="POST")
    with urllib.request.urlopen(request) as reply:
        assert reply.status == 200


def new_queue(settings: Settings) -> tuple[str, str]:
    queues = client("sqs", cloud.REGION, settings["services_endpoint"])
    url = queues.create_queue(QueueName=f"q-{uuid4().hex[:8]}")["QueueUrl"]
    asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, asked["Attributes"]["QueueArn"]


def received(settings: Settings, url: str) -> Any:
    queues = client("sqs", cloud.REGION, settings["services_endpoint"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := queues.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"):
            return found[0]
        time.sleep(0.1)
    raise AssertionError("nothing came")


def _at(text: str) -> Any:
    from datetime import UTC, datetime

    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
