"""A connection has bounds in size, time and number, and an answer is one write."""

from __future__ import annotations

import asyncio
import gc
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

import msgspec
import pytest
import uvicorn
from uvicorn.server import ServerState

from tests.serving.endpoints import ROW
from toolkit.serving import batching, connection, ids
from toolkit.serving.app import App, create_app
from toolkit.serving.connection import Connection, Joined
from toolkit.serving.model import Model
from toolkit.serving.settings import Batching, Limits

pytestmark = pytest.mark.slow
BODY = msgspec.json.encode({"records": [ROW]})


@pytest.fixture(scope="module")
def app(binary: Model) -> App:
    return create_app(binary, limits=Limits(body_seconds=0.5), batching=Batching())


@pytest.fixture(scope="module")
def port(app: App) -> Iterator[int]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=Connection, log_level="error", proxy_headers=False)
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(20)
    listening.close()


@pytest.fixture
def opened(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port)) as found:
        found.settimeout(20)
        yield found


def connections() -> list[Connection]:
    return [found for found in gc.get_objects() if type(found) is Connection and found in found.connections]


def post(path: str = "/predict", body: bytes = BODY, more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{more}"
    return head.encode() + b"\r\n" + body


def read(opened: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer, or (0, {}, b"") where the connection was closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = opened.recv(65536)
        if not part:
            return 0, {}, data
        data += part
    head, _, content = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
    while len(content) < int(headers["content-length"]):
        content += opened.recv(65536)
    return int(status.split()[1]), headers, content


def test_requests_one_after_the_other(opened: socket.socket, app: App) -> None:
    before = app.measures.rows
    for _ in range(5):
        opened.sendall(post())
        status, headers, content = read(opened)
        assert (status, len(msgspec.json.decode(content)["predictions"])) == (200, 1)
        assert headers["x-content-type-options"] == "nosniff"
        assert "date" in headers
    assert app.measures.rows == before + 5


def test_pipelined_requests_are_answered_in_order(opened: socket.socket) -> None:
    names = [f"r{i}" for i in range(6)]
    paths = ["/predict", "/healthz", "/predict", "/predict", "/v2/models/flights/infer", "/predict"]
    opened.sendall(b"".join(post(p, more=f"x-request-id: {n}\r\n") for p, n in zip(paths, names, strict=True)))
    data = b""
    while data.count(b"x-request-id") < len(names):
        data += opened.recv(65536)
    found = [line.split(b": ")[1].decode() for line in data.split(b"\r\n") if line.startswith(b"x-request-id")]
    assert found == names


def test_a_body_in_pieces(opened: socket.socket) -> None:
    whole = post()
    for at in range(0, len(whole), 40):
        opened.sendall(whole[at : at + 40])
        time.sleep(0.002)
    assert read(opened)[0] == 200


def test_the_last_request_of_a_connection(opened: socket.socket) -> None:
    opened.sendall(post(more="connection: close\r\n"))
    status, headers, _ = read(opened)
    assert (status, headers["connection"], opened.recv(10)) == (200, "close", b"")


def test_a_client_that_asks_whether_to_go_on(opened: socket.socket) -> None:
    opened.sendall(post(more="expect: 100-continue\r\n"))
    data = b""
    while b"200 OK" not in data:
        data += opened.recv(65536)
    assert data.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_an_encoding_that_is_not_taken(opened: socket.socket) -> None:
    opened.sendall(post(more="content-encoding: br\r\n"))
    assert read(opened)[0] == 415


def test_a_refusal_comes_from_the_application(opened: socket.socket) -> None:
    opened.sendall(post(body=b'{"records": [{}]}'))
    status, headers, content = read(opened)
    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert msgspec.json.decode(content)["errors"]
    opened.sendall(post())
    assert read(opened)[0] == 200


def test_head_has_no_body(opened: socket.socket) -> None:
    opened.sendall(b"HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    assert opened.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n" + b"x-a: " + b"a" * connection.HEAD_BYTES + b"\r\n\r\n",
        b"GET /" + b"a" * (connection.HEAD_BYTES + 1) + b" HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * (connection.HEAD_FIELDS + 1) + b"\r\n",
    ],
    ids=["one long field", "a long address", "many fields"],
)
def test_a_head_that_is_too_large(opened: socket.socket, head: bytes) -> None:
    opened.sendall(head)
    assert read(opened)[0] == 431
    assert opened.recv(10) == b""


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nhost"])
def test_a_head_that_does_not_end(port: int, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.settimeout(20)
        opened.sendall(sent)
        assert read(opened)[0] == 408
        assert opened.recv(10) == b""


def test_a_second_head_that_does_not_end(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.settimeout(20)
        opened.sendall(post())
        assert read(opened)[0] == 200
        opened.sendall(b"GET /heal")
        assert read(opened)[0] == 408


@pytest.mark.parametrize("path", ["/predict", "/v1/models/churn"])
def test_an_idle_connection_ends_and_one_in_use_does_not(
    opened: socket.socket, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Both ways to answer, at once and as a task, share the one timer."""
    opened.sendall(post())
    assert read(opened)[0] == 200
    served = next(iter(connections()))
    served._stop_waiting()
    monkeypatch.setattr(served, "timeout_keep_alive", 1.0)
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        opened.sendall(post(path))
        assert read(opened)[0] in (200, 404, 405)
        time.sleep(0.05)
    assert opened.recv(1) == b""
    assert 0.5 < time.monotonic() - until < 10


def test_a_body_that_does_not_end(opened: socket.socket) -> None:
    opened.sendall(post()[:-5])
    assert read(opened)[0] == 408


def test_more_connections_than_there_may_be(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECTIONS", 0)
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.settimeout(20)
        status, headers, _ = read(opened)
        assert (status, headers["retry-after"]) == (503, "1")


def spoken(app: App, pieces: list[bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[list[bytes], int]:
    """(the answers to what one client sends in these pieces, how often the parser was asked)."""
    fed: list[bytes] = []

    class Counting(Connection):
        def on_message_begin(self) -> None:
            fed.append(b"")
            super().on_message_begin()

    async def talk() -> bytes:
        config = uvicorn.Config(app, log_level="error", proxy_headers=False)
        config.load()
        transport = Transport()
        served = Counting(config, ServerState(), {}, asyncio.get_running_loop())
        served.connection_made(transport)  # type: ignore[arg-type]
        for piece in pieces:
            served.data_received(piece)
            for _ in range(5):  # an answer is there then, where all of its request is
                await asyncio.sleep(0)
        while served.tasks:
            await asyncio.sleep(0)
        served._stop_waiting()
        served._arrived()
        return b"".join(transport.written)

    monkeypatch.setattr(ids, "prefix", lambda moment: "0" * ids.LENGTH)
    monkeypatch.setattr(connection, "_date", lambda: b"")
    answers = re.sub(rb"date: .*?\r\n", b"", asyncio.run(talk())).split(b"HTTP/1.1 ")
    return answers[1:], len(fed)


def near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "INLINE", 1e9)  # fast enough, however busy this machine is


ROWS = [msgspec.json.encode({"records": [{**ROW, "delay": float(10 + n)}]}) for n in range(8)]


def test_the_same_head_again_is_not_parsed_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    near(monkeypatch)
    answers, parsed = spoken(app, [post(body=body) for body in ROWS], monkeypatch)
    expected, each = spoken(app, [post(body=body, more=f"x-a: {n}\r\n") for n, body in enumerate(ROWS)], monkeypatch)
    assert answers == expected
    assert len(set(answers)) > 1, "the bodies are read"
    assert (parsed, each) == (2, len(ROWS)), "the first that follows an answer is learnt, the others are known"


@pytest.mark.parametrize("seed", range(30))
def test_however_it_comes_in_pieces_the_answers_are_the_same(
    app: App, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    near(monkeypatch)
    draw = random.Random(seed)
    bad, many = b'{"records": [{}]}', msgspec.json.encode({"records": [ROW, ROW]})
    chunked = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    kinds = [post(body=body) for body in [*ROWS[:3], bad, many]]
    kinds += [b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", chunked % (len(ROWS[0]), ROWS[0]), b"\r\n" + post()]
    whole = [draw.choice([*kinds, kinds[0], kinds[1]]) for _ in range(30)]
    stream = b"".join(whole)
    cuts = sorted({0, len(stream), *draw.sample(range(len(stream)), 12)} | starts(whole, draw))
    pieces = [stream[a:b] for a, b in pairwise(cuts)]
    one_by_one = [spoken(app, [request], monkeypatch)[0][0] for request in whole]
    assert spoken(app, pieces, monkeypatch)[0] == one_by_one


def starts(whole: list[bytes], draw: random.Random) -> set[int]:
    """Where most of the requests begin."""
    return {at for at in accumulate(map(len, whole)) if draw.random() < 0.7}


def test_a_body_that_looks_like_a_known_request_is_a_body(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    near(monkeypatch)
    inside = post()
    head = post(body=inside).removesuffix(inside)
    answers, parsed = spoken(app, [post(), post(), post(), head, inside, post()], monkeypatch)
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"200", b"400", b"200"]
    assert parsed == 3


def test_known_heads_are_few(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    near(monkeypatch)
    monkeypatch.setattr(connection, "KNOWN_HEADS", 2)
    pieces = [post(more=f"x-a: {n % 5}\r\n") for n in range(20)]
    answers, parsed = spoken(app, pieces, monkeypatch)
    assert (len(answers), parsed) == (20, 20)
    long = [post(more=f"x-a: {'a' * connection.KNOWN_BYTES}\r\n")] * 5
    assert spoken(app, long, monkeypatch)[1] == 5


class Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def __getattr__(self, name: str) -> Any:
        return lambda *given: None


def test_head_and_body_are_one_write() -> None:
    transport = Transport()
    joined = Joined(transport)  # type: ignore[arg-type]
    joined.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
    assert transport.written == []
    joined.write(b"{}")
    assert transport.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"]
    joined.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert len(transport.written) == 2
    joined.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    joined.close()
    assert transport.written[2:] == [b"HTTP/1.1 204 No Content\r\n\r\n"]
    assert transport.closed
