"""A model, loaded once: digests checked, graph walked, session open (or tables read), ready to answer.

The order matters. The manifest's own digest is pinned outside the bundle (TOOLKIT_RUNTIME); the manifest pins every
other file; the bytes that were hashed are the bytes that are walked and loaded, never a path. Only then does
onnxruntime see them (`session`). A bundle may carry the model's compiled form in the graph's place (`engine`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from toolkit.domain import codec, digest, wire
from toolkit.domain.errors import Corrupt, DataError
from toolkit.domain.records import ModelManifest, Signature
from toolkit.serving import engine
from toolkit.serving.engine import GRAPH, PROGRAM, Engine, Values
from toolkit.serving.shares import Shares

__all__ = ["GRAPH", "MANIFEST", "PROGRAM", "Model", "Prediction", "Values", "load"]

MANIFEST = "manifest.json"


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered for N rows, as plain lists.

    Classification: `labels` (N texts of `classes`) and `probabilities` (N lists in the order of `classes`; of many rows
    they may be a `Shares`, which reads like it).
    Regression: `values` (N numbers). What does not apply is empty.
    """

    labels: list[str] = []
    probabilities: Sequence[list[float]] = []
    values: Sequence[float] = []
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels) or len(self.values)

    @property
    def scores(self) -> Any:
        """What drift of the answers is measured on, a row each: the value of a regression, the probability of the
        second of two classes, all probabilities of more. A list, or an array for `Shares`."""
        shares = self.probabilities
        if not shares:
            return self.values
        if type(shares) is Shares:  # `isinstance` asks its ABC, five times as long
            return shares.column(1) if len(self.classes) == 2 else shares.table
        return [row[1] for row in shares] if len(self.classes) == 2 else shares

    @property
    def confidence(self) -> list[float | None]:
        """One number a row: as `scores`, with the largest probability where there are many."""
        if len(self.classes) > 2:
            return [max(row) for row in self.probabilities]
        scores = self.scores
        return scores.tolist() if type(self.probabilities) is Shares else list(scores)


class Model:
    """Made by `load`. `answer` and `predict` may be called from several threads; one at a time is the fast way."""

    def __init__(self, manifest: ModelManifest, digest: str, computing: Engine, files: dict[str, bytes]) -> None:
        self.manifest = manifest
        self.digest = digest
        self.files = files
        self.signature: Signature = manifest.signature
        self._row, self._rows = computing.row, computing.rows
        self.arrays: bool = getattr(computing, "arrays", False)  # whether columns may be numpy's
        self._features = self.signature.features
        self._names = [f.name for f in self._features]
        self._classes = _Classes(self.signature)

    @property
    def name(self) -> str:
        return self.manifest.model

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> Prediction:
        """`columns`: feature name -> N JSON or Python values (`domain.wire` says which); an absent column is null.

        DataError names the feature (and what it expects), a column that is no feature, or unequal lengths.
        """
        unknown = sorted(columns.keys() - set(self._names))
        lengths = {len(values) for values in columns.values()}
        if unknown or len(lengths) > 1:
            what = f"unknown columns {unknown}" if unknown else f"columns of unequal length {sorted(lengths)}"
            raise DataError(f"{what}; the model takes {', '.join(self._names)}")
        rows = lengths.pop() if lengths else 0
        return self.answer([wire.column(f, columns.get(f.name, [None] * rows)) for f in self._features], rows)

    def answer(self, columns: Sequence[Values], rows: int) -> Prediction:
        """As `predict`, for columns in the signature's order and already of the wire: numbers (times in days), text,
        None for null. What validation makes; a number past float32 becomes its largest."""
        if rows == 1:
            return self.answer_row([column[0] for column in columns])
        if not rows:
            return Prediction(classes=self.signature.classes)
        return self._prediction(*self._rows(columns, rows))

    def answer_row(self, row: Sequence[Any]) -> Prediction:
        """One row of what `answer` takes."""
        return self._prediction(*self._row(row))

    def _prediction(self, labels: list[Any], scores: Sequence[Any]) -> Prediction:
        if not labels:
            return Prediction(values=scores)
        return Prediction(labels=self._classes.texts(labels), probabilities=scores, classes=self.signature.classes)


class _Classes:
    """The text of a label that the graph answers: its own text, or a number that stands for one of the classes."""

    def __init__(self, signature: Signature) -> None:
        self._classes = signature.classes
        numbers = [_number(c) for c in signature.classes]
        numbered = None not in numbers and len(set(numbers)) == len(numbers)
        self._by_number: dict[Any, str] = dict(
            zip(numbers if numbered else range(len(numbers)), self._classes, strict=True)
        )
        self._by_text = {c: c for c in self._classes}

    def texts(self, labels: list[Any]) -> list[str]:
        table = self._by_text if isinstance(labels[0], str) else self._by_number
        try:
            return [table[label] for label in labels]
        except KeyError as error:
            raise Corrupt(f"the model answered {error}, which is none of its classes {self._classes}") from error


def load(source: Path | Mapping[str, bytes], pinned: str) -> Model:
    """The model whose manifest has the digest `pinned`, from a folder (a bundle's `model/`) or from name -> bytes.

    Raises Corrupt: a file is missing, is not what its digest says, reaches outside itself, or does not fit the
    signature. Runs one row of nulls, so that the first request finds everything warm.
    """
    read = _reader(source)
    manifest_bytes = read(MANIFEST)
    if manifest_bytes is None:
        raise Corrupt(f"{MANIFEST} is missing from the model", hint="toolkit deploy")
    _verify(MANIFEST, manifest_bytes, pinned)
    manifest = codec.decode(manifest_bytes, ModelManifest, where=MANIFEST)
    files: dict[str, bytes] = {}
    for role, expected in manifest.files.items():
        data = read(role)
        if data is not None:  # a bundle may leave out the card; what is there must be right
            _verify(role, data, expected)
            files[role] = data
    model = Model(manifest, pinned, engine.opened(files, manifest.signature), files)
    _warm_up(model)
    return model


def _reader(source: Path | Mapping[str, bytes]) -> Any:
    if not isinstance(source, Path):
        return source.get

    def read(name: str) -> bytes | None:
        if Path(name).name != name or name.startswith("."):
            raise Corrupt(f"the manifest names a file outside the model's folder: {name!r}")
        path = source / name
        if path.resolve().parent != folder:  # a link; nothing outside is even read
            raise Corrupt(f"{name} of the model is a link to outside its folder")
        return path.read_bytes() if path.is_file() else None

    folder = source.resolve()
    return read


def _verify(name: str, data: bytes, expected: str) -> None:
    found = digest.of_bytes(data)
    if found != expected:
        raise Corrupt(
            f"{name} has the digest {found[:12]}, expected {expected[:12]}: it is not the file that was deployed",
            hint="toolkit deploy",
        )


def _warm_up(model: Model) -> None:
    # An encoder that was told to refuse unknown text fails on a row of nulls; it is warm all the same.
    with contextlib.suppress(Exception):
        model.answer([[None]] * len(model.signature.features), 1)


def _number(text: str) -> int | None:
    if text.lower() in ("true", "false"):
        return int(text.lower() == "true")
    with contextlib.suppress(ValueError):
        return int(text)
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
