"""Ask the exported model through the loader that serves it, so that what is measured is what answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.domain import codec, digest
from toolkit.domain.records import ModelManifest, Signature, Split
from toolkit.models.native import Answers
from toolkit.serving import model as serving

if TYPE_CHECKING:
    import polars as pl

CHUNK = 20_000  # rows asked at once: the loader takes Python lists


def loaded(name: str, signature: Signature, content: bytes, role: str = serving.GRAPH) -> serving.Model:
    """The exported (or compiled) bytes as the endpoint will have them, before the rest of the model is known."""
    provisional = ModelManifest(
        model=name,
        signature=signature,
        files={role: digest.of_bytes(content)},
        sizes={role: len(content)},
        metrics={},
        dataset="",
        dataset_version="",
        code="",
        split=Split(),
    )
    manifest = codec.encode(provisional)
    return serving.load({serving.MANIFEST: manifest, role: content}, digest.of_bytes(manifest))


def answer(model: serving.Model, wired: pl.DataFrame) -> Answers:
    """Answers for rows of wire values (columns may be in any order; others are left out)."""
    import numpy as np

    names = [feature.name for feature in model.signature.features]
    scores: list[Any] = []
    labels: list[str] = []
    for chunk in wired.select(names).iter_slices(CHUNK):
        columns = [chunk[name].to_list() for name in names]
        prediction = model.answer(columns, len(chunk))
        scores += prediction.probabilities or prediction.values
        labels += prediction.labels
    classes = model.signature.classes
    if not classes:
        return Answers(np.asarray(scores, dtype=np.float64))
    numbers = {name: number for number, name in enumerate(classes)}
    known = np.asarray([numbers[label] for label in labels], dtype=np.int64)
    return Answers(np.asarray(scores, dtype=np.float64).reshape(-1, len(classes)), known)


def scores(model: serving.Model, wired: pl.DataFrame) -> list[float]:
    """Of each row the one number that serving keeps (`Prediction.confidence`); rows without one are left out."""
    names = [feature.name for feature in model.signature.features]
    found: list[float] = []
    for chunk in wired.select(names).iter_slices(CHUNK):
        prediction = model.answer([chunk[name].to_list() for name in names], len(chunk))
        found += [score for score in prediction.confidence if score is not None]
    return found
