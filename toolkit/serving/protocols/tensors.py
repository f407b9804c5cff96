"""Tensors of the Open Inference Protocol: JSON data, or bytes after the JSON (little-endian, BYTES with a length each).

A NaN in a binary tensor is how a client without null says that a value is missing, so it is one; JSON has null. What
datatypes a feature takes is in `DATATYPES`, the first is what the metadata says. Times are RFC 3339 text in BYTES.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from toolkit.domain.records import DType, Feature
from toolkit.serving import arrays
from toolkit.serving.problems import Finding, Problem, shown
from toolkit.serving.protocols.reading import refused
from toolkit.serving.rows import invalid

HEADER = b"inference-header-content-length"
BINARY = b"application/octet-stream"

_FLOATS = {"FP32": "f", "FP64": "d"}
_WHOLE = {
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
}
_FORMATS = {**_FLOATS, **_WHOLE, "BOOL": "?"}
DATATYPES: dict[DType, tuple[str, ...]] = {
    "float64": ("FP64", *_FLOATS, *_WHOLE),
    "int64": ("INT64", *_WHOLE, *_FLOATS),
    "bool": ("BOOL",),
    "string": ("BYTES",),
    "datetime": ("BYTES",),
    "date": ("BYTES",),
}
_LENGTH = struct.Struct("<I")


class Tensor(msgspec.Struct, omit_defaults=True):
    """An input or output as the JSON has it; `data` is flat or, for [n, 1], nested."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = {}
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET


class Output(NamedTuple):
    """What the model answered. `data` is a flat list, or a numpy array of numbers."""

    name: str
    datatype: str
    shape: list[int]
    data: Any


def parted(data: bytes, headers: Mapping[bytes, bytes]) -> tuple[bytes, memoryview]:
    """(the JSON, the bytes after it), as the header says; without one all is JSON."""
    length = headers.get(HEADER)
    if length is None:
        return data, memoryview(b"")
    if not (length.isdigit() and len(length) < 20 and int(length) <= len(data)):
        given = shown(length.decode("latin-1"))
        raise Problem(400, "bad-header", f"Inference-Header-Content-Length: {given!r} does not fit {len(data)} bytes")
    return data[: int(length)], memoryview(data)[int(length) :]


class Reader:
    """Reads the inputs of one request in their order: binary ones lie one after the other behind the JSON."""

    def __init__(self, tail: memoryview) -> None:
        self._tail = tail
        self._at = 0

    def values(self, tensor: Tensor, feature: Feature | None) -> Any:
        """The values of a column: a list, or a numpy array where there are many and they came in binary. `feature` is
        None where there is none of that name, which the validator will say."""
        rows = _rows(tensor)
        known = DATATYPES[feature.dtype] if feature is not None else (*_FORMATS, "BYTES")
        if tensor.datatype not in known:
            taken = " or ".join(dict.fromkeys(known))
            raise refused(shown(tensor.name), f"datatype {shown(tensor.datatype)!r} is not taken; send {taken}")
        size = tensor.parameters.get("binary_data_size")
        if (size is None) == (tensor.data is msgspec.UNSET):
            raise refused(shown(tensor.name), "expected exactly one of data and parameters.binary_data_size")
        values = self._binary(tensor, size) if size is not None else _from_json(tensor)
        if len(values) != rows:
            raise refused(shown(tensor.name), f"has {len(values)} values, its shape {_shape(tensor)} says {rows}")
        if feature is not None and feature.dtype == "int64" and tensor.datatype in _FLOATS:
            if not isinstance(values, list):
                exact = arrays.whole(values)
                if exact is not values:
                    return exact
                values = arrays.plain(values)
            return [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
        return values

    def end(self) -> None:
        """Problem where bytes are left that no input claimed."""
        left = len(self._tail) - self._at
        if left:
            raise Problem(400, "bad-binary", f"{left} bytes follow that belong to no input")

    def _binary(self, tensor: Tensor, size: Any) -> Any:
        if type(size) is not int or not 0 <= size <= len(self._tail) - self._at:
            left = len(self._tail) - self._at
            raise refused(shown(tensor.name), f"binary_data_size {shown(size)} does not fit the {left} bytes left")
        part = self._tail[self._at : self._at + size]
        self._at += size
        return _texts(tensor, part) if tensor.datatype == "BYTES" else _numbers(tensor, part)


def packed(output: Output) -> bytes:
    """The data of an output in binary."""
    data = output.data
    if output.datatype == "BYTES":
        encoded = {text: text.encode() for text in set(data)}  # labels: few texts, many times
        parts = {text: _LENGTH.pack(len(spelled)) + spelled for text, spelled in encoded.items()}
        return b"".join(map(parts.__getitem__, data))
    code = _FORMATS[output.datatype]
    if isinstance(data, list):
        return struct.pack(f"<{len(data)}{code}", *data)
    found: bytes = data.astype(f"<{code}").tobytes()
    return found


def described(output: Output, part: bytes | None) -> Tensor:
    """The output as the JSON shows it; `part` is what follows in binary."""
    tensor = Tensor(name=output.name, datatype=output.datatype, shape=output.shape)
    if part is not None:
        tensor.parameters = {"binary_data_size": len(part)}
    else:
        tensor.data = output.data if isinstance(output.data, list) else output.data.tolist()
    return tensor


def _rows(tensor: Tensor) -> int:
    shape = tensor.shape
    if not shape or any(size != 1 for size in shape[1:]) or len(shape) > 2 or shape[0] < 0:
        raise refused(shown(tensor.name), f"shape {_shape(tensor)} is not taken; send [n] or [n, 1]")
    return shape[0]


def _shape(tensor: Tensor) -> str:
    return shown(repr(tensor.shape[:5]))


def _from_json(tensor: Tensor) -> list[Any]:
    values: list[Any] = tensor.data  # type: ignore[assignment]  # asked before
    if len(tensor.shape) == 2 and values and isinstance(values[0], list):
        values = [v[0] if isinstance(v, list) and len(v) == 1 else v for v in values]
    if tensor.datatype == "BOOL":
        return [bool(v) if v in (0, 1) and type(v) is int else v for v in values]
    return values


def _numbers(tensor: Tensor, part: memoryview) -> Any:
    code = _FORMATS[tensor.datatype]
    count, rest = divmod(len(part), struct.calcsize(f"<{code}"))
    if rest:
        raise refused(shown(tensor.name), f"{len(part)} bytes are no whole number of {tensor.datatype}")
    if arrays.at_hand(count):
        import numpy as np

        if code == "?":
            return np.frombuffer(part, dtype=np.uint8) != 0
        return np.frombuffer(part, dtype=np.dtype(code).newbyteorder("<"))
    values = list(struct.unpack(f"<{count}{code}", part))
    return [None if v != v else v for v in values] if tensor.datatype in _FLOATS else values


def _texts(tensor: Tensor, part: memoryview) -> list[str]:
    texts: list[str] = []
    at, end = 0, len(part)
    while at < end:
        length = _LENGTH.unpack_from(part, at)[0] if end - at >= _LENGTH.size else end
        start, at = at + _LENGTH.size, at + _LENGTH.size + length
        if at > end:
            raise refused(shown(tensor.name), "a length goes past the end of its bytes", len(texts))
        try:
            texts.append(str(part[start:at], "utf-8"))
        except UnicodeDecodeError as error:
            raise invalid([Finding(len(texts), shown(tensor.name), "is not UTF-8")]) from error
    return texts
