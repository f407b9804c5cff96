"""Call the endpoint as a client would, with the caller's identity."""

from __future__ import annotations

import json
from typing import Any

from toolkit.domain.errors import ConfigError, NotFound, ProviderError
from toolkit.domain.specs import HttpRequest
from toolkit.lifecycle import access, find, naming
from toolkit.ports.context import Context
from toolkit.state.blobs import Blobs


def run(ctx: Context, *, sample: int = 0, body: bytes = b"", headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The endpoint's answer as JSON: {model, version, predictions: [{id, label | value, probabilities}]}.

    `sample` takes that many rows of the served model's test split. ConfigError explains a refused body field by field.
    """
    release = naming.releases(ctx).current()
    if release is None:
        raise NotFound(f"nothing is deployed on target {ctx.target}", hint="toolkit deploy")
    if sample:
        body = json.dumps({"records": rows(ctx, release.model_version, sample)}).encode()
    told = {"content-type": "application/json", **access.headers(ctx), **(headers or {})}
    request = HttpRequest(method="POST", path="/predict", headers=told, body=body)
    answer = ctx.functions.request(release.function, request)
    if answer.status == 200:
        parsed: dict[str, Any] = json.loads(answer.body)
        return parsed
    raise _refused(answer.status, answer.body, release.function)


def rows(ctx: Context, version: int, count: int) -> list[dict[str, Any]]:
    manifest = find.manifest(ctx, find.version(ctx, version))
    found: list[dict[str, Any]] = json.loads(Blobs(ctx.store).get(manifest.files["sample"]))
    return found[:count]


def _refused(status: int, body: bytes, function: str) -> Exception:
    try:
        problem = json.loads(body)
    except ValueError:
        problem = {}
    errors = problem.get("errors") or []
    lines = [f"row {e.get('row')}, {e.get('field')}: {e.get('message')}" for e in errors[:10]]
    said = (
        problem.get("detail") or problem.get("title") or problem.get("Message") or body[:200].decode(errors="replace")
    )
    text = "\n".join([f"{function} answered {status}: {said}", *lines])
    if 400 <= status < 500:
        return ConfigError(text, hint="toolkit models show prints the signature")
    return ProviderError(text, hint="toolkit logs")
