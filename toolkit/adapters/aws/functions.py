"""Lambda: a zip from the bucket, published versions, the alias `live`, a URL on it, its log in CloudWatch.

    function_versions  publish           function_calls  over the URL, by Invoke
    function_traffic   alias and URL     function_logs   CloudWatch Logs
    function_marks     what a version says of itself     function_api  errors and patience

A version's description holds the digest of its configuration, so equal configuration finds the version that is there,
and what AWS keeps for the function as a whole (who may call its URL, how many at once) moves with the traffic. Names
come from the lifecycle and fit (63 characters of Lambda's 64); roles from `names`, unless `roles` names others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from toolkit.adapters.aws import PROVIDER, function_calls
from toolkit.adapters.aws.client import client, credentials
from toolkit.adapters.aws.function_api import Api
from toolkit.adapters.aws.function_logs import Group
from toolkit.adapters.aws.function_marks import OURS, Mark
from toolkit.adapters.aws.function_traffic import Traffic
from toolkit.adapters.aws.function_versions import Publisher
from toolkit.adapters.aws.identity import Identity
from toolkit.adapters.aws.names import Names
from toolkit.domain import names
from toolkit.domain.errors import ConfigError, Conflict, NotFound, Unsupported
from toolkit.domain.specs import FunctionSpec, FunctionState, HttpRequest, HttpResponse, LogLine
from toolkit.ports import Settings

CALL_SECONDS = 930  # a call may take as long as a function may


def open_functions(settings: Settings) -> LambdaFunctions:
    region, endpoint = settings["region"], settings["services_endpoint"]
    return LambdaFunctions(
        settings,
        changes=client("lambda", region, endpoint),
        calls=client("lambda", region, endpoint, retries=False, read_seconds=CALL_SECONDS),
        logs=client("logs", region, endpoint),
    )


class LambdaFunctions:
    """`changes` retries, `calls` does not."""

    def __init__(self, settings: Settings, *, changes: Any, calls: Any, logs: Any) -> None:
        self._settings = settings
        self._api = Api(changes)
        self._calls = Api(calls)
        self._logs = logs
        self._names = Names(settings["stem"])
        self._traffic = Traffic(self._api)

    def publish(self, spec: FunctionSpec) -> str:
        names.check_resource("function", spec.name)
        _check(spec)
        if not self._settings["bucket"]:
            raise ConfigError("no bucket is set for the bundles", hint='bucket = "..." in [targets.<t>.aws]')
        prefix = self._settings["prefix"]
        return Publisher(
            self._api,
            self._settings["bucket"],
            lambda key: f"{prefix}/{key}" if prefix else key,
            self._role,
            lambda: self._group(spec.name).make(spec.tags),
        ).publish(spec)

    def route(self, name: str, weights: dict[str, float]) -> FunctionState:
        marks = self._marks(name)
        if any(weight < 0 for weight in weights.values()) or not math.isclose(sum(weights.values()), 1.0, abs_tol=1e-6):
            raise ConfigError(f"weights of function {name!r} must be at least 0 and sum to 1: {weights}")
        for version in weights:
            if version not in marks:
                raise NotFound(f"function {name!r} has no version {version!r}", hint="toolkit status")
        self._traffic.route(name, {version: weight for version, weight in weights.items() if weight}, marks)
        return self.observe(name)

    def observe(self, name: str) -> FunctionState:
        return self._state(name, self._api.function(name))

    def list(self, tags: dict[str, str] | None = None) -> Iterator[FunctionState]:
        wanted = (tags or {}).items()
        found = self._api.pages("list functions", "list_functions", "Functions")
        for name in sorted(f["FunctionName"] for f in found if f.get("Description") == OURS):
            try:
                function = self._api.function(name)
                if wanted <= function.get("Tags", {}).items():
                    yield self._state(name, function)
            except NotFound:  # deleted while we looked
                continue

    def request(self, name: str, request: HttpRequest, *, version: str = "") -> HttpResponse:
        if version:
            return function_calls.as_version(self._calls, name, request, version)
        url = self._traffic.url(name)
        if url is None:
            raise self._not_there(name)
        endpoint = self._settings["services_endpoint"]
        who = credentials(self._api.region, endpoint)
        return function_calls.over_url(url, request, who, self._api.region, endpoint)

    def event(self, name: str, event: dict[str, Any], *, wait: bool = True) -> Any:
        try:
            return function_calls.event(self._calls, name, event, wait=wait)
        except NotFound as error:
            raise self._not_there(name) from error.__cause__

    def logs(self, name: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        self._api.function(name)
        group = self._group(name)
        yield from group.follow(after) if follow else group.lines(after)

    def remove_version(self, name: str, version: str) -> None:
        if share := self._traffic.weights(name).get(version):
            raise Conflict(f"version {version} of function {name!r} has {share:.0%} of the traffic")
        self._delete(f"remove version {version} of {name}", FunctionName=name, Qualifier=version)

    def delete(self, name: str) -> None:
        names.check_resource("function", name)
        self._delete(f"delete function {name}", FunctionName=name)  # its versions, alias and URL go with it
        self._group(name).delete()

    def _delete(self, what: str, **given: str) -> None:
        with suppress(NotFound):
            self._api.call(what, "delete_function", **given)

    def _state(self, name: str, function: Any) -> FunctionState:
        config, marks = function["Configuration"], self._marks(name)
        weights = self._traffic.weights(name)
        url = self._traffic.url(name) if weights else None
        failed = "Failed" in {config.get("State"), config.get("LastUpdateStatus")}
        reason = config.get("StateReason") or config.get("LastUpdateStatusReason") or ""
        return FunctionState(
            name=name,
            versions=tuple(marks),
            weights=weights,
            url=url["FunctionUrl"].rstrip("/") if url else "",
            state="failed" if failed else "ready" if weights else "pending",
            spec_digests={version: mark.digest for version, mark in marks.items() if mark},
            reason=reason if failed else "" if weights else "no version has traffic yet",
            tags=function.get("Tags", {}),
        )

    def _marks(self, name: str) -> dict[str, Mark | None]:
        """Every published version, oldest first, with what it says of itself. NotFound."""
        try:
            return {v["Version"]: Mark.read(v.get("Description", "")) for v in self._api.versions(name)}
        except NotFound as error:
            raise self._not_there(name) from error.__cause__

    def _not_there(self, name: str) -> NotFound:
        try:
            self._api.function(name)
        except NotFound as error:
            return error
        return NotFound(f"function {name!r} has no traffic", hint="toolkit deploy")

    def _role(self, tags: dict[str, str]) -> str:
        role = self._names.function_role(tags)
        given: str = self._settings["roles"].get(role.removeprefix(f"{self._names.stem}-"), "")
        return given or Identity.of(self._settings["region"], self._settings["services_endpoint"]).role(role)

    def _group(self, name: str) -> Group:
        poll = 0.1 if self._settings["services_endpoint"] else 2.0
        return Group(self._names.function_group(name), self._logs, poll=poll)


def _check(spec: FunctionSpec) -> None:
    """Raises Unsupported for what is outside Lambda's limits."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in spec.environment.items())
    asked = {
        "function_memory_mb": spec.memory_mb,
        "function_timeout_seconds": spec.timeout_seconds,
        "environment_bytes": size,
    }
    for limit, amount in asked.items():
        if amount > PROVIDER.limits[limit]:
            raise Unsupported(f"function {spec.name!r}: {limit} {amount} is over Lambda's {PROVIDER.limits[limit]}")
    if spec.memory_mb < 128 or min(spec.timeout_seconds, spec.concurrency) < 1:
        raise Unsupported(f"function {spec.name!r}: at least 128 MB, a second, and one call at once")
