"""A watch over the wire: what is written under the prefix reaches the function, in S3's own words, and nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.adapters.aws import cloud
from tests.support import HERE
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.events import new_data
from toolkit.adapters.aws.functions import open_functions
from toolkit.adapters.aws.store import open_store
from toolkit.adapters.aws.watches import S3Watches, open_watches
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.newdata import NewData, WatchSpec
from toolkit.ports import Settings
from toolkit.ports.watches import Watches
from toolkit.testing.functions import Deploy, bundle_into

_FITS: type[Watches] = S3Watches
SINK = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event))
"""


@pytest.mark.slow
def test_what_is_written_is_told_once_it_is_watched() -> None:
    settings = cloud.prepared()
    store, functions, watches = open_store(settings), open_functions(settings), open_watches(settings)
    deploy = Deploy(functions, bundle_into(store), runtime=HERE)
    try:
        spec = WatchSpec(name="sink", prefix="data/", function=deploy(SINK))
        others = notifications_of_others(settings, spec.function)
        watches.put(spec)
        watches.put(spec)
        assert list(watches.list()) == [spec]
        store.put("elsewhere/a", b"1")
        meta = store.put("data/a=1.csv", b"2")
        uri, (event,) = f"{store.uri()}/data/a=1.csv", told(deploy, functions.logs, spec.function, 1)
        version = event["Records"][0]["s3"]["object"].get("versionId") or meta.etag.strip('"')
        assert new_data(event) == (NewData(uri=uri, version=version, time=event["Records"][0]["eventTime"]),)
        watches.delete("sink")
        watches.delete("sink")
        assert list(watches.list()) == []
        left = notifications(settings)
        assert [entry["Id"] for entry in left] == [others]
        store.put("data/b.csv", b"3")
        time.sleep(0.5)
        assert len(told(deploy, functions.logs, spec.function, 1)) == 1
    finally:
        deploy.delete()


def test_what_cannot_be_watched() -> None:
    watches = open_watches(cloud.bucket())
    with pytest.raises(ConfigError, match="whole store"):
        watches.put(WatchSpec(name="w", prefix="", function="f"))
    with pytest.raises(NotFound, match="no-such-function"):
        watches.put(WatchSpec(name="w", prefix="data/", function="no-such-function"))


def notifications(settings: Settings) -> list[dict[str, object]]:
    service = client("s3", cloud.REGION, settings["endpoint"])
    found = service.get_bucket_notification_configuration(Bucket=settings["bucket"])
    entries: list[dict[str, object]] = found.get("LambdaFunctionConfigurations", [])
    return entries


def notifications_of_others(settings: Settings, function: str) -> str:
    """One that somebody else has set: it stays."""
    functions = client("lambda", cloud.REGION, settings["services_endpoint"])
    where = {"FunctionName": function, "Qualifier": "live"}
    functions.add_permission(**where, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    arn = functions.get_alias(FunctionName=function, Name="live")["AliasArn"]
    entry = {"Id": "theirs", "LambdaFunctionArn": arn, "Events": ["s3:ObjectRemoved:*"]}
    client("s3", cloud.REGION, settings["endpoint"]).put_bucket_notification_configuration(
        Bucket=settings["bucket"], NotificationConfiguration={"LambdaFunctionConfigurations": [entry]}
    )
    return "theirs"


def told(deploy: Deploy, logs: object, name: str, count: int) -> list[dict[str, Any]]:
    """The events that the sink printed, given time to come."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        lines = [line.text for line in logs(name) if line.text.startswith("EVENT ")]  # type: ignore[operator]
        if len(lines) >= count:
            break
        time.sleep(0.05)
    return [json.loads(line.removeprefix("EVENT ")) for line in lines]
