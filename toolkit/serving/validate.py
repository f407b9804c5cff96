"""A request body becomes a `Batch`, or findings that name row and field.

A body is one of: `[{...}, ...]`, `{"records": [...]}`, `{"instances": [...]}`, `{"columns": {"a": [...], ...}}`, or one
record by itself. The envelope keys hold lists or objects, which no feature ever is, so a feature of the same name is
not ambiguous.

Two ways, one answer: a Struct generated from the signature decodes a body that is right in one pass of C; what it
refuses is read again by hand, which is slower and says everything that is wrong (up to a bound) or, for the few
spellings the typed way does not take, accepts it after all. A key that occurs twice in one object counts with its last
value, as in Python's and JavaScript's own parsers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from toolkit.domain.records import Feature, Signature
from toolkit.serving import fields
from toolkit.serving.problems import Finding, Problem, shown
from toolkit.serving.settings import Limits

ENVELOPES = ("records", "instances")
COLUMNS = "columns"
_FIRST_KEY = re.compile(rb'[ \t\r\n]*(?:\{[ \t\r\n]*"([^"\\]*)"|(\[))')
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Batch:
    """Validated rows in the order of the signature: numbers, times in days since 1970, text; None for null.

    `row` is the tuple of a single row and `columns` is made from it only when asked; of many rows there are columns.
    """

    __slots__ = ("_columns", "row", "rows")

    def __init__(self, rows: int, *, row: tuple[Any, ...] | None = None, columns: list[Sequence[Any]] | None = None):
        self.rows = rows
        self.row = row
        self._columns = columns

    @property
    def columns(self) -> list[Sequence[Any]]:
        if self._columns is None:
            self._columns = [[value] for value in self.row or ()]
        return self._columns


class Validator:
    """One per model. `batch` raises Problem: 400 unreadable, 413 too many rows, 422 does not fit the signature."""

    def __init__(self, signature: Signature, limits: Limits) -> None:
        self.features = signature.features
        self.limits = limits
        self._by_name = {f.name: f for f in self.features}
        self._moments = [i for i, f in enumerate(self.features) if fields.is_moment(f)]
        self.row_type = _struct("Record", self.features, fields.typed, None)
        self.columns_type = _struct("Columns", self.features, _column_type, msgspec.UNSET)
        rows = list[self.row_type]  # type: ignore[name-defined]  # made at run time
        self._list = msgspec.json.Decoder(rows)
        self._single = msgspec.json.Decoder(self.row_type)
        self._typed = {
            **{name.encode(): (name, msgspec.json.Decoder(envelope(name, rows))) for name in ENVELOPES},
            COLUMNS.encode(): (COLUMNS, msgspec.json.Decoder(envelope(COLUMNS, self.columns_type))),
        }

    def batch(self, body: bytes) -> Batch:
        found = None
        if body.count(b"{") <= self.limits.max_rows + 2:  # else most likely too many rows: count before building them
            try:
                found = self._decode(body)
            except (*_UNREADABLE, ValueError):
                found = None
        found = found or self._by_hand(body)
        return found if 0 < found.rows <= self.limits.max_rows else self._bounded(found)

    def document(self, document: Any) -> Batch:
        """As `batch`, for a body that is parsed already."""
        content, kind, findings = self._locate(document)
        if findings:
            return self._checked(content, kind, findings)
        return self.table(content) if kind == COLUMNS else self.records(content)

    def records(self, records: list[Any]) -> Batch:
        """As `batch`, for a list of records that the reader of another protocol made. Values are as JSON has them."""
        return self._bounded(self._convert(records, list[self.row_type]) or self._checked(records, "records"))  # type: ignore[name-defined]

    def table(self, columns: Mapping[str, Any]) -> Batch:
        """As `records`, by columns."""
        return self._bounded(self._convert(columns, self.columns_type) or self._checked(columns, COLUMNS))

    def _bounded(self, batch: Batch) -> Batch:
        if not batch.rows:
            raise invalid([Finding(None, None, "there are no rows; send at least one")])
        if batch.rows > self.limits.max_rows:
            raise _too_many(batch.rows, self.limits)
        return batch

    # The typed way

    def _decode(self, body: bytes) -> Batch | None:
        first = _FIRST_KEY.match(body)
        if first is None:
            return None if body.strip() != b"{}" else self._from_rows([self._single.decode(body)])
        if first[2]:
            return self._from_rows(self._list.decode(body))
        known = self._typed.get(first[1])
        if known is None:
            return self._from_rows([self._single.decode(body)])
        name, decoder = known
        content = getattr(decoder.decode(body), name)
        return self._from_columns(content) if name == COLUMNS else self._from_rows(content)

    def _from_rows(self, rows: list[Any]) -> Batch:
        astuple = msgspec.structs.astuple
        if len(rows) == 1:
            row = astuple(rows[0])
            if self._moments:
                values = list(row)
                for i in self._moments:
                    values[i] = fields.days(values[i])
                row = tuple(values)
            return Batch(1, row=row)
        if not rows:
            return Batch(0, columns=[])
        columns: list[Sequence[Any]] = list(zip(*map(astuple, rows), strict=True))
        return Batch(len(rows), columns=self._in_days(columns))

    def _from_columns(self, content: Any) -> Batch | None:
        given = msgspec.structs.astuple(content)
        lengths = {len(column) for column in given if column is not msgspec.UNSET}
        if len(lengths) != 1:
            return None
        rows = lengths.pop()
        columns: list[Sequence[Any]] = [[None] * rows if c is msgspec.UNSET else c for c in given]
        return Batch(rows, columns=self._in_days(columns))

    def _in_days(self, columns: list[Sequence[Any]]) -> list[Sequence[Any]]:
        for i in self._moments:
            columns[i] = [fields.days(text) for text in columns[i]]
        return columns

    def _convert(self, content: Any, kind: Any) -> Batch | None:
        if kind is not self.columns_type and len(content) > self.limits.max_rows:
            return None
        try:
            converted = msgspec.convert(content, kind)
            found = self._from_columns(converted) if kind is self.columns_type else self._from_rows(converted)
            return found if found is not None and self._sound(found.columns) else None
        except (*_UNREADABLE, ValueError):
            return None

    def _sound(self, columns: Sequence[Sequence[Any]]) -> bool:
        """What a decoder of JSON would have seen to and a conversion does not: finite numbers, encodable text.

        UnicodeEncodeError, a ValueError, for text that is not."""
        for feature, column in zip(self.features, columns, strict=True):
            if feature.dtype == "float64" and not all(v is None or math.isfinite(v) for v in column):
                return False
            if feature.dtype == "string":
                "".join(v for v in column if v is not None).encode()
        return True

    # By hand

    def _by_hand(self, body: bytes) -> Batch:
        return self._checked(*self._locate(parse(body)))

    def _checked(self, content: Any, kind: str, findings: Sequence[Finding] = ()) -> Batch:
        findings = list(findings)
        rows = self._rows_of(content, findings) if kind == COLUMNS else len(content)
        if rows > self.limits.max_rows:
            raise _too_many(rows, self.limits)
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
        return Batch(rows, columns=self._in_days(columns))

    def _locate(self, document: Any) -> tuple[Any, str, list[Finding]]:
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


def envelope(name: str, content: Any) -> type[msgspec.Struct]:
    """`{name: content}` and nothing else, as a type. Its own name is what the OpenAPI document calls it."""
    title = f"{name.capitalize()}Body"
    return msgspec.defstruct(title, [(name, content)], forbid_unknown_fields=True)


def parse(body: bytes) -> Any:
    """JSON as plain values, NaN and Infinity included so that they can be named. Problem 400 where it is not JSON."""
    if not body.strip():
        raise Problem(400, "empty-body", "the body is empty; send JSON")
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise Problem(400, "malformed-json", "the JSON is nested too deeply") from error
    except ValueError as error:  # malformed, not UTF-8, or a number of thousands of digits
        return _parse_leniently(body, error)


def _parse_leniently(body: bytes, reason: Exception) -> Any:
    import json

    try:
        return json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise Problem(400, "bad-encoding", f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise Problem(400, "malformed-json", "the JSON is nested too deeply") from error
    except ValueError as error:
        raise Problem(400, "malformed-json", f"the body is not JSON: {reason}") from error


def _struct(title: str, features: tuple[Feature, ...], typed: Any, default: Any) -> type[msgspec.Struct]:
    """A Struct with a field per feature, in order. Feature names can be any text, so the attributes are numbered."""
    names = {f"f{i}": f.name for i, f in enumerate(features)}
    return msgspec.defstruct(
        title,
        [(f"f{i}", typed(f), default) if f.nullable else (f"f{i}", typed(f)) for i, f in enumerate(features)],
        rename=names.__getitem__,
        forbid_unknown_fields=True,
        kw_only=True,
    )


def _column_type(feature: Feature) -> Any:
    values: Any = list[fields.typed(feature)]  # type: ignore[misc]
    return values | msgspec.UnsetType if feature.nullable else values


def invalid(findings: list[Finding]) -> Problem:
    """The refusal of a body that can be read and does not fit: 422."""
    first = findings[0]
    place = [f"row {first.row}"] if first.row is not None else []
    place += [f"field {first.field!r}"] if first.field is not None else []
    detail = f"{', '.join(place)}: {first.message}" if place else first.message
    return Problem(422, "invalid-input", detail, findings=findings)


def _too_many(rows: int, limits: Limits) -> Problem:
    return Problem(413, "too-many-rows", f"{rows} rows in one request; at most {limits.max_rows} are taken")
