"""The part of Cloud Logging's query language that we speak: comparisons joined by AND and OR, in parentheses."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from google.cloud.logging_v2 import types

from toolkit.adapters.gcp.emulator.refused import invalid

Test = Callable[[dict[str, Any]], bool]
_TOKEN = re.compile(r'\s*(?:(\(|\))|(>=|<=|!=|=|>|<|:)|("(?:[^"\\]|\\.)*")|([\w./%-]+(?:"[^"]*")?))')
_STEP = re.compile(r'"([^"]*)"|([^.]+)')  # of a path
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
    ":": lambda found, wanted: wanted in found,
}  # fmt: skip


def parse(text: str) -> Test:
    """Raises Refused."""
    tokens, position = [], 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if not found:
            raise invalid(f"Unparseable filter: syntax error at column {position + 1}", "filter")
        tokens.append(found[0].strip())
        position = found.end()
    if not tokens:
        return lambda entry: True
    test, rest = _either(tokens)
    if rest:
        raise invalid(f"Unparseable filter: unexpected {rest[0]!r}", "filter")
    return test


@cache
def moment(stamp: str) -> datetime:
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", stamp))
    except ValueError:
        raise invalid(f"Unparseable filter: {stamp!r} is no timestamp", "filter") from None


def _either(tokens: list[str]) -> tuple[Test, list[str]]:
    test, rest = _both(tokens)
    while rest[:1] == ["OR"]:
        first = test
        second, rest = _both(rest[1:])
        test = _or(first, second)
    return test, rest


def _both(tokens: list[str]) -> tuple[Test, list[str]]:
    test, rest = _one(tokens)
    while rest and rest[0] not in {"OR", ")"}:  # AND may be left out
        first = test
        second, rest = _one(rest[1:] if rest[0] == "AND" else rest)
        test = _and(first, second)
    return test, rest


def _one(tokens: list[str]) -> tuple[Test, list[str]]:
    if tokens[:1] == ["("]:
        test, rest = _either(tokens[1:])
        if rest[:1] != [")"]:
            raise invalid("Unparseable filter: ) is missing", "filter")
        return test, rest[1:]
    if len(tokens) < 3 or tokens[1] not in _COMPARE:
        raise invalid(f"Unparseable filter: no comparison at {' '.join(tokens[:3])!r}", "filter")
    path, compare, text = tokens[:3]
    wanted = json.loads(text) if text.startswith('"') else text
    return _comparison(path, _COMPARE[compare], wanted), tokens[3:]


def _comparison(path: str, compare: Callable[[Any, Any], bool], wanted: str) -> Test:
    steps = [quoted or plain for quoted, plain in _STEP.findall(path)]
    if steps[0] not in types.LogEntry.pb().DESCRIPTOR.fields_by_camelcase_name:
        raise invalid(f"Field not found: {path!r}.", "filter")
    value: Any = moment(wanted) if path == "timestamp" else wanted

    def test(entry: dict[str, Any]) -> bool:
        found: Any = entry
        for step in steps:
            if not isinstance(found, dict) or step not in found:
                return False
            found = found[step]
        return compare(moment(found) if path == "timestamp" else str(found), value)

    return test


def _and(one: Test, other: Test) -> Test:
    return lambda entry: one(entry) and other(entry)


def _or(one: Test, other: Test) -> Test:
    return lambda entry: one(entry) or other(entry)
