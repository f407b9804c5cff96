"""The certificate that the exported model answers as the estimator does, measured on the code that will answer.

Asked are held-out rows, and rows made to break it: NaN in every number, unseen and empty text, the smallest and largest
values seen and far beyond them, the float32 neighbours of real values (where a rounded threshold would show), all of it
missing at once. A difference is absolute for probabilities; for values it is relative to the value or to the spread of
the values, whichever is larger. A label may differ only where two classes are as likely as each other.
Features that the signature says are never null are not asked without a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.domain import wire
from toolkit.domain.errors import TrainingFailed
from toolkit.domain.records import Feature, Parity
from toolkit.models.native import Answers, Native

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

HELD_OUT = 5_000
UNSEEN = "never seen: \N{SNOWMAN}"
Answer = Callable[["pl.DataFrame"], Answers]


class ParityFailed(TrainingFailed):
    """The exported model does not answer as the native one; the message names row, feature, both answers."""


@dataclass(frozen=True)
class Probe:
    """One adversarial row: the number of the real row it was made from, what was changed, in words and in values."""

    base: int
    what: str
    changes: dict[str, float | str]


def certify(
    native: Native, exported: Answer, features: Sequence[Feature], rows: pl.DataFrame, tolerance: float
) -> Parity:
    """Compare on `rows` (held-out, wire values) and on adversarial rows made from them, as the signature's `features`
    allow. Raises ParityFailed."""
    rows = evenly(rows, HELD_OUT)
    probes = list(adversarial(features, rows))
    probed = made(rows, probes)
    spread = 0.0
    differences, flips = [], 0
    for asked, of in ((rows, None), (probed, probes)):
        if asked.is_empty():
            continue
        expected = _native_answers(native, asked, of)
        spread = spread or float(expected.scores.std()) or 1.0  # of the held-out rows, for both
        got = exported(asked)
        apart = distances(expected, got, spread)
        flipped = _flipped(expected, got, tolerance)
        _refuse(native, asked, of, expected, got, apart, flipped, tolerance)
        differences.append(float(apart.max()))
        flips += int(flipped.sum())
    return Parity(
        rows=len(rows),
        adversarial_rows=len(probes),
        max_difference=max(differences),
        tolerance=tolerance,
        label_mismatches=flips,
    )


def adversarial(features: Sequence[Feature], rows: pl.DataFrame) -> Iterator[Probe]:
    """Rows made to break an export, in a fixed order; fewer bases where there are many features."""
    bases = sorted({0, len(rows) // 3, len(rows) - 1})[: 1 if len(features) > 60 else 3]
    for base in bases:
        for feature in features:
            for what, value in _values(feature, rows[feature.name]):
                yield Probe(base, f"{feature.name} = {what}", {feature.name: value})
    absent: dict[str, float | str] = {f.name: _null(f) for f in features if f.nullable}
    strange: dict[str, float | str] = {f.name: UNSEEN for f in features if wire.kind(f.dtype) == "text"}
    yield Probe(0, "everything missing", absent)
    yield Probe(0, "everything missing or unseen", {**absent, **strange})


def _values(feature: Feature, seen: pl.Series) -> Iterator[tuple[str, float | str]]:
    if wire.kind(feature.dtype) == "text":
        yield from ((repr(text), text) for text in (wire.NULL_TEXT, UNSEEN, " ", "x" * 1000))
        yield from ((repr(text), text) for text in (feature.categories or ())[:100])
        return
    import numpy as np

    if feature.nullable:
        yield "NaN", wire.NULL_NUMBER
    low, high = feature.minimum or 0.0, feature.maximum or 0.0
    span = (high - low) or 1.0
    for value in (0.0, low, high, low - span, high + span, low - 1000 * span, high + 1000 * span):
        yield f"{wire.float32(value):.9g}", wire.float32(value)
    known = np.unique(seen.drop_nans().to_numpy())
    chosen = known[np.linspace(0, len(known) - 1, min(len(known), 5)).astype(int)] if len(known) else known
    for value in chosen.astype(np.float32):
        for neighbour in (np.nextafter(value, np.float32(-np.inf)), np.nextafter(value, np.float32(np.inf))):
            yield f"{neighbour:.9g}", float(neighbour)


def made(rows: pl.DataFrame, probes: Sequence[Probe]) -> pl.DataFrame:
    """The rows that the probes describe, in their order."""
    import polars as pl

    made = rows[[probe.base for probe in probes]]
    columns = {}
    for name in rows.columns:
        values = made[name].to_list()
        for number, probe in enumerate(probes):
            if name in probe.changes:
                values[number] = probe.changes[name]
        columns[name] = pl.Series(name, values, dtype=rows.schema[name])
    return pl.DataFrame(columns)


def _null(feature: Feature) -> float | str:
    return wire.NULL_TEXT if wire.kind(feature.dtype) == "text" else wire.NULL_NUMBER


def evenly(rows: pl.DataFrame, limit: int) -> pl.DataFrame:
    """At most `limit` rows, evenly over all of them."""
    return rows if len(rows) <= limit else rows.gather_every(-(-len(rows) // limit))


def _native_answers(native: Native, asked: pl.DataFrame, probes: Sequence[Probe] | None) -> Answers:
    try:
        return native.answer(asked)
    except Exception as error:
        which = "adversarial" if probes else "held-out"
        raise ParityFailed(
            f"the estimator fails on {which} rows: {type(error).__name__}: {first_line(error)}",
            hint="a deployed model has to answer for rows it was not trained on",
        ) from error


def distances(expected: Answers, got: Answers, spread: float) -> np.ndarray[Any, Any]:
    """One number a row; infinite where one answers NaN and the other does not."""
    import numpy as np

    if expected.scores.shape != got.scores.shape:
        raise ParityFailed(f"the exported model answers {got.scores.shape}, the native one {expected.scores.shape}")
    with np.errstate(invalid="ignore"):
        apart = np.abs(expected.scores - got.scores)
        if expected.labels is None:
            apart = apart / np.maximum(np.abs(expected.scores), spread)
    both = np.isnan(expected.scores) & np.isnan(got.scores)
    apart = np.where(both | (expected.scores == got.scores), 0.0, np.where(np.isnan(apart), np.inf, apart))
    largest: np.ndarray[Any, Any] = apart if apart.ndim == 1 else apart.max(axis=1)
    return largest


def _flipped(expected: Answers, got: Answers, tolerance: float) -> np.ndarray[Any, Any]:
    """Rows with another label, although the native model was not undecided between the two."""
    import numpy as np

    if expected.labels is None or got.labels is None:
        return np.zeros(len(expected.scores), dtype=bool)
    rows = np.arange(len(expected.labels))
    other = np.clip(got.labels, 0, None)
    undecided = np.abs(expected.scores[rows, expected.labels] - expected.scores[rows, other]) <= 2 * tolerance
    flipped: np.ndarray[Any, Any] = (expected.labels != got.labels) & ~undecided
    return flipped


def _refuse(
    native: Native,
    asked: pl.DataFrame,
    probes: Sequence[Probe] | None,
    expected: Answers,
    got: Answers,
    apart: np.ndarray[Any, Any],
    flipped: np.ndarray[Any, Any],
    tolerance: float,
) -> None:
    wrong = (apart > tolerance) | flipped
    if not wrong.any():
        return
    row = int(wrong.argmax())  # the first: probes of one feature come before those of many
    place = f"held-out row {row}" if probes is None else f"adversarial row {row} ({probes[row].what})"
    raise ParityFailed(
        f"the exported model does not answer as the {native.kind}: {place}: native {_said(expected, row)}, exported "
        f"{_said(got, row)}, difference {apart[row]:.3g} over the tolerance {tolerance:g}; "
        f"{int(wrong.sum())} of {len(asked)} rows differ",
        hint="put that step into data.prepare, use another estimator for it, or raise export.tolerance if the "
        "difference does no harm",
    )


def _said(answers: Answers, row: int) -> str:
    scores = answers.scores[row]
    said = f"{scores:.6g}" if scores.ndim == 0 else "[" + ", ".join(f"{p:.6g}" for p in scores[:5]) + "]"
    return said if answers.labels is None else f"{said} label {answers.labels[row]}"


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]
