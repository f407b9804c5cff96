"""Read an ONNX file before onnxruntime does, and refuse what could reach outside the bytes we verified.

An ONNX model is not safe by itself: a tensor may say that its values lie in a file, and onnxruntime reads it (measured
on 1.32: sparse tensors read any file under the working directory even when the model itself came from memory). So the
protobuf is walked first: the graph, every subgraph, function, attribute and sparse tensor.

Refused: external data anywhere; operators of a domain other than ONNX's own two (com.microsoft's EPContext opens files,
a custom domain is somebody's library); training information; tensors that declare more values than they hold; and
onnxruntime's second file format, which the same loader would accept and this walk cannot read.

This is a wire walker of our own because the onnx package costs more to import than onnxruntime itself and is not in the
bundle. It is stricter than a protobuf parser wherever the two could read one byte differently (wire types, tags,
overlong numbers): what it cannot read for sure it refuses. Trees are long lists of numbers; runs of them are skipped by
one regular expression each, so that a model of 100,000 nodes costs milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolkit.domain.errors import Corrupt

DOMAINS = frozenset({b"", b"ai.onnx", b"ai.onnx.ml"})
MAX_DEPTH = 64
MAX_SPARSE = 1 << 26  # values of a sparse tensor once onnxruntime has made it dense
ORT_FORMAT = b"ORTM"  # at bytes 4..8 of a flatbuffer; onnxruntime looks there before it tries protobuf

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Message kinds: field number -> kind of the message in it. Fields that are not named hold no message.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "function": {7: "node", 9: "opset", 11: "attribute", 12: "value"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "opset": {},
    "value": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_DOMAIN_FIELD = {"node": 7, "opset": 1, "function": 10}

# Strings of up to 15 bytes, those that name tree branches first; longer ones take the slow way.
_STRINGS = b"|".join(
    b"%b.{%d}" % (re.escape(bytes([n])), n) for n in (10, 4, 9, 11, *range(4), *range(5, 9), *range(12, 16))
)
_RUNS = {
    b"\x3d": re.compile(rb"(?:\x3d.{4})++", re.DOTALL),  # AttributeProto.floats
    b"\x40": re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])++"),  # AttributeProto.ints
    b"\x4a": re.compile(rb"(?:\x4a(?:" + _STRINGS + rb"))++", re.DOTALL),  # AttributeProto.strings
}


def check(data: bytes, *, where: str = "model.onnx") -> None:
    """Raises Corrupt, saying what was found in which tensor or node, unless the whole model lies in `data`."""
    try:
        if data[4:8] == ORT_FORMAT:
            raise Refused("it is in onnxruntime's own format, not ONNX")
        if not _walk(data):
            raise Refused("it holds no graph")
    except Refused as error:
        raise Corrupt(f"{where} is refused: {error}", hint="export the model again with `toolkit train`") from None


class Refused(Exception):
    """Why, of the bytes that are being read."""


def _walk(data: bytes) -> bool:
    """Visit every message that could name a file or an operator; whether a graph was among them."""
    graphs = 0
    pending = [("model", 0, len(data), 0)]
    while pending:
        kind, start, end, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise Refused(f"it nests deeper than {MAX_DEPTH} messages")
        if kind == "training":
            raise Refused("it holds training information")
        graphs += kind == "graph"
        children, domain = _MESSAGES[kind], _DOMAIN_FIELD.get(kind)
        dims: list[int] = []
        for number, wire, first, last in fields(data, start, end, runs=kind == "attribute"):
            if number in children:
                _require(wire == _BYTES, kind, number)
                pending.append((children[number], first, last, depth + 1))
            elif number == domain:
                _require(wire == _BYTES, kind, number)
                _check_domain(data, kind, start, end, data[first:last])
            elif kind == "tensor" and number in (_EXTERNAL_DATA, _DATA_LOCATION):
                if number == _EXTERNAL_DATA or wire != _VARINT or first != 0:
                    raise Refused(f"tensor {_name(data, start, end, 8)!r} keeps its data outside the model")
            elif (kind, number) in (("tensor", 1), ("sparse", 3)):
                dims += _numbers(data, wire, first, last)
        if dims:
            _check_size(data, kind, start, end, dims)
    return graphs > 0


def fields(data: bytes, pos: int, end: int, *, runs: bool) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, first, last) of each field: the span of its bytes, or its value as `first` for a varint."""
    while pos < end:
        if runs and (run := _RUNS.get(data[pos : pos + 1])) and (found := run.match(data, pos, end)):
            pos = found.end()
            continue
        tag, pos = _varint(data, pos, end)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise Refused(f"it is not a readable protobuf: field number {number}")
        if wire == _VARINT:
            value, pos = _varint(data, pos, end)
            yield number, wire, value, value
            continue
        if wire == _BYTES:
            length, pos = _varint(data, pos, end)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise Refused(f"it is not a readable protobuf: wire type {wire}")
        if length > end - pos:
            raise Refused("it is not a readable protobuf: cut off")
        yield number, wire, pos, pos + length
        pos += length


def _varint(data: bytes, pos: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while pos < end and shift < 70:
        byte = data[pos]
        value |= (byte & 0x7F) << shift
        pos += 1
        if byte < 0x80:
            return value, pos
        shift += 7
    raise Refused("it is not a readable protobuf: bad number")


def _numbers(data: bytes, wire: int, first: int, last: int) -> list[int]:
    """A repeated integer, packed or not."""
    if wire == _VARINT:
        return [first]
    if wire != _BYTES:
        raise Refused(f"it is not a readable protobuf: wire type {wire} for a dimension")
    values = []
    while first < last:
        value, first = _varint(data, first, last)
        values.append(value)
    return values


def _check_domain(data: bytes, kind: str, start: int, end: int, domain: bytes) -> None:
    if domain in DOMAINS:
        return
    text = domain.decode(errors="replace")
    if kind == "node":
        raise Refused(f"operator {_name(data, start, end, 4)!r} is of the unknown domain {text!r}")
    raise Refused(f"it asks for the unknown operator domain {text!r}")


def _check_size(data: bytes, kind: str, start: int, end: int, dims: list[int]) -> None:
    """No element takes less than two bits, so a tensor cannot have more than four times its bytes of them."""
    count = 1
    for size in dims:
        count *= size  # a negative dimension is a varint of 2**63 or more
    room = MAX_SPARSE if kind == "sparse" else 4 * (end - start)
    if count > room or max(dims) >> 63:
        name = _name(data, start, end, 8) if kind == "tensor" else "(sparse)"
        raise Refused(f"tensor {name!r} declares the shape {dims} in {end - start} bytes")


def _name(data: bytes, start: int, end: int, field: int) -> str:
    """The text of a field, for a message; the last one wins, as in protobuf."""
    name = ""
    for number, wire, first, last in fields(data, start, end, runs=False):
        if number == field and wire == _BYTES:
            name = data[first:last][:80].decode(errors="replace")
    return name


def _require(right: bool, kind: str, number: int) -> None:
    if not right:
        raise Refused(f"it is not a readable protobuf: field {number} of a {kind} has a wrong wire type")
