"""What tests of this machine's functions ask the host: over its URLs, and of the processes it has on record."""

import http.client
import json
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Settings = dict[str, Any]


def ask(
    url: str, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as client:
        client.request(method, parts.path + path, headers=headers or {})
        answer = client.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def workers(settings: Settings) -> list[int]:
    """Processes on record."""
    found = []
    for path in Path(settings["host"], "workers").glob("*.json"):
        with suppress(FileNotFoundError):
            found.append(int(json.loads(path.read_bytes())["pid"]))
    return found
