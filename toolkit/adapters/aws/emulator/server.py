"""The emulator's process: HTTP on loopback, and its end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toolkit.adapters.aws.emulator.executors import Chain, Home
from toolkit.adapters.aws.emulator.moto import ACCOUNT, Moto
from toolkit.adapters.aws.emulator.wire import call_of, status_line
from toolkit.execution.host import bundles


class Application:
    """WSGI in front of the chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        reply = self._chain(call_of(environ))
        start_response(status_line(reply.status), list(reply.headers))
        return [reply.body]


def main() -> None:
    """Prints the address, then answers until SIGTERM, or until whoever started it is gone: its standard input closes
    (not with --detached, for `toolkit dev`)."""
    options = _options()
    _leave_the_user_alone()
    folder = options.home or Path(tempfile.mkdtemp(prefix="aws-emulator-"))
    server = _listen(options.port)
    home = Home(f"http://127.0.0.1:{server.port}", folder, ACCOUNT)
    chain = Chain(Moto(), home)
    server.app = Application(chain)
    # A pipe, because no lock is safe in a signal's handler: `dev --stop` sends the signal until we are gone, and the
    # second one may meet this very thread holding the lock of an Event that the first one has set.
    asked, ask = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: _end(ask))
    if not options.detached:
        threading.Thread(target=_wait_for_parent, args=(ask,), daemon=True).start()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    sys.stdout.write(f"{home.address}\n")
    sys.stdout.flush()
    os.read(asked, 1)
    chain.close()
    if not options.home:
        bundles.remove(folder)
    os._exit(0)  # no thread of moto's or werkzeug's holds it up


def _leave_the_user_alone() -> None:
    """moto asks boto3 for this and that: it finds no profile, no file and no credentials but its own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    own = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    os.environ.update({**own, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m toolkit.adapters.aws.emulator")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--home", type=Path, help="folder for what runs; default: one that is removed at the end")
    parser.add_argument("--detached", action="store_true", help="goes on when its standard input closes")
    return parser.parse_args()


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


def _wait_for_parent(ask: int) -> None:
    sys.stdin.read()
    _end(ask)


def _end(ask: int) -> None:
    """Never waits: the pipe takes thousands, and the first is enough."""
    os.write(ask, b".")
