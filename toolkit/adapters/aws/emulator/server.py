"""The emulator's process: HTTP on loopback, and moto behind the chain."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toolkit.adapters.aws.emulator.executors import Chain, Home
from toolkit.adapters.aws.emulator.moto import ACCOUNT, Moto
from toolkit.adapters.aws.emulator.wire import call_of, status_line
from toolkit.execution import emulator


class Application:
    """WSGI in front of the chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        reply = self._chain(call_of(environ))
        start_response(status_line(reply.status), list(reply.headers))
        return [reply.body]


class Emulator:
    """Everything on one port."""

    def __init__(self, port: int, home: Path) -> None:
        self._server = _listen(port)
        self.address = f"http://127.0.0.1:{self._server.port}"
        self._chain = Chain(Moto(), Home(self.address, home, ACCOUNT))
        self._server.app = Application(self._chain)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._chain.close()


def main() -> None:
    _leave_the_user_alone()
    emulator.run("aws", Emulator)


def _leave_the_user_alone() -> None:
    """moto asks boto3 for this and that: it finds no profile, no file and no credentials but its own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    own = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    os.environ.update({**own, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull})


def _listen(port: int) -> Any:
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):
        disable_nagle_algorithm = True

        def log_request(self, *args: object) -> None:
            pass

    return make_server("127.0.0.1", port, _starting, threaded=True, request_handler=Handler)


def _starting(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response(status_line(503), [])
    return [b""]
