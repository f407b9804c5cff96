"""`pytest --live` as people run it, in a pytest of its own, on an account that is played here: AWS's own variable for
endpoints leads the SDK to the emulator. And without the option: nothing goes where those variables lead."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.aws import cloud, live, operator_site
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.jobs import image_tag
from toolkit.adapters.aws.names import Names
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Proxy

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
# One short case of each suite.
CASES = " or ".join(
    (
        "test_create_loses_to_what_is_there", "test_a_job_runs_and_succeeds",
        "test_an_event_is_answered_with_a_value", "test_what_is_put_is_read_back", "test_one_publish_is_one_message",
        "test_points_come_back_in_time_order", "test_names_are_listed_in_order",
    )
)  # fmt: skip
SUITES = ("alerts", "functions", "jobs", "metrics", "schedules", "secrets", "store")


def suites(environment: dict[str, str], *more: str, names: Sequence[str] = SUITES) -> subprocess.CompletedProcess[str]:
    files = [f"tests/conformance/test_aws_{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-p", "no:schemathesis", "-v", "-k", CASES, *files, *more]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TOOLKIT_", "AWS_", "PYTEST"))}
    return subprocess.run(command, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, timeout=250)


def account(address: str) -> dict[str, str]:
    return {**cloud.ENVIRONMENT, "AWS_ENDPOINT_URL": address, "AWS_REGION": cloud.REGION}


def left(settings: Settings) -> dict[str, Any]:
    """What is in the account beside the operator's half."""

    def ask(service: str) -> Any:
        return client(service, cloud.REGION, cloud.address())

    stem = settings["stem"]
    topics = [one["TopicArn"].rpartition(":")[2] for one in ask("sns").list_topics()["Topics"]]
    functions = [one["FunctionName"] for one in ask("lambda").list_functions()["Functions"]]
    named = {"NamePrefix": f"{stem}-"}
    return {
        "functions": [name for name in functions if name.startswith(stem)],
        "schedules": ask("scheduler").list_schedules(GroupName=Names(stem).schedule_group, **named)["Schedules"],
        "secrets": [one for one in ask("secretsmanager").list_secrets()["SecretList"] if stem in one["Name"]],
        "topics": [name for name in topics if name.startswith(stem) and name != Names(stem).topic],
        "queues": [url for url in ask("sqs").list_queues(QueueNamePrefix=f"{stem}-").get("QueueUrls", [])
                   if not url.endswith(Names(stem).undelivered)],
        "groups": ask("logs").describe_log_groups(logGroupNamePrefix=f"/toolkit/{stem}/live")["logGroups"],
        "objects": ask("s3").list_object_versions(Bucket=settings["bucket"], Prefix="live/").get("Versions", []),
    }  # fmt: skip


def test_every_suite_runs_on_an_account_and_leaves_nothing() -> None:
    settings = cloud.prepared()
    operator_site.service(settings, "ecr").put_image(
        repositoryName=Names(settings["stem"]).repository, imageManifest=operator_site.MANIFEST, imageTag=image_tag()
    )
    names = {f"TOOLKIT_LIVE_{name.upper()}": settings[name] for name in ("region", "bucket", "stem")}
    with Proxy(cloud.address()) as proxy:
        done = suites({**account(proxy.address), **names}, "--live", "--live-settle=0")
        assert done.returncode == 0, done.stdout + done.stderr
        assert proxy.seen
    for suite in SUITES:
        assert f"test_aws_{suite}.py ." in done.stdout, done.stdout
    assert {name: found for name, found in left(settings).items() if found} == {}


def test_without_the_option_nothing_reaches_an_account() -> None:
    with Proxy(cloud.address()) as proxy:
        done = suites(account(proxy.address), names=("alerts", "metrics", "secrets", "store"))
        assert done.returncode == 0, done.stdout + done.stderr
        assert proxy.seen == []


def test_somebody_without_credentials_is_told_before_anything_is_made() -> None:
    given = ("--live-region", "eu-west-1", "--live-bucket", "b-1", "--live-stem", "none")
    done = suites({name: value for name, value in cloud.ENVIRONMENT.items() if "KEY" not in name}, "--live", *given)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert "aws configure sso" in done.stderr


class Asked:
    """As pytest keeps options."""

    def __init__(self, **options: object) -> None:
        self._options = options

    def getoption(self, name: str, default: object = "") -> Any:
        return self._options.get(name, default)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"live_region": "eu-west-1"}, r"--live-bucket \(or TOOLKIT_LIVE_BUCKET\)[^\n]*\n--live-stem"),
        ({"live_region": "eu-west-1", "live_bucket": "b", "live_stem": "s", "numprocesses": 2}, "leave out -n"),
    ],
)
def test_it_has_to_be_told_where(options: dict[str, object], says: str) -> None:
    config: Any = Asked(live=True, live_settle=0.0, **options)
    with pytest.raises(pytest.UsageError, match=says):
        live.pytest_configure(config)
    assert live.session is None


def test_a_target_that_nobody_made_is_told_with_what_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.clean()
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.address())
    nowhere = {"region": "eu-south-2", "bucket": "nobodys-live-bucket", "stem": "nobodys"}  # no other test's clients
    with pytest.raises(pytest.UsageError, match="there is no bucket nobodys-live-bucket; toolkit bootstrap"):
        live.Live(nowhere, 0.0).require()
