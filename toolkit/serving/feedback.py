"""Labels that come after the predictions they judge: stored at once, joined later by prediction id.

    {"feedback": [{"id": "...", "label": "late"}, ...]}    or one {"id", "label"} by itself

Unlike captured predictions a label is never buffered: it is answered when it lies in the bucket, as one create-only
object per day of prediction (the day is in the id). Sent twice it is stored twice; the join takes one per id.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, ClassVar

from toolkit.domain import codec, times
from toolkit.domain.codec import Record
from toolkit.domain.errors import ToolkitError
from toolkit.domain.records import Signature
from toolkit.ports.store import CREATE, Store
from toolkit.serving import ids
from toolkit.serving.problems import Finding, Problem, shown
from toolkit.serving.settings import Limits
from toolkit.state import keys

MAX_DAYS = 100  # objects that one request may make


class Labels(Record, frozen=True, kw_only=True):
    """Labels of predictions made on one day. `labels` are texts of the model's classes, or numbers of a regression."""

    KIND: ClassVar[str] = "labels"

    endpoint: str
    day: str
    received: str
    ids: list[str]
    labels: list[str | float]


class Feedback:
    def __init__(self, store: Store, signature: Signature, *, target: str, endpoint: str, limits: Limits) -> None:
        self._store, self._target, self._endpoint, self._limits = store, target, endpoint, limits
        self._regression = signature.task == "regression"
        self._classes = signature.classes
        self._spellings = {_folded(text): text for text in reversed(signature.classes)}

    def accept(self, document: Any) -> int:
        """Store the labels of a request and return how many. Problem 413, 422, or 503 when the store does not take
        them (then some days may be stored already; sending all again is right)."""
        items = self._items(document)
        days = self._checked(items)
        if len(days) > MAX_DAYS:
            raise Problem(413, "too-many-days", f"labels of {len(days)} days in one request; at most {MAX_DAYS}")
        for day, (found, labels) in days.items():
            record = Labels(endpoint=self._endpoint, day=day, received=times.now(), ids=found, labels=labels)
            key = keys.feedback(self._target, self._endpoint, day, os.urandom(16).hex())
            try:
                self._store.put(key, codec.encode(record), CREATE)
            except ToolkitError as error:
                detail = "the labels could not be stored; send them again later"
                raise Problem(503, "store-unavailable", detail, headers=((b"retry-after", b"5"),)) from error
        return len(items)

    def _items(self, document: Any) -> Sequence[Any]:
        given = document.get("feedback") if isinstance(document, dict) else document
        if isinstance(document, dict) and "feedback" not in document:
            given = [document]
        elif isinstance(document, dict) and len(document) > 1:
            extra = shown(next(name for name in document if name != "feedback"))
            raise _invalid([Finding(None, extra, "unknown field beside 'feedback'")])
        if not isinstance(given, list) or not given:
            raise _invalid([Finding(None, "feedback", 'expected a list of at least one {"id", "label"}')])
        if len(given) > self._limits.max_rows:
            raise Problem(413, "too-many-rows", f"{len(given)} labels; at most {self._limits.max_rows} are taken")
        return given

    def _checked(self, items: Sequence[Any]) -> dict[str, tuple[list[str], list[str | float]]]:
        findings: list[Finding] = []
        days: dict[str, tuple[list[str], list[str | float]]] = {}
        for row, item in enumerate(items):
            if len(findings) >= self._limits.max_findings:
                break
            if not isinstance(item, dict) or item.keys() != {"id", "label"}:
                findings.append(Finding(row, None, 'expected exactly {"id", "label"}'))
                continue
            name = item["id"]
            moment = ids.moment_ms(name) if isinstance(name, str) else None
            if moment is None:
                findings.append(Finding(row, "id", f"{shown(name)!r} is not the id of a prediction"))
                continue
            label = self._label(item["label"])
            if label is None:
                findings.append(Finding(row, "label", self._expected(item["label"])))
                continue
            found, labels = days.setdefault(ids.day(moment), ([], []))
            found.append(name)
            labels.append(label)
        if findings:
            raise _invalid(findings)
        return days

    def _label(self, value: Any) -> str | float | None:
        """The label as it is kept, or None: a number of a regression, else the class that is spelled like it."""
        if self._regression:
            number = type(value) in (int, float) and abs(value) < 1.8e308 and math.isfinite(value)
            return float(value) if number else None
        if isinstance(value, (str, bool, int, float)):
            if value in self._classes:
                return str(value)
            return self._spellings.get(_folded(value))
        return None

    def _expected(self, value: Any) -> str:
        if self._regression:
            return f"expected a number, got {shown(value)}"
        known = ", ".join(repr(shown(c, 30)) for c in self._classes[:10])
        return f"{shown(value)!r} is none of the model's classes: {known}"


def _folded(value: str | bool | float) -> str:
    """One spelling for what JSON, Python and a CSV write differently: True, true; 1, 1.0, "1". Other text as it is."""
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false")):
        return str(value).lower()
    try:
        number = float(value)
        return str(int(value if isinstance(value, int) else number)) if number.is_integer() else repr(number)
    except (ValueError, OverflowError):
        return str(value)


def _invalid(findings: list[Finding]) -> Problem:
    return Problem(422, "invalid-feedback", findings[0].message, findings=findings)
