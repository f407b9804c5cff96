"""A revision of a Cloud Run service as containers that answer on PORT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.adapters.gcp.emulator.containers import megabytes, seconds
from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.log import Log
from toolkit.execution.container.instances import Instances, Shape
from toolkit.execution.container.running import Container
from toolkit.execution.reaper import Reaper

PAYLOAD = 32 * 1024**2  # bytes of a request over HTTP/1, and of an answer


def instances(name: str, revision: Any, home: Path, reaper: Reaper, identity: Identity, log: Log) -> Instances:
    """Of a revision of the service `name`; none has been started."""
    given = revision.containers[0]
    container = Container(
        tuple(given.args), {one.name: one.value for one in given.env}, megabytes(given.resources.limits["memory"])
    )
    shape = Shape(
        container,
        revision.max_instance_request_concurrency,
        revision.scaling.max_instance_count or 100,
        seconds(revision.timeout) or 300.0,
        PAYLOAD,
    )
    _, project, _, location, _, service = name.split("/")
    resource = {
        "type": "cloud_run_revision",
        "labels": {
            "project_id": project, "location": location, "service_name": service,
            "revision_name": short(revision.name), "configuration_name": service,
        },
    }  # fmt: skip
    written = f"projects/{project}/logs/run.googleapis.com%2Fstdout"

    def printed(text: str, time: str) -> None:
        log.printed(written, resource, {}, text, time)

    def environment(port: int) -> dict[str, str]:
        return {
            "PORT": str(port), "K_SERVICE": service, "K_REVISION": short(revision.name), "K_CONFIGURATION": service,
            "TOOLKIT_BIND": "127.0.0.1", **identity.environment(revision.service_account),
        }  # fmt: skip

    return Instances(shape, home, reaper, printed, environment)


def short(name: str) -> str:
    """A resource's own name at the end of its full one."""
    return name.rpartition("/")[2]
