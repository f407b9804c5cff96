"""What computes the answers of a model: onnxruntime over the walked graph, or tables (`compiled`), by what is there.

Both take wire values and give plain lists, so that nothing above knows which it is. Each is imported only where it is
used: a compiled model needs neither onnxruntime nor numpy.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from itertools import chain
from typing import Any, Protocol

from toolkit.domain import wire
from toolkit.domain.errors import Corrupt
from toolkit.domain.records import Signature
from toolkit.serving import shares

GRAPH = "model.onnx"
PROGRAM = "compiled"
AT_ONCE = 30_000  # values of lists; below, a call of numpy for each column costs more than the values
Values = Sequence[float | int | bool | str | None]
Answers = tuple[list[Any], Sequence[Any]]


class Engine(Protocol):
    """([label, ...], [probabilities, ...]), or ([], [value, ...]) of a regression. None is null. Called from several
    threads at once."""

    def rows(self, columns: Sequence[Values], rows: int) -> Answers: ...

    def row(self, row: Sequence[Any]) -> Answers: ...


def form(roles: Collection[str]) -> str:
    """The role of the form that this process computes with: the graph, or the compiled form where that is alone or
    where there is no onnxruntime (a model from the bucket has both)."""
    return GRAPH if GRAPH in roles and (PROGRAM not in roles or find_spec("onnxruntime")) else PROGRAM


def opened(files: dict[str, bytes], signature: Signature) -> Engine:
    """The engine of `form`. Both forms are taken out of `files` (role -> verified bytes).

    Raises Corrupt (neither is there, or it is not of this signature), MissingExtra.
    """
    chosen = form(files)
    onnx, program = files.pop(GRAPH, None), files.pop(PROGRAM, None)
    if onnx is not None and chosen == GRAPH:
        from toolkit.serving import graph

        graph.check(onnx)
        return _graph(onnx, signature)
    if program is not None:
        from toolkit.serving import compiled

        return compiled.read(program, signature)
    raise Corrupt(f"{GRAPH} is missing from the model", hint="toolkit deploy")


def _graph(onnx: bytes, signature: Signature) -> Graph:
    """`onnx` is checked and walked. As one matrix where it begins with the join of its columns."""
    from toolkit.serving import session

    if all(wire.kind(feature.dtype) == "number" for feature in signature.features):
        from toolkit.serving.matrix import joined

        found = joined(onnx, [feature.name for feature in signature.features])
        if found is not None:
            with contextlib.suppress(Corrupt):  # then it is opened, or refused, as it is
                return Graph(session.opened(found[0]), signature, found[1])
    return Graph(session.opened(onnx), signature)


class Graph:
    """An onnxruntime session. One row goes through buffers made once, many as a feed. Columns may be numpy arrays (of
    float, integer or bool, NaN for null)."""

    arrays = True

    def __init__(self, session: Any, signature: Signature, matrix: str = "") -> None:
        """`matrix` is the one input of a graph that takes all features as one (`matrix.joined`)."""
        from toolkit.serving import session as sessions
        from toolkit.serving.onerow import OneRow

        self._outputs = sessions.outputs(session, signature, matrix)
        self._matrix = matrix
        self._run = sessions.unchecked(session)
        kinds = [wire.kind(feature.dtype) for feature in signature.features]
        self._number = [i for i, kind in enumerate(kinds) if kind == "number"]
        self._text = [i for i, kind in enumerate(kinds) if kind == "text"]
        self._names = [feature.name for feature in signature.features]
        self._one = OneRow(session, self._outputs, signature.features, matrix)

    def rows(self, columns: Sequence[Values], rows: int) -> Answers:
        return _lists(self._run(self._outputs, self._feed(columns, rows), None))

    def row(self, row: Sequence[Any]) -> Answers:
        if not self._one.lock.acquire(blocking=False):
            return self.rows([[value] for value in row], 1)
        try:
            return _lists(self._one.run(row))
        finally:
            self._one.lock.release()

    def _feed(self, columns: Sequence[Any], rows: int) -> dict[str, Any]:
        import numpy as np

        if self._matrix:
            return {self._matrix: side_by_side(columns, rows)}
        feed: dict[str, Any] = {}
        if self._number:
            narrow = np.empty((len(self._number), rows, 1), dtype=np.float32)
            for place, i in zip(narrow, self._number, strict=True):
                feed[self._names[i]] = _narrowed(columns[i], place)
        for i in self._text:
            texts = np.array([wire.NULL_TEXT if v is None else v for v in columns[i]], dtype=object)
            feed[self._names[i]] = texts.reshape(rows, 1)
        return feed


def side_by_side(columns: Sequence[Any], rows: int) -> Any:
    """The columns side by side, float32 [rows, columns]."""
    import numpy as np

    if rows * len(columns) <= AT_ONCE and not any(isinstance(values, np.ndarray) for values in columns):
        with contextlib.suppress(TypeError):  # None among them
            wide = np.frombuffer(array("d", [*chain.from_iterable(columns)])).reshape(len(columns), rows)
            np.clip(wide, -wire.FLOAT32_MAX, wire.FLOAT32_MAX, out=wide)
            return np.ascontiguousarray(wide.T, dtype=np.float32)
    turned = np.empty((len(columns), rows, 1), dtype=np.float32)
    for place, values in zip(turned, columns, strict=True):
        found = _narrowed(values, place)
        if found is not place:
            place[:] = found
    return np.ascontiguousarray(turned.reshape(len(columns), rows).T)


def _narrowed(values: Any, place: Any) -> Any:
    """`values` as float32 [rows, 1]: they themselves where that is what they are (validation lets no infinity pass),
    else written to `place`. None becomes NaN, a number past float32 its largest."""
    import numpy as np

    if isinstance(values, np.ndarray):
        if values.dtype == np.float32 and values.flags.c_contiguous and values.flags.aligned:
            return values.reshape(place.shape)
        wide = values.astype(np.float64, copy=False)
    else:
        try:
            wide = np.asarray(array("d", values))
        except TypeError:  # None among them
            wide = np.array(values, dtype=np.float64)
    np.clip(wide.reshape(place.shape), -wire.FLOAT32_MAX, wire.FLOAT32_MAX, out=place, casting="unsafe")
    return place


def _lists(found: Sequence[Any]) -> Answers:
    if len(found) == 1:
        return [], found[0].reshape(-1).tolist()
    return found[0].tolist(), shares.of(found[1])
