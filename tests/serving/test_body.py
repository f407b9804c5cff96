"""The bytes of a request arrive whole, in pieces, late, or not at all."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
from typing import Any

import pytest

from toolkit.serving.body import Body, Disconnected
from toolkit.serving.problems import Problem
from toolkit.serving.settings import Limits

LIMITS = Limits(max_body=1000, body_seconds=0.2)


def read(*pieces: tuple[float, bytes], end: bool = True, limits: Limits = LIMITS) -> bytes:
    """The body that comes in (pause, bytes) pieces; without `end` the client then says no more."""
    coming = list(pieces)

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.sleep(60)
        pause, data = coming.pop(0)
        if pause:
            await asyncio.sleep(pause)
        return {"type": "http.request", "body": data, "more_body": bool(coming) or not end}

    return asyncio.run(Body(receive, limits).read({}))


def test_pieces_are_joined_whether_they_are_there_or_come_later() -> None:
    assert read((0, b"whole")) == b"whole"
    assert read((0.01, b"late")) == b"late"
    assert read((0, b"a"), (0, b"b"), (0.01, b"c")) == b"abc"
    assert read((0.01, b"a"), (0.01, b"b"), (0, b"")) == b"ab"
    assert read((0, b"")) == b""


@pytest.mark.parametrize("pieces", [[(0.0, b"some")], [], [(0.01, b"a"), (0.01, b"b")]])
def test_a_client_that_dawdles_is_cut_off(pieces: list[tuple[float, bytes]]) -> None:
    started = time.monotonic()
    with pytest.raises(Problem) as error:
        read(*pieces, end=False)
    assert (error.value.status, error.value.kind) == (408, "slow-request")
    assert time.monotonic() - started < 5


def test_a_size_is_refused_as_soon_as_it_is_known() -> None:
    with pytest.raises(Problem, match="1000 bytes"):
        read((0, b"x" * 1001))
    with pytest.raises(Problem, match="1000 bytes"):
        read((0, b"x" * 600), (0, b"x" * 600), end=False)  # does not wait for the rest
    assert len(read((0, b"x" * 500), (0, b"x" * 500))) == 1000


def test_an_error_of_the_server_while_waiting_comes_through() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        asyncio.run(Body(receive, LIMITS).read({}))


def test_a_client_may_go_away_in_the_middle() -> None:
    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"x", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return pieces.pop(0)

    with pytest.raises(Disconnected):
        asyncio.run(Body(receive, LIMITS).read({}))


def test_what_is_left_is_drained_once_and_not_waited_for() -> None:
    left = [{"type": "http.request", "body": b"x" * 400, "more_body": i < 9} for i in range(10)]

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else await asyncio.sleep(60, {})

    async def refused() -> None:
        body = Body(receive, LIMITS)
        with pytest.raises(Problem, match="1000 bytes"):
            await body.read({})
        assert len(left) == 7
        await body.drain()
        assert left == []
        await asyncio.wait_for(body.drain(), 5)  # it has ended: nothing to wait for

    asyncio.run(refused())


def test_a_client_that_never_ends_is_not_drained_for_ever() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    started = time.monotonic()
    asyncio.run(Body(receive, LIMITS).drain())
    assert time.monotonic() - started < 5


def test_a_bomb_is_never_unpacked_whole() -> None:
    bomb = gzip.compress(b"\x00" * 40_000_000)
    limits = Limits(max_body=100_000)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bomb}

    tracemalloc.start()
    try:
        with pytest.raises(Problem, match="100000 bytes"):
            asyncio.run(Body(receive, limits).read({b"content-encoding": b"gzip"}))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
