"""The one table of foreign routes: path, method, and `module.function` of this package, imported by its first request.

A handler is `async (App, Request) -> Answer`; a module has `failure(Problem) -> Answer`, its error shape. `{model}` and
`{version}` are checked here, so a wrong name is one 404 in every protocol's own words.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from toolkit.serving.problems import Problem, shown
from toolkit.serving.routing import Answer, Handler, Request, Route

if TYPE_CHECKING:
    from toolkit.serving.app import App


class Entry(NamedTuple):
    method: str
    path: str
    protocol: str
    function: str


_MODEL, _VERSION = "/v2/models/{model}", "/versions/{version}"
_SERVABLE = "/v1/models/{model}"
TABLE = (
    Entry("GET", "/v2", "v2", "server"),
    Entry("GET", "/v2/health/live", "v2", "live"),
    Entry("GET", "/v2/health/ready", "v2", "ready"),
    Entry("GET", _MODEL, "v2", "metadata"),
    Entry("GET", _MODEL + _VERSION, "v2", "metadata"),
    Entry("GET", f"{_MODEL}/ready", "v2", "model_ready"),
    Entry("GET", f"{_MODEL}{_VERSION}/ready", "v2", "model_ready"),
    Entry("POST", f"{_MODEL}/infer", "v2", "infer"),
    Entry("POST", f"{_MODEL}{_VERSION}/infer", "v2", "infer"),
    Entry("GET", _SERVABLE, "tensorflow", "status"),
    Entry("GET", _SERVABLE + _VERSION, "tensorflow", "status"),
    Entry("POST", f"{_SERVABLE}:predict", "tensorflow", "predict"),
    Entry("POST", f"{_SERVABLE}{_VERSION}:predict", "tensorflow", "predict"),
    Entry("GET", "/ping", "sagemaker", "ping"),
    Entry("GET", "/version", "sagemaker", "version"),
    Entry("POST", "/invocations", "sagemaker", "invocations"),
    Entry("POST", "/endpoints/{model}/invocations", "sagemaker", "invocations"),
    Entry("POST", "/score", "azure", "score"),
)
# Whose words a path that nobody has is refused in, by how it begins.
_FAMILIES = (("/v2/", "v2"), ("/v1/models/", "tensorflow"))


def find(app: App, path: str) -> Route | None:
    """The route of `path`, None where no protocol has it."""
    for template, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(path):
            parts = found.groupdict()
            entries = [entry for entry in TABLE if entry.path == template]
            methods = {entry.method: partial(_answer, app, entry, parts) for entry in entries}
            return Route(template, methods, entries[0].protocol)
    for prefix, protocol in _FAMILIES:
        if path.startswith(prefix):
            return Route("other", {}, protocol)
    return None


def paths(app: App) -> list[str]:
    """Every path of the table as this model has it."""
    named = (entry.path.format(model=app.model.name, version=app.info.version) for entry in TABLE)
    return list(dict.fromkeys(named))


def vertex(app: App, own: Mapping[str, Route]) -> dict[str, Route]:
    """The routes that Vertex AI asked for. Where one is a path of ours, Vertex has that method and we keep the rest."""
    found: dict[str, Route] = {}
    for entry in vertex_entries(app):
        known = found.get(entry.path) or own.get(entry.path)
        methods: dict[str, Handler] = dict(known.methods) if known else {}
        methods[entry.method] = partial(_answer, app, entry, {})
        found[entry.path] = Route(entry.path, methods, "vertex")
    return found


def vertex_entries(app: App) -> list[Entry]:
    asked = (("POST", app.info.vertex_predict, "predict"), ("GET", app.info.vertex_health, "health"))
    return [Entry(method, path, "vertex", function) for method, path, function in asked if path]


def refusal(protocol: str, problem: Problem) -> Answer:
    """The problem in the protocol's own shape."""
    failure: Callable[[Problem], Answer] = _module(protocol).failure
    return failure(problem)


async def _answer(app: App, entry: Entry, parts: Mapping[str, str], request: Request) -> Answer:
    model, version = parts.get("model", app.model.name), parts.get("version", str(app.info.version))
    if (model, version) != (app.model.name, str(app.info.version)):
        asked = f"model {shown(model)!r}" + (f" version {shown(version)!r}" if "version" in parts else "")
        here = f"{app.model.name!r} version {app.info.version}"
        raise Problem(404, "no-model", f"{asked} is not served here; there is {here}")
    answer: Answer = await getattr(_module(entry.protocol), entry.function)(app, request)
    return answer


def _module(protocol: str) -> ModuleType:
    return importlib.import_module(f"toolkit.serving.protocols.{protocol}")


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(template)))


_PATTERNS = {entry.path: _pattern(entry.path) for entry in TABLE}
