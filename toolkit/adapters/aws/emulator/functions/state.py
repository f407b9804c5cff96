"""Functions as records. A version's configuration is kept in the shape in which Lambda answers it."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.adapters.aws.emulator.operations import Refused

LATEST = "$LATEST"
# How long a change takes: at least so long, and then until somebody has looked once, or this long.
PENDING_SECONDS, UNSEEN_SECONDS = 0.05, 1.0


@dataclass
class Version:
    """`config` is a FunctionConfiguration without what time decides (State, LastUpdateStatus)."""

    config: dict[str, Any]
    code: Path  # unpacked
    reserved: int | None = None
    changed: float = 0.0  # monotonic
    created: bool = True  # the last change made it (else it was an update)
    seen: bool = False  # since the last change

    @property
    def number(self) -> str:
        return str(self.config["Version"])

    @property
    def pending(self) -> bool:
        return time.monotonic() < self.changed + (PENDING_SECONDS if self.seen else UNSEEN_SECONDS)

    def touch(self, *, created: bool = False) -> None:
        self.changed, self.created, self.seen = time.monotonic(), created, False
        self.config["RevisionId"] = str(uuid.uuid4())
        self.config["LastModified"] = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())

    def wire(self) -> dict[str, Any]:
        pending = {"State": "Active", "LastUpdateStatus": "Successful"}
        if self.pending and self.created:
            pending = {"State": "Pending", "StateReason": "The function is being created.",
                       "StateReasonCode": "Creating", "LastUpdateStatus": "InProgress"}  # fmt: skip
        elif self.pending:
            pending["LastUpdateStatus"] = "InProgress"
        return {**self.config, **pending}


@dataclass
class Function:
    name: str
    arn: str
    region: str
    latest: Version
    tags: dict[str, str]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)  # tells it from a later one of its name
    versions: dict[str, Version] = field(default_factory=dict)
    newest: int = 0  # numbers are never used twice
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    urls: dict[str, dict[str, Any]] = field(default_factory=dict)  # by qualifier, "" for $LATEST
    reserved: int | None = None
    policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # statements by qualifier
    events: dict[str, dict[str, Any]] = field(default_factory=dict)  # event invoke configurations by qualifier
    running: int = 0

    def version(self, qualifier: str) -> Version:
        """By number, alias (its main version) or $LATEST. Refused (404)."""
        if qualifier in {"", LATEST}:
            return self.latest
        if qualifier in self.aliases:
            return self.versions[self.aliases[qualifier]["FunctionVersion"]]
        if qualifier in self.versions:
            return self.versions[qualifier]
        raise missing(f"Function not found: {self.arn}:{qualifier}")

    def alias(self, name: str) -> dict[str, Any]:
        if name not in self.aliases:
            raise missing(f"Cannot find alias arn: {self.arn}:{name}")
        return self.aliases[name]


class Functions:
    """Every function of every region; hold `lock` while you look at them or change them."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._functions: dict[tuple[str, str], Function] = {}

    def get(self, region: str, name: str) -> Function:
        """Refused (404). `name` may be an ARN or carry a qualifier, which is left aside (see `split`)."""
        plain = split(name)[0]
        if (region, plain) not in self._functions:
            raise missing(f"Function not found: arn:aws:lambda:{region}:123456789012:function:{plain}")
        return self._functions[region, plain]

    def has(self, region: str, name: str) -> bool:
        return (region, name) in self._functions

    def add(self, function: Function) -> None:
        self._functions[function.region, function.name] = function

    def remove(self, function: Function) -> None:
        self._functions.pop((function.region, function.name), None)

    def of(self, region: str) -> list[Function]:
        return [self._functions[key] for key in sorted(self._functions) if key[0] == region]

    def url(self, url_id: str) -> tuple[Function, str] | None:
        """The function and the qualifier that a URL stands for."""
        for function in self._functions.values():
            for qualifier, config in function.urls.items():
                if config["id"] == url_id:
                    return function, qualifier
        return None


def split(name: str, qualifier: str = "") -> tuple[str, str]:
    """A name, partial ARN or ARN, with or without a qualifier, as (name, qualifier)."""
    parts = name.split(":")
    if "function" in parts:
        parts = parts[parts.index("function") + 1 :]
    elif len(parts) > 2:
        parts = parts[-2:]
    inside = parts[1] if len(parts) > 1 else ""
    if inside and qualifier and inside != qualifier:
        raise Refused(
            400, "InvalidParameterValueException", "The derived qualifier from the function name does not match"
            " the specified qualifier.",
        )  # fmt: skip
    return parts[0], inside or qualifier


def missing(message: str) -> Refused:
    return Refused(404, "ResourceNotFoundException", message)


def page(items: list[Any], marker: str, most: int) -> tuple[list[Any], str]:
    """At most `most` items (AWS gives 50 at a time) from where `marker` says, and the next marker."""
    start = int(marker or 0)
    end = start + min(most or 50, 50)
    return items[start:end], str(end) if end < len(items) else ""


def conflict(message: str) -> Refused:
    return Refused(409, "ResourceConflictException", message)


def require_revision(given: dict[str, Any], held: dict[str, Any]) -> None:
    if (wanted := given.get("RevisionId")) and wanted != held["RevisionId"]:
        raise Refused(412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision "
                      "Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")  # fmt: skip


def routed(alias: dict[str, Any]) -> set[str]:
    return {alias["FunctionVersion"], *((alias["RoutingConfig"] or {}).get("AdditionalVersionWeights") or {})}
