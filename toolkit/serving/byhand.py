"""A body read value by value: slower than the typed way, and it says everything that is wrong, up to a bound.

It decides: what it takes is right even where the typed way refused it (3.0 for a whole number, say).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolkit.domain.records import Feature
from toolkit.serving import fields
from toolkit.serving.problems import Finding, shown
from toolkit.serving.rows import invalid, too_many
from toolkit.serving.settings import Limits

ENVELOPES = ("records", "instances")
COLUMNS = "columns"


class ByHand:
    def __init__(self, features: Sequence[Feature], limits: Limits) -> None:
        self.features, self.limits = features, limits
        self._by_name = {f.name: f for f in features}

    def checked(self, content: Any, kind: str, findings: Sequence[Finding] = ()) -> tuple[int, list[Sequence[Any]]]:
        """(rows, columns in the order of the features) of records, or of columns where `kind` says so. Problem 422, or
        413 for too many rows; `findings` of the envelope come first."""
        findings = list(findings)
        rows = self._rows_of(content, findings) if kind == COLUMNS else len(content)
        if rows > self.limits.max_rows:
            raise too_many(rows, self.limits)
        found = self._columns_findings(content) if kind == COLUMNS else self._rows_findings(content)
        for finding in found:
            findings.append(finding)
            if len(findings) >= self.limits.max_findings:
                break
        if findings:
            raise invalid(findings)
        if kind == COLUMNS:
            columns = [content.get(f.name, [None] * rows) for f in self.features]
        else:
            columns = [[record.get(f.name) for record in content] for f in self.features]
        return rows, columns

    def locate(self, document: Any) -> tuple[Any, str, list[Finding]]:
        """(records or columns, which of them, what is wrong with the envelope)."""
        if isinstance(document, list):
            return document, "records", []
        if not isinstance(document, dict):
            wanted = 'expected {"records": [...]}, a list of records, or {"columns": {...}}'
            raise invalid([Finding(None, None, f"{wanted}; got {shown(document)}")])
        for name in (*ENVELOPES, COLUMNS):
            if isinstance(document.get(name), dict if name == COLUMNS else list):
                others = [Finding(None, shown(k), f"unknown field beside {name!r}") for k in document if k != name]
                return document[name], COLUMNS if name == COLUMNS else "records", others
        for name in (*ENVELOPES, COLUMNS):
            if name in document and name not in self._by_name:
                wanted = "an object of lists" if name == COLUMNS else "a list of records"
                raise invalid([Finding(None, name, f"expected {wanted}, got {shown(document[name])}")])
        return [document], "records", []

    def _rows_findings(self, records: Sequence[Any]) -> Iterator[Finding]:
        for row, record in enumerate(records):
            if not isinstance(record, dict):
                yield Finding(row, None, f"expected an object with the model's fields, got {shown(record)}")
                continue
            for name in record.keys() - self._by_name.keys():
                yield Finding(row, shown(name), self._unknown(name))
            for feature in self.features:
                if feature.name in record:
                    wrong = fields.check(feature, record[feature.name])
                else:
                    wrong = "" if feature.nullable else fields.missing(feature)
                if wrong:
                    yield Finding(row, feature.name, wrong)

    def _rows_of(self, columns: Mapping[str, Any], findings: list[Finding]) -> int:
        lengths = {name: len(values) for name, values in columns.items() if isinstance(values, list)}
        if len(set(lengths.values())) > 1:
            name, shortest = min(lengths.items(), key=lambda item: item[1])
            longest = max(lengths.values())
            findings.append(Finding(None, shown(name), f"has {shortest} values, another column has {longest}"))
        return max(lengths.values(), default=0)

    def _columns_findings(self, columns: Mapping[str, Any]) -> Iterator[Finding]:
        for name in columns.keys() - self._by_name.keys():
            yield Finding(None, shown(name), self._unknown(name))
        for feature in self.features:
            values = columns.get(feature.name)
            if feature.name not in columns:
                if not feature.nullable:
                    yield Finding(None, feature.name, fields.missing(feature))
            elif not isinstance(values, list):
                yield Finding(None, feature.name, f"expected a list of values, got {shown(values)}")
            else:
                for row, value in enumerate(values):
                    if wrong := fields.check(feature, value):
                        yield Finding(row, feature.name, wrong)

    def _unknown(self, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(name, self._by_name, 1)
        return f"unknown field; did you mean {near[0]!r}?" if near else "unknown field"
