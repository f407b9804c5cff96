"""Arrow IPC streams on /predict: columns in without a Python object a value, and predictions out where `Accept` asks.

`Content-Type` and `Accept`: application/vnd.apache.arrow.stream. Ten thousand rows of 30 numbers are read in half a
millisecond, where their JSON takes twenty. Answered are `id`, `label` and `probabilities` (a struct, a field a class),
or `id` and `value`.

The reader trusts nothing: every batch is validated in full (offsets, lengths, UTF-8) before it is looked at, only plain
types are taken (a view or a run-length can be a thousand times what was sent), compressed buffers are refused for the
same reason (gzip the body instead, which is capped), and so is text that a dictionary repeats past the body's limit.
NaN and null are both a missing value. Needs pyarrow; without it, 415 says so.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from toolkit.domain import wire
from toolkit.serving.problems import Finding, Problem, shown
from toolkit.serving.rows import Batch, invalid, too_many

if TYPE_CHECKING:
    from toolkit.serving.model import Prediction
    from toolkit.serving.validate import Validator

_RECORDS, _DICTIONARY = 3, 2  # kinds of message


def batch(validator: Validator, data: bytes) -> Batch:
    """The rows of a stream. Problem 400 (not Arrow), 413, 415 (compressed, or pyarrow is not here), 422."""
    pa = _pyarrow()
    try:
        with pa.BufferReader(data) as source:
            for message in pa.ipc.MessageReader.open_stream(source):
                if _compressed(message.metadata.to_pybytes()):
                    detail = "compressed Arrow buffers are not taken; send them plain, or the whole body as gzip"
                    raise Problem(415, "arrow-compression", detail)
        with pa.ipc.open_stream(data) as reader:
            columns = _columns(pa, pa.Table.from_batches(list(_batches(reader, validator)), reader.schema), validator)
    except (pa.ArrowException, ValueError, struct.error, OSError, LookupError) as error:
        raise Problem(400, "bad-arrow", f"the body is no Arrow stream: {error}") from error
    return validator.arrays(columns)


def _columns(pa: Any, table: Any, validator: Validator) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    room = validator.limits.max_body
    for field, column in zip(table.schema, table.columns, strict=True):
        if field.name in columns:
            raise invalid([Finding(None, shown(field.name), "is there twice")])
        columns[field.name], room = _values(pa, field.name, column, room)
    return columns


def written(prefix: str, prediction: Prediction) -> bytes:
    """The predictions as a stream of one batch."""
    pa = _pyarrow()
    columns: dict[str, Any] = {"id": [f"{prefix}-{row}" for row in range(len(prediction))]}
    if prediction.labels:
        columns["label"] = prediction.labels
        shares = [pa.array(column, pa.float64()) for column in zip(*prediction.probabilities, strict=True)]
        columns["probabilities"] = pa.StructArray.from_arrays(shares, names=list(prediction.classes))
    else:
        columns["value"] = pa.array(prediction.values, pa.float64())
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ModuleNotFoundError as error:
        detail = "this endpoint was deployed without pyarrow, which Arrow needs; send JSON, or add it to the bundle"
        raise Problem(415, "no-arrow", f"{detail} ([serve] requirements = ['pyarrow'])") from error
    return pa


def _batches(reader: Any, validator: Validator) -> Iterator[Any]:
    rows, most = 0, validator.limits.max_rows
    for found in reader:
        rows += found.num_rows
        if rows > most:
            raise too_many(rows, validator.limits)
        found.validate(full=True)
        yield found


def _values(pa: Any, name: str, column: Any, room: int) -> tuple[Any, int]:
    """(the column as an array or a list of JSON values, how much text may still come)."""
    kind, types = column.type, pa.types
    if types.is_dictionary(kind) and types.is_string(kind.value_type):
        texts = _texts(column)
        room -= sum(len(text) for text in texts if text is not None)
        if room < 0:
            raise Problem(413, "body-too-large", f"{shown(name)!r} unfolds to more text than a body may have")
        return texts, room
    if types.is_floating(kind) or (column.null_count == 0 and (types.is_integer(kind) or types.is_boolean(kind))):
        return column.to_numpy(zero_copy_only=False), room
    if types.is_timestamp(kind) or types.is_date(kind):
        plain = column.cast(pa.timestamp("us", kind.tz), safe=False) if types.is_timestamp(kind) else column
        return [wire.to_json(value) for value in plain.to_pylist()], room
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_string(kind) or types.is_large_string(kind):
        return column.to_pylist(), room
    if types.is_null(kind):
        return [None] * len(column), room
    raise invalid([Finding(None, shown(name), f"Arrow type {shown(str(kind))} is not taken")])


def _texts(column: Any) -> list[str | None]:
    """Of a dictionary column, each text once in memory however often it is meant."""
    found: list[str | None] = []
    for chunk in column.chunks:
        words = chunk.dictionary.to_pylist()
        found += [None if place is None else words[place] for place in chunk.indices.to_pylist()]
    return found


def _compressed(metadata: bytes) -> bool:
    """Whether a message's records say that their buffers are compressed (Message and RecordBatch of the Arrow format,
    which are flatbuffers)."""
    root = struct.unpack_from("<I", metadata)[0]
    kind, header = _field(metadata, root, 1), _field(metadata, root, 2)
    if not kind or not header or metadata[kind] not in (_RECORDS, _DICTIONARY):
        return False
    records = header + struct.unpack_from("<I", metadata, header)[0]
    if metadata[kind] == _DICTIONARY:
        inner = _field(metadata, records, 1)
        if not inner:
            return False
        records = inner + struct.unpack_from("<I", metadata, inner)[0]
    return bool(_field(metadata, records, 3))


def _field(metadata: bytes, table: int, number: int) -> int:
    """Where field `number` of the flatbuffer's table at `table` lies, 0 where it is absent."""
    fields = table - struct.unpack_from("<i", metadata, table)[0]
    at = 4 + 2 * number
    if fields < 0 or at >= struct.unpack_from("<H", metadata, fields)[0]:
        return 0
    offset: int = struct.unpack_from("<H", metadata, fields + at)[0]
    return table + offset if offset else 0
