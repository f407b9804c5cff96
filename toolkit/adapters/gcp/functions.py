"""Cloud Run services: a revision for every published version, traffic by percent, a tag for every version's own URL.

    function_service  a spec as a service, and back (pure)     function_calls  over the URL, with an ID token; events
    run_api           paths, long-running operations           container       what runs: fetches the bundle, serves it

The deployed unit is the bundle in the bucket, by digest; the image is the generic one of the jobs (`container` says
how). Cloud Run sends traffic to the newest revision until somebody chose: that is no weight of ours, and nobody but the
project's own people may call a service that was never routed. Who may call moves with the traffic.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from toolkit.adapters.gcp import function_calls
from toolkit.adapters.gcp import function_service as described
from toolkit.adapters.gcp.client import Api, again
from toolkit.adapters.gcp.errors import status_of
from toolkit.adapters.gcp.logs import HOST as LOGGING
from toolkit.adapters.gcp.logs import Logging, quoted
from toolkit.adapters.gcp.names import labels, service
from toolkit.adapters.gcp.run_api import FAILED, Run
from toolkit.adapters.gcp.store import open_store
from toolkit.domain import digest, names
from toolkit.domain.errors import ConfigError, Conflict, NotFound, PreconditionFailed, ProviderError, Unsupported
from toolkit.domain.specs import FunctionSpec, FunctionState, HttpRequest, HttpResponse, LogLine
from toolkit.ports import Settings

INVOKER = "roles/run.invoker"
EVERYBODY = "allUsers"


def open_functions(settings: Settings) -> RunFunctions:
    return RunFunctions(Run(settings))


class RunFunctions:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._settings = run.settings
        self._tokens = function_calls.Tokens(run)
        self._logging = Logging(run.project, Api(LOGGING, "v2", run.settings["services_endpoint"]))

    def publish(self, spec: FunctionSpec) -> str:
        names.check_resource("function", spec.name)
        described.check(spec)
        try:
            open_store(self._settings).head(spec.bundle_key)
        except NotFound as error:
            raise NotFound(f"the bundle of function {spec.name!r} is not in the store ({spec.bundle_key})") from error
        return again(lambda: self._publish(spec), _raced)

    def route(self, name: str, weights: dict[str, float]) -> FunctionState:
        return again(lambda: self._route(name, weights), _raced)

    def observe(self, name: str) -> FunctionState:
        return self._state(name, self._service(name))

    def list(self, tags: dict[str, str] | None = None) -> Iterator[FunctionState]:
        wanted = (tags or {}).items()
        found = self._run.api.pages("list functions", f"{self._run.parent}/services", "services")
        ours = {body["annotations"][described.NAME]: body for body in found if described.NAME in _noted(body)}
        for name, body in sorted(ours.items()):
            with suppress(NotFound):  # deleted while we looked
                if wanted <= _tags(body).items():
                    yield self._state(name, body)

    def request(self, name: str, request: HttpRequest, *, version: str = "") -> HttpResponse:
        body = self._service(name)
        token = self._tokens.token(body["uri"])
        if not version:
            self._require_traffic(name, body)
            return function_calls.over_url(body["uri"], request, token)
        wanted = described.revision(service(name), int(version)) if version.isdecimal() else version
        for target in body.get("trafficStatuses", ()):
            if target.get("revision") == wanted and target.get("uri"):
                return function_calls.over_url(target["uri"], request, token)
        raise NotFound(f"function {name!r} has no version {version!r}", hint="toolkit status")

    def event(self, name: str, event: dict[str, Any], *, wait: bool = True) -> Any:
        body = self._service(name)
        weights = self._require_traffic(name, body)
        marks = self._marks(name, body)
        if any(marks[version].get(described.AUTH) in described.OPEN for version in weights if version in marks):
            raise Unsupported(f"function {name!r} is open to everybody, so it takes no events", hint='auth = "iam"')
        if wait:
            return function_calls.event(name, body["uri"], event, self._tokens.token(body["uri"]))
        function_calls.enqueue(self._run, name, body["uri"], event)
        return None

    def logs(self, name: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        body = self._service(name)
        log = f"projects/{self._run.project}/logs/run.googleapis.com%2F"
        wanted = (
            f'(logName="{log}stdout" OR logName="{log}stderr") AND resource.type="cloud_run_revision" '
            f"AND resource.labels.service_name={quoted(service(name))} AND "
            f'resource.labels.location="{self._run.region}" AND timestamp>="{body["createTime"]}"'
        )
        if not follow:
            yield from self._logging.lines(wanted, _version, after)
            return
        yield from self._logging.follow(
            wanted, _version, after, lambda: not self._there(name), max(self._run.poll, 0.1)
        )

    def remove_version(self, name: str, version: str) -> None:
        again(lambda: self._remove(name, version), _raced)

    def delete(self, name: str) -> None:
        names.check_resource("function", name)
        with suppress(NotFound):
            self._run.change(f"delete function {name}", "DELETE", self._path(name))

    # Publishing and routing: each change names the service as it was seen, and begins anew where it was another

    def _publish(self, spec: FunctionSpec) -> str:
        try:
            body: dict[str, Any] | None = self._service(spec.name)
        except NotFound:
            body = None
        marks = self._marks(spec.name, body) if body else {}
        wanted = digest.of_value(spec.configuration())
        for version, mark in marks.items():
            if mark.get(described.DIGEST) == wanted:
                return version
        number = int(_noted(body or {}).get(described.LAST, "0")) + 1
        python = spec.runtime.removeprefix("python")
        role = "drift-check" if spec.tags.get("role") == "drift-check" else "inference"
        template = described.template(
            spec, number, image=self._run.image(python), account=self._run.account(role), where=self._bundle(spec)
        )
        hidden = described.hidden_in(body) if body else set()
        traffic = described.traffic(service(spec.name), described.weights(body) if body else {}, {*marks, str(number)})
        change = {
            "labels": {**labels(spec.tags), "managed-by": "toolkit"},
            "annotations": described.noted(spec, number, hidden),
            "template": template,
            "traffic": traffic,
            **described.reach(self._settings, spec),
        }
        what = f"publish function {spec.name}"
        if body is None:
            self._run.change(what, "POST", f"{self._run.parent}/services", change, {"serviceId": service(spec.name)})
        else:
            self._patch(spec.name, what, body, change)
            for version in hidden:
                self._delete_revision(spec.name, version)
        return str(number)

    def _route(self, name: str, weights: dict[str, float]) -> FunctionState:
        body = self._service(name)
        marks = self._marks(name, body)
        if any(weight < 0 for weight in weights.values()) or not math.isclose(sum(weights.values()), 1.0, abs_tol=1e-6):
            raise ConfigError(f"weights of function {name!r} must be at least 0 and sum to 1: {weights}")
        for version in weights:
            if version not in marks:
                raise NotFound(f"function {name!r} has no version {version!r}", hint="toolkit status")
        chosen = {version: weight for version, weight in weights.items() if weight}
        traffic = described.traffic(service(name), chosen, set(marks))
        public = all(marks[version].get(described.AUTH) in described.OPEN for version in chosen)
        if not public:
            self._admit(name, everybody=False)  # before it answers with what is not for everybody
        self._patch(name, f"route function {name}", body, {"traffic": traffic})
        if public:
            self._admit(name, everybody=True)
        return self.observe(name)

    def _remove(self, name: str, version: str) -> None:
        try:
            body = self._service(name)
        except NotFound:
            return
        if share := described.weights(body).get(version):
            raise Conflict(f"version {version} of function {name!r} has {share:.0%} of the traffic")
        marks = self._marks(name, body)
        if version not in marks:
            return
        shares, left = described.weights(body), set(marks) - {version}
        change: dict[str, Any] = {"traffic": described.traffic(service(name), shares, left)}
        newest = body.get("latestCreatedRevision", "").endswith(f"/{described.revision(service(name), int(version))}")
        if newest:  # Cloud Run keeps it until there is a newer one
            gone = {*described.hidden_in(body), version}
            change["annotations"] = {**_noted(body), described.HIDDEN: ",".join(sorted(gone))}
        self._patch(name, f"remove version {version} of {name}", body, change)
        if not newest:
            self._delete_revision(name, version)

    def _patch(self, name: str, what: str, seen: dict[str, Any], change: dict[str, Any]) -> None:
        given = {**change, "etag": seen["etag"]}
        self._run.change(what, "PATCH", self._path(name), given, {"updateMask": ",".join(sorted(change))})

    def _delete_revision(self, name: str, version: str) -> None:
        path = f"{self._path(name)}/revisions/{described.revision(service(name), int(version))}"
        with suppress(NotFound):
            self._run.change(f"remove version {version} of {name}", "DELETE", path)

    def _admit(self, name: str, *, everybody: bool) -> None:
        """Who may call: the scheduler, and everybody or nobody else; what an operator granted stays."""
        path, what = self._path(name), f"say who may call function {name}"
        policy = self._run.api.get(what, f"{path}:getIamPolicy")
        bindings = policy.setdefault("bindings", [])
        ours = next((one for one in bindings if one["role"] == INVOKER and "condition" not in one), None)
        if ours is None:
            bindings.append(ours := {"role": INVOKER, "members": []})
        members = {*ours["members"], f"serviceAccount:{self._run.account('scheduler')}"}
        wanted = members | {EVERYBODY} if everybody else members - {EVERYBODY}
        if wanted != set(ours["members"]):
            ours["members"] = sorted(wanted)
            self._run.api.call(what, "POST", f"{path}:setIamPolicy", {"policy": policy})

    # Looking

    def _service(self, name: str) -> dict[str, Any]:
        names.check_resource("function", name)
        try:
            return self._run.api.get(f"look at function {name}", self._path(name))
        except NotFound as error:
            where = f"{self._run.region} of {self._run.project}"
            raise NotFound(f"function {name!r} does not exist in {where}", hint="toolkit deploy") from error.__cause__

    def _there(self, name: str) -> bool:
        try:
            self._service(name)
        except NotFound:
            return False
        return True

    def _marks(self, name: str, body: dict[str, Any]) -> dict[str, dict[str, str]]:
        """Version -> what its revision says of itself, oldest first."""
        found = self._run.api.pages(f"list versions of {name}", f"{self._path(name)}/revisions", "revisions")
        marks = {_noted(one)[described.NUMBER]: _noted(one) for one in found if described.NUMBER in _noted(one)}
        return {number: marks[number] for number in sorted(marks.keys() - described.hidden_in(body), key=int)}

    def _state(self, name: str, body: dict[str, Any]) -> FunctionState:
        marks, weights = self._marks(name, body), described.weights(body)
        condition = body.get("terminalCondition", {})
        failed = condition.get("state") == FAILED
        return FunctionState(
            name=name,
            versions=tuple(marks),
            weights=weights,
            url=body["uri"] if weights else "",
            state="failed" if failed else "ready" if weights else "pending",
            spec_digests={version: mark.get(described.DIGEST, "") for version, mark in marks.items()},
            reason=condition.get("message", "") if failed else "" if weights else "no version has traffic yet",
            tags=_tags(body),
        )

    def _require_traffic(self, name: str, body: dict[str, Any]) -> dict[str, float]:
        if not (weights := described.weights(body)):
            raise NotFound(f"function {name!r} has no traffic", hint="toolkit deploy")
        return weights

    def _path(self, name: str) -> str:
        return f"{self._run.parent}/services/{service(name)}"

    def _bundle(self, spec: FunctionSpec) -> dict[str, str]:
        prefix = self._settings["prefix"]
        key = f"{prefix}/{spec.bundle_key}" if prefix else spec.bundle_key
        storage = self._settings["endpoint"] or described.STORAGE
        return {"storage": storage, "bucket": self._settings["bucket"], "object": key}


def _raced(error: Exception) -> bool:
    """Another change came between looking and changing."""
    return status_of(error) == 409 and isinstance(error, PreconditionFailed | ProviderError)


def _noted(body: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = body.get("annotations", {})
    return found


def _tags(body: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = json.loads(_noted(body).get(described.TAGS, "{}"))
    return found


def _version(entry: dict[str, Any]) -> str:
    return described.number_of(entry.get("resource", {}).get("labels", {}).get("revision_name", ""))
