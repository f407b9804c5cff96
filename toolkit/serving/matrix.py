"""A graph that is asked with one matrix in place of a column each, where that is how it begins anyway.

An export of a table takes an input a feature and joins them first. To onnxruntime that is 30 names to look up and 30
tensors to copy a call: 6 of the 10 us that one row takes of 100 trees (measured, bound), and 2 ms of 10,000 rows. Where
the inputs of the model go into one Concat in the order of the signature and nowhere else, that node is left out and its
output becomes the input. What the model computes is the same numbers in the same places.

Made after the bytes were checked and walked, of parts of them and of one new input; anything unusual, and the graph
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.serving.graph import Refused, fields

_GRAPH, _FUNCTION = 7, 25  # of a model
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _SPARSE = 1, 5, 11, 12, 15  # of a graph
_FROM, _TO, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7  # of a node
_NAME, _TYPE = 1, 2  # of an input
_TENSOR_NAME = 8
_WITH_GRAPHS = frozenset({b"If", b"Loop", b"Scan", b"SequenceMap"})  # their subgraphs read names from outside
_AXIS = {(1, b"axis"), (3, 1), (20, 2)}  # the attribute of a Concat of columns: name, i, type

Value = int | bytes


class _Unusual(Exception):
    pass


def joined(data: bytes, names: Sequence[str]) -> tuple[bytes, str] | None:
    """The model without its first join, and the name of the matrix [rows, len(names)] of float32 that it takes now.
    None where it does not begin so. `names` are the features in the signature's order; `data` has been walked."""
    try:
        start, body, end = _graph(data)
        parts = [(number, value) for number, value in _read(body) if isinstance(value, bytes)]
        node, matrix = _join(parts, [name.encode() for name in names])
        kept = [(number, part) for number, part in parts if number != _INPUT and part is not node]
        kept.append((_INPUT, _input(matrix, len(names))))
        changed = b"".join(_field(number, part) for number, part in kept)
        return data[:start] + _field(_GRAPH, changed) + data[end:], matrix.decode()
    except (_Unusual, Refused, UnicodeDecodeError):
        return None


def _graph(data: bytes) -> tuple[int, bytes, int]:
    """Where the field of the one graph starts, what is in it, where it ends."""
    found = [(number, first, last) for number, _, first, last in fields(data, 0, len(data), runs=False)]
    spans = [(first, last) for number, first, last in found if number == _GRAPH]
    if len(spans) != 1 or any(number == _FUNCTION for number, _, _ in found):
        raise _Unusual
    first, last = spans[0]
    body = data[first:last]
    start = last - len(_field(_GRAPH, body))
    if data[start:last] != _field(_GRAPH, body):  # its length in more bytes than it takes
        raise _Unusual
    return start, body, last


def _join(parts: Sequence[tuple[int, bytes]], names: list[bytes]) -> tuple[bytes, bytes]:
    """The node that joins, and the name of what it gives. _Unusual unless it is the one use of exactly these inputs."""
    inputs = [part for number, part in parts if number == _INPUT]
    nodes = [part for number, part in parts if number == _NODE]
    taken = [_one(part, _TENSOR_NAME) for number, part in parts if number == _INITIALIZER]
    taken += [_one(part, _NAME) for number, part in parts if number == _OUTPUT]
    using = [node for node in nodes if not set(names).isdisjoint(_all(node, _FROM))]
    if (
        sorted(names) != sorted(_one(part, _NAME) for part in inputs)
        or not all(_is_column(part) for part in inputs)
        or any(number == _SPARSE for number, _ in parts)
        or not _WITH_GRAPHS.isdisjoint(_one(node, _OPERATOR) for node in nodes)
        or len(using) != 1
    ):
        raise _Unusual
    node, made = using[0], _all(using[0], _TO)
    if (
        _one(node, _OPERATOR) != b"Concat"
        or b"".join(_all(node, _DOMAIN)) not in (b"", b"ai.onnx")
        or _all(node, _FROM) != names
        or [set(_read(attribute)) for attribute in _all(node, _ATTRIBUTE)] != [_AXIS]
        or len(made) != 1
        or not {made[0], *names}.isdisjoint(taken)
    ):
        raise _Unusual
    return node, made[0]


def _is_column(part: bytes) -> bool:
    """Whether an input is float32 of shape [anything, 1]."""
    tensor = _one(_one(part, _TYPE), 1)
    kind = [value for number, value in _read(tensor) if number == 1]
    dimensions = _all(_one(tensor, 2), 1)
    return kind == [1] and len(dimensions) == 2 and [*_read(dimensions[1])] == [(1, 1)]


def _input(name: bytes, width: int) -> bytes:
    shape = _field(1, b"") + _field(1, b"\x08" + _number(width))
    tensor = b"\x08\x01" + _field(2, shape)
    return _field(_NAME, name) + _field(_TYPE, _field(1, tensor))


def _read(message: bytes) -> Iterator[tuple[int, Value]]:
    for number, wire, first, last in fields(message, 0, len(message), runs=False):
        if wire not in (0, 2):
            raise _Unusual
        yield number, first if wire == 0 else message[first:last]


def _all(message: bytes, wanted: int) -> list[bytes]:
    return [value for number, value in _read(message) if number == wanted and isinstance(value, bytes)]


def _one(message: bytes, wanted: int) -> bytes:
    found = _all(message, wanted)
    if len(found) != 1:
        raise _Unusual
    return found[0]


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
