"""Calls to the host of a folder, from any other process."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from toolkit.domain.errors import Unavailable
from toolkit.execution.host import process
from toolkit.execution.host.folder import HostFolder
from toolkit.execution.host.front import CONTROL
from toolkit.execution.host.process import HostStatus

_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """Header names are lower-case; several values of one name are joined by commas."""

    status: int
    headers: dict[str, str]
    body: bytes


class HostClient:
    """`port` is the one that was configured, 0 for the one that is remembered."""

    def __init__(self, folder: HostFolder, port: int = 0) -> None:
        self._folder = folder
        self._port = port

    def call(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = _SECONDS,
    ) -> Answer:
        """One request, with the control token; the host is started if it is not running. ConfigError, Unavailable."""
        return self._exchange(process.start(self._folder, self._port), method, target, body, headers or {}, seconds)

    def tell(self, method: str, target: str) -> None:
        """The same to a running host; without one there is nobody to tell."""
        host = process.status(self._folder)
        if host is not None:
            with suppress(Unavailable):  # it ended meanwhile
                self._exchange(host, method, target, b"", {}, _SECONDS)

    def _exchange(
        self, host: HostStatus, method: str, target: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        sent = {**headers, CONTROL: process.control(self._folder)}
        # A connection a call: one that was kept open may be closed under us, and a call must not be sent twice.
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=seconds)
        try:
            connection.request(method, target, body or None, sent)
            response = connection.getresponse()
            answered: dict[str, str] = {}
            for name, value in response.getheaders():
                low = name.lower()
                answered[low] = f"{answered[low]}, {value}" if low in answered else value
            return Answer(response.status, answered, response.read())
        except (OSError, http.client.HTTPException) as error:
            log = self._folder.server / "host.log"
            raise Unavailable(
                f"the function host did not answer {method} {target}: {error}", hint=f"read {log}"
            ) from error
        finally:
            connection.close()
