"""The emulator's process: HTTP on loopback, and who answers what."""

from __future__ import annotations

import secrets
import traceback
from pathlib import Path

from toolkit.adapters.gcp.emulator.iam_buckets import Buckets
from toolkit.adapters.gcp.emulator.iam_guard import Guard
from toolkit.adapters.gcp.emulator.identity import METADATA, OPERATOR, Identity
from toolkit.adapters.gcp.emulator.refused import Refused
from toolkit.adapters.gcp.emulator.rest import Rest
from toolkit.adapters.gcp.emulator.rules import methods
from toolkit.adapters.gcp.emulator.site import Site
from toolkit.adapters.gcp.emulator.storage import Storage
from toolkit.execution import emulator
from toolkit.execution.http_messages import Request, Response, json_response
from toolkit.execution.http_server import HttpServer, Limits
from toolkit.execution.reaper import Reaper
from toolkit.execution.tree import MARK

BODY = 72 * 1024**2
STORAGE = ("/storage/", "/upload/", "/download/", "/b/", "/resumable/")
USED = "/emulator/permissions"  # (account, permission) of what was allowed by a policy
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
        self._identity = Identity()
        self._storage = Storage(self.address, self._identity, {MARK: mark})
        self._site = Site(self.address, home, self._identity, self._reaper)
        self._buckets = Buckets(self._storage, self._site.iam, self._identity, self._site.notifications)
        self._guard = Guard(self._site.iam)
        self._rest = Rest(methods(self._site))

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
            return Refused("INTERNAL", "the emulator failed; its standard error says where").response

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(STORAGE):
            return self._buckets(request)
        if request.path.startswith(METADATA) or request.path == "/":
            return self._identity.metadata(request, OPERATOR)
        if request.path == SEEN:
            found = [{"host": host, "method": name, **told} for (host, name), told in self._rest.seen.items()]
            return json_response(200, found)
        if request.path == USED:
            return json_response(200, sorted(self._site.iam.used))
        if answer := self._site.answer(request):
            return answer
        caller = self._identity.caller(request)
        self._guard(request, caller)
        return self._rest(request, caller)


def main() -> None:
    emulator.run("gcp", Emulator)
