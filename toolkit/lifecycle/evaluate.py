"""Measure a registered model on the test rows of a dataset version, with the loader that serves it.

Two models can only be compared on the same rows: a promotion measures the champion anew on the candidate's test rows
unless it was tested on exactly those.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.domain import codec
from toolkit.domain.errors import DataError
from toolkit.domain.records import Column, ModelManifest, ModelVersion, Signature
from toolkit.ports.context import Context
from toolkit.state.blobs import Blobs
from toolkit.state.datasets import Datasets

if TYPE_CHECKING:
    import polars as pl

    from toolkit.serving.model import Model

Metrics = dict[str, float]


def loaded(ctx: Context, version: ModelVersion) -> Model:
    """The version with every digest checked, as an endpoint loads it. NotFound, Corrupt."""
    from toolkit.serving import model as serving

    blobs = Blobs(ctx.store)
    manifest = codec.decode(blobs.get(version.digest), ModelManifest, where=f"blob {version.digest[:12]}")
    files = {serving.MANIFEST: blobs.get(version.digest)}
    files |= {role: blobs.get(digest) for role, digest in manifest.files.items()}
    return serving.load(files, version.digest)


def compared(ctx: Context, candidate: ModelVersion, champion: ModelVersion) -> tuple[Metrics, Metrics]:
    """(metrics of the candidate, of the champion) on the same rows: the candidate's test rows whose label both know.

    DataError where the champion cannot be asked for those rows (the features are others now).
    """
    new, old = loaded(ctx, candidate), loaded(ctx, champion)
    if _tested_on(new.manifest) == _tested_on(old.manifest) and new.signature.classes == old.signature.classes:
        return dict(candidate.metrics), dict(champion.metrics)
    rows, label = test_rows(ctx, new.manifest)
    rows = _known_to(_known_to(rows, label, new.signature), label, old.signature)
    missing = [f.name for f in old.signature.features if f.name not in rows.columns]
    if missing or new.signature.label != old.signature.label:
        what = f"needs {', '.join(missing[:5])}" if missing else f"predicts {old.signature.label!r}"
        raise DataError(
            f"version {champion.version} cannot be measured on the rows of version {candidate.version}: it {what}",
            hint="toolkit promote --no-gates --reason '...'",
        )
    ctx.report.say(f"measuring versions {candidate.version} and {champion.version} on {len(rows):,} test rows")
    return measured(new, rows, label), measured(old, rows, label)


def measured(model: Model, rows: pl.DataFrame, label: Column) -> Metrics:
    from toolkit.models import measure, served
    from toolkit.models.data import wire_frame

    answers = served.answer(model, wire_frame(rows, model.signature.features))
    return measure.metrics(model.signature, answers, measure.truth(rows, label, model.signature))


def test_rows(ctx: Context, manifest: ModelManifest) -> tuple[pl.DataFrame, Column]:
    """(the test rows that a model was measured on, the label's column)."""
    from toolkit.data import snapshot
    from toolkit.data.split import split
    from toolkit.models.data import label_column

    dataset = Datasets(ctx.store).get(manifest.dataset, manifest.dataset_version)
    with tempfile.TemporaryDirectory(prefix="toolkit-evaluate-") as folder:
        rows = snapshot.load(ctx.store, dataset, Path(folder)).collect()
    label = label_column(dataset.schema)
    return _known_to(split(rows, manifest.split, dataset.schema)[1], label, manifest.signature), label


def _known_to(rows: pl.DataFrame, label: Column, signature: Signature) -> pl.DataFrame:
    from toolkit.models import measure

    return measure.known(rows, label, signature)


def _tested_on(manifest: ModelManifest) -> tuple[object, ...]:
    return (manifest.dataset, manifest.dataset_version, manifest.split, manifest.signature.label)
