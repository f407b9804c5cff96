import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from toolkit.execution.http_messages import Request, Response
from toolkit.execution.http_server import HttpServer, Limits

LIMITS = Limits(head_bytes=4096, body_bytes=10_000, head_seconds=0.5, body_seconds=0.5, idle_seconds=0.8, connections=4)


class Site:
    """A server whose answer each case sets; `seen` are the requests that got through."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.answer: Callable[[Request], Response] = lambda request: Response(200, (), b"fine")
        self.server = HttpServer(0, self._answer, LIMITS)
        self.server.start()

    def _answer(self, request: Request) -> Response:
        self.seen.append(request)
        return self.answer(request)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=5)

    def until(self, connections: int) -> None:
        """The server has taken, or given up, what it has to."""
        deadline = time.monotonic() + 20
        while len(self.server._open) != connections:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def raw(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """What comes back until the server closes."""
        with self.connect() as client:
            try:
                for part in parts:
                    client.sendall(part)
                    time.sleep(pause)
            except OSError:
                pass  # it has closed already
            return received(client)


def received(client: socket.socket) -> bytes:
    found = b""
    try:
        while data := client.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    return found


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.close()


def test_a_request_as_it_came(site: Site) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", site.server.port)) as client:
        client.request("PUT", "/a%20b?x=1&x=2", b"body", {"X-One": "1", "Accept": "a"})
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b"fine")
    (request,) = site.seen
    assert (request.method, request.path, request.query) == ("PUT", "/a%20b", "x=1&x=2")
    assert (request.body, request.header("x-one"), request.peer) == (b"body", "1", "127.0.0.1")


def test_a_connection_is_kept_for_the_next_request(site: Site) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", site.server.port)) as client:
        client.connect()
        address = client.sock.getsockname()
        for number in range(3):
            client.request("POST", f"/{number}", b"x" * number)
            assert client.getresponse().read() == b"fine"
            assert client.sock.getsockname() == address
    assert [request.path for request in site.seen] == ["/0", "/1", "/2"]


def test_chunks_pipelining_and_asking_before_sending(site: Site) -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    last = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert site.raw(chunked + last).count(b"HTTP/1.1 200") == 2
    assert [request.body for request in site.seen] == [b"abcde", b""]
    asks = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    found = site.raw(asks, b"ok", pause=0.1)
    assert found.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 200" in found


def test_head_and_answers_without_a_body(site: Site) -> None:
    found = site.raw(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"content-length: 4" in found
    assert found.endswith(b"\r\n\r\n")
    site.answer = lambda request: Response(204, (("x", "y"),), b"ignored")
    found = site.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 204")
    assert b"ignored" not in found


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 8000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n" + b"x" * 10001, b"413"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n",
            b"408",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b"x" * 16384 + b"\r\n",
            b"413",
        ),
    ],
)
def test_what_is_refused(site: Site, sent: bytes, status: bytes) -> None:
    found = site.raw(sent)
    assert found.startswith(b"HTTP/1.1 " + status), found[:200]
    assert b"connection: close" in found
    assert site.seen == []


def test_a_client_that_trickles_is_cut_off(site: Site) -> None:
    begin = time.monotonic()
    head = [b"GET / HTTP/1.1\r\n", *[b"X-%d: y\r\n" % number for number in range(14)]]
    assert site.raw(*head, pause=0.05).startswith(b"HTTP/1.1 408")
    body = [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 14]
    assert site.raw(*body, pause=0.05).startswith(b"HTTP/1.1 408")
    assert time.monotonic() - begin < 6


def test_a_silent_client_is_left_without_a_word(site: Site) -> None:
    assert site.raw() == b""


def test_connections_are_counted(site: Site) -> None:
    open_ones = [site.connect() for _ in range(LIMITS.connections)]
    with site.connect() as one_more:  # they are taken one after the other
        assert received(one_more) == b""
    for client in open_ones:
        client.close()
    site.until(0)
    assert site.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_bug_in_the_answer_costs_one_request(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.answer = lambda request: Response(200) if request.path == "/" else Response(1 // len(request.body))
    with closing(http.client.HTTPConnection("127.0.0.1", site.server.port)) as client:
        for path, status in (("/bad", 500), ("/", 200)):
            client.request("GET", path)
            answer = client.getresponse()
            answer.read()
            assert answer.status == status
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_closing_takes_no_more_and_cuts_the_rest() -> None:
    site = Site()
    client = site.connect()
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(received(client)))
    reader.start()
    site.until(1)
    site.server.close()
    reader.join(5)
    client.close()
    assert found == [b""]
    with pytest.raises(OSError):
        site.connect()
