"""Lambda's API as the adapter's parts use it: errors in our words, patience where AWS is not ready yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from toolkit.adapters.aws.errors import code, translated
from toolkit.domain.errors import ConfigError, NotFound, ProviderError, ToolkitError, Unavailable

T = TypeVar("T")
ALIAS = "live"
READY_SECONDS = 600.0  # SnapStart takes minutes
BUSY_SECONDS = 60.0
ROLE_SECONDS = 30.0  # how long a new role may take to be known everywhere


class Api:
    """`service` is a client of Lambda."""

    def __init__(self, service: Any, *, role_seconds: float = ROLE_SECONDS) -> None:
        self.service = service
        self._role_seconds = role_seconds

    @property
    def region(self) -> str:
        return str(self.service.meta.region_name)

    def call(self, what: str, operation: str, **given: Any) -> Any:
        """The answer of `operation`, tried again while another change is under way or a new role is not known yet."""

        def once() -> Any:
            with self.translated(what):
                return getattr(self.service, operation)(**given)

        def busy(error: Exception) -> bool:
            return code(error) == "ResourceConflictException" and "in progress" in _said(error)

        def early(error: Exception) -> bool:
            return code(error) == "InvalidParameterValueException" and "cannot be assumed" in _said(error)

        try:
            return patiently(lambda: patiently(once, early, self._role_seconds), busy, BUSY_SECONDS)
        except ToolkitError as error:
            if early(error):
                role = given.get("Role", "its role")
                raise ConfigError(
                    f"cannot {what} (region {self.region}): Lambda cannot take on {role}",
                    hint="toolkit bootstrap makes the roles; or name others: roles = {...} in the target's table",
                ) from error.__cause__
            raise

    def pages(self, what: str, operation: str, key: str, **given: Any) -> Iterator[Any]:
        with self.translated(what):
            for page in self.service.get_paginator(operation).paginate(**given):
                yield from page[key]

    def function(self, name: str, qualifier: str = "") -> Any:
        """GetFunction: configuration, tags, concurrency. NotFound."""
        more = {"Qualifier": qualifier} if qualifier else {}
        try:
            return self.call(f"look at function {name}", "get_function", FunctionName=name, **more)
        except NotFound as error:
            version = f" version {qualifier}" if qualifier else ""
            raise NotFound(
                f"function {name!r}{version} does not exist in {self.region}", hint="toolkit deploy"
            ) from error.__cause__

    def versions(self, name: str) -> list[Any]:
        """The published ones, oldest first. NotFound."""
        found = self.pages(f"list versions of {name}", "list_versions_by_function", "Versions", FunctionName=name)
        return sorted((v for v in found if v["Version"].isdigit()), key=lambda version: int(version["Version"]))

    def ready(self, name: str, qualifier: str = "") -> Any:
        """The configuration, once no change is under way. ProviderError (why it failed), Unavailable."""
        wait, deadline = 0.05, time.monotonic() + READY_SECONDS
        while True:
            config = self.function(name, qualifier)["Configuration"]
            state, update = config.get("State", "Active"), config.get("LastUpdateStatus", "Successful")
            if "Failed" in {state, update}:
                why = config.get("StateReason") or config.get("LastUpdateStatusReason") or "AWS does not say why"
                raise ProviderError(f"function {name!r} did not become ready: {why}", hint="toolkit deploy")
            if state != "Pending" and update != "InProgress":
                return config
            if time.monotonic() > deadline:
                raise Unavailable(f"function {name!r} is not ready after {READY_SECONDS:g} s", hint="toolkit deploy")
            time.sleep(wait)
            wait = min(wait * 2, 2.0)

    def translated(self, what: str) -> AbstractContextManager[None]:
        return translated(what, self.region)


def patiently(call: Callable[[], T], on: Callable[[Exception], bool], seconds: float) -> T:
    """`call()`, tried again for `seconds` while it fails with what `on` knows."""
    import stamina

    caller = stamina.RetryingCaller(attempts=None, timeout=seconds, wait_initial=0.05, wait_max=3.0, wait_jitter=0.05)
    return caller.on(on)(call)


def _said(error: Exception) -> str:
    return getattr(error, "message", "") or str(error)
