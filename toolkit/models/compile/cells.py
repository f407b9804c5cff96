"""Tensors while compiling: where their values lie in the memory of one row, and the steps that put them there."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from toolkit.models.compile.problems import NotCompilable
from toolkit.serving.steps import FUNCTIONS

Kind = Literal["float32", "float64", "int", "bool", "text"]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tensor:
    """`places` has the tensor's shape for one row; below zero is constant number -place - 1."""

    places: Places
    kind: Kind

    @property
    def known(self) -> bool:
        return bool((self.places < 0).all())


@dataclass
class Builder:
    """`width` is how many values the row itself has; steps add behind them. `work`: elementary steps of one row."""

    width: int
    constants: list[Any] = field(default_factory=list)
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    work: float = 0.0
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def constant(self, values: Any, kind: Kind) -> Tensor:
        """A tensor of known values; equal ones are kept once."""
        given = np.asarray(values, dtype=object)
        flat = [self._constant(_plain(value, kind)) for value in given.reshape(-1)]
        return Tensor(np.array(flat, dtype=np.int64).reshape(given.shape), kind)

    def _constant(self, value: Any) -> int:
        key = (type(value).__name__, repr(value))
        if key not in self._numbers:
            self._numbers[key] = len(self.constants)
            self.constants.append(value)
        return -self._numbers[key] - 1

    def values(self, tensor: Tensor) -> npt.NDArray[Any]:
        """What is known. NotCompilable where a row decides it."""
        if not tensor.known:
            raise NotCompilable("a shape or an index depends on the row")
        flat = np.empty(tensor.places.size, dtype=object)
        flat[:] = [self.constants[-place - 1] for place in tensor.places.reshape(-1)]
        return flat.reshape(tensor.places.shape)

    def numbers(self, tensor: Tensor) -> list[Any]:
        return list(self.values(tensor).reshape(-1))

    def step(self, name: str, *arguments: Any, outputs: int, work: float = 0.0) -> Places:
        """Add a step; where its results will lie. Arrays among the arguments are places. `work`: where it is more than
        what it reads."""
        self.steps.append((name, *arguments))
        self.work += work or sum(a.size for a in arguments if isinstance(a, np.ndarray))
        first, self.width = self.width, self.width + outputs
        return np.arange(first, first + outputs, dtype=np.int64)

    def map(self, function: str, *operands: Tensor, kind: Kind) -> Tensor:
        """`function` element by element, with numpy's broadcasting; done now where all of it is known."""
        shaped = np.broadcast_arrays(*(operand.places for operand in operands))
        shape = shaped[0].shape
        if all(operand.known for operand in operands):
            columns = [[self.constants[-p - 1] for p in places.reshape(-1)] for places in shaped]
            return self.constant(_reshaped(map(FUNCTIONS[function], *columns), shape), kind)
        columns_ = [places.reshape(-1).copy() for places in shaped]
        found = self.step("map", function, kind == "float32", *columns_, outputs=columns_[0].size)
        return Tensor(found.reshape(shape), kind)

    def reduce(self, function: str, operand: Tensor, axis: int, *, keep: bool, kind: Kind) -> Tensor:
        """`function` along one axis, which is never that of the rows."""
        rank = operand.places.ndim
        axis %= rank
        if axis == 0 and rank > 1 and not operand.known:
            raise NotCompilable("it computes over several rows at once")
        moved = np.moveaxis(operand.places, axis, -1)
        groups = math.prod(moved.shape[:-1])
        found = self.step("reduce", function, kind == "float32", groups, moved.reshape(-1).copy(), outputs=groups)
        shaped = found.reshape(moved.shape[:-1])
        return Tensor(np.expand_dims(shaped, axis) if keep else shaped, kind)

    def lookup(
        self, source: Tensor, keys: Sequence[Any], values: Sequence[Any], default: Any, missing: Any, kind: Kind
    ) -> Tensor:
        plain = [_plain(value, kind) for value in values]
        rest, gone = _plain(default, kind), _plain(missing, kind)
        found = self.step(
            "lookup", source.places.reshape(-1).copy(), list(keys), plain, rest, gone, outputs=source.places.size
        )
        return Tensor(found.reshape(source.places.shape), kind)

    def finished(self) -> list[tuple[Any, ...]]:
        """The steps with every place as it will be: constants first."""
        shift = len(self.constants)
        return [tuple(_final(a, shift) if isinstance(a, np.ndarray) else a for a in step) for step in self.steps]

    def final(self, places: Iterable[int]) -> list[int]:
        return _final(np.asarray(list(places), dtype=np.int64), len(self.constants))


def _final(places: Places, shift: int) -> list[int]:
    final: list[int] = np.where(places < 0, -places - 1, places + shift).reshape(-1).tolist()
    return final


def _reshaped(values: Iterable[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    found = list(values)
    flat = np.empty(len(found), dtype=object)
    flat[:] = found
    return flat.reshape(shape)


def _plain(value: Any, kind: Kind) -> Any:
    """As the interpreter will hold it: a Python number, float32 rounded."""
    if kind == "text":
        return value.decode() if isinstance(value, bytes) else str(value)
    if kind == "float32":
        return array("f", (float(value),))[0]
    if kind == "float64":
        return float(value)
    return bool(value) if kind == "bool" else int(value)


def table(kind: str, values: Iterable[Any]) -> bytes:
    """The bytes of a table, little-endian: "f" float32, "i" int32."""
    return np.asarray(list(values), dtype={"f": "<f4", "i": "<i4"}[kind]).tobytes()
