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
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from toolkit.domain.records import Feature, Signature
from toolkit.serving import fields
from toolkit.serving.byhand import COLUMNS, ENVELOPES, ByHand
from toolkit.serving.problems import Finding
from toolkit.serving.rows import Batch, invalid, parse, too_many
from toolkit.serving.settings import Limits

_FIRST_KEY = re.compile(rb'[ \t\r\n]*(?:\{[ \t\r\n]*"([^"\\]*)"|(\[))')
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Validator:
    """One per model. `batch` raises Problem: 400 unreadable, 413 too many rows, 422 does not fit the signature."""

    def __init__(self, signature: Signature, limits: Limits) -> None:
        self.features = signature.features
        self.limits = limits
        self._hand = ByHand(self.features, limits)
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
        return self.typed(body) or self._bounded(self._by_hand(body))

    def typed(self, body: bytes) -> Batch | None:
        """The batch of a body that is right as it stands, None where it has to be read by hand."""
        if body.count(b"{") > self.limits.max_rows + 2:  # most likely too many rows: count before building them
            return None
        try:
            found = self._decode(body)
        except (*_UNREADABLE, ValueError):
            return None
        return found if found is not None and 0 < found.rows <= self.limits.max_rows else None

    def document(self, document: Any) -> Batch:
        """As `batch`, for a body that is parsed already."""
        content, kind, findings = self._hand.locate(document)
        if findings:
            return self._checked(content, kind, findings)
        return self.table(content) if kind == COLUMNS else self.records(content)

    def records(self, records: list[Any]) -> Batch:
        """As `batch`, for a list of records that the reader of another protocol made. Values are as JSON has them."""
        return self._bounded(self._convert(records, list[self.row_type]) or self._checked(records, "records"))  # type: ignore[name-defined]

    def table(self, columns: Mapping[str, Any]) -> Batch:
        """As `records`, by columns."""
        return self._bounded(self._convert(columns, self.columns_type) or self._checked(columns, COLUMNS))

    def arrays(self, columns: Mapping[str, Any]) -> Batch:
        """As `table`, where columns may be numpy arrays."""
        from toolkit.serving import arrays

        return arrays.batch(self.features, columns, self.limits.max_rows) or self.table(arrays.lists(columns))

    def _bounded(self, batch: Batch) -> Batch:
        if not batch.rows:
            raise invalid([Finding(None, None, "there are no rows; send at least one")])
        if batch.rows > self.limits.max_rows:
            raise too_many(batch.rows, self.limits)
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
            return self._one(astuple(rows[0]))
        if not rows:
            return Batch(0, columns=[])
        columns: list[Sequence[Any]] = list(zip(*map(astuple, rows), strict=True))
        return Batch(len(rows), columns=self._in_days(columns))

    def _one(self, row: tuple[Any, ...]) -> Batch:
        if self._moments:
            values = list(row)
            for i in self._moments:
                values[i] = fields.days(values[i])
            row = tuple(values)
        return Batch(1, row=row)

    def _from_columns(self, content: Any) -> Batch | None:
        given = msgspec.structs.astuple(content)
        lengths = {len(column) for column in given if column is not msgspec.UNSET}
        if len(lengths) != 1:
            return None
        rows = lengths.pop()
        if rows == 1:
            return self._one(tuple([None if c is msgspec.UNSET else c[0] for c in given]))
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

    def _by_hand(self, body: bytes) -> Batch:
        return self._checked(*self._hand.locate(parse(body)))

    def _checked(self, content: Any, kind: str, findings: Sequence[Finding] = ()) -> Batch:
        rows, columns = self._hand.checked(content, kind, findings)
        return Batch(rows, columns=self._in_days(columns))


def envelope(name: str, content: Any) -> type[msgspec.Struct]:
    """`{name: content}` and nothing else, as a type. Its own name is what the OpenAPI document calls it."""
    title = f"{name.capitalize()}Body"
    return msgspec.defstruct(title, [(name, content)], forbid_unknown_fields=True)


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
