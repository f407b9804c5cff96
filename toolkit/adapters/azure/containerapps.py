"""Functions as container apps: a revision for every published version, traffic by percent, a host name for each.

    containerapps_body  a spec as an app, and back (pure)      function_calls  over the URL, with a token; events
    arm_apps            paths, identities, patience            arm_console     what was printed, from Log Analytics
    function_app        what runs: fetches the bundle, serves it

This is the default, not Azure Functions: there traffic cannot be split, two versions cannot answer at once, and who
calls shows a key that never ends, where here Entra says who it is.

An app has no ingress before it is first routed, so a version that was only published can be reached by nobody. Easy
Auth stands before it from then on: Entra's tokens for the target's audience (`containerapps_body.guard`). It is the
app's, not the revision's: who may call moves with the traffic, and a revision that is not for everybody refuses by
itself whom the platform has not let in. Whom Entra gives such a token is its administrator's to say (the application
with assignment required); the toolkit gives out no rights in Entra.

A revision is never deleted by Azure's API: it is made inactive, and Azure forgets it in the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from toolkit.adapters.azure import containerapps_body as described
from toolkit.adapters.azure import function_calls
from toolkit.adapters.azure.arm_apps import APPS, Apps
from toolkit.adapters.azure.arm_console import Console, equals
from toolkit.adapters.azure.errors import status_of
from toolkit.adapters.azure.names import app
from toolkit.adapters.azure.store import open_store
from toolkit.domain import digest, names
from toolkit.domain.errors import ConfigError, Conflict, NotFound, ToolkitError, Unsupported
from toolkit.domain.specs import FunctionSpec, FunctionState, HttpRequest, HttpResponse, LogLine
from toolkit.ports import Settings

RACES = 5
LAST = "toolkit-last-version"
STORAGE = "https://{}.blob.core.windows.net"


class ContainerAppFunctions:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._apps = Apps(settings)
        self._tokens = function_calls.Tokens(settings)
        self._console = Console(settings)

    def publish(self, spec: FunctionSpec) -> str:
        names.check_resource("function", spec.name)
        described.check(spec)
        try:
            open_store(self._settings).head(spec.bundle_key)
        except NotFound as error:
            raise NotFound(f"the bundle of function {spec.name!r} is not in the store ({spec.bundle_key})") from error
        for left in reversed(range(RACES)):
            number, found = self._number(spec)
            if found:
                return str(number)
            try:
                self._publish(spec, number)
            except ToolkitError as error:
                if not left or status_of(error) not in {400, 409} or str(number) not in self._revisions(spec.name):
                    raise
                continue  # somebody else took the number
            return str(number)
        raise AssertionError("unreachable")

    def route(self, name: str, weights: dict[str, float]) -> FunctionState:
        self._app(name)
        marks = self._marks(name)
        if any(weight < 0 for weight in weights.values()) or not math.isclose(sum(weights.values()), 1.0, abs_tol=1e-6):
            raise ConfigError(f"weights of function {name!r} must be at least 0 and sum to 1: {weights}")
        for version in weights:
            if version not in marks:
                raise NotFound(f"function {name!r} has no version {version!r}", hint="toolkit status")
        chosen = {version: weight for version, weight in weights.items() if weight}
        ingress = described.ingress(name, chosen)
        public = all(marks[version]["auth"] in described.OPEN for version in chosen)
        if not public:
            self._admit(name, everybody=False)  # before it answers with what is not for everybody
        what = f"route function {name}"
        self._apps.change(what, "PATCH", self._path(name), {"properties": {"configuration": {"ingress": ingress}}})
        if public:
            self._admit(name, everybody=True)
        return self.observe(name)

    def observe(self, name: str) -> FunctionState:
        return self._state(name, self._app(name))

    def list(self, tags: dict[str, str] | None = None) -> Iterator[FunctionState]:
        wanted = (tags or {}).items()
        found = self._apps.pages("list functions", self._apps.arm.path(APPS, "").rstrip("/"))
        ours = {body["tags"][described.NAME]: body for body in found if described.NAME in (body.get("tags") or {})}
        for name, body in sorted(ours.items()):
            with suppress(NotFound):  # deleted while we looked
                if wanted <= _tags(body).items():
                    yield self._state(name, body)

    def request(self, name: str, request: HttpRequest, *, version: str = "") -> HttpResponse:
        body = self._app(name)
        self._require_traffic(name, body)
        if version and version not in self._marks(name):
            raise NotFound(f"function {name!r} has no version {version!r}", hint="toolkit status")
        host = self._revisions(name)[version]["properties"]["fqdn"] if version else described.host(body)
        return function_calls.over_url(self._apps.address(host), request, self._tokens.token())

    def event(self, name: str, event: dict[str, Any], *, wait: bool = True) -> Any:
        body = self._app(name)
        weights, marks = self._require_traffic(name, body), self._marks(name)
        if any(marks[version]["auth"] in described.OPEN for version in weights if version in marks):
            raise Unsupported(f"function {name!r} is open to everybody, so it takes no events", hint='auth = "iam"')
        url = self._apps.address(described.host(body))
        if wait:
            return function_calls.event(name, url, event, self._tokens.token())
        function_calls.enqueue(self._apps, name, url, event)
        return None

    def logs(self, name: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        body = self._app(name)
        wanted = (equals("ContainerAppName_s", app(name)),)
        since = body["systemData"]["createdAt"]
        if not follow:
            yield from self._console.lines(wanted, _version, after, since)
        else:
            yield from self._console.follow(wanted, _version, after, since, lambda: not self._there(name))

    def remove_version(self, name: str, version: str) -> None:
        try:
            body = self._app(name)
        except NotFound:
            return
        if share := described.weights(body).get(version):
            raise Conflict(f"version {version} of function {name!r} has {share:.0%} of the traffic")
        if version in self._marks(name):
            path = f"{self._path(name)}/revisions/{described.revision(name, version)}/deactivate"
            self._apps.change(f"remove version {version} of {name}", "POST", path)

    def delete(self, name: str) -> None:
        names.check_resource("function", name)
        self._apps.delete(f"delete the events of function {name}", function_calls.path_of_events(self._apps, name))
        self._apps.delete(f"delete function {name}", self._path(name))

    # Publishing

    def _number(self, spec: FunctionSpec) -> tuple[int, bool]:
        """The version that the spec is already (True), or will be."""
        try:
            body = self._apps.settled(f"look at function {spec.name}", self._path(spec.name))
        except NotFound:
            return 1, False
        wanted = digest.of_value(dict(spec.configuration()))
        for version, mark in self._marks(spec.name).items():
            if mark["configuration"] == wanted:
                return int(version), True
        known = [int(version) for version in self._revisions(spec.name)]
        return max([*known, int((body.get("tags") or {}).get(LAST, "0"))]) + 1, False

    def _publish(self, spec: FunctionSpec, number: int) -> None:
        role = "drift-check" if spec.tags.get("role") == "drift-check" else "inference"
        identity = self._apps.identity(role)
        where = {**self._bundle(spec), "identity": identity, "client": self._apps.client_of(identity)}
        image = self._apps.image(spec.runtime.removeprefix("python"))
        template = described.template(spec, number, image=image, where=where)
        change = {
            "tags": {**described.tags(spec), LAST: str(number)},
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
            "location": self._apps.arm.location,
            "properties": {"template": template},
        }
        what, path = f"publish function {spec.name}", self._path(spec.name)
        if number > 1 or self._there(spec.name):
            self._apps.change(what, "PATCH", path, change)
            return
        configuration = {"activeRevisionsMode": "Multiple", "registries": self._apps.registries(identity)}
        properties = {"environmentId": self._apps.environment, "configuration": configuration, "template": template}
        self._apps.change(what, "PUT", path, {**change, "properties": properties})

    def _admit(self, name: str, *, everybody: bool) -> None:
        """Who may call. Changed only where it is otherwise: a guard that stands is not touched."""
        path, what = f"{self._path(name)}/authConfigs/current", f"say who may call function {name}"
        wanted = described.guard(self._settings, everybody=everybody)
        with suppress(NotFound):
            if self._apps.get(what, path).get("properties") == wanted:
                return
        self._apps.change(what, "PUT", path, {"properties": wanted})

    def _bundle(self, spec: FunctionSpec) -> dict[str, str]:
        account, prefix = self._settings["account"], self._settings["prefix"]
        endpoint = self._settings["endpoint"]
        storage = f"{endpoint}/{account}" if endpoint else STORAGE.format(account)
        blob = f"{prefix}/{spec.bundle_key}" if prefix else spec.bundle_key
        return {"storage": storage, "container": self._settings["container"], "blob": blob}

    # Looking

    def _app(self, name: str) -> dict[str, Any]:
        names.check_resource("function", name)
        try:
            body = self._apps.get(f"look at function {name}", self._path(name))
        except NotFound as error:
            where = f"{self._apps.arm.location} of {self._settings['resource_group']}"
            raise NotFound(f"function {name!r} does not exist in {where}", hint="toolkit deploy") from error.__cause__
        return body

    def _there(self, name: str) -> bool:
        try:
            self._app(name)
        except NotFound:
            return False
        return True

    def _revisions(self, name: str) -> dict[str, dict[str, Any]]:
        """Version -> its revision, inactive ones too."""
        found = self._apps.pages(f"list versions of {name}", f"{self._path(name)}/revisions")
        return {described.number_of(one["name"]): one for one in found if described.marks(one)}

    def _marks(self, name: str) -> dict[str, dict[str, Any]]:
        """Version -> what its container is told, of those that are active, oldest first."""
        found = self._revisions(name)
        return {
            version: described.marks(found[version])
            for version in sorted(found, key=int)
            if found[version]["properties"].get("active")
        }

    def _state(self, name: str, body: dict[str, Any]) -> FunctionState:
        marks, weights = self._marks(name), described.weights(body)
        failed = body["properties"].get("provisioningState") == "Failed"
        return FunctionState(
            name=name,
            versions=tuple(marks),
            weights=weights,
            url=self._apps.address(described.host(body)) if weights else "",
            state="failed" if failed else "ready" if weights else "pending",
            spec_digests={version: mark["configuration"] for version, mark in marks.items()},
            reason="Azure could not provision it" if failed else "" if weights else "no version has traffic yet",
            tags=_tags(body),
        )

    def _require_traffic(self, name: str, body: dict[str, Any]) -> dict[str, float]:
        if not (weights := described.weights(body)):
            raise NotFound(f"function {name!r} has no traffic", hint="toolkit deploy")
        return weights

    def _path(self, name: str) -> str:
        return self._apps.arm.path(APPS, app(name))


def _tags(body: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in (body.get("tags") or {}).items() if key not in {described.NAME, LAST}}


def _version(row: dict[str, Any]) -> str:
    return described.number_of(str(row.get("RevisionName_s", "")))
