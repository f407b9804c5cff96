"""One row through onnxruntime with nothing allocated: buffers made once, inputs and outputs bound to them.

Measured, 30 numbers into 100 trees: `session.run` 75-85 us, below its wrapper 37, bound 13-17, bound as one matrix 5.
Most of the difference is that a call otherwise wraps 30 arrays. Text inputs cannot be bound (onnxruntime makes no
OrtValue of text), so a model with text goes below the wrapper. A text *output* is read through the OrtValue that the
binding returns; its copy to a preallocated place, or `copy_outputs_to_cpu`, ends the process.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

from toolkit.domain import wire
from toolkit.domain.records import Feature
from toolkit.serving import session


class OneRow:
    """`run` may be called while `lock` is held: input and output buffers are shared by all its calls."""

    def __init__(self, opened: Any, outputs: Sequence[str], features: Sequence[Feature], matrix: str = "") -> None:
        """`matrix` is the one input where the graph takes all features, which are numbers then, as one."""
        import numpy as np

        self.lock = threading.Lock()
        self._outputs = outputs
        self._plain = session.unchecked(opened)
        self._numbers = [i for i, f in enumerate(features) if wire.kind(f.dtype) == "number"]
        self._texts = [i for i, f in enumerate(features) if wire.kind(f.dtype) == "text"]
        self._all = not self._texts
        self._pack = struct.Struct(f"={len(self._numbers)}f").pack_into
        buffer = np.zeros(len(self._numbers), dtype=np.float32)
        self._bytes = buffer.data.cast("B") if self._numbers else memoryview(bytearray())
        self._cells = np.full(len(self._texts), "", dtype=object)
        views = buffer.reshape(-1, 1, 1)
        cells = self._cells.reshape(-1, 1, 1)
        self._feed = {features[i].name: views[k] for k, i in enumerate(self._numbers)} | {
            features[i].name: cells[k] for k, i in enumerate(self._texts)
        }
        if matrix:
            self._feed = {matrix: buffer.reshape(1, -1)}
        self._bound = None if self._texts else _bound(opened, outputs, self._feed, self._plain)

    def run(self, row: Sequence[Any]) -> Sequence[Any]:
        """The outputs for one row of the wire, as arrays whose first dimension is 1; valid until the next call."""
        self._fill(row)
        return self._plain(self._outputs, self._feed, None) if self._bound is None else self._bound()

    def _fill(self, row: Sequence[Any]) -> None:
        numbers = row if self._all else [row[i] for i in self._numbers]
        try:
            self._pack(self._bytes, 0, *numbers)  # rounds as numpy does; refuses None and what is too large
        except (struct.error, OverflowError):
            nan, narrow = wire.NULL_NUMBER, wire.float32
            self._pack(self._bytes, 0, *[nan if v is None else narrow(float(v)) for v in numbers])
        for k, i in enumerate(self._texts):
            value = row[i]
            self._cells[k] = wire.NULL_TEXT if value is None else value


def _bound(
    opened: Any, outputs: Sequence[str], feed: dict[str, Any], plain: Callable[..., Sequence[Any]]
) -> Callable[[], Sequence[Any]] | None:
    """A call that runs the model on what lies in `feed`'s buffers. None where this onnxruntime or model does not bind,
    or where the bound answer is not the plain one."""
    import numpy as np
    import onnxruntime as ort

    try:
        expected = plain(outputs, feed, None)
        binding = opened.io_binding()
        for name, view in feed.items():
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(view))
        places: list[Any] = []
        for name, array in zip(outputs, expected, strict=True):
            if array.dtype == object:
                binding.bind_output(name)
                places.append(None)
            else:
                places.append(np.zeros_like(array))
                binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(places[-1]))
        text = any(place is None for place in places)
        start, bound = opened._sess.run_with_iobinding, binding._iobinding
    except Exception:  # a model that refuses a row of zeros, or an onnxruntime without these: the plain way serves it
        return None

    def run() -> Sequence[Any]:
        start(bound, None)
        if not text:
            return places
        found = bound.get_outputs()
        return [found[i].numpy() if place is None else place for i, place in enumerate(places)]

    same = all(np.array_equal(a, b, equal_nan=b.dtype != object) for a, b in zip(run(), expected, strict=True))
    return run if same else None
