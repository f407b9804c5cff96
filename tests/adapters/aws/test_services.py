"""Secrets Manager, SNS, CloudWatch Logs and clients: what the suites cannot know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.adapters.aws import cloud
from toolkit.adapters.aws.alerts import MAX_SUBJECT, SnsAlerts, message
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.emulator import COMMAND
from toolkit.adapters.aws.metrics import CloudWatchMetrics, line, open_metrics
from toolkit.adapters.aws.secrets import AwsSecrets, open_secrets
from toolkit.domain import times
from toolkit.domain.errors import Corrupt, NotFound, PermissionDenied
from toolkit.domain.specs import Alert, MetricPoint
from toolkit.testing.faultproxy import Plan, Proxy, Refused
from toolkit.testing.servers import Server


def test_a_secret_deleted_in_the_console_is_not_there_and_can_be_set_again() -> None:
    settings = cloud.settings()
    secrets = open_secrets(settings)
    service = client("secretsmanager", cloud.REGION, settings["services_endpoint"])
    secrets.put("token", "old")
    service.delete_secret(SecretId=f"{settings['secrets']}/token", RecoveryWindowInDays=7)
    with pytest.raises(NotFound, match="token"):
        secrets.get("token")
    assert list(secrets.list()) == []
    # AWS refuses to write it, which moto does not.
    plan: Plan = lambda number, *_: Refused(400, "InvalidRequestException") if number == 1 else None  # noqa: E731
    with Proxy(cloud.address(), plan) as proxy:
        AwsSecrets(settings["secrets"], client("secretsmanager", cloud.REGION, proxy.address)).put("token", "new")
        assert len(proxy.seen) == 3
    assert secrets.get("token") == "new"


def test_a_secret_that_is_not_text_is_corrupt() -> None:
    settings = cloud.settings()
    service = client("secretsmanager", cloud.REGION, settings["services_endpoint"])
    service.create_secret(Name=f"{settings['secrets']}/token", SecretBinary=b"\x00")
    with pytest.raises(Corrupt, match="token"):
        open_secrets(settings).get("token")


def test_targets_and_longer_names_do_not_mix() -> None:
    settings = cloud.settings()
    for folder in (settings["secrets"], settings["secrets"] + "-2", settings["secrets"] + "/deeper"):
        open_secrets({**settings, "secrets": folder}).put("token", folder)
    assert list(open_secrets(settings).list()) == ["token"]
    assert open_secrets(settings).get("token") == settings["secrets"]


def test_a_refused_secret_names_the_permission_and_no_value() -> None:
    with Proxy(cloud.address(), lambda *_: Refused(403, "AccessDeniedException")) as proxy:
        secrets = AwsSecrets("p/t", client("secretsmanager", cloud.REGION, proxy.address))
        with pytest.raises(
            PermissionDenied, match=r"write secret p/t/token .*AccessDeniedException: the reason"
        ) as refused:
            secrets.put("token", "the-value")
    assert "the-value" not in f"{refused.value} {refused.value.__cause__}"


def test_a_message_has_words_for_people_and_json_for_the_rest() -> None:
    alert = Alert(incident="drift/flights", state="open", title="Drift:\nä " + "x" * 200, text="dep_delay")
    sent = message(alert)
    forms = json.loads(sent["Message"])
    assert json.loads(forms["default"])["incident"] == "drift/flights"
    assert forms["email"].endswith("(open)\ndep_delay")
    assert sent["Subject"].isascii()
    assert len(sent["Subject"]) == MAX_SUBJECT
    assert "\n" not in sent["Subject"]
    assert sent["MessageAttributes"]["severity"]["StringValue"] == "warning"


def test_a_publish_is_sent_once_and_the_longest_text_fits() -> None:
    topic = client("sns", cloud.REGION, cloud.address()).create_topic(Name="long")["TopicArn"]
    alert = Alert(incident="i", state="open", title="t", text='"ä\n' * 100_000)
    with Proxy(
        cloud.address(), lambda number, *_: Refused(503, "ServiceUnavailable") if number == 1 else None
    ) as proxy:
        alerts = SnsAlerts([topic], lambda region: client("sns", region, proxy.address, retries=False))
        assert [delivery.ok for delivery in alerts.publish(alert)] == [False]
        assert len(proxy.seen) == 1
        assert [delivery.ok for delivery in alerts.publish(alert)] == [True]


def test_topics_of_one_name_are_told_apart() -> None:
    topics = [f"arn:aws:sns:{where}:alerts" for where in ("eu-west-1:1", "eu-west-2:1", "eu-west-1:2")]
    channels = SnsAlerts(topics, lambda region: None).channels()
    assert channels == ("sns:eu-west-1:alerts", "sns:eu-west-2:alerts", "sns:eu-west-1:alerts#2")


def test_a_line_is_a_metric_and_the_exact_point() -> None:
    point = MetricPoint(name="rows", value=3, time="2026-01-01T00:00:00.000001Z", unit="ms", labels={"a": "1", "b": ""})
    document = json.loads(line(point, "p/t"))
    (metric,) = document["_aws"]["CloudWatchMetrics"]
    assert metric == {"Namespace": "p/t", "Dimensions": [["a"]], "Metrics": [{"Name": "rows", "Unit": "Milliseconds"}]}
    assert (document["rows"], document["a"]) == (3, "1")
    assert document["point"]["time"] == point.time


@pytest.mark.parametrize("name", ["a", "_aws", "point"])
def test_a_point_that_cannot_be_a_metric_is_a_line_all_the_same(name: str) -> None:
    metrics = open_metrics(cloud.settings())
    point = MetricPoint(name=name, value=1, time="2026-01-01T00:00:00.000000Z", labels={"a": "x"})
    assert "_aws" not in json.loads(line(point, "p/t"))
    metrics.record([point])
    assert list(metrics.query(name, since="2025-12-31")) == [point]


def test_new_and_old_and_future_points_are_all_found_by_their_own_time() -> None:
    settings = cloud.settings()
    metrics = open_metrics(settings)
    now = datetime.now(UTC)
    moments = [now + timedelta(days=days) for days in (-200, -20, -12.5, -1, 0, 1, 30)]
    points = [MetricPoint(name='a "b"', value=n, time=times.text(moment)) for n, moment in enumerate(moments)]
    metrics.record(points[::-1])
    assert list(metrics.query('a "b"', since="2000-01-01")) == points
    assert list(metrics.query('a "b"', since=times.text(moments[2]), until=times.text(moments[5]))) == points[2:5]
    logs = client("logs", cloud.REGION, settings["services_endpoint"])
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/toolkit/{settings['namespace']}")["logGroups"]
    assert group["retentionInDays"] == 90


def test_nothing_recorded_is_nothing_found() -> None:
    assert list(open_metrics(cloud.settings()).query("rows", since="2026-01-01")) == []


def test_recording_fails_nothing() -> None:
    with Proxy(cloud.address(), lambda *_: Refused(403, "AccessDeniedException")) as proxy:
        metrics = CloudWatchMetrics("p/t", client("logs", cloud.REGION, proxy.address))
        metrics.record([MetricPoint(name="rows", value=1, time=times.now())])
        with pytest.raises(PermissionDenied):
            list(metrics.query("rows", since="2026-01-01"))


@pytest.mark.parametrize(
    ("environment", "region", "expected"),
    [
        ({}, "eu-west-1", "Unauthenticated aws configure sso"),
        ({"AWS_PROFILE": "nobody"}, "eu-west-1", "ConfigError aws configure list-profiles"),
        ({}, "", "ConfigError set region"),
    ],
)
def test_what_the_credentials_chain_lacks_is_said(environment: dict[str, str], region: str, expected: str) -> None:
    code = (
        "from toolkit.adapters.aws.secrets import open_secrets\nfrom toolkit.domain.errors import ToolkitError\n"
        f"settings = dict(secrets='p/t', region={region!r}, services_endpoint='')\n"
        "try:\n    open_secrets(settings).get('a')\n"
        "except ToolkitError as error:\n    print(error.code, error.hint)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    quiet = {name: value for name, value in cloud.ENVIRONMENT.items() if "KEY" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **quiet, **environment}, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(expected), done.stderr


def test_the_emulator_ends_with_whoever_started_it() -> None:
    server = Server(COMMAND)
    client("s3", cloud.REGION, server.address).list_buckets()
    server.stop()
    assert server._process.returncode == 0


def test_a_program_that_is_no_server_is_said() -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        Server([sys.executable, "-c", "print('no')"])
