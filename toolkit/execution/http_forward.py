"""Requests that go on to a server of this machine, as they are."""

from __future__ import annotations

import http.client
import socket
import threading

from toolkit.execution.http_messages import Request, Response


class Forward:
    """To the server at `port` of loopback. A thread has a connection of its own, which is kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._local = threading.local()

    def __call__(self, request: Request) -> Response:
        """OSError, http.client.HTTPException where nothing answers."""
        for attempt in (1, 2):
            connection = self._connection(fresh=attempt == 2)
            try:
                connection.request(request.method, request.target, request.body or None, dict(request.headers))
                reply = connection.getresponse()
                body = reply.read()
                return Response(reply.status, tuple(reply.getheaders()), body)
            except (http.client.BadStatusLine, BrokenPipeError, ConnectionResetError):
                if attempt == 2:  # the first one may have met a connection that was closed while it was idle
                    raise
        raise AssertionError("unreachable")

    def _connection(self, *, fresh: bool) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None or fresh:
            if found is not None:
                found.close()
            found = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            found.connect()
            found.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._local.connection = found
        return found
