"""What the rooms of Azure Resource Manager have in common: bodies merged as a PATCH does, ids, times, lists."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from toolkit.adapters.azure.emulator.rest import Call, Reply

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
PAGE = 100


def id_of(call: Call, kind: str, name: str) -> str:
    """The id of a resource of the call's group."""
    return f"/subscriptions/{call.path['subscription']}/resourceGroups/{call.path['group']}/providers/{kind}/{name}"


def merged(kept: Any, given: Any) -> Any:
    """JSON merge patch: objects field by field, null takes a field away, all else is replaced."""
    if not isinstance(given, dict) or not isinstance(kept, dict):
        return copy.deepcopy(given)
    found = {key: value for key, value in kept.items() if key not in given}
    for key, value in given.items():
        if value is not None:
            found[key] = merged(kept.get(key), value)
    return found


def stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def base(call: Call) -> str:
    """Where whoever asks has reached this server: links lead there, too."""
    return f"http://{call.header('host')}"


def listed(found: Iterable[Any], call: Call) -> Reply:
    """A page, with the link to the next one."""
    everything = list(found)
    start = int(call.query.get("$skiptoken", "0"))
    answer: dict[str, Any] = {"value": everything[start : start + PAGE]}
    if start + PAGE < len(everything):
        path = call.request.path
        version = call.query["api-version"]
        answer["nextLink"] = f"{base(call)}{path}?api-version={version}&$skiptoken={start + PAGE}"
    return Reply(answer)
