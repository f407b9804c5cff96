"""Which operation a call is, and whether AWS would take its input: read from the service's own published description.

botocore carries AWS's models: paths, where each member travels, what is required, lengths, patterns and value sets.
So an emulated service refuses what the real one refuses, with the words that it uses.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import Any
from urllib.parse import unquote

from toolkit.adapters.aws.emulator.wire import Call, Reply


class Invalid(Exception):
    """The input is not what the model says; `str()` is AWS's message."""


class Refused(Exception):
    """An operation's own refusal, as it goes over the wire."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.reply = Reply.refused(status, code, message, **more)


class Service:
    """The operations of a service that speaks REST and JSON."""

    def __init__(self, name: str) -> None:
        self._model = _session().get_service_model(name)
        routes = []
        for operation in self._model.operation_names:
            model = self._model.operation_model(operation)
            path = str(model.http["requestUri"]).partition("?")[0]
            literal = len([part for part in path.split("/") if not part.startswith("{")])
            routes.append((literal, str(model.http["method"]), _pattern(path), operation))
        self._routes = sorted(routes, key=lambda route: -route[0])

    def read(self, call: Call) -> tuple[str, dict[str, Any]]:
        """The operation and its input. ("", {}) for a path that it does not have; Invalid."""
        for _, method, pattern, operation in self._routes:
            if method == call.method and (found := pattern.fullmatch(call.raw_path)):
                return operation, self._input(operation, call, found.groupdict())
        return "", {}

    def _input(self, operation: str, call: Call, path: dict[str, str]) -> dict[str, Any]:
        shape = self._model.operation_model(operation).input_shape
        if shape is None:
            return {}
        payload = shape.serialization.get("payload")
        try:
            given = {} if payload else call.json()
        except ValueError as error:
            raise Invalid(f"Could not parse request body into json: {error}") from error
        found: dict[str, Any] = {}
        for name, member in shape.members.items():
            place, wire = member.serialization.get("location"), member.serialization.get("name", name)
            if name == payload:
                found[name] = call.body
            elif place == "uri":
                found[name] = unquote(path[wire])
            elif place == "querystring" and wire in call.query:
                found[name] = _typed(member, call.query[wire])
            elif place == "header" and wire.lower() in call.headers:
                found[name] = _typed(member, call.headers[wire.lower()])
            elif place is None and given.get(wire) is not None:
                found[name] = _decoded(member, given[wire])
        problems = list(_problems(shape, found, ""))
        if problems:
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
            raise Invalid(f"{count}: {'; '.join(problems)}")
        return found


@cache
def service(name: str) -> Service:
    return Service(name)


@cache
def _session() -> Any:
    import botocore.session

    return botocore.session.get_session()


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(\+?)\}", path)
    text = ""
    for number, part in enumerate(parts):
        if number % 3 == 0:
            text += re.escape(part)
        elif number % 3 == 1:
            text += f"(?P<{part}>{'.+' if parts[number + 1] else '[^/]+'})"
    return re.compile(f"{text.rstrip('/')}/?")


def _typed(shape: Any, text: str) -> Any:
    """A value that travels outside the body."""
    try:
        if shape.type_name == "boolean":
            return text.lower() == "true"
        return int(text) if shape.type_name in {"integer", "long"} else text
    except ValueError as error:
        raise Invalid(f"{text!r} is not of type {shape.type_name}") from error


def _decoded(shape: Any, value: Any) -> Any:
    """A value of the body with its blobs as bytes and only the members that the model knows."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {m.serialization.get("name", name): (name, m) for name, m in shape.members.items()}
        return {members[k][0]: _decoded(members[k][1], v) for k, v in value.items() if k in members and v is not None}
    if shape.type_name == "list" and isinstance(value, list):
        return [_decoded(shape.member, inner) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _decoded(shape.value, inner) for key, inner in value.items()}
    if shape.type_name == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    return value


_TYPES: dict[str, Any] = {"string": str, "integer": int, "long": int, "boolean": bool, "list": list, "map": dict,
                          "structure": dict, "double": (int, float), "float": (int, float)}  # fmt: skip


def _problems(shape: Any, value: Any, path: str) -> Any:
    """What AWS would say of a value, one text for each constraint that it breaks."""
    kind = _TYPES.get(shape.type_name)
    if kind and (not isinstance(value, kind) or (isinstance(value, bool) and kind is int)):
        yield f"Value at '{path}' is not of type {shape.type_name}"
        return
    if shape.type_name == "structure":
        for name in shape.required_members:
            if name not in value:
                yield _said("null", _join(path, name), "Member must not be null")
        for name, inner in value.items():
            yield from _problems(shape.members[name], inner, _join(path, name))
        return
    yield from _constraints(shape, value, path)
    if shape.type_name == "list":
        for number, inner in enumerate(value, 1):
            yield from _problems(shape.member, inner, f"{path}.{number}.member")
    if shape.type_name == "map":
        for key, inner in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, inner, f"{path}.{key}.member")


def _constraints(shape: Any, value: Any, path: str) -> Any:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    sized = isinstance(value, (str, list, dict, bytes))
    size, what = (len(value), "length ") if sized else (value, "value ")
    if least is not None and size < least:
        yield _said(value, path, f"Member must have {what}greater than or equal to {least}")
    if most is not None and size > most:
        yield _said(value, path, f"Member must have {what}less than or equal to {most}")
    if (pattern := shape.metadata.get("pattern")) and isinstance(value, str) and not _fits(pattern, value):
        yield _said(value, path, f"Member must satisfy regular expression pattern: {pattern}")
    if (allowed := shape.metadata.get("enum")) and value not in allowed:
        yield _said(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")


def _fits(pattern: str, value: str) -> bool:
    """Java's patterns, where Python can read them."""
    readable = _readable(pattern)
    return readable is None or readable.fullmatch(value) is not None


@cache
def _readable(pattern: str) -> re.Pattern[str] | None:
    for java, ours in ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(java, ours)
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _said(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    plain = name[0].lower() + name[1:]
    return f"{path}.{plain}" if path else plain
