"""The emulator takes what Google's own types say and nothing else: valid requests, as our adapters sent them, spoiled.

Every field of every recorded request is misspelled and given a value of another type, every required one is left out,
and each time the request has to be refused with google.rpc.Status; the token is left out too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import requests

from tests.adapters.gcp import google, use
from toolkit.adapters.gcp.client import EMULATED_TOKEN

TOKEN = {"Authorization": f"Bearer {EMULATED_TOKEN}"}
Path = tuple[str | int, ...]
FREE = frozenset(
    {
        "labels",
        "annotations",
        "attributes",
        "jsonPayload",
        "headers",
        "oidcToken.claims",
        "limits",
        "attributeMapping",
        "variables",
    }
)  # maps


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    """One accepted request of every method that the adapters use."""
    use.every_port()
    found: list[dict[str, Any]] = requests.get(f"{google.address()}/emulator/requests", timeout=10).json()
    return found


def send(one: dict[str, Any], body: str | None = None, target: str = "", token: dict[str, str] = TOKEN) -> Any:
    headers = {**token, "Content-Type": "application/json"}
    given = one["body"] if body is None else body
    url = google.address() + (target or one["target"])
    return requests.request(one["verb"], url, data=given.encode(), headers=headers, timeout=30)


def test_there_is_something_to_spoil(recorded: list[dict[str, Any]]) -> None:
    assert {one["host"] for one in recorded} >= use.HOSTS
    assert len(recorded) >= use.METHODS


def test_no_token_and_a_wrong_one(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        for token in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": f"Basic {EMULATED_TOKEN}"}):
            _refused(send(one, token=token), 401, "UNAUTHENTICATED", one, "token")


def test_another_method_or_path_is_not_there(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        path, _, query = one["target"].partition("?")
        _refused(send(one, target=f"{path}/x?{query}"), 404, "NOT_FOUND", one, "path")


def test_no_json(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        if one["body"]:
            for body in (one["body"][:-1], "[]", "1"):
                _refused(send(one, body), 400, "INVALID_ARGUMENT", one, body[-20:])


def test_every_misspelled_field_is_refused(recorded: list[dict[str, Any]]) -> None:
    count = 0
    for one in recorded:
        for path, body in _bodies(one):
            holder = _at(body, path[:-1])
            holder[f"{path[-1]}x"] = holder.pop(path[-1])
            _refused(send(one, json.dumps(body)), 400, "INVALID_ARGUMENT", one, path)
            count += 1
    assert count > 30


def test_every_field_of_another_type_is_refused(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        for path, body in _bodies(one):
            holder = _at(body, path[:-1])
            holder[path[-1]] = ["x"] if not isinstance(holder[path[-1]], list) else {"x": "y"}
            _refused(send(one, json.dumps(body)), 400, "INVALID_ARGUMENT", one, path)


def test_every_required_field_that_is_left_out_is_refused(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        for dotted in one["required"]:
            steps = [_camel(step) for step in dotted.split(".")]
            target, body = one["target"], json.loads(one["body"] or "{}")
            if one["of"] not in {"", "*"} and steps[0] == _camel(one["of"]):
                steps = steps[1:]
                if not steps:  # the body itself
                    continue
            if one["of"] == "" or not _drop(body, steps):
                target = _without(target, ".".join(steps))
            answer = send(one, json.dumps(body) if one["body"] else "", target)
            _refused(answer, 400, "INVALID_ARGUMENT", one, dotted)


def test_an_unknown_query_parameter_is_refused(recorded: list[dict[str, Any]]) -> None:
    for one in recorded:
        joint = "&" if "?" in one["target"] else "?"
        _refused(send(one, target=f"{one['target']}{joint}unknownField=1"), 400, "INVALID_ARGUMENT", one, "query")


def _refused(answer: Any, status: int, code: str, one: dict[str, Any], what: object) -> None:
    told = answer.json().get("error", {})
    assert (answer.status_code, told.get("status"), told.get("code")) == (status, code, status), (
        f"{one['host']} {one['method']}: {what}: {answer.status_code} {answer.text[:300]}"
    )


def _bodies(one: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """(path of a field, a fresh copy of the body), for every field that has a name of Google's."""
    body = json.loads(one["body"] or "{}")
    for path in _fields(body):
        yield path, copy.deepcopy(body)


def _fields(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            if key not in FREE:
                yield from _fields(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from _fields(value[0], (*path, 0))


def _at(body: Any, path: Path) -> Any:
    for step in path:
        body = body[step]
    return body


def _drop(body: Any, steps: list[str]) -> bool:
    """Whether it was there."""
    for step in steps[:-1]:
        body = body[0] if isinstance(body, list) else body
        if not isinstance(body, dict) or step not in body:
            return False
        body = body[step]
    body = body[0] if isinstance(body, list) else body
    return isinstance(body, dict) and body.pop(steps[-1], None) is not None


def _without(target: str, name: str) -> str:
    path, _, query = target.partition("?")
    return f"{path}?{urlencode([(key, value) for key, value in parse_qsl(query) if key != name])}"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
