"""One version for one sender: whatever the protocol, whatever the stage; and the share that was asked for."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.serving.router import Router
from toolkit.serving.settings import Limits, Split

CHANCE = 4.5  # standard deviations


class Side:
    """An App as far as a router looks at it: answers with its name and the body that reached it."""

    def __init__(self, name: str, most: int = 1000) -> None:
        self.name, self.limits, self.capture, self.measures = name, Limits(max_body=most), None, SimpleNamespace()
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        data = b""
        while scope["type"] == "http":
            message = await receive()
            data += message["body"]
            if not message.get("more_body"):
                break
        self.bodies.append(data)
        await send(self.name)


def router(by: str, share: float = 0.3, key: str = "rollout-1", draw: float = 0.0, most: int = 1000) -> Router:
    champion: Any = Side("champion", most)
    challenger: Any = Side("challenger", most)
    return Router(champion, challenger, Split(by=by, share=share, key=key, version=2, digest="d"), lambda: draw)


def asked(one: Router, body: bytes = b"{}", headers: dict[str, str] | None = None, **scope: Any) -> str:
    """Who answers, after the body has come in two pieces."""
    pieces: list[dict[str, Any]] = [{"body": body[:7], "more_body": True}, {"body": body[7:]}]
    answers: list[str] = []

    async def receive() -> Any:
        return {"type": "http.request", **pieces.pop(0)}

    async def send(message: Any) -> None:
        answers.append(message)

    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    asyncio.run(one({"type": "http", "method": "POST", "path": "/predict", "headers": pairs, **scope}, receive, send))
    sides: Any = (one.champion, one.challenger)
    if scope.get("method") != "GET":
        assert sides[answers[0] == "challenger"].bodies[-1] == body, "it reads what it would have read alone"
    return answers[0]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
def test_the_share_is_within_binomial_bounds_and_a_sender_stays(share: float) -> None:
    one = router("header:x-user", share)
    first = {n: one.chosen(f"user-{n}") for n in range(20_000)}
    count = sum(app is one.challenger for app in first.values())
    assert abs(count - 20_000 * share) < CHANCE * (20_000 * share * (1 - share)) ** 0.5
    assert all(one.chosen(f"user-{n}") is app for n, app in first.items())


def test_who_has_the_challenger_keeps_it_as_the_share_grows_and_the_next_rollout_takes_others() -> None:
    few, many, next_one = router("field:user", 0.1), router("field:user", 0.5), router("field:user", 0.1, "rollout-2")
    front = {n for n in range(5000) if few.chosen(str(n)) is few.challenger}
    assert all(many.chosen(str(n)) is many.challenger for n in front)
    others = {n for n in range(5000) if next_one.chosen(str(n)) is next_one.challenger}
    assert len(front & others) < 0.2 * len(front)


BODIES: list[Any] = [
    {"records": [{"user": "u7", "x": 1.0}]},
    {"columns": {"user": ["u7"], "x": [1.0]}},
    {"instances": [{"user": "u7"}]},
    {"inputs": [{"name": "x", "data": [1.0]}, {"name": "user", "data": ["u7"]}]},
    {"inputs": {"user": ["u7"]}},
    {"dataframe_records": [{"user": "u7"}]},
    {"dataframe_split": {"columns": ["x", "user"], "data": [[1.0, "u7"]]}},
    [{"user": "u7"}],
    {"user": "u7"},
]


@pytest.mark.parametrize("body", BODIES, ids=json.dumps)
@pytest.mark.parametrize("packed", [False, True])
def test_a_field_is_found_in_every_protocol(body: Any, packed: bool) -> None:
    expected = {key: router("field:user", 0.5, key).chosen("u7") for key in ("a", "b", "c", "d")}
    data = json.dumps(body).encode()
    headers = {"content-encoding": "gzip"} if packed else {}
    for key, app in expected.items():
        one = router("field:user", 0.5, key, draw=1.0)
        name: Any = app
        assert asked(one, gzip.compress(data) if packed else data, headers) == name.name


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[]", b'{"records": []}', b'{"records": [{}]}', b'{"user": {"a": 1}}', b"[" * 900]
)
@pytest.mark.parametrize(("draw", "side"), [(0.0, "challenger"), (0.99, "champion")])
def test_without_a_value_it_is_chance(body: bytes, draw: float, side: str) -> None:
    assert asked(router("field:user", draw=draw), body) == side
    assert asked(router("header:x-user", draw=draw), body) == side
    assert asked(router("", draw=draw), body, {"x-user": "7"}) == side


def test_a_body_over_the_limit_is_passed_on_as_it_comes() -> None:
    body = json.dumps({"records": [{"user": "u7", "x": "y" * 3000}]}).encode()
    assert asked(router("field:user", draw=0.99, most=5), body) == "champion"


def test_a_header_decides_and_reads_no_body() -> None:
    counts = Counter(asked(router("header:x-user", 0.5, key), headers={"x-user": "7"}) for key in map(str, range(40)))
    assert set(counts) == {"champion", "challenger"}


def test_what_asks_for_nothing_is_the_champions() -> None:
    assert asked(router("", share=1.0), method="GET") == "champion"
