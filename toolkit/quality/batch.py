"""The same profile from files or frames, streaming: for logs that were never counted while serving.

Polars reads blocks of rows and `vector` counts them, so memory does not grow with the rows nor with the number of
different texts, and the counts are equal, cell by cell, to what a serving counter makes of the same rows (a
differential test holds this).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.domain.errors import DataError, missing_extra
from toolkit.quality.baseline import Baseline
from toolkit.quality.bins import Bins, Categories, Numbers
from toolkit.quality.profile import Profile

if TYPE_CHECKING:
    import polars as pl

    from toolkit.quality.vector import Counts, Floats, Scores, Tally

BLOCK = 50_000  # rows
MAX_THREADS = 8
_TRUTHS = {"true": True, "false": False}


def profile_frame(
    frame: pl.LazyFrame | pl.DataFrame | Path | str, baseline: Baseline, *, scores: str | Sequence[str] = ()
) -> Profile:
    """Count a frame, or files by their path (a glob too): Parquet, or CSV with a header by the ending `.csv`.

    `scores` names the column of the score: of the probability of the last class, of the predicted value, or one column
    a class in the order of the classes. Text that is no number counts as null, in CSV "true" and "false" are truths.
    Raises DataError for a missing column or a file that cannot be read, MissingExtra without Polars.
    """
    try:
        import polars as pl
    except ModuleNotFoundError as error:
        raise missing_extra("polars", "data") from error
    from toolkit.quality.vector import Tally

    lazy = _scan(frame) if isinstance(frame, str | Path) else frame.lazy()
    answers = [scores] if isinstance(scores, str) else list(scores)
    names = _read_names(lazy)
    wanted = list(dict.fromkeys([*(bins.name for bins in baseline.features), *answers]))
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(f"columns are missing: {', '.join(missing)}; there are {', '.join(names)}")
    tally = Tally(baseline.features, baseline.prediction, baseline.chances)
    kinds = {b.name: pl.Enum(b.values) for b in baseline.features if isinstance(b, Categories) and not b.boolean}
    blocks = _blocks(lazy.select(wanted))
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:  # columns write to cells of their own
        for block in blocks:
            work = [
                pool.submit(_count, tally, index, bins, block[bins.name], kinds)
                for index, bins in enumerate(baseline.features)
            ]
            for done in work:
                done.result()
            tally.rows += block.height
            if answers:
                tally.add_scores(_scores(block, answers, baseline))
    return Profile(baseline.name, tally.rows, tally.counts.tolist(), tally.moments)


def _scan(where: str | Path) -> pl.LazyFrame:
    """CSV as text: what a column is, its bins know."""
    import polars as pl

    return pl.scan_csv(where, infer_schema=False) if str(where).endswith(".csv") else pl.scan_parquet(where)


def _blocks(lazy: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    import polars as pl

    try:
        yield from lazy.collect_batches(chunk_size=BLOCK, maintain_order=False, engine="streaming")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"the window cannot be read: {error}") from error


def _scores(block: pl.DataFrame, answers: Sequence[str], baseline: Baseline) -> Scores:
    import numpy as np

    from toolkit.quality.vector import Scores

    columns = [_floats(block[name]) for name in answers]
    values = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
    return Scores.read(values, baseline.task, baseline.classes)


def _read_names(lazy: pl.LazyFrame) -> list[str]:
    import polars as pl

    try:
        return lazy.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"the window cannot be read: {error}") from error


def _count(tally: Tally, index: int, bins: Bins, values: pl.Series, kinds: dict[str, pl.Enum]) -> None:
    import numpy as np
    import polars as pl

    if isinstance(bins, Numbers):
        tally.put(index, _floats(values))
    elif isinstance(bins, Categories):
        found = _truths(bins, values) if bins.boolean else _texts(bins, values.cast(pl.String), kinds[bins.name])
        tally.add_counts(index, found)
    else:
        absent = values.null_count()
        tally.add_counts(index, np.array([len(values) - absent, absent], dtype=np.int64))


def _floats(values: pl.Series) -> Floats:
    """Float64; null is NaN, and so is what cannot be read as a number."""
    import numpy as np
    import polars as pl

    return np.asarray(values.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)


def _texts(bins: Categories, values: pl.Series, kind: pl.Enum) -> Counts:
    """The kept values are numbered by Polars; what it cannot number is null, empty, or none of them."""
    import numpy as np

    codes = values.cast(kind, strict=False).to_physical().drop_nulls().to_numpy()
    counts = np.bincount(codes, minlength=bins.size).astype(np.int64)
    rest = len(values) - len(codes)
    if rest:
        null = values.null_count()
        null += int((values == "").sum()) if rest > null else 0
        counts[-1] = null
        counts[bins.default] += rest - null
    return counts


def _truths(bins: Categories, values: pl.Series) -> Counts:
    import numpy as np
    import polars as pl

    if values.dtype == pl.String:
        values = values.str.to_lowercase().replace_strict(_TRUTHS, default=None, return_dtype=pl.Boolean)
    truths = values.cast(pl.Boolean, strict=False)
    true, null = int(truths.sum() or 0), truths.null_count()
    counts = np.zeros(bins.size, dtype=np.int64)
    counts[:2] = (len(values) - true - null, true)
    counts[-1] = null
    return counts
