"""The inference application as a container: `python serve.py [serve]`, what every platform's contract comes to.

Cloud Run and Azure say the port in PORT, Vertex AI in AIP_HTTP_PORT, SageMaker in SAGEMAKER_BIND_TO_PORT or not at all
(8080), and SageMaker starts the image with the argument `serve`. The routes they ask for are the application's.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

PORTS = ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT", "PORT")
DEFAULT_PORT = 8080
KEEP_ALIVE_SECONDS = 75  # longer than a load balancer keeps an idle connection (60)
GRACE_SECONDS = 10  # to answer what was begun, once the platform says stop


def port(environ: Mapping[str, str]) -> int:
    """The port to listen on. ValueError where one is named that is none."""
    for name in PORTS:
        if text := environ.get(name, "").strip():
            if not text.isdecimal() or not 0 < int(text) < 65_536:
                raise ValueError(f"{name} is {text!r}, which is no port")
            return int(text)
    return DEFAULT_PORT


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    if list(arguments) not in ([], ["serve"]):
        print(f"error: this image knows one argument, serve; it was given {' '.join(arguments)}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        chosen = port(environ)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    from toolkit.domain.errors import ToolkitError

    try:
        application = import_module("app").application
    except ToolkitError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        print(f"error: {error.message}{hint}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    import uvicorn

    from toolkit.serving.connection import Connection

    gc.freeze()  # what is there now stays: to look through it again and again is 7 % of a request

    # TOOLKIT_BIND: who runs the image without a network of its own keeps it on loopback
    uvicorn.run(
        application,
        host=environ.get("TOOLKIT_BIND") or "0.0.0.0",  # noqa: S104  # a container is reached from outside only
        port=chosen,
        http=Connection,
        proxy_headers=False,  # nothing here looks at who asks
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
