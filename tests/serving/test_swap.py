"""Another version in place of the one that serves: whole, between two requests, and nothing of the old one stays."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.endpoints import ROW, Client, Clock, Files
from tests.serving.signed import Bucket, release
from toolkit.adapters.memory.store import forget, open_store
from toolkit.domain.errors import NotFound, Unavailable, Untrusted
from toolkit.domain.records import Release
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.capture import Capture
from toolkit.serving.model import Model
from toolkit.serving.settings import CaptureSettings
from toolkit.serving.swap import Swap


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    name = request.node.nodeid
    yield Bucket(open_store({"name": name}))
    forget(name)


def make(made: Release, model: Model) -> App:
    return create_app(model, info=Info(endpoint="flights", version=made.model_version))


def swap(bucket: Bucket, clock: Clock, **more: Any) -> Swap:
    return Swap(bucket.source(), more.pop("make", make), seconds=10.0, wait=5.0, clock=clock, **more)


def version(client: Client) -> int:
    reply = client.post("/predict", {"instances": [ROW]})
    assert reply.status == 200, reply.content
    return int(reply.json()["version"])


def test_a_promoted_version_is_served_within_the_interval_and_a_rollback_too(
    bucket: Bucket, clock: Clock, binary_files: Files, regression_files: Files
) -> None:
    one, two = bucket.register(binary_files, 1), bucket.register(regression_files, 2)
    bucket.announce(one)
    served = swap(bucket, clock)
    client = Client(served)
    assert version(client) == 1
    bucket.announce(two)
    clock.now += 9.9
    assert version(client) == 1, "not looked at before its time"
    clock.now += 0.2
    reply = client.post("/predict", {"instances": [ROW]}).json()
    assert reply["version"] == 2
    assert "value" in reply["predictions"][0], "and it is the other model that answers"
    bucket.announce(one)
    clock.now += 10
    assert version(client) == 1
    assert served.swaps == 2


def test_what_the_metrics_counted_goes_on(bucket: Bucket, clock: Clock, binary_files: Files) -> None:
    bucket.announce(bucket.register(binary_files, 1))
    client = Client(swap(bucket, clock))
    version(client)
    bucket.announce(bucket.register(binary_files, 2))
    clock.now += 10
    version(client)
    text = client.get("/metrics").content.decode()
    assert 'version="2"' in text
    assert "toolkit_rows_total" in text
    assert next(line for line in text.splitlines() if line.startswith("toolkit_rows_total")).endswith(" 2")


def test_one_that_is_not_trusted_changes_nothing_and_is_said_once(
    bucket: Bucket, clock: Clock, binary_files: Files, regression_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.announce(bucket.register(binary_files, 1))
    served = swap(bucket, clock)
    client = Client(served)
    bucket.keep(regression_files.files)
    bucket.announce(release(regression_files, 2))
    for _ in range(3):
        clock.now += 10
        assert version(client) == 1
    assert capsys.readouterr().err.count("no signature of a trusted key") == 1
    assert served.measures.problems["swap"] == 3
    bucket.register(regression_files, 2)
    clock.now += 10
    assert version(client) == 2, "once it is signed, the next look takes it"


def test_a_store_that_fails_changes_nothing(
    bucket: Bucket, clock: Clock, binary_files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.announce(bucket.register(binary_files, 1))
    served = swap(bucket, clock)
    served._source.current = fail  # type: ignore[method-assign]
    clock.now += 10
    assert version(Client(served)) == 1
    assert "the bucket is away" in capsys.readouterr().err


def fail() -> Release | None:
    raise Unavailable("the bucket is away")


def test_it_does_not_start_with_nothing_or_with_what_is_not_trusted(
    bucket: Bucket, clock: Clock, binary_files: Files
) -> None:
    with pytest.raises(NotFound):
        swap(bucket, clock)
    bucket.keep(binary_files.files)
    bucket.announce(release(binary_files, 1))
    with pytest.raises(Untrusted):
        swap(bucket, clock)


def test_where_requests_do_not_wait_the_look_is_beside_them(bucket: Bucket, clock: Clock, binary_files: Files) -> None:
    """A store that hangs keeps its thread and no request; when it answers, the next request is the new version's."""
    bucket.announce(bucket.register(binary_files, 1))
    served = Swap(bucket.source(), make, seconds=10.0, clock=clock)
    client, gate, look = Client(served), threading.Event(), served._source.current
    bucket.announce(bucket.register(binary_files, 2))

    def slow() -> Release | None:
        gate.wait(10)
        return look()

    served._source.current = slow  # type: ignore[method-assign]
    clock.now += 10
    assert version(client) == 1
    assert version(client) == 1
    thread = served._thread
    assert thread is not None
    gate.set()
    thread.join(10)
    assert version(client) == 2


def test_a_request_ends_with_the_version_that_it_began_with(
    bucket: Bucket, clock: Clock, binary_files: Files, regression_files: Files
) -> None:
    """Its body comes slowly, and meanwhile others swap: validator, model and version are all of the first."""
    bucket.announce(bucket.register(binary_files, 1))
    served = swap(bucket, clock)

    async def story() -> dict[str, Any]:
        import msgspec

        body, sent = asyncio.Event(), list[Any]()

        async def receive() -> dict[str, Any]:
            await body.wait()
            return {"type": "http.request", "body": msgspec.json.encode({"instances": [ROW]}), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/predict",
                 "headers": [(b"content-type", b"application/json")]}  # fmt: skip
        slow = asyncio.create_task(served(scope, receive, send))
        await asyncio.sleep(0)
        bucket.announce(bucket.register(regression_files, 2))
        clock.now += 10
        quick = Client(served)
        assert (await quick._request("GET", "/", [b""], {})).json()["version"] == 2
        assert len(served._retired) == 1, "the old one is kept while somebody is inside"
        body.set()
        await slow
        assert served._retired == []
        found: dict[str, Any] = msgspec.json.decode(sent[1]["body"])
        return found

    answer = asyncio.run(story())
    assert answer["version"] == 1
    assert answer["predictions"][0]["label"] in ("late", "on time")


def test_the_old_one_is_freed_without_the_collector(
    bucket: Bucket, clock: Clock, binary_files: Files, baseline: Any
) -> None:
    """What `gc.freeze` holds is never collected, so nothing of the old version may need to be."""
    bucket.announce(bucket.register(binary_files, 1))

    def with_capture(made: Release, model: Model) -> App:
        capture = Capture(
            bucket.store, model, target="test", endpoint="flights", version=made.model_version, counter=None,
            settings=CaptureSettings(wait=1.0),
        )  # fmt: skip
        return create_app(model, capture=capture, info=Info(version=made.model_version))

    served = swap(bucket, clock, make=with_capture)
    client = Client(served)
    assert version(client) == 1
    client.get("/v2")
    old: list[Any] = [weakref.ref(served.app), weakref.ref(served.app.model), weakref.ref(served.app.capture)]
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number in range(2, 5):
            bucket.announce(bucket.register(binary_files, number))
            clock.now += 10
            assert version(client) == number
        clock.now += 10
        version(client)  # what was captured last has been written by now
        assert [ref() is None for ref in old] == [True, True, True]
    finally:
        gc.enable()
        gc.unfreeze()


def test_predictions_of_every_version_reach_the_bucket(bucket: Bucket, clock: Clock, binary_files: Files) -> None:
    from toolkit.domain import codec
    from toolkit.serving.capture import Captured

    def with_capture(made: Release, model: Model) -> App:
        capture = Capture(
            bucket.store, model, target="test", endpoint="flights", version=made.model_version, counter=None,
            settings=CaptureSettings(seconds=1e9),
        )  # fmt: skip
        capture._flushed = 1e12  # as if the first flush of a worker had been
        return create_app(model, capture=capture, info=Info(version=made.model_version))

    bucket.announce(bucket.register(binary_files, 1))
    served = swap(bucket, clock, make=with_capture)
    client = Client(served)
    for number in range(1, 4):
        if number > 1:
            bucket.announce(bucket.register(binary_files, number))
            clock.now += 10
        for _ in range(number):
            assert version(client) == number
    served.close()
    counted: dict[int, int] = {}
    for meta in bucket.store.list("captures/"):
        captured = codec.decode(bucket.store.get(meta.key).data, Captured)
        counted[captured.model_version] = counted.get(captured.model_version, 0) + len(captured.labels)
    assert counted == {1: 1, 2: 2, 3: 3}


def test_lifespan_ends_with_the_last_flush(bucket: Bucket, clock: Clock, binary_files: Files) -> None:
    bucket.announce(bucket.register(binary_files, 1))
    served = swap(bucket, clock)
    closed: list[float] = []
    served.close = lambda wait=5.0: closed.append(wait)  # type: ignore[method-assign]
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(served({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert closed == [5.0]
