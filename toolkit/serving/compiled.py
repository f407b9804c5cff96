"""A compiled model: the same answers as its ONNX graph, from tables, with neither numpy nor onnxruntime.

`models.compile` writes it and proves it equal; here it is read. A `Program` is data only (see `steps`): a model of
this kind may come from a bucket as from a bundle, its digest is pinned by the manifest like that of any other file.
"""

# Annotations are values here: msgspec would compile strings one by one when a type is first used, in every start.

import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from toolkit.domain import wire
from toolkit.domain.errors import Corrupt, NewerFormat
from toolkit.domain.records import Signature
from toolkit.serving import steps

PROGRAM = "compiled"
FORMAT = 1


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """`inputs` are feature names in the signature's order. The memory of a row starts with `constants`, then the
    numbers among the inputs, then the texts. `label` is where the class name ends up (None: a regression), `scores`
    where the probabilities or the value do."""

    format: int = FORMAT
    inputs: tuple[str, ...]
    constants: tuple[float | int | bool | str, ...]
    steps: tuple[tuple[Any, ...], ...]
    label: int | None
    scores: tuple[int, ...]


def encode(program: Program) -> bytes:
    return msgspec.msgpack.encode(program)


class Compiled:
    """Answers as `session.Session` does. `read` makes it."""

    def __init__(self, program: Program, signature: Signature) -> None:
        kinds = [wire.kind(feature.dtype) for feature in signature.features]
        self._number = [i for i, kind in enumerate(kinds) if kind == "number"]
        self._text = [i for i, kind in enumerate(kinds) if kind == "text"]
        self._constants = list(program.constants)
        start = len(self._constants) + len(kinds)
        self._steps, length = steps.program(start, program.steps)
        places = [*program.scores, *([] if program.label is None else [program.label])]
        if not program.scores or not all(0 <= place < length for place in places):
            raise steps.Unreadable("its answers lie outside of what it computes")
        self._label, self._scores = program.label, program.scores
        single = struct.Struct(f"={len(self._number)}f")
        self._pack, self._unpack = single.pack, single.unpack

    def row(self, row: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """([label], [probabilities]) or ([], [value]) of one row of wire values, None for null."""
        memory = self._computed(row)
        scores = [memory[place] for place in self._scores]
        if self._label is None:
            return [], scores
        return [memory[self._label]], [scores]

    def rows(self, columns: Sequence[Sequence[Any]], rows: int) -> tuple[list[Any], list[Any]]:
        """The same of many, one after the other."""
        labels, scores = [], []
        for row in zip(*columns, strict=True):
            label, score = self.row(row)
            labels += label
            scores += score
        return labels, scores

    def _computed(self, row: Sequence[Any]) -> list[Any]:
        numbers = row if not self._text else [row[i] for i in self._number]
        try:
            numbers = self._unpack(self._pack(*numbers))  # to float32; refuses None and what is too large
        except (struct.error, OverflowError):
            nan, narrow = wire.NULL_NUMBER, wire.float32
            numbers = [nan if v is None else narrow(_float(v)) for v in numbers]
        memory = [*self._constants, *numbers]
        for i in self._text:
            value = row[i]
            memory.append(wire.NULL_TEXT if value is None else value)
        for step in self._steps:
            step(memory)
        return memory


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return wire.FLOAT32_MAX if value > 0 else -wire.FLOAT32_MAX


def read(data: bytes, signature: Signature) -> Compiled:
    """Verified bytes as a model. Raises Corrupt (not a program, or not of this signature) and NewerFormat."""
    try:
        program = msgspec.msgpack.decode(data, type=Program)
        if program.format > FORMAT:
            raise NewerFormat(
                f"the compiled model has format {program.format}; this version reads up to {FORMAT}",
                hint="pip install --upgrade driftloop",
            )
        if program.inputs != tuple(feature.name for feature in signature.features):
            raise steps.Unreadable("it does not take the inputs of its signature")
        classes = len(signature.classes) if signature.task != "regression" else 1
        if len(program.scores) != classes or (program.label is None) is not (signature.task == "regression"):
            raise steps.Unreadable(f"it does not answer a {signature.task} of {classes} values")
        return Compiled(program, signature)
    except (msgspec.MsgspecError, steps.Unreadable, UnicodeDecodeError) as error:
        raise Corrupt(f"the compiled model cannot be read: {error}", hint="toolkit models verify") from error
