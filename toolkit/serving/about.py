"""What is rarely asked of an endpoint, imported when it is: what it serves, why it has no pages, a failure's log."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any

from toolkit.serving import problems
from toolkit.serving.problems import Problem
from toolkit.serving.protocols import routes
from toolkit.serving.routing import DOCS, JSON, SAFE, Request, request_id_of

if TYPE_CHECKING:
    from toolkit.serving.app import App
    from toolkit.serving.body import Send


def description(app: App) -> dict[str, Any]:
    """The document of `GET /`."""
    signature = app.model.signature
    return {
        "endpoint": app.info.endpoint,
        "model": app.model.name,
        "version": app.info.version,
        "digest": app.model.digest,
        "task": signature.task,
        "label": signature.label,
        "classes": signature.classes,
        "features": [{"name": f.name, "dtype": f.dtype, "nullable": f.nullable} for f in signature.features],
        "paths": [*app.own, *sorted(DOCS), *routes.paths(app)],
    }


def table(app: App) -> list[tuple[str, str]]:
    """(method, path) of everything that is answered here: our own routes, the pages, every protocol's."""
    own = [(method, path) for path, route in app.routes.items() for method in route.methods]
    pages = [("GET", path) for path in sorted(DOCS)]
    values = {"model": app.model.name, "version": app.info.version}
    return list(dict.fromkeys([*own, *pages, *((e.method, e.path.format(**values)) for e in routes.TABLE)]))


async def no_pages(app: App, path: str, error: ImportError, send: Send) -> None:
    """A bundle without FastAPI (that of a compiled model): the OpenAPI document is ours and answered, pages are not."""
    if path == "/openapi.json":
        from toolkit.serving import docs

        status, kind, content = 200, JSON, app.encode(docs.openapi(app))
    else:
        detail = f"this bundle was built without {error.name}, which the pages need; /openapi.json is here"
        status, kind, content = 501, problems.TYPE, Problem(501, "no-docs", detail).encode("")
    headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode()), *SAFE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def log_failure(method: str, path: str, request: Request) -> None:
    """The traceback being handled, to stderr, with what a person searches for: request id and trace."""
    where = f"request {request_id_of(request.headers, request.prefix)}" + (
        f", trace {request.trace.decode()}" if request.trace else ""
    )
    shown = problems.shown(path)
    print(f"toolkit: {method} {shown!r} failed ({where})\n{traceback.format_exc()}", file=sys.stderr)  # noqa: T201
