"""What the function host of this machine tells of a file that came into the store. Standard library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.domain.newdata import NewData

SOURCE = "toolkit.store"  # as `execution.watcher` says it


def new_data(event: Mapping[str, Any]) -> tuple[NewData, ...] | None:
    """The file that an event is about; None: it is not the host's."""
    if event.get("source") != SOURCE:
        return None
    return (NewData(uri=str(event["uri"]), version=str(event["version"]), time=str(event.get("time", ""))),)
