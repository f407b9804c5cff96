"""`python -m toolkit.adapters.azure.emulator.sites_worker FOLDER`: Azure's host and Python worker for one package.

Imports `function_app` from FOLDER as the worker does, asks its `app` for the functions, and calls the one of the HTTP
trigger with Azure's own types. Of this machine only azure.functions is left to import: a package brings all else.

`/admin/functions` says which functions there are, and a POST to one of them calls it, as on a real host; here nobody
from outside gets that far.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import threading
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import azure.functions
from azure.functions.meta import Datum
from azure.functions.timer import TimerRequestConverter

LISTED = "/admin/functions"


class Context:
    """What a function may ask of its invocation."""

    def __init__(self, name: str, folder: str) -> None:
        self.function_name, self.function_directory = name, folder
        self.invocation_id = uuid.uuid4().hex
        self.thread_local_storage = threading.local()
        self.trace_context = self.retry_context = None


class Worker:
    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="worker", daemon=True).start()
        prefix = json.loads((folder / "host.json").read_text())["extensions"]["http"].get("routePrefix", "api")
        self._prefix = f"/{prefix}" if prefix else ""
        self.functions: dict[str, Any] = {}
        self.why = ""

    def index(self) -> None:
        """What the package has; `why` says why it cannot be loaded."""
        try:
            app = importlib.import_module("function_app").app
            self.functions = {one.get_function_name(): one for one in app.get_functions()}
        except BaseException as error:
            traceback.print_exc()
            self.why = f"{type(error).__name__}: {error}"

    def listed(self) -> list[dict[str, Any]]:
        """What the host indexes: of each function its timer's binding, and its retry policy."""
        found = []
        for name, one in self.functions.items():
            bindings = json.loads(one.get_function_json())["bindings"]
            timer = next((binding for binding in bindings if binding["type"] == "timerTrigger"), None)
            found.append({"name": name, "timer": timer, "retry": one.get_settings_dict("retry_policy")})
        return found

    def fire(self, name: str, told: str) -> tuple[int, Any, bytes]:
        """Call the function of a timer with TimerInfo."""
        if name not in self.functions:
            return (503 if self.why else 404), (), self.why.encode()
        self._call(self.functions[name], TimerRequestConverter.decode(Datum(told, "json"), trigger_metadata=None))
        return 202, (), b""

    def admin(self, method: str, target: str, body: bytes) -> tuple[int, Any, bytes]:
        if method == "GET" and target == LISTED:
            return (503 if self.why else 200), (), json.dumps(self.listed()).encode()
        return self.fire(target.removeprefix(f"{LISTED}/"), json.loads(body)["input"])

    def http(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> tuple[int, Any, bytes]:
        found = [one for one in self.functions.values() if one.is_http_function()]
        path, _, query = target.partition("?")
        if self.why or not found or not path.startswith(self._prefix):
            return (503 if self.why else 404), (), self.why.encode()
        request = azure.functions.HttpRequest(
            method,
            f"https://{os.environ['WEBSITE_HOSTNAME']}{target}",
            headers=dict(headers),
            params=dict(pair.partition("=")[::2] for pair in query.split("&") if pair),
            route_params={"route": path.removeprefix(self._prefix).lstrip("/")},
            body=body,
        )
        answer = self._call(found[0], request)
        return answer.status_code, list(answer.headers.items()), answer.get_body()

    def _call(self, function: Any, given: Any) -> Any:
        code = function.get_user_function()
        context = Context(function.get_function_name(), self._folder)
        more = [context] if "context" in code.__code__.co_varnames[: code.__code__.co_argcount] else []
        if not asyncio.iscoroutinefunction(code):
            return code(given, *more)
        return asyncio.run_coroutine_threadsafe(code(given, *more), self._loop).result()


def handler(worker: Worker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._answer
            raise AttributeError(name)

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                if self.path.startswith(LISTED):
                    status, headers, answer = worker.admin(self.command, self.path, body)
                else:
                    status, headers, answer = worker.http(self.command, self.path, self.headers.items(), body)
            except Exception:
                traceback.print_exc()
                status, headers, answer = 500, (), b""
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    return Handler


def main(folder: Path) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    worker = Worker(folder)
    packages = folder / ".python_packages" / "lib" / "site-packages"
    outside = [
        path for path in sys.path if "site-packages" in path or not path.startswith((sys.prefix, sys.base_prefix))
    ]
    sys.path[:] = [str(packages), str(folder), *(path for path in sys.path if path not in outside)]
    for name in [name for name in sys.modules if name.partition(".")[0] == "toolkit"]:
        del sys.modules[name]
    worker.index()
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), handler(worker)).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
