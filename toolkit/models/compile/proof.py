"""The proof that a compiled model answers as its ONNX model does, through the loader that will serve it.

Asked are held-out rows and the adversarial ones of `models.parity` (missing, unseen, extreme, float32 neighbours), one
by one here and together there. Every label has to be equal; scores may differ by what rounding leaves: sums of products
are in another order, and `exp` is the platform's. Trees add up to the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.domain.errors import ToolkitError
from toolkit.domain.records import Compiled
from toolkit.models import parity, served
from toolkit.models.compile.lowering import compiled
from toolkit.models.compile.problems import NotCompilable
from toolkit.serving.model import PROGRAM, Model

if TYPE_CHECKING:
    import polars as pl

ROWS = 1_000
TOLERANCE = 1e-5  # ten times what was seen; absolute for probabilities, relative for values


def attempt(onnx: bytes, model: Model, wired: pl.DataFrame) -> tuple[Compiled, bytes | None]:
    """The compiled form of `onnx` and the proof of it on `wired` (held-out rows), or the reason why there is none.

    `model` is the ONNX model, loaded.
    """
    try:
        program, work = compiled(onnx, model.signature)
        rows, adversarial_rows, difference = _compared(program, model, wired)
    except NotCompilable as reason:
        return Compiled(reason=str(reason)), None
    except ToolkitError as error:  # its own reader refuses it: a defect of ours that must not stop a training
        return Compiled(reason=error.message), None
    proof = Compiled(
        rows=rows, adversarial_rows=adversarial_rows, max_difference=difference, tolerance=TOLERANCE, work=work
    )
    return proof, program


def _compared(program: bytes, model: Model, wired: pl.DataFrame) -> tuple[int, int, float]:
    """(rows, adversarial rows, largest difference). NotCompilable where they are too far apart."""
    tables = served.loaded(model.name, model.signature, program, role=PROGRAM)
    rows = parity.evenly(wired.select([feature.name for feature in model.signature.features]), ROWS)
    made = parity.made(rows, list(parity.adversarial(model.signature.features, rows)))
    largest, scale = 0.0, 0.0
    for asked in (rows, made):
        expected, got = served.answer(model, asked), served.answer(tables, asked)
        scale = scale or float(expected.scores.std()) or 1.0
        apart = parity.distances(expected, got, scale)
        if expected.labels is not None and got.labels is not None and (expected.labels != got.labels).any():
            raise NotCompilable("its labels are not always those of the ONNX model")
        largest = max(largest, float(apart.max(initial=0.0)))
    if not largest <= TOLERANCE:
        raise NotCompilable(f"its answers differ from the ONNX model's by {largest:.3g}, over {TOLERANCE:g}")
    return len(rows), len(made), largest
