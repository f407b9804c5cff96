"""Which runtime an endpoint's model gets: onnxruntime, or its compiled form.

A compiled model starts in a fraction of the time and weighs a fraction of the size, and walks rows one by one in
Python: one row costs about as much as in onnxruntime, a hundred cost many times more (`benchmarks/cold_start.py`). So
`auto` takes it where it is proven and a usual request (`serve.expect_rows`) stays under `STEPS` elementary steps, about
a millisecond. It is never wrong to take it: a bigger batch is only slower.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.domain.errors import PlanError
from toolkit.domain.records import ModelManifest
from toolkit.lifecycle import place
from toolkit.ports.context import Context

STEPS = 15_000  # of 60-80 ns each
GRAPH, PROGRAM = "model.onnx", "compiled"


@dataclass(frozen=True)
class Choice:
    compiled: bool
    why: str


def choose(ctx: Context, manifest: ModelManifest) -> Choice:
    """Raises PlanError where the project asks for a compiled model and this one has no such form."""
    serve, form = ctx.project.serve, manifest.compiled
    if serve.runtime == "onnxruntime":
        return Choice(False, "serve.runtime")
    reason = _missing(manifest)
    if serve.runtime == "compiled":
        if reason:
            raise PlanError(
                f"this version of {manifest.model} has no compiled form: {reason}",
                hint='runtime = "auto" under [serve] takes onnxruntime for it',
            )
        return Choice(True, "serve.runtime")
    if place.from_bucket(ctx):
        return Choice(False, "a later version from the bucket may have no compiled form")
    if reason or form is None:
        return Choice(False, f"no compiled form: {reason}")
    steps = form.work * serve.expect_rows
    if steps > STEPS:
        return Choice(False, f"{serve.expect_rows} rows take {steps:,} steps in Python, over {STEPS:,}")
    return Choice(True, f"proven equal on {form.rows + form.adversarial_rows:,} rows")


def files(manifest: ModelManifest, choice: Choice) -> dict[str, str]:
    """Role -> digest of what goes into the bundle: one form of the model, and everything beside it."""
    left_out = GRAPH if choice.compiled else PROGRAM
    return {role: digest for role, digest in manifest.files.items() if role != left_out}


def _missing(manifest: ModelManifest) -> str:
    if manifest.compiled is None:
        return "it was trained before there was one"
    return manifest.compiled.reason or ("" if PROGRAM in manifest.files else "its file is missing")
