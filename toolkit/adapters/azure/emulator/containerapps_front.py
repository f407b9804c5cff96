"""An environment's ingress: who calls, which revision answers. Easy Auth stands before an app that has it."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Mapping
from typing import Any

from toolkit.adapters.azure.emulator.containerapps import DOMAIN, ContainerApps, Kept
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.execution.http_messages import Headers, Request, Response

PATH = re.compile(rf"/([a-z0-9-]+)\.([a-z0-9-]+)\.([a-z0-9]+)\.{re.escape(DOMAIN)}(/.*)?")
_TEXT = (("content-type", "text/html"),)
_OURS = ("x-ms-client-principal", "x-ms-token-")  # headers that only the platform may send


class Front:
    def __init__(self, apps: ContainerApps, identity: Identity) -> None:
        self._apps, self._identity = apps, identity

    def __call__(self, request: Request) -> Response | None:
        found = PATH.fullmatch(request.path)
        if not found:
            return None
        name, _, suffix = found[1].partition("--")
        with self._apps.lock:
            self._apps.operations.settle()
            kept = self._apps.kept.get(name)
            revision = _choose(kept, f"{name}--{suffix}" if suffix else "") if kept else ""
            guard = kept.guard.get("properties") if kept else None
        instances = self._apps.instances(name, revision) if revision else None
        if kept is None or instances is None:
            return Response(404, _TEXT, b"<h1>Error 404</h1>This Container App is stopped or does not exist.")
        who, refused = admitted(self._identity, request, guard or {})
        if refused:
            return refused
        query = f"?{request.query}" if request.query else ""
        headers = known(request.headers, who, guard or {})
        return instances.call(Request(request.method, f"{found[4] or '/'}{query}", headers, request.body, request.peer))


def admitted(identity: Identity, request: Request, guard: Mapping[str, Any]) -> tuple[str, Response | None]:
    """Easy Auth, before a container app or a function app: who asks, and the refusal if there is one."""
    if not guard.get("platform", {}).get("enabled"):
        return "", None
    kind, _, token = request.header("authorization").partition(" ")
    directory = guard.get("identityProviders", {}).get("azureActiveDirectory", {})
    audiences = directory.get("validation", {}).get("allowedAudiences") or []
    who = ""
    if kind.lower() == "bearer":
        who = next(filter(None, (identity.principal(token, str(one)) for one in audiences)), "")
    if who:
        return who, None
    if token and kind.lower() == "bearer":
        return "", Response(401, (("www-authenticate", 'Bearer error="invalid_token"'),), b"")
    action = guard.get("globalValidation", {}).get("unauthenticatedClientAction")
    if action == "AllowAnonymous":
        return "", None
    return "", Response(403 if action == "Return403" else 401, (("www-authenticate", "Bearer"),), b"")


def known(headers: Headers, who: str, guard: Mapping[str, Any]) -> Headers:
    """What comes through: who asks is said by the platform alone."""
    if not guard.get("platform", {}).get("enabled"):
        return headers
    kept = tuple(pair for pair in headers if not pair[0].startswith(_OURS))
    if not who:
        return kept
    told = base64.b64encode(json.dumps({"auth_typ": "aad", "oid": who}).encode()).decode()
    return (*kept, ("x-ms-client-principal", told), ("x-ms-client-principal-id", who))


def _choose(kept: Kept, revision: str) -> str:
    """The revision for this call, "" where there is none or no ingress."""
    ingress = (kept.desired["properties"].get("configuration") or {}).get("ingress")
    if not ingress or not ingress.get("external"):
        return ""
    if revision:
        return revision if revision in kept.revisions else ""
    weighted = [(one, weight) for one, weight in kept.serving if weight]
    if not weighted:
        return ""
    revisions, weights = zip(*weighted, strict=True)
    return str(random.choices(revisions, weights)[0])  # noqa: S311
