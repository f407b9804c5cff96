"""moto's backends in this process, behind one lock."""

from __future__ import annotations

import threading
from typing import Any

from toolkit.adapters.aws.emulator.wire import Call, Reply, environ_of, reply_of

ACCOUNT = "123456789012"  # moto's own


class Moto:
    """`lock` is held while moto answers, and by whoever reads or writes its backends; it is one thread's at a time and
    may be taken again by the thread that holds it. Never run anything inside it."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.lock = threading.RLock()
        self._app = DomainDispatcherApplication(create_backend_app)

    def ask(self, call: Call) -> Reply:
        """What moto answers."""
        told: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            told[:] = [status, headers]

        with self.lock:
            chunks = list(self._app(environ_of(call), start_response))
        return reply_of(told[0], told[1], chunks)

    def state(self, service: str, region: str) -> Any:
        """The backend of a service ("lambda", "batch", "s3", "logs", "iam"); hold the lock while you use it."""
        from moto.backends import get_backend

        backends: Any = get_backend(service)  # type: ignore[call-overload]
        of_account = backends[ACCOUNT]
        return of_account[region] if region in of_account else of_account["aws"]
