"""Three times what the model can do, over a real server: it goes on doing what it can, the rest is told at once."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.serving.endpoints import ROW
from tests.serving.live import served
from toolkit.serving import batching
from toolkit.serving.app import answered, create_app
from toolkit.serving.connection import Connection
from toolkit.serving.model import Model, Prediction
from toolkit.serving.rows import Batch
from toolkit.serving.settings import Batching

BODY = msgspec.json.encode({"records": [ROW]})
HEAD = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n"
REQUEST = HEAD.encode() + b"connection: close\r\n\r\n" + BODY
CALL = 0.04  # seconds of a call of the model, of at most 4 rows: 100 rows a second
QUEUE = 8


class Told(NamedTuple):
    status: int
    retry: bool
    at: float


async def ask(port: int) -> Told:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return Told(int(answer.split()[1]), b"retry-after: " in answer.partition(b"\r\n\r\n")[0], time.monotonic())


async def in_turn(port: int, seconds: float, clients: int) -> float:
    """Answers a second to so many clients that each wait for theirs."""
    begun = time.monotonic()

    async def client() -> int:
        good = 0
        while time.monotonic() - begun < seconds:
            good += (await ask(port)).status == 200
        return good

    return sum(await asyncio.gather(*(client() for _ in range(clients)))) / (time.monotonic() - begun)


async def at_rate(port: int, rate: float, seconds: float) -> list[Told]:
    """Requests that come when they come, whatever became of those before."""
    begun, tasks = time.monotonic(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(begun + number / rate - time.monotonic())
        tasks.append(asyncio.create_task(ask(port)))
    return list(await asyncio.gather(*tasks))


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
def test_at_three_times_its_capacity(binary: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "INLINE", 0.0)
    app = create_app(binary, batching=Batching(max_rows=4, max_queue=QUEUE))
    batcher = app.batching
    assert batcher is not None
    longest = 0

    def slow(batch: Batch) -> Prediction:
        nonlocal longest
        longest = max(longest, batcher.counts["batching_queued_rows"])
        time.sleep(CALL)
        return answered(binary, batch)

    monkeypatch.setattr(batcher, "_answer", slow)
    monkeypatch.setattr(batcher, "_parallel", 1)
    with served(app, http=Connection) as url:
        port = urlsplit(url).port or 0
        held = 0.0
        for _ in range(3):  # a machine that had something else to do is asked again
            capacity = asyncio.run(in_turn(port, 1.0, QUEUE))
            refused, before, begun = batcher.refused, resident_mb(), time.monotonic()
            told = asyncio.run(at_rate(port, 3 * capacity, 2.0))
            grown = resident_mb() - before
            good = [one for one in told if one.status == 200]
            assert {one.status for one in told} == {200, 503}
            assert all(one.retry for one in told if one.status == 503)
            assert batcher.refused - refused == len(told) - len(good) > len(told) / 3
            held = max(held, len(good) / (max(one.at for one in good) - begun) / capacity)
            if held > 0.7:
                break
        assert held > 0.7
        assert longest <= QUEUE
        assert grown < 20, "what is refused is not kept"
        assert batcher.counts["batching_queued_rows"] == 0
        assert asyncio.run(ask(port)).status == 200
