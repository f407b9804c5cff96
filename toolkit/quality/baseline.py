"""What the model's reference looked like: made once by training, read by the counter and by every check.

It holds the bins, the reference's counts in them, how much the reference's own chunks differ from the whole, the
calibration of the score and the metrics measured on labelled rows. About 0.7 kB a numeric column. Bytes: "DLB", format,
writer's version, zlib over MessagePack. Equal input gives equal bytes with the same zlib; the digest, which profiles
carry, is of what is inside and so does not depend on zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from operator import lt
from typing import TYPE_CHECKING, Any

import msgspec

from toolkit.domain import digest
from toolkit.domain.errors import Corrupt
from toolkit.domain.records import Feature, Task
from toolkit.quality.bins import Bins, Numbers, empty, offsets
from toolkit.quality.profile import NAME, Moments, Profile, body, header

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC = b"DLB"
FORMAT = 1
PREDICTION = "prediction"
MAX_CLASSES = 50  # beyond it only predicted classes are counted, and no performance is estimated

# Probabilities of many classes share one grid: even steps, finer where models are sure.
_SURE = (0.0001, 0.0003, 0.001, 0.003, 0.01)
GRID = (*_SURE, *(i / 50 for i in range(1, 50)), *(1 - p for p in reversed(_SURE)), 1.0)


class Limit(msgspec.Struct, frozen=True, array_like=True):
    """Mean and standard deviation, over the reference's own chunks, of the distance of a chunk to the whole.

    `distance` is KS or total variation of the values, `nulls` the change of the null share. All 0 without chunks.
    """

    distance: float = 0.0
    distance_sd: float = 0.0
    nulls: float = 0.0
    nulls_sd: float = 0.0


class Baseline(msgspec.Struct, frozen=True, kw_only=True, array_like=True, dict=True):
    """`features` are the bins of the model's inputs in order; `prediction` those of its score (None: it gives none).

    `counts` and `sums` are the reference's own, laid out as a profile's; `limits` go with `features` and then the
    prediction. `calibration` has a table for the positive class (binary) or one a class (multiclass): the observed
    share of the class in each cell of its probability.
    """

    signature: str
    task: Task
    classes: tuple[str, ...]
    features: tuple[Bins, ...]
    prediction: Bins | None
    rows: int
    counts: tuple[int, ...]
    sums: tuple[Moments, ...]
    scales: tuple[float, ...]  # standard deviation of each of `columns`, 0 where it is not numeric
    limits: tuple[Limit, ...]
    chunk_rows: tuple[int, int]  # of features, of the prediction
    calibration: tuple[tuple[float, ...], ...]
    metrics: dict[str, float]

    @cached_property
    def columns(self) -> tuple[Bins, ...]:
        """What is checked for drift: the features and the prediction."""
        return self.features if self.prediction is None else (*self.features, self.prediction)

    @cached_property
    def chances(self) -> tuple[Numbers, ...]:
        """Multiclass: for each class its probability where it was not, and where it was the predicted one."""
        return chances(self.task, self.classes, self.prediction)

    @cached_property
    def offsets(self) -> list[int]:
        """Where the cells of `columns` and then `chances` begin; the last is the length of the vector."""
        return offsets((*self.columns, *self.chances))

    @property
    def size(self) -> int:
        return self.offsets[-1]

    @cached_property
    def moments(self) -> int:
        """How many columns have sums: the numeric ones of `columns`, in order."""
        return sum(isinstance(column, Numbers) for column in self.columns)

    @cached_property
    def digest(self) -> str:
        return digest.of_bytes(_content(self))

    @cached_property
    def name(self) -> bytes:
        """The part of the digest that profiles carry."""
        return bytes.fromhex(self.digest)[:NAME]

    def reference(self) -> Profile:
        """The reference as a profile: a check against it finds nothing."""
        return Profile(self.name, self.rows, list(self.counts), list(self.sums))

    def to_bytes(self) -> bytes:
        return header(MAGIC, FORMAT) + zlib.compress(_content(self), 9)


def chances(task: Task, classes: Sequence[str], prediction: Bins | None) -> tuple[Numbers, ...]:
    if task != "multiclass" or prediction is None or len(classes) > MAX_CLASSES:
        return ()
    return tuple(Numbers(label, GRID) for label in classes for _ in range(2))


def from_bytes(data: bytes) -> Baseline:
    """Raises NewerFormat (which version to install) or Corrupt."""
    rest = body(data, MAGIC, FORMAT, "baseline")
    try:
        content = zlib.decompress(rest)
        baseline = msgspec.msgpack.decode(content, type=Baseline)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise Corrupt(f"a baseline cannot be read: {error}", hint="toolkit models verify") from error
    _verify(baseline)
    baseline.__dict__["digest"] = digest.of_bytes(content)
    return baseline


def _verify(baseline: Baseline) -> None:
    """Raises Corrupt when the parts do not fit together: every later step may then index without looking."""
    sound = (
        len(baseline.counts) == baseline.size
        and len(baseline.sums) == baseline.moments
        and len(baseline.limits) == len(baseline.scales) == len(baseline.columns)
        and all(all(map(lt, c.edges, c.edges[1:])) for c in baseline.columns if isinstance(c, Numbers))
    )
    if not sound:
        raise Corrupt("a baseline's parts do not fit together", hint="toolkit models verify")


def _content(baseline: Baseline) -> bytes:
    return msgspec.msgpack.encode(baseline, order="deterministic")


def signature_digest(features: Iterable[Feature], task: Task, classes: Sequence[str]) -> str:
    """Names what goes in and comes out: two models with equal ones can be compared column by column."""
    return digest.of_value([[[f.name, f.dtype] for f in features], task, list(classes)])


def build_baseline(
    columns: Mapping[str, Any],
    features: Sequence[Feature],
    scores: Any = None,
    labels: Any = None,
    task: Task = "binary",
    classes: Sequence[str] = (),
    order: Any = None,
    score_order: Any = None,
) -> Baseline:
    """Profile the reference. `columns`: feature name -> array or list, all of one length (the training rows).

    `scores`: for each held-out row the probability of the last class (binary), a probability a class in the order of
    `classes` (multiclass, shape [rows, classes]) or the predicted value (regression). `labels` are their true labels.
    Scores and labels may be of other rows than `columns`: a calibration needs rows the model did not learn from.
    `order` (`score_order`): sortable event times of the rows; without them the chunks are drawn by a fixed seed.
    Deterministic. Raises DataError where a column is missing, lengths differ or a label is no class.
    """
    from toolkit.quality import cut, limits, vector
    from toolkit.quality.calibration import tables
    from toolkit.quality.metrics import reference_metrics

    frame = vector.aligned(columns, [empty(feature) for feature in features])
    answers = vector.Scores.read(scores, task, classes)
    bins = tuple(cut.bins(feature, frame[feature.name]) for feature in features)
    prediction = cut.prediction_bins(PREDICTION, answers, task)
    tally = vector.Tally(bins, prediction, chances(task, classes, prediction))
    tally.add(frame, answers)
    found, chunk_rows = limits.of_chunks(tally, frame, answers, order, score_order)
    return Baseline(
        signature=signature_digest(features, task, classes),
        task=task,
        classes=tuple(classes),
        features=bins,
        prediction=prediction,
        rows=tally.rows,
        counts=tuple(tally.counts.tolist()),
        sums=tuple(tally.moments),
        scales=tuple(map(vector.scale, tally.values(frame, answers))),
        limits=found,
        chunk_rows=chunk_rows,
        calibration=tables(answers, labels, task, classes, prediction),
        metrics=reference_metrics(answers, labels, task, classes),
    )
