"""Requests that meet are one call, each gets its own rows, and too many are refused at once. Counted, never timed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.serving.endpoints import ROW, Client
from toolkit.domain import codec
from toolkit.quality.baseline import Baseline
from toolkit.quality.counter import Counter
from toolkit.quality.profile import decode
from toolkit.serving import batching, ids
from toolkit.serving import capture as captures
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.batching import Batcher
from toolkit.serving.capture import Capture, Captured
from toolkit.serving.model import Model, Prediction
from toolkit.serving.problems import Problem
from toolkit.serving.rows import Batch
from toolkit.serving.settings import Batching, CaptureSettings


class Slow:
    """A model of one number that waits until it is let go, and remembers its calls. Its answer is the number."""

    def __init__(self) -> None:
        self.calls: list[list[float]] = []
        self.go = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, batch: Batch) -> Prediction:
        numbers = list(batch.columns[0])
        self.calls.append(numbers)
        self.entered.release()
        assert self.go.wait(20)
        if -1.0 in numbers:
            raise ValueError("minus one")
        return Prediction(values=numbers)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    monkeypatch.setattr(batching, "INLINE", 0.0)  # no model is fast enough
    return Slow()


def made(slow: Callable[[Batch], Prediction], parallel: int = 1, **settings: Any) -> Batcher:
    return Batcher(slow, Batching(**settings), parallel)


def of(*numbers: float) -> Batch:
    return Batch(1, row=numbers) if len(numbers) == 1 else Batch(len(numbers), columns=[list(numbers)])


async def entered(slow: Slow) -> None:
    assert await asyncio.to_thread(slow.entered.acquire, timeout=20)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_comes_during_a_call_is_the_next_call_together(slow: Slow) -> None:
    async def story() -> list[Prediction]:
        batcher = made(slow)
        tasks = [asyncio.ensure_future(batcher.predict(of(0.0)))]
        await entered(slow)
        tasks += [asyncio.ensure_future(batcher.predict(of(*numbers))) for numbers in ((1.0,), (2.0, 3.0), (4.0,))]
        await settled()
        slow.go.set()
        return list(await asyncio.gather(*tasks))

    found = asyncio.run(story())
    assert slow.calls == [[0.0], [1.0, 2.0, 3.0, 4.0]]
    assert [p.values for p in found] == [[0.0], [1.0], [2.0, 3.0], [4.0]]


def test_a_call_has_at_most_so_many_rows_and_a_larger_request_is_one_alone(slow: Slow) -> None:
    async def story() -> None:
        batcher = made(slow, max_rows=3)
        sizes = ((0.0,), (1.0, 2.0), (3.0, 4.0), (5.0,), (6.0, 7.0, 8.0, 9.0, 10.0), (11.0,))
        tasks = [asyncio.ensure_future(batcher.predict(of(*numbers))) for numbers in sizes]
        await settled()
        slow.go.set()
        assert [tuple(p.values) for p in await asyncio.gather(*tasks)] == list(sizes)

    asyncio.run(story())
    assert slow.calls[1:] == [[1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0], [11.0]]


def test_as_many_calls_at_once_as_there_are_threads(slow: Slow) -> None:
    async def story() -> None:
        batcher = made(slow, parallel=2, max_rows=2)
        tasks = [asyncio.ensure_future(batcher.predict(of(float(i)))) for i in range(6)]
        await entered(slow)
        await entered(slow)
        await settled()
        assert len(slow.calls) == 2
        slow.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(story())
    assert sorted(map(len, slow.calls)) == [1, 1, 2, 2]


def test_three_times_too_many_are_refused_at_once_and_the_rest_are_answered(slow: Slow) -> None:
    """Goodput holds: what was taken is answered whatever else was asked, and the queue never passes its bound."""

    async def story() -> tuple[list[Any], int, int]:
        batcher = made(slow, max_rows=10, max_queue=20)
        tasks = [asyncio.ensure_future(batcher.predict(of(0.0)))]
        await entered(slow)
        for number in range(1, 61):
            tasks.append(asyncio.ensure_future(batcher.predict(of(float(number)))))
            await asyncio.sleep(0)
            assert batcher.counts["batching_queued_rows"] <= 20
        refused = sum(task.done() for task in tasks)  # while the model is still at the first
        slow.go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return found, refused, batcher.counts["batching_queued_rows"]

    found, refused, queued = asyncio.run(story())
    assert (refused, queued) == (40, 0)
    assert [p.values for p in found if isinstance(p, Prediction)] == [[float(i)] for i in range(21)]
    problems = [p for p in found if isinstance(p, Problem)]
    assert {(p.status, p.kind) for p in problems} == {(503, "overloaded")}
    assert all(int(dict(p.headers)[b"retry-after"]) >= 1 for p in problems)
    assert list(map(len, slow.calls)) == [1, 10, 10]


def test_what_waited_too_long_is_refused_without_a_call(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        batcher = made(slow, queue_seconds=5.0)
        first = asyncio.ensure_future(batcher.predict(of(0.0)))
        await entered(slow)
        late = asyncio.ensure_future(batcher.predict(of(1.0)))
        await settled()
        now = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: now() + 6.0)
        slow.go.set()
        await first
        with pytest.raises(Problem) as refused:
            await late
        assert refused.value.status == 503

    asyncio.run(story())
    assert slow.calls == [[0.0]]


def test_a_request_that_was_given_up_costs_no_call(slow: Slow) -> None:
    async def story() -> None:
        batcher = made(slow)
        first = asyncio.ensure_future(batcher.predict(of(0.0)))
        await entered(slow)
        gone, kept = (asyncio.ensure_future(batcher.predict(of(number))) for number in (1.0, 2.0))
        await settled()
        gone.cancel()
        slow.go.set()
        assert ((await first).values, (await kept).values) == ([0.0], [2.0])

    asyncio.run(story())
    assert slow.calls == [[0.0], [2.0]]


def test_one_that_fails_fails_alone(slow: Slow) -> None:
    async def story() -> list[Any]:
        batcher = made(slow)
        tasks = [asyncio.ensure_future(batcher.predict(of(0.0)))]
        await entered(slow)
        tasks += [asyncio.ensure_future(batcher.predict(of(number))) for number in (1.0, -1.0, 2.0)]
        await settled()
        slow.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(story())
    assert [p.values for p in found if isinstance(p, Prediction)] == [[0.0], [1.0], [2.0]]
    assert isinstance(found[2], ValueError)


def test_many_rows_are_shared_out_and_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def model(batch: Batch) -> Prediction:
        calls.append(batch.rows)
        return Prediction(values=list(batch.columns[0]))

    numbers = [float(i) for i in range(batching.SPLIT + 1)]
    found = asyncio.run(made(model, parallel=2).predict(of(*numbers)))
    assert found.values == numbers
    assert sorted(calls) == [1000, 1001]


def test_a_fast_model_is_asked_where_it_stands() -> None:
    threads: list[int] = []

    def model(batch: Batch) -> Prediction:
        threads.append(threading.get_ident())
        return Prediction(values=list(batch.columns[0]))

    async def story() -> None:
        batcher = made(model)
        for number in range(50):
            await batcher.predict(of(float(number)))
        assert batcher._pool is None

    asyncio.run(story())
    assert set(threads) == {threading.get_ident()}


@pytest.fixture
def app(binary: Model, store: Any, baseline: Baseline, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setattr(batching, "INLINE", 0.0)
    capture = Capture(
        store, binary, target="dev", endpoint="flights", version=3, counter=lambda: Counter(baseline),
        settings=CaptureSettings(features=True),
    )  # fmt: skip
    return create_app(binary, capture=capture, info=Info(version=3), batching=Batching(max_queue=30))


def test_capture_is_exact_however_requests_were_put_together(app: App, store: Any, baseline: Baseline) -> None:
    """Every answer is kept once under its own id with its own features, and nothing else is."""
    client = Client(app)

    async def story() -> list[Any]:
        bodies = [{"records": [{**ROW, "delay": float(100 * i + k)} for k in range(1 + i % 3)]} for i in range(60)]
        encoded = [msgspec.json.encode(body) for body in bodies]
        asked = (client._request("POST", "/predict", [b], {"content-type": "application/json"}) for b in encoded)
        return list(await asyncio.gather(*asked))

    replies = asyncio.run(story())
    assert app.capture is not None
    app.capture.close()
    answered = [(i, reply.json()["predictions"]) for i, reply in enumerate(replies) if reply.status == 200]
    refused = [reply for reply in replies if reply.status != 200]
    assert answered
    assert refused
    assert {(r.status, r.json()["type"], r.headers["retry-after"]) for r in refused} == {
        (503, "urn:toolkit:problem:overloaded", "1")
    }
    assert app.batching is not None
    assert app.batching.calls < len(answered)  # they were put together
    records = [codec.decode(store.get(meta.key).data, Captured) for meta in store.list("captures/")]
    kept: dict[str, tuple[str, float, float]] = {}
    for record in records:
        for row, delay in zip(captures.read(record), record.features["delay"], strict=True):
            assert row.id not in kept
            assert row.score is not None
            kept[row.id] = (row.label, round(row.score, 5), delay)
    expected = {
        item["id"]: (item["label"], round(item["probabilities"]["on time"], 5), float(100 * i + k))
        for i, items in answered
        for k, item in enumerate(items)
    }
    assert kept == expected
    counted = sum(decode(store.get(meta.key).data, baseline).rows for meta in store.list("profiles/"))
    assert counted == len(expected) == app.measures.rows
    assert all(len(name) > ids.LENGTH for name in kept)
    metrics = client.get("/metrics").content.decode()
    assert f"toolkit_batching_refused_total {len(refused)}" in metrics
