"""Functions as Azure Functions on Flex Consumption: a function app for each, and one deploy to switch its version.

    sites_body      a spec as a plan and an app (pure)       sites_package   a bundle as the worker imports it
    sites_versions  what was published: records in the store  sites_timers    schedules, as timers of the app
    function_app.served   what runs, behind AsgiFunctionApp

Azure knows only what serves: no slots here, no shares of traffic, no second version beside it. So a version is a
record, and to route is to deploy its package, once, with everything that belongs to it inside. Calls under way end
with the instances that they run on.

Before the first deploy the app is there and empty: nobody can reach a version that was only published. Easy Auth
stands before it from the beginning, for Entra's tokens of the target's audience. What is deployed is said by the app's
tag, written after the deploy: who dies in between deploys once more.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from toolkit.adapters.azure import function_calls, sites_package
from toolkit.adapters.azure import sites_body as described
from toolkit.adapters.azure.arm_apps import Apps, patiently
from toolkit.adapters.azure.arm_console import FUNCTIONS, Console, equals
from toolkit.adapters.azure.client import READY_SECONDS, Api, again, passes
from toolkit.adapters.azure.containerapps_body import OPEN
from toolkit.adapters.azure.sites_body import SITES, VERSION
from toolkit.adapters.azure.sites_timers import Timers
from toolkit.adapters.azure.sites_versions import Record, Versions
from toolkit.domain import names
from toolkit.domain.errors import ConfigError, Conflict, NotFound, ProviderError, Unavailable, Unsupported
from toolkit.domain.specs import FunctionSpec, FunctionState, HttpRequest, HttpResponse, LogLine
from toolkit.ports import Settings

T = TypeVar("T")
TAGS, TAGS_VERSION = "providers/Microsoft.Resources/tags/default", "2024-07-01"
PLANS = "Microsoft.Web/serverfarms"
LOGS, LOGS_VERSION = "providers/Microsoft.Insights/diagnosticSettings/toolkit", "2021-05-01-preview"
WORKSPACES = "Microsoft.OperationalInsights/workspaces"
FAILED, DEPLOYED = 3, 4  # states of a deployment


class SiteFunctions:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._apps = Apps(settings)
        self._arm = self._apps.arm
        self._versions = Versions(settings)
        self._timers = Timers(settings)
        self._tokens = function_calls.Tokens(settings)
        self._console = Console(settings, FUNCTIONS)

    def publish(self, spec: FunctionSpec) -> str:
        names.check_resource("function", spec.name)
        described.check(spec)
        try:
            self._versions.require_bundle(spec)
        except NotFound as error:
            raise NotFound(f"the bundle of function {spec.name!r} is not in the store ({spec.bundle_key})") from error
        tags = {**described.own_tags(spec), described.STEM: self._settings["stem"]}
        try:
            body = self._site(spec.name)
        except NotFound:
            self._make(spec, tags)
        else:
            if _tags(body) != spec.tags:
                kept = {k: v for k, v in body["tags"].items() if k in described.OWN}
                self._tag(spec.name, "Replace", {**kept, **tags})
        return self._versions.make(spec)

    def route(self, name: str, weights: dict[str, float]) -> FunctionState:
        body = self._site(name)
        found = self._versions.of(name)
        if any(weight < 0 for weight in weights.values()) or not math.isclose(sum(weights.values()), 1.0, abs_tol=1e-6):
            raise ConfigError(f"weights of function {name!r} must be at least 0 and sum to 1: {weights}")
        for version in weights:
            if version not in found:
                raise NotFound(f"function {name!r} has no version {version!r}", hint="toolkit status")
        chosen = [version for version, weight in weights.items() if weight]
        if len(chosen) > 1:
            raise Unsupported(
                f"Azure Functions cannot split the traffic of function {name!r}",
                hint='functions = "containerapps" in [targets.<t>.azure] can',
            )
        if _serving(body) != chosen[0]:
            self._switch(name, chosen[0], found[chosen[0]])
        return self.observe(name)

    def observe(self, name: str) -> FunctionState:
        return self._state(name, self._site(name))

    def list(self, tags: dict[str, str] | None = None) -> Iterator[FunctionState]:
        wanted = (tags or {}).items()
        bodies = self._arm.pages("list functions", self._arm.path(SITES, "").rstrip("/"), VERSION)
        ours = {
            body["tags"][described.NAME]: body
            for body in bodies
            if (body.get("tags") or {}).get(described.STEM) == self._settings["stem"]
        }
        for name, body in sorted(ours.items()):
            if wanted <= _tags(body).items():
                yield self._state(name, body)

    def request(self, name: str, request: HttpRequest, *, version: str = "") -> HttpResponse:
        serving = self._require_traffic(name, body := self._site(name))
        if version and version not in self._versions.of(name):
            raise NotFound(f"function {name!r} has no version {version!r}", hint="toolkit status")
        if version not in {"", serving}:
            raise Unsupported(
                f"version {version} of function {name!r} does not serve, and Azure Functions runs no other beside it",
                hint='functions = "containerapps" in [targets.<t>.azure] does',
            )
        return function_calls.over_url(self._url(body), request, self._tokens.token())

    def event(self, name: str, event: dict[str, Any], *, wait: bool = True) -> Any:
        serving = self._require_traffic(name, body := self._site(name))
        if (record := self._versions.of(name).get(serving)) and record.spec.auth in OPEN:
            raise Unsupported(f"function {name!r} is open to everybody, so it takes no events", hint='auth = "iam"')
        if wait:
            return function_calls.event(name, self._url(body), event, self._tokens.token())
        function_calls.enqueue(self._apps, name, self._url(body), event)
        return None

    def logs(self, name: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        self._site(name)
        wanted = (equals("AppName", described.called(self._settings, name)),)
        if not follow:
            yield from self._console.lines(wanted, _source, after)
        else:
            yield from self._console.follow(wanted, _source, after, "", lambda: not self._there(name))

    def remove_version(self, name: str, version: str) -> None:
        try:
            body = self._site(name)
        except NotFound:
            return
        if _serving(body) == version:
            raise Conflict(f"version {version} of function {name!r} has 100% of the traffic")
        self._versions.remove(name, version)

    def delete(self, name: str) -> None:
        names.check_resource("function", name)
        self._apps.delete(f"delete the events of function {name}", function_calls.path_of_events(self._apps, name))
        self._patiently(lambda: self._arm.delete(f"delete function {name}", self._path(name), VERSION))
        self._patiently(lambda: self._arm.delete(f"delete the plan of function {name}", self._plan(name), VERSION))
        self._timers.forget(name)
        self._versions.forget(name)

    # Making and switching

    def _make(self, spec: FunctionSpec, tags: dict[str, str]) -> None:
        """The app, empty and guarded. Each step may be there already."""
        what = f"publish function {spec.name}"
        self._change(what, "PUT", self._plan(spec.name), VERSION, described.plan(self._arm.location))
        self._change(what, "PUT", self._path(spec.name), VERSION, {**self._body(spec), "tags": tags})
        self._admit(spec.name, everybody=False)

    def _switch(self, name: str, version: str, record: Record) -> None:
        public = record.spec.auth in OPEN
        if not public:
            self._admit(name, everybody=False)  # before it answers with what is not for everybody
        wanted = self._body(record.spec)
        body = self._site(name)
        held = {key: value for key, value in body["properties"]["functionAppConfig"].items() if value is not None}
        if held != wanted["properties"]["functionAppConfig"]:
            what = f"resize function {name}"
            self._change(what, "PUT", self._path(name), VERSION, {**wanted, "tags": body["tags"]})
        what = f"keep what function {name} prints"
        self._change(what, "PUT", f"{self._path(name)}/{LOGS}", LOGS_VERSION, described.logs(self._workspace))
        self._timers.settle(name)
        with tempfile.TemporaryDirectory(prefix="package-") as folder:
            bundle, package = Path(folder, "bundle.zip"), Path(folder, "package.zip")
            self._versions.bundle(record, bundle)
            sites_package.write(bundle, package, record.spec, version)
            self._deploy(name, package.read_bytes())
        self._tag(name, "Merge", {described.SERVES: version})
        if public:
            self._admit(name, everybody=True)

    def _deploy(self, name: str, package: bytes) -> None:
        """One deploy, waited for. ProviderError says why it failed."""
        what = f"deploy function {name}"
        api = Api(
            f"{described.called(self._settings, name)}.scm.{described.DOMAIN}", "", self._settings["services_endpoint"]
        )
        headers, query = {"Content-Type": "application/zip"}, {"RemoteBuild": "false"}
        number = self._patiently(
            lambda: api.send(what, "POST", "/api/publish", query=query, headers=headers, data=package).body
        )
        if not isinstance(number, str):
            raise Unavailable(f"cannot {what}: the reply broke off", hint="run the same command again")
        deadline = time.monotonic() + READY_SECONDS
        while True:
            told = again(lambda: api.call(what, "GET", f"/api/deployments/{number}"), passes)
            if told.get("status") == DEPLOYED:
                return
            if told.get("status") == FAILED:
                raise ProviderError(f"cannot {what}: {told.get('status_text')}", hint="toolkit logs")
            if time.monotonic() > deadline:
                raise Unavailable(f"cannot {what}: not done after {READY_SECONDS:g} s", hint="run the same again")
            time.sleep(self._arm.poll)

    def _admit(self, name: str, *, everybody: bool) -> None:
        path, what = f"{self._path(name)}/config/authsettingsV2", f"say who may call function {name}"
        wanted = {"properties": described.guard(self._settings, everybody=everybody)}
        self._change(what, "PUT", path, VERSION, wanted)

    def _tag(self, name: str, operation: str, tags: dict[str, str]) -> None:
        """Beside the app, which a change of its own would restart. `operation` is Merge or Replace."""
        path, body = f"{self._path(name)}/{TAGS}", {"operation": operation, "properties": {"tags": tags}}
        self._change(f"tag function {name}", "PATCH", path, TAGS_VERSION, body)

    def _body(self, spec: FunctionSpec) -> dict[str, Any]:
        identity = self._apps.identity(described.role(spec))
        client, plan, timers = self._apps.client_of(identity), self._plan(spec.name), self._timers.wanted(spec.name)
        return described.app(self._settings, plan=plan, identity=identity, client=client, spec=spec, timers=timers)

    def _change(self, what: str, method: str, path: str, version: str, body: Any) -> None:
        self._patiently(lambda: self._arm.change(what, method, path, version, body))

    def _patiently(self, call: Callable[[], T]) -> T:
        """Waits for the change that is under way already."""
        return patiently(call, self._arm.poll, described.busy)

    # Looking

    def _site(self, name: str) -> dict[str, Any]:
        names.check_resource("function", name)
        try:
            return self._arm.get(f"look at function {name}", self._path(name), VERSION)
        except NotFound as error:
            where = f"{self._arm.location} of {self._settings['resource_group']}"
            raise NotFound(f"function {name!r} does not exist in {where}", hint="toolkit deploy") from error.__cause__

    def _there(self, name: str) -> bool:
        with suppress(NotFound):
            return bool(self._site(name))
        return False

    def _state(self, name: str, body: dict[str, Any]) -> FunctionState:
        versions, serving = self._versions.of(name), _serving(body)
        return FunctionState(
            name=name,
            versions=tuple(versions),
            weights={serving: 1.0} if serving else {},
            url=self._url(body) if serving else "",
            state="ready" if serving else "pending",
            spec_digests={version: record.configuration for version, record in versions.items()},
            reason="" if serving else "no version has traffic yet",
            tags=_tags(body),
        )

    def _require_traffic(self, name: str, body: dict[str, Any]) -> str:
        if not (serving := _serving(body)):
            raise NotFound(f"function {name!r} has no traffic", hint="toolkit deploy")
        return serving

    def _url(self, body: dict[str, Any]) -> str:
        return self._apps.address(body["properties"]["defaultHostName"])

    def _path(self, name: str) -> str:
        return self._arm.path(SITES, described.called(self._settings, name))

    @property
    def _workspace(self) -> str:
        return self._arm.path(WORKSPACES, self._apps.names.workspace)

    def _plan(self, name: str) -> str:
        return self._arm.path(PLANS, described.called(self._settings, name))


def _tags(body: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in (body.get("tags") or {}).items() if key not in described.OWN}


def _serving(body: dict[str, Any]) -> str:
    """The version that was deployed last, "" before the first."""
    return str((body.get("tags") or {}).get(described.SERVES, ""))


def _source(row: dict[str, Any]) -> str:
    return str(row.get("AppName", ""))
