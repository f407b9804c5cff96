"""A watch over the wire: what is written under the prefix reaches the function, in Event Grid's words, nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.adapters.azure import microsoft, site
from tests.support import HERE
from toolkit.adapters.azure.events import new_data
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.store import open_store
from toolkit.adapters.azure.watches import GridWatches, open_watches
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.newdata import NewData, WatchSpec
from toolkit.ports.watches import Watches
from toolkit.testing.functions import Deploy, bundle_into

_FITS: type[Watches] = GridWatches
SINK = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event))
"""
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/mine"
SUBJECT = "/blobServices/default/containers/c/blobs/p/data/a=1.csv"


@pytest.mark.slow
def test_what_is_written_is_told_once_it_is_watched() -> None:
    settings = site.make()
    store, functions, watches = open_store(settings), open_functions(settings), open_watches(settings)
    deploy = Deploy(functions, bundle_into(store), runtime=HERE)
    try:
        spec = WatchSpec(name="sink", prefix="data/", function=deploy(SINK))
        watches.put(spec)
        watches.put(spec)
        assert list(watches.list()) == [spec]
        store.put("elsewhere/a", b"1")
        meta = store.put("data/a=1.csv", b"2")
        (event,) = told(functions, spec.function, 1)
        found = NewData(uri=store.uri("data/a=1.csv"), version=meta.etag, time=event["time"])
        assert new_data(event) == (found,)
        watches.delete("sink")
        watches.delete("sink")
        assert list(watches.list()) == []
        store.put("data/b.csv", b"3")
        time.sleep(0.5)
        assert len(told(functions, spec.function, 1)) == 1
    finally:
        deploy.delete()


def test_what_cannot_be_watched() -> None:
    watches = open_watches(microsoft.settings())
    with pytest.raises(ConfigError, match="whole store"):
        watches.put(WatchSpec(name="w", prefix="", function="f"))
    with pytest.raises(NotFound, match="no-such-function"):
        watches.put(WatchSpec(name="w", prefix="data/", function="no-such-function"))


@pytest.mark.parametrize(
    "names", [("type", "source", "time"), ("eventType", "topic", "eventTime")], ids=["cloudevent", "own schema"]
)
def test_an_event_of_either_schema(names: tuple[str, str, str]) -> None:
    kind, source, when = names
    told = {kind: "Microsoft.Storage.BlobCreated", source: ACCOUNT, when: "2026-01-01T00:00:00Z", "subject": SUBJECT}
    found = new_data({**told, "data": {"eTag": '"0x8D"'}})
    assert found == (NewData(uri="az://mine/c/p/data/a=1.csv", version="0x8D", time="2026-01-01T00:00:00Z"),)
    assert new_data({**told, kind: "Microsoft.Storage.BlobDeleted"}) == ()
    assert new_data({**told, source: "/subscriptions/s"}) is None
    assert new_data({"Records": []}) is None


def told(functions: Any, name: str, count: int) -> list[dict[str, Any]]:
    """The events that the sink printed, given time to come."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        lines = [line.text for line in functions.logs(name) if line.text.startswith("EVENT ")]
        if len(lines) >= count:
            break
        time.sleep(0.05)
    return [json.loads(line.removeprefix("EVENT ")) for line in lines]
