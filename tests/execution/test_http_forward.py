"""Requests go on as they are; a connection that was closed while it was idle costs nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support import until
from toolkit.execution.http_forward import Forward
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.http_server import HttpServer, Limits

ASKED = Request("PUT", "/a%20b?x=1", (("host", "a"), ("x-b", "2")), b"body")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    def answer(request: Request) -> Response:
        told = f"{request.method} {request.target} {dict(request.headers)['x-b']}".encode()
        return Response(201, (("x-c", "3"),), told + b" " + request.body)

    server = HttpServer(0, answer, Limits(idle_seconds=0.1))
    server.start()
    yield server
    server.close()


@pytest.fixture
def forward(server: HttpServer) -> Iterator[Forward]:
    forward = Forward(server.port)
    yield forward
    forward._local.connection.close()


def test_method_target_headers_and_body_go_on_and_the_answer_comes_back(forward: Forward) -> None:
    answer = forward(ASKED)
    assert (answer.status, answer.body) == (201, b"PUT /a%20b?x=1 2 body")
    assert dict(answer.headers)["x-c"] == "3"


def test_a_kept_connection_that_has_ended_is_replaced(server: HttpServer, forward: Forward) -> None:
    for _ in range(3):
        assert forward(ASKED).status == 201
        until(lambda: not server._open)


def test_where_nobody_answers_it_says_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(OSError):
            Forward(free.getsockname()[1])(ASKED)
