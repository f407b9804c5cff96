"""`pytest --live`: the conformance suites of AWS on an account, with the credentials of whoever runs them.

Without the option nothing here does anything: the suites talk to emulators on loopback, with credentials of nobody.
With it only AWS's suites run, in a target of their own that an operator made (`toolkit bootstrap`); what they make is
called and tagged after this run and is destroyed after the last case, also when cases failed.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from toolkit.ports import Settings

NAMES = {
    "region": "where the target is: eu-west-1",
    "bucket": "the target's bucket",
    "stem": "what the target's names begin with, as `toolkit bootstrap` prints them: conformance-live",
}
PORTS = frozenset({"store", "functions", "jobs", "schedules", "secrets", "alerts", "metrics"})
JOB_SECONDS = 900.0  # Fargate takes a minute or two before it starts a container

session: Live | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("live", "on an account")
    group.addoption("--live", action="store_true", help="run AWS's conformance suites on your account: costs cents")
    for name, what in NAMES.items():
        default = os.environ.get(variable(name), "")
        group.addoption(f"--live-{name}", default=default, metavar=name.upper(), help=f"{what} [{variable(name)}]")
    shown = "seconds until CloudWatch shows a line and a topic's queue its message"
    group.addoption("--live-settle", type=float, default=20.0, metavar="SECONDS", help=shown)


def pytest_configure(config: pytest.Config) -> None:
    global session
    if not config.getoption("live"):
        return
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        raise pytest.UsageError("--live runs in one process: leave out -n (the suites share one target)")
    given = {name: config.getoption(f"live_{name}") for name in NAMES}
    if missing := [f"--live-{name} (or {variable(name)}): {what}" for name, what in NAMES.items() if not given[name]]:
        raise pytest.UsageError("--live has to be told where:\n" + "\n".join(missing))
    begun = Live(given, config.getoption("live_settle"))
    begun.require()
    session = begun


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --live what is not AWS's own suite, or is about an emulator, is left out."""
    if session is None:
        return
    chosen = [item for item in items if _is_suite(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_unconfigure() -> None:
    global session
    if session is not None:
        ended, session = session, None
        ended.destroy()


def variable(name: str) -> str:
    return f"TOOLKIT_LIVE_{name.upper()}"


def _is_suite(item: pytest.Item) -> bool:
    suite = getattr(item, "cls", None)
    return suite is not None and getattr(suite, "provider", None) is not None and _on_aws(suite)


def _on_aws(suite: Any) -> bool:
    return bool(suite.provider.name == "aws" and not suite.server)


class Live:
    """One run on an account. `run` is in the name of all that it makes."""

    def __init__(self, given: dict[str, str], settle_seconds: float) -> None:
        self.run = uuid4().hex[:6]
        self.stem = given["stem"]
        self.region = given["region"]
        self.settle_seconds = settle_seconds
        self._given = given
        self._folder = f"live/{self.run}"

    def settings(self, **more: object) -> Settings:
        """With a folder of one's own in the bucket."""
        from toolkit.adapters.aws.settings import AwsSettings

        own = f"{self.stem}/live-{self.run}"
        where = {**self._given, "prefix": f"{self._folder}/{uuid4().hex[:12]}", "secrets": own, "namespace": own}
        return AwsSettings.model_validate({**where, **more}).model_dump(mode="json")

    @property
    def begin(self) -> str:
        """What the names of this run's functions and topics begin with: roles of the target are for such names."""
        return f"{self.stem}-{self.run}"

    @property
    def tags(self) -> dict[str, str]:
        return {"managed-by": "toolkit", "live": self.run}

    def require(self) -> None:
        """UsageError when there are no credentials, or not all of the target is there."""
        from toolkit.adapters.aws.doctor import check
        from toolkit.domain.errors import ToolkitError
        from toolkit.ports.checks import Asked

        try:
            failed = [one for one in check(Asked(self.settings(), "live", PORTS)) if not one.ok]
        except ToolkitError as error:
            raise pytest.UsageError(f"--live: {error.message}\n{error.hint}") from error
        if failed:
            lines = "\n".join(f"{one.name}: {one.said}; {one.hint}" for one in failed)
            raise pytest.UsageError(f"--live: the target {self.stem} is not ready\n{lines}")

    def destroy(self) -> None:
        """All that this run made and that is still there: every step is tried, then the first failure is told."""
        failures: list[Exception] = []
        for step in (
            self._functions,
            self._schedules,
            self._jobs,
            self._secrets,
            self._topics,
            self._logs,
            self._objects,
        ):
            try:
                step()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def service(self, name: str) -> Any:
        from toolkit.adapters.aws.client import client

        return client(name, self.region)

    def _functions(self) -> None:
        from toolkit.adapters.aws.functions import open_functions

        functions = open_functions(self.settings())
        for state in list(functions.list()):
            if state.name.startswith(self.begin):
                functions.delete(state.name)

    def _schedules(self) -> None:
        from toolkit.adapters.aws.schedules import open_schedules

        schedules = open_schedules(self.settings())
        for spec in list(schedules.list()):
            if spec.name.startswith("probe-"):
                schedules.delete(spec.name)

    def _jobs(self) -> None:
        """With what they were defined by: a definition is registered again by whoever needs it."""
        from toolkit.adapters.aws.jobs import open_jobs
        from toolkit.adapters.aws.names import Names

        jobs, batch = open_jobs(self.settings()), self.service("batch")
        for status in list(jobs.list()):
            if status.name.startswith("probe-"):
                jobs.cancel(status.id)
                jobs.delete(status.id)
        pages = batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
        for found in [one for page in pages for one in page["jobDefinitions"]]:
            if found["jobDefinitionName"].startswith(Names(self.stem).job_definition):
                batch.deregister_job_definition(jobDefinition=found["jobDefinitionArn"])

    def _secrets(self) -> None:
        from toolkit.adapters.aws.secrets import open_secrets

        secrets = open_secrets(self.settings())
        for name in list(secrets.list()):
            secrets.delete(name)

    def _topics(self) -> None:
        topics, queues = self.service("sns"), self.service("sqs")
        for page in topics.get_paginator("list_topics").paginate():
            for topic in page["Topics"]:
                if topic["TopicArn"].rpartition(":")[2].startswith(self.begin):
                    topics.delete_topic(TopicArn=topic["TopicArn"])
        for url in queues.list_queues(QueueNamePrefix=self.begin).get("QueueUrls", []):
            queues.delete_queue(QueueUrl=url)

    def _logs(self) -> None:
        logs = self.service("logs")
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=f"/toolkit/{self.settings()['namespace']}")

    def _objects(self) -> None:
        """Every version: the bucket keeps them."""
        s3 = self.service("s3")
        where = {"Bucket": self._given["bucket"], "Prefix": f"{self._folder}/"}
        for page in s3.get_paginator("list_object_versions").paginate(**where):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
                s3.delete_objects(Bucket=self._given["bucket"], Delete={"Objects": keys, "Quiet": True})


def settle() -> None:
    """On an account: what was written is seen some seconds later."""
    if session is not None:
        time.sleep(session.settle_seconds)
