"""Cloud Run's front: who calls, which revision answers."""

from __future__ import annotations

import random
import re

from toolkit.adapters.gcp.emulator.identity import OPERATOR, Identity
from toolkit.adapters.gcp.emulator.services import INVOKER, Kept, Services
from toolkit.adapters.gcp.emulator.tasks import INSIDE
from toolkit.execution.http_messages import Request, Response

PATH = re.compile(r"/run/([^/]+)/([^/]+)/(?:([a-z0-9-]+?)---)?([a-z0-9-]+)(/.*)?")
CLOSED = {2, 3}  # ingress: internal only, internal and load balancers
_HTML = (("content-type", "text/html; charset=UTF-8"),)


class Front:
    def __init__(self, services: Services, identity: Identity) -> None:
        self._services, self._identity = services, identity

    def __call__(self, request: Request) -> Response | None:
        found = PATH.fullmatch(request.path)
        if not found:
            return None
        project, location, tag, service, path = found.groups()
        name = f"projects/{project}/locations/{location}/services/{service}"
        with self._services.lock:
            self._services.operations.settle()
            kept = self._services.kept.get(name)
            revision = _choose(kept, tag or "") if kept else ""
        if kept is None or not revision:
            return Response(404, _HTML, b"<h1>Page not found</h1>")
        outside = request.header(INSIDE) != self._identity.inside
        if outside and kept.desired.ingress in CLOSED:
            return Response(404, _HTML, b"<h1>Page not found</h1>")
        if refused := self._refused(request, kept, name):
            return refused
        instances = self._services.instances(name, revision)
        if instances is None:
            return Response(404, _HTML, b"<h1>Page not found</h1>")
        query = f"?{request.query}" if request.query else ""
        # Like Google's front, which keeps its own header and the signature of the caller's token to itself.
        headers = tuple(pair for pair in request.headers if pair[0] not in {"x-serverless-authorization", INSIDE})
        return instances.call(Request(request.method, f"{path or '/'}{query}", headers, request.body, request.peer))

    def _refused(self, request: Request, kept: Kept, name: str) -> Response | None:
        members = {member for one in kept.policy.bindings if one.role == INVOKER for member in one.members}
        if "allUsers" in members:
            return None
        said = request.header("x-serverless-authorization") or request.header("authorization")
        if not said:
            return Response(
                403, _HTML, b"<h1>Error: Forbidden</h1>Your client does not have permission to get this URL."
            )
        kind, _, token = said.partition(" ")
        audiences = frozenset(
            {self._services.uri(name), *(self._services.uri(name, tag) for _, _, tag in kept.serving if tag)}
        )
        account = self._identity.account(token, audiences) if kind.lower() == "bearer" else ""
        if not account:
            told = (
                (
                    "www-authenticate",
                    'Bearer error="invalid_token" error_description="The access token could not be verified"',
                ),
            )
            return Response(401, (*_HTML, *told), b"<h1>Error: Unauthorized</h1>")
        if account != OPERATOR and f"serviceAccount:{account}" not in members:
            return Response(
                403, _HTML, b"<h1>Error: Forbidden</h1>Your client does not have permission to get this URL."
            )
        return None


def _choose(kept: Kept, tag: str) -> str:
    """The revision for this call, "" where there is none."""
    if tag:
        return next((revision for revision, _, own in kept.serving if own == tag), "")
    weighted = [(revision, percent) for revision, percent, _ in kept.serving if percent]
    if not weighted:
        return ""
    revisions, percents = zip(*weighted, strict=True)
    return str(random.choices(revisions, percents)[0])  # noqa: S311
