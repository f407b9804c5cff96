"""A request of a REST API as a message of Google's own types; whatever is no such message is refused, with why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from toolkit.adapters.gcp.emulator.refused import Refused, invalid
from toolkit.execution.http_messages import Request, Response, json_response

Handler = Callable[[Any, str], Message | Mapping[str, Any]]
_SEGMENT = re.compile(r"\{([\w.]+)(?:=([^}]*))?\}")


@dataclass(frozen=True)
class Method:
    """`uri` as google.api.http writes it; `body` is "", "*" or the field that the body is; `required` are fields of the
    request as dotted paths in snake_case, a list's items included; `handler(message, caller)` answers."""

    verb: str
    uri: str
    kind: type[Message]
    handler: Handler
    body: str = ""
    required: tuple[str, ...] = ()
    host: str = field(default="", compare=False)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        def group(found: re.Match[str]) -> str:
            inner = "/".join("[^/:]+" if part == "*" else re.escape(part) for part in (found[2] or "*").split("/"))
            return f"(?P<{found[1].replace('.', '__')}>{inner.replace(re.escape('**'), '.+')})"

        parts, end = [], 0
        for found in _SEGMENT.finditer(self.uri):
            parts += [re.escape(self.uri[end : found.start()]), group(found)]
            end = found.end()
        return re.compile("".join(parts) + re.escape(self.uri[end:]))

    def message(self, request: Request, path: str) -> Any:
        """Raises Refused."""
        matched = self.pattern.fullmatch(path)
        assert matched is not None
        value: dict[str, Any] = {}
        if self.body:
            body = _json(request)
            value = dict(body) if self.body == "*" else {_camel(self.body): body}
        elif request.body:
            raise invalid("Invalid JSON payload received. This method takes no body.")
        for name, text in parse_qsl(request.query, keep_blank_values=True):
            if name not in {"alt", "prettyPrint"}:
                _place(value, name.split("."), _typed(self.kind, name, text), "query parameter")
        for name, text in matched.groupdict().items():
            steps = [_camel(part) for part in name.split("__")]
            _place(value, steps, unquote(text), "path", replace=True)
        message = self.kind()
        try:
            json_format.ParseDict(value, message, ignore_unknown_fields=False)
        except json_format.ParseError as error:
            raise invalid(f"Invalid JSON payload received. {error}") from error
        for dotted in self.required:
            for where in _lacking(message, dotted.split(".")):
                raise invalid(f"The request has errors: {where} is required.", where)
        return message


class Rest:
    """All methods, by host; answers a request whose path begins with the host."""

    def __init__(self, methods: Mapping[str, tuple[Method, ...]]) -> None:
        self._methods = dict(methods)
        self.seen: dict[tuple[str, str], dict[str, Any]] = {}  # the fullest accepted request of each method, for tests

    def __call__(self, request: Request, caller: str) -> Response:
        host, _, rest = request.path.lstrip("/").partition("/")
        path = f"/{rest}"
        if host not in self._methods:
            raise Refused("NOT_FOUND", f"there is no service {host}")
        fitting = [one for one in self._methods[host] if one.pattern.fullmatch(path)]
        method = next((one for one in fitting if one.verb == request.method.lower()), None)
        if method is None:
            raise Refused("NOT_FOUND", f"The requested URL {path} was not found on this server for {request.method}.")
        message = method.message(request, path)
        answer = method.handler(message, caller)
        shown = json_format.MessageToDict(answer) if isinstance(answer, Message) else dict(answer)
        text = request.body.decode("utf-8", "replace")
        told = {"verb": request.method, "target": request.target, "body": text, "required": list(method.required)}
        told |= {"of": method.body, "kind": method.kind.DESCRIPTOR.full_name}
        key = host, f"{method.verb} {method.uri}"
        if len(text) >= len(self.seen.get(key, {"body": ""})["body"]):
            self.seen[key] = told
        return json_response(200, shown)


def _json(request: Request) -> dict[str, Any]:
    import json

    if request.body and not request.header("content-type").startswith("application/json"):
        raise invalid("Invalid JSON payload received. The content type is not application/json.")
    try:
        found = json.loads(request.body or b"{}")
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if not isinstance(found, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.")
    return found


def _place(value: dict[str, Any], steps: list[str], given: Any, where: str, *, replace: bool = False) -> None:
    for step in steps[:-1]:
        value = value.setdefault(step, {})
        if not isinstance(value, dict):
            raise invalid(f"Invalid JSON payload received. {'.'.join(steps)} is no message.")
    last = steps[-1]
    if last in value and not replace:
        if not isinstance(value[last], list):
            raise invalid(f"Invalid value at '{where}': \"{last}\" is there twice.")
        value[last] += given
    else:
        value[last] = given


def _typed(kind: type[Message], name: str, text: str) -> Any:
    """A query parameter as the JSON value of its field."""
    descriptor = kind.DESCRIPTOR
    found: Any = None
    for part in name.split("."):
        found = descriptor.fields_by_camelcase_name.get(part)
        if found is None:
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.', name)
        descriptor = found.message_type
    if found.type == FieldDescriptor.TYPE_BOOL:
        if text not in {"true", "false"}:
            raise invalid(f"Invalid value at '{name}' (TYPE_BOOL), \"{text}\"", name)
        return text == "true"
    return [text] if found.is_repeated else text


def _lacking(message: Any, steps: list[str], where: str = "") -> Iterator[str]:
    """Where the required field is missing: in every message of a list, and only in messages that are there."""
    name, here = steps[0], f"{where}.{steps[0]}".lstrip(".")
    descriptor = message.DESCRIPTOR.fields_by_name[name]
    if descriptor.is_repeated:
        items = getattr(message, name)
        if not items and len(steps) == 1:
            yield here
        for number, item in enumerate(items if len(steps) > 1 else ()):
            yield from _lacking(item, steps[1:], f"{here}[{number}]")
    elif descriptor.message_type is not None:
        if not message.HasField(name):
            if len(steps) == 1:
                yield here
        elif len(steps) > 1:
            yield from _lacking(getattr(message, name), steps[1:], here)
    elif not getattr(message, name):
        yield here


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
