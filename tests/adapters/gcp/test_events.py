"""What Cloud Storage tells of new data, in all its ways; and a watch over the wire, told twice and out of order."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.adapters.gcp import google
from tests.support import HERE
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.emulator.iam_policies import STORAGE_AGENT
from toolkit.adapters.gcp.events import FINALIZED, new_data
from toolkit.adapters.gcp.functions import RunFunctions, open_functions
from toolkit.adapters.gcp.names import Names
from toolkit.adapters.gcp.storage_api import StorageApi
from toolkit.adapters.gcp.store import open_store
from toolkit.adapters.gcp.watches import StorageWatches, open_watches
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.newdata import NewData, WatchSpec
from toolkit.ports import Settings
from toolkit.ports.watches import Watches
from toolkit.testing.functions import Deploy, bundle_into

_FITS: type[Watches] = StorageWatches
WHEN = "2026-11-23T10:00:00.123456Z"
WRITTEN = {"kind": "storage#object", "bucket": "b", "name": "data/a b+c.csv", "generation": "17", "timeCreated": WHEN}
TOLD = {
    "eventType": "OBJECT_FINALIZE", "bucketId": "b", "objectId": "data/a b+c.csv", "objectGeneration": "17",
    "eventTime": WHEN, "payloadFormat": "NONE", "notificationConfig": "projects/_/buckets/b/notificationConfigs/1",
}  # fmt: skip
CLOUD_EVENT = {"specversion": "1.0", "id": "1", "source": "//storage.googleapis.com/projects/_/buckets/b"}
DATA = NewData(uri="gs://b/data/a b+c.csv", version="17", time=WHEN)


def pushed(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    message = {"attributes": attributes, "messageId": "1", "publishTime": WHEN, **more}
    return {"message": message, "subscription": "projects/p/subscriptions/s"}


@pytest.mark.parametrize(
    "event",
    [
        pushed(TOLD),
        pushed({**TOLD, "payloadFormat": "JSON_API_V1"}, data=base64.b64encode(json.dumps(WRITTEN).encode()).decode()),
        {**CLOUD_EVENT, "type": FINALIZED, "data": WRITTEN},
        {**CLOUD_EVENT, "type": FINALIZED, "data_base64": base64.b64encode(json.dumps(WRITTEN).encode()).decode()},
        WRITTEN,
        {**WRITTEN, "generation": 17},
    ],
    ids=["push", "push with the object", "cloud event", "cloud event in base64", "its body", "number"],
)
def test_one_write_is_one_thing_however_it_is_told(event: dict[str, Any]) -> None:
    assert new_data(event) == (DATA,)


@pytest.mark.parametrize(
    "event",
    [
        pushed({**TOLD, "eventType": "OBJECT_DELETE"}),
        pushed({**TOLD, "eventType": "OBJECT_METADATA_UPDATE"}),
        {**CLOUD_EVENT, "type": "google.cloud.storage.object.v1.deleted", "data": WRITTEN},
    ],
)
def test_what_is_nothing_new(event: dict[str, Any]) -> None:
    assert new_data(event) == ()


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"source": "toolkit.schedule", "schedule": "check"},
        {"Records": [{"eventSource": "aws:s3"}]},
        pushed({"kind": "somebody's own"}),
        pushed({}),
        {**CLOUD_EVENT, "type": "google.cloud.pubsub.topic.v1.messagePublished", "data": {}},
    ],
)
def test_what_is_not_of_cloud_storage(event: dict[str, Any]) -> None:
    assert new_data(event) is None


@pytest.mark.parametrize(
    "event",
    [
        pushed({**TOLD, "objectGeneration": "no number"}),
        pushed({key: value for key, value in TOLD.items() if key != "objectId"}),
        {**CLOUD_EVENT, "type": FINALIZED, "data": "text"},
        {**CLOUD_EVENT, "type": FINALIZED},
    ],
)
def test_what_looks_like_one_and_is_none_is_put_aside(event: dict[str, Any]) -> None:
    """By who asks (`entry.newdata`), on these errors."""
    with pytest.raises((LookupError, TypeError, ValueError)):
        new_data(event)


def test_a_new_content_is_another_reason_to_run() -> None:
    (again,) = new_data(pushed({**TOLD, "objectGeneration": "18"})) or ()
    assert again.reason != DATA.reason


def test_the_provider_says_how() -> None:
    assert PROVIDER.events == "toolkit.adapters.gcp.events:new_data"


# Over the wire

SINK = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event), flush=True)
"""


@pytest.fixture(scope="module")
def settings() -> Settings:
    """With the operator's topic, to which Cloud Storage may publish."""
    found = google.bucket()
    google.scheduler(found)
    pubsub, topic = Api("pubsub.googleapis.com", "v1", google.address()), topic_of(found)
    pubsub.call("make", "PUT", topic, {})
    binding = {"role": "roles/pubsub.publisher", "members": [f"serviceAccount:{STORAGE_AGENT}"]}
    pubsub.call("let", "POST", f"{topic}:setIamPolicy", {"policy": {"bindings": [binding]}})
    return found


def topic_of(settings: Settings) -> str:
    return f"projects/{settings['project']}/topics/{Names(settings['stem']).data_topic}"


@pytest.mark.slow
def test_every_write_under_the_prefix_is_told_and_nothing_else(settings: Settings) -> None:
    store, functions, watches = open_store(settings), open_functions(settings), open_watches(settings)
    deploy = Deploy(functions, bundle_into(store), runtime=HERE)
    try:
        spec = WatchSpec(name="sink", prefix="data/", function=deploy(SINK))
        theirs = notification_of_others(settings)
        watches.put(spec)
        watches.put(spec)
        assert list(watches.list()) == [spec]
        store.put("elsewhere/a", b"1")
        names = [f"data/{letter}=1.csv" for letter in "abcdef"]
        wanted = {f"{store.uri()}/{name}": store.put(name, b"2").etag for name in names}
        told = list(told_to(functions, spec.function, len(names) + 2))
        assert {data.uri: data.version for data in told} == wanted
        assert len(told) > len(names), "at least once: some came twice"
        assert len({data.reason for data in told}) == len(names), "and are the same to who asks for a run"
        watches.put(WatchSpec(name="sink", prefix="other/", function=spec.function))
        assert [found.prefix for found in watches.list()] == ["other/"]
        watches.delete("sink")
        watches.delete("sink")
        assert list(watches.list()) == []
        assert [one["id"] for one in notifications(settings)] == [theirs]
    finally:
        deploy.delete()


@pytest.mark.slow
def test_a_function_that_fails_is_told_again(settings: Settings) -> None:
    store, functions, watches = open_store(settings), open_functions(settings), open_watches(settings)
    deploy = Deploy(functions, bundle_into(store), runtime=HERE)
    failing = (
        SINK + '        if not globals().setdefault("seen", []).append(1) and len(seen) < 3: raise OSError("not yet")'
    )
    try:
        watches.put(WatchSpec(name="failing", prefix="late/", function=deploy(failing)))
        store.put("late/a", b"1")
        found = told_to(functions, next(iter(watches.list())).function, 3)
        assert len({data.reason for data in found}) == 1
    finally:
        watches.delete("failing")
        deploy.delete()


def told_to(functions: RunFunctions, name: str, count: int) -> list[NewData]:
    """What the sink was told, given time to come."""
    lines: list[str] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(lines) < count:
        lines = [line.text for line in functions.logs(name) if line.text.startswith("EVENT ")]
        time.sleep(0.05)
    events = [json.loads(line.removeprefix("EVENT ")) for line in lines]
    return [data for event in events for data in new_data(event) or ()]


def notifications(settings: Settings) -> list[dict[str, Any]]:
    found = StorageApi(settings["endpoint"]).get("look", f"b/{settings['bucket']}/notificationConfigs")
    items: list[dict[str, Any]] = found["items"]
    return items


def notification_of_others(settings: Settings) -> str:
    """One that somebody else has set: it stays."""
    topic = f"//pubsub.googleapis.com/{topic_of(settings)}"
    given = {"topic": topic, "payload_format": "NONE", "event_types": ["OBJECT_DELETE"]}
    path = f"b/{settings['bucket']}/notificationConfigs"
    return str(StorageApi(settings["endpoint"]).call("make", "POST", path, given)["id"])


def test_what_cannot_be_watched(settings: Settings) -> None:
    watches = open_watches(settings)
    with pytest.raises(ConfigError, match="whole store"):
        watches.put(WatchSpec(name="w", prefix="", function="f"))
    with pytest.raises(NotFound, match="no-such-function"):
        watches.put(WatchSpec(name="w", prefix="data/", function="no-such-function"))
    with pytest.raises(ConfigError, match="no bucket"):
        open_watches({**settings, "bucket": ""})


class Watching(StorageWatches):
    def _url(self, function: str) -> str:
        return "http://127.0.0.1:9"


def test_without_the_operators_topic() -> None:
    found = google.bucket()
    google.scheduler(found)
    with pytest.raises(ConfigError, match=r"no topic .*-new-data") as refused:
        Watching(found).put(WatchSpec(name="w", prefix="data/", function="f"))
    assert refused.value.hint == "toolkit bootstrap makes it"


BAD: list[tuple[str, Any]] = [
    ("payload_format", "XML"), ("event_types", ["OBJECT_WRITTEN"]), ("topic", "projects/p/topics/t"),
    ("custom_attributes", {str(number): "" for number in range(6)}), ("blob_name_prefix", "data/"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD, ids=[one[0] for one in BAD])
def test_the_emulator_refuses_what_google_does(settings: Settings, field: str, value: Any) -> None:
    given = {"topic": f"//pubsub.googleapis.com/{topic_of(settings)}", "payload_format": "NONE", field: value}
    with pytest.raises(ConfigError):
        StorageApi(settings["endpoint"]).call("make", "POST", f"b/{settings['bucket']}/notificationConfigs", given)
