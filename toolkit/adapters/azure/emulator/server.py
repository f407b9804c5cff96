"""The emulator's process: HTTP on loopback, and who answers what."""

from __future__ import annotations

import secrets
import traceback
from pathlib import Path

from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.refused import Refused
from toolkit.adapters.azure.emulator.rest import Rest
from toolkit.adapters.azure.emulator.rules import methods
from toolkit.adapters.azure.emulator.site import Site
from toolkit.adapters.azure.emulator.storage import Storage
from toolkit.adapters.azure.settings import EMULATED_ACCOUNT
from toolkit.execution import emulator
from toolkit.execution.http_messages import Request, Response, json_response
from toolkit.execution.http_server import HttpServer, Limits
from toolkit.execution.reaper import Reaper
from toolkit.execution.tree import MARK

BODY = 256 * 1024**2  # a function's package goes up in one request
USED = "/emulator/permissions"  # what assignments were used for, and what was refused
TOKEN = "/emulator/token"  # noqa: S105  # the operator takes on another identity, for tests
SEEN = "/emulator/requests"  # one accepted request of every method, for the test that spoils them


class Emulator:
    """Everything on one port."""

    def __init__(self, port: int, home: Path) -> None:
        limits = Limits(body_bytes=BODY, idle_seconds=600, write_seconds=120, connections=1024)
        self._server = HttpServer(port, self.answer, limits)
        self.address = f"http://127.0.0.1:{self._server.port}"
        mark = secrets.token_hex(8)
        self._reaper = Reaper()
        self._reaper.watch(mark)
        self._identity = Identity(self.address)
        self._site = Site(self.address, home, self._identity, self._reaper)
        guard = self._site.guard
        self._storage = Storage(EMULATED_ACCOUNT, self._identity, {MARK: mark}, self._site.grid.written, guard)
        self._site.resources.make_container = self._storage.make
        self._rest = Rest(methods(self._site), self._identity, guard)

    def start(self) -> None:
        self._server.start()

    def close(self) -> None:
        self._server.close()
        self._site.close()
        self._storage.close()
        self._reaper.close()

    def answer(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except Refused as refused:
            return refused.response
        except Exception:
            traceback.print_exc()  # ours, not the caller's: where whoever started it sees it
            return Refused(500, "InternalServerError", "the emulator failed; its standard error says where").response

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(f"/{EMULATED_ACCOUNT}/") or request.path == f"/{EMULATED_ACCOUNT}":
            return self._storage(request)
        if request.path == SEEN:
            return json_response(200, self._rest.seen())
        if request.path == USED:
            return json_response(200, self._site.resources.rbac.told())
        if request.path == TOKEN:
            return self._identity.another(request)
        if answer := self._site.answer(request):
            return answer
        return self._as_asked(request, self._rest(request))

    def _as_asked(self, request: Request, reply: Response) -> Response:
        """Links lead where the request came to: a proxy may stand in between."""
        asked = f"http://{request.header('host')}"
        if asked == self.address or not asked.startswith("http://127.0.0.1:"):
            return reply
        headers = tuple((name, value.replace(self.address, asked)) for name, value in reply.headers)
        return Response(reply.status, headers, reply.body.replace(self.address.encode(), asked.encode()))


def main() -> None:
    emulator.run("azure", Emulator)
