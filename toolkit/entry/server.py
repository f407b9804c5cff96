"""What a container starts: the inference application behind uvicorn, in this process, with bounds on every connection.

    python -m toolkit.entry.server [serve] [--host HOST] [--port PORT] [FOLDER]

`FOLDER` holds `model/` (default: the current one). The port is `--port`, else PORT (Cloud Run), AIP_HTTP_PORT (Vertex
AI), else 8080, which SageMaker asks for together with the word `serve`. One process and one worker: a container host
scales by containers.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from toolkit.domain.errors import missing_extra

KEEP_ALIVE = 75  # seconds; longer than load balancers keep an idle connection, so that it is they who close it


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m toolkit.entry.server", description="serve the model of a folder")
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104  # a container's own network
    parser.add_argument("--port", type=int, default=_port())
    parser.add_argument("folder", nargs="*", default=[])
    asked = parser.parse_args(arguments)
    folders = [name for name in asked.folder if name != "serve"]
    from toolkit.entry import inference

    run(inference.application(Path(folders[0]) if folders else None), asked.host, asked.port)


def run(application: Any, host: str, port: int) -> None:
    """Serve until told to stop. MissingExtra without uvicorn and httptools."""
    try:
        import uvicorn

        from toolkit.serving.connection import Connection
    except ModuleNotFoundError as error:
        raise missing_extra(error.name or "uvicorn", "serve") from error
    uvicorn.run(
        application,
        host=host,
        port=port,
        http=Connection,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=20,
    )


def _port() -> int:
    return int(os.environ.get("PORT") or os.environ.get("AIP_HTTP_PORT") or 8080)


if __name__ == "__main__":
    main()
