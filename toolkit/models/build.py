"""Everything a model is, made from a fitted estimator: the manifest and the files it names.

The order is the argument: what the estimator takes (signature), its export, the proof that the export answers alike
(parity), and only then metrics, slices and the baseline, all measured on the exported model, which is what will serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from toolkit.domain import codec, digest, wire
from toolkit.domain.records import ModelManifest, RunSpec, Schema, Signature
from toolkit.models import measure, served
from toolkit.models.card import card
from toolkit.models.compile.proof import attempt
from toolkit.models.data import TrainingData, label_column, wire_frame
from toolkit.models.explain import explanation
from toolkit.models.export import to_onnx
from toolkit.models.native import Answers, native
from toolkit.models.parity import certify
from toolkit.models.sample import sample
from toolkit.models.signature import signature

if TYPE_CHECKING:
    import polars as pl

GRAPH, PROGRAM, PROFILE, SAMPLE, CARD = "model.onnx", "compiled", "profile", "sample", "card"


@dataclass(frozen=True)
class Built:
    """`files`: role -> bytes; `manifest.files` holds their digests. `digest` is the model's."""

    manifest: ModelManifest
    files: dict[str, bytes]

    @property
    def data(self) -> bytes:
        return codec.encode(self.manifest)

    @property
    def digest(self) -> str:
        return digest.of_bytes(self.data)


def build_model(
    estimator: Any,
    data: TrainingData,
    *,
    spec: RunSpec,
    schema: Schema,
    train: pl.DataFrame,
    test: pl.DataFrame,
    tolerance: float,
    slices: Sequence[str] = (),
) -> Built:
    """`train` and `test` are the labelled rows of the split, `data` what `estimator` was fitted on.

    Raises TrainingFailed (not a fitted estimator of this data), ExportFailed, ParityFailed, DataError (no test rows).
    """
    label = label_column(schema)
    asked = native(estimator, data)
    signed = signature(asked, data, label, wire_frame(train, asked.features))
    onnx = to_onnx(estimator, signed.features, asked.classes)
    model = served.loaded(spec.model, signed, onnx)
    tested = measure.known(test, label, signed)
    wired = wire_frame(tested, signed.features)
    parity = certify(asked, lambda rows: served.answer(model, rows), signed.features, wired, tolerance)
    compiled, program = attempt(onnx, model, wired)
    answers = served.answer(model, wired)
    truth = measure.truth(tested, label, signed)
    files = {
        GRAPH: onnx,
        PROFILE: _baseline(signed, schema, train, tested, answers, truth),
        SAMPLE: sample(tested, signed.features),
    }
    if program is not None:
        files[PROGRAM] = program
        files |= explanation(program, signed)
    manifest = ModelManifest(
        model=spec.model,
        signature=signed,
        files={},
        sizes={},
        metrics=measure.metrics(signed, answers, truth),
        slices=measure.slices(signed, answers, truth, tested, slices),
        parity=parity,
        compiled=compiled,
        dataset=spec.dataset,
        dataset_version=spec.dataset_version,
        code=spec.code,
        environment=spec.environment,
        params=spec.params,
        split=spec.split,
        framework=asked.kind,
    )
    files[CARD] = card(manifest, spec, training_rows=len(train), test_rows=len(tested))
    digests = {role: digest.of_bytes(content) for role, content in files.items()}
    sizes = {role: len(content) for role, content in files.items()}
    return Built(replace(manifest, files=digests, sizes=sizes), files)


def _baseline(
    signed: Signature, schema: Schema, train: pl.DataFrame, tested: pl.DataFrame, answers: Answers, truth: list[Any]
) -> bytes:
    """The profile of the training rows, with the calibration of the score on the test rows."""
    from toolkit.quality.baseline import build_baseline

    time = next((column.name for column in schema.of_role("time")), None)
    wired = wire_frame(train, signed.features)
    columns = {
        feature.name: wired[feature.name].to_list()
        if wire.kind(feature.dtype) == "text"
        else wired[feature.name].to_numpy()
        for feature in signed.features
    }
    baseline = build_baseline(
        columns,
        signed.features,
        answers.scores,
        truth,
        signed.task,
        signed.classes,
        order=_order(train, time),
        score_order=_order(tested, time),
    )
    return baseline.to_bytes()


def _order(rows: pl.DataFrame, time: str | None) -> Any:
    import polars as pl

    return None if time is None else rows[time].to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy()
